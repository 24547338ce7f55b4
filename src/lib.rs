//! Giant Lizard.
#![allow(missing_docs, reason = "skeleton: docs follow")]
pub mod cli;
pub mod custody;
pub mod engines;
pub mod history;
pub mod host;
pub mod invariant;
pub mod iot;
pub mod judge;
pub mod report;
pub mod run;
pub mod scenario;
pub mod report;
pub mod run;
pub mod scenario;
pub mod judge;
pub mod wire;
