//! Who runs what: each host of a plan with its software.
use super::plan::StreamsPlan;
use crate::history::Name;
use crate::host::Software;

/// Gives every host of a plan its software.
pub(super) fn cast(_plan: &StreamsPlan) -> Vec<(Name, Software)> {
    Vec::new()
}
