//! That each line which is left must be there: it is taken out once more, alone.
use super::draft::Draft;
use super::lab::{Alike, Bench, Showing};
use crate::report::Cause;
use crate::scenario::TimelineItem;

/// One line of the shrunk timeline.
#[derive(Clone, Debug)]
pub struct Needed {
    /// The line.
    pub item: TimelineItem,
    /// What happens without it.
    pub need: Need,
}

/// What happens without a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Everything holds.
    Passes,
    /// Something else goes wrong.
    FailsOtherwise(Cause),
    /// The same goes wrong: it is not needed, and the shrinking was stopped before it was taken out.
    NotNeeded,
    /// Nobody can tell: without it there is no sound file, or no verdict.
    NoVerdict,
}

/// Runs the draft without each of its lines.
pub(super) fn prove(draft: &Draft, bench: Bench<'_>, cause: &Cause) -> Vec<Needed> {
    let need = |index: usize| match bench.show(&draft.without_line(index)) {
        Some(Showing::Passed) => Need::Passes,
        Some(Showing::Failed(other)) if Alike::ButForTheFaultBefore.holds(&other.cause, cause) => Need::NotNeeded,
        Some(Showing::Failed(other)) => Need::FailsOtherwise(other.cause),
        Some(Showing::FailsCalm | Showing::Broken) | None => Need::NoVerdict,
    };
    let lines = draft.lines().iter().enumerate();
    let items = lines.filter_map(|(index, line)| Some((index, serde_json::from_value(line.clone()).ok()?)));
    items.map(|(index, item)| Needed { item, need: need(index) }).collect()
}
