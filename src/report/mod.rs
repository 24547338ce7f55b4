//! What a run showed, for people and for machines.
//!
//! - [`summary`]: the report of a run. [`text`], [`json`]: printed. [`story`]: its short timeline. [`log`]: the history in
//!   words, and which of it is shown ([`filter`]). [`situation_text`]: every host at a moment.
//!   [`hunt`], [`hunt_text`]: what many seeds showed. [`diverge`], [`diverge_text`]: what two runs differ in.
//! - [`folder`]: what `--report` leaves behind, run by run ([`chapter`]): [`page`], [`history_lines`], [`trace`],
//!   [`junit`], [`markdown`], [`index`], of hunts [`hunted`], of two runs [`side_by_side`]; each written as a [`draft`], and
//!   other people's words made [`visible`].
mod chapter;
mod diverge;
mod diverge_text;
mod draft;
mod filter;
mod folder;
mod history_lines;
mod hunt;
mod hunt_text;
mod hunted;
mod index;
mod json;
mod junit;
mod log;
mod markdown;
mod page;
mod record;
mod side_by_side;
mod situation_text;
mod story;
mod summary;
mod text;
mod trace;
mod visible;

pub use chapter::{Chapter, PitfallWay, Reading};
pub use diverge::{
    DIVERGE_SCHEMA, Difference, DifferenceKind, DivergeReport, Likeness, Pair, PlanDifferences, Row, RunSide, Whose,
};
pub use diverge_text::render_divergence;
pub use filter::{Filter, UnknownName};
pub use folder::{Folder, FolderError, RunFiles};
pub use history_lines::{HISTORY_SCHEMA, HistoryLines};
pub use hunt::{
    Bound, Cause, Coverage, ErrorSeed, Errors, FailureGroup, HUNT_SCHEMA, HuntReport, HuntedScenario, InvariantTally,
    KeptTally, Method, Phase, SeedRange, ShardOf, Shortest, Smallest, Stopped,
};
pub use hunt_text::render_hunt;
pub use index::to_index;
pub use json::to_json;
pub use junit::to_junit;
pub use log::line;
pub(crate) use log::words;
pub use markdown::to_markdown;
pub use page::Page;
pub use record::{Onlookers, Recorder};
pub use situation_text::render_situation;
pub use story::{Story, StoryLine};
pub use summary::{
    ClientReport, Determinism, ExpectationReport, FaultReport, InvariantReport, Judgement, LatencyMs, MessageCounts,
    Move, OperationReport, Percentiles, Report, SCHEMA, Verdict, ViolationReport, replay_line, seconds,
};
pub use text::{Palette, render, stopwatch};
pub use trace::Trace;

#[cfg(test)]
pub(crate) mod tests;
