//! What a run showed, for people and for machines.
mod hunt;
mod hunt_text;
mod json;
mod log;
mod record;
mod story;
mod summary;
mod text;

pub use hunt::{
    Bound, Cause, Coverage, ErrorSeed, Errors, FailureGroup, HUNT_SCHEMA, HuntReport, HuntedScenario, InvariantTally,
    KeptTally, Method, Phase, SeedRange, ShardOf, Shortest,
};
pub use hunt_text::render_hunt;
pub use json::to_json;
pub use log::line;
pub use record::Recorder;
pub use story::{Story, StoryLine};
pub use summary::{
    ClientReport, Determinism, ExpectationReport, FaultReport, InvariantReport, Judgement, LatencyMs, MessageCounts,
    Move, OperationReport, Percentiles, Report, SCHEMA, Verdict, ViolationReport, replay_line, seconds,
};
pub use text::{Palette, render, stopwatch};

#[cfg(test)]
pub(crate) mod tests;
