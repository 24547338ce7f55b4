//! How a plan is run, and what comes of it.
use crate::history::Witness;
use crate::report::Report;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Until nothing is owed, or `settle` is over.
    ToTheEnd,
    /// As that, or until the first violation.
    FirstViolation,
}

/// Who looks on while a world runs, and until when.
#[derive(Clone, Default)]
pub struct Watch {
    /// Sees every entry of the history as it happens.
    pub witness: Option<Arc<Mutex<dyn Witness>>>,
    /// Ends the run at this virtual time, unjudged debts and all.
    pub until: Option<Duration>,
    /// Ends the run when its history has become longer than this, unjudged debts and all.
    pub most_entries: Option<u64>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("witness", &self.witness.is_some()).field("until", &self.until).finish()
    }
}

/// What comes of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The verdict and everything it rests on.
    pub report: Report,
}

/// Why a plan could not be run: Giant Lizard's failure, not the system's.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The world could not be made, or failed.
    #[error(transparent)]
    World(#[from] lizard_sim::WorldError),
    /// Software panicked: the built-in systems never should.
    #[error("{host} panicked at {at:?}: {message}")]
    Panicked {
        /// The host whose software it was.
        host: String,
        /// Virtual time.
        at: Duration,
        /// What it said.
        message: String,
    },
    /// The same plan ran twice and had two histories: the world is not deterministic.
    #[error("the same plan had two histories, {first} and {second}: determinism is broken")]
    NotDeterministic {
        /// The first run's fingerprint.
        first: lizard_sim::Fingerprint,
        /// The second run's.
        second: lizard_sim::Fingerprint,
    },
}
