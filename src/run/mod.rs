//! Runs plans in a world and judges them.
mod expecting;
mod outcome;
pub mod pitfall;
mod summing_up;

pub use outcome::{Mode, Outcome, RunError, Watch};

use crate::scenario::Plan;

/// Runs a plan in the simulated world and judges it.
///
/// # Errors
/// When the world cannot be made or fails; a violated invariant is no error but the report's verdict.
pub fn run(plan: &Plan, mode: Mode) -> Result<Outcome, RunError> {
    run_watched(plan, mode, Watch::default())
}

/// Runs a plan as [`run`] does, with somebody looking on.
///
/// # Errors
/// As [`run`].
pub fn run_watched(_plan: &Plan, _mode: Mode, _watch: Watch) -> Result<Outcome, RunError> {
    Err(RunError::NotBuilt("the world of a plan (src/run/mod.rs) is not wired yet"))
}
