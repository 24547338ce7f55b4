use crate::{Entry, Fingerprint, Stage};
use std::future::Future;
use std::time::{Duration, SystemTime};

/// Plans a world: one seed, one fresh thread, one history.
pub struct World {
    seed: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }
    /// Sets the wall-clock time at which the world begins (default 2021-04-19T20:00:00Z).
    pub fn starts_at(self, _at: SystemTime) -> Self {
        todo!()
    }
    /// Sets how long a sender's oldest byte may stay unacknowledged (default 2 min).
    pub fn tcp_time_out(self, _d: Duration) -> Self {
        todo!()
    }
    /// Keeps every engine event for `Run::journal` (default off: only the fingerprint is kept).
    pub fn recording(self, _on: bool) -> Self {
        todo!()
    }
    /// Runs the world on a fresh thread until the script's future is done.
    pub fn run<F, Fut, T>(self, _script: F) -> Result<Run<T>, WorldError>
    where
        F: FnOnce(Stage) -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        todo!()
    }
}

/// What a world leaves behind.
#[derive(Debug)]
pub struct Run<T> {
    /// What the script returned.
    pub value: T,
    pub fingerprint: Fingerprint,
    /// Virtual time since the world began.
    pub now: Duration,
    /// Engine events processed.
    pub events: u64,
    pub panics: Vec<Panic>,
    pub journal: Vec<Entry>,
}

/// A panic of software in the world. The host goes down as in a crash.
#[derive(Debug, Clone)]
pub struct Panic {
    pub at: Duration,
    pub host: String,
    pub message: String,
}

/// Why a world could not be run.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A clock or source of randomness of this process does not answer from the seed.
    #[error("{what} does not answer from the seed on the world's thread: {hint}")]
    NotBent { what: &'static str, hint: &'static str },
    #[error("host {host} used a thread of its own ({how}) at {at:?}: a world has exactly one")]
    ForeignThread { host: String, how: String, at: Duration },
    #[error("host {host} never came to rest at {at:?}: a task was polled more than 10000 times at one instant")]
    Livelock { host: String, at: Duration },
    #[error("host {host} called tokio::spawn at {place}: spawn through the host")]
    Stray { host: String, place: String },
    #[error("nothing can ever happen again, and the script still waits")]
    Deadlock,
    #[error("the world's script panicked: {0}")]
    Script(String),
}
