//! What a run showed, for people and for machines.
mod json;
mod log;
mod record;
mod story;
mod summary;
mod text;

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
