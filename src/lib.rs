//! Giant Lizard.
#![allow(missing_docs, reason = "skeleton: docs follow")]
pub mod cli;
pub mod engines;
pub mod history;
pub mod host;
pub mod invariant;
pub mod iot;
pub mod report;
pub mod run;
pub mod scenario;
pub mod wire;
