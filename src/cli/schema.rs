//! `lizard schema`: the JSON schema of scenario files.
use super::output::{Exit, Failure, print};
use crate::scenario::published;
use clap::Args;

/// Print the JSON schema of scenario files, for editors
#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        print(&published())?;
        Ok(Exit::AllHeld)
    }
}
