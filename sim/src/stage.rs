use crate::{Dice, Fault, Host, Path};
use std::future::Future;
use std::time::{Duration, SystemTime};

/// The hand on the world: adds hosts, applies faults, waits. What a script holds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stage {}

impl Stage {
    /// Adds a host at a site and powers it on; each later boot calls `software` again.
    pub fn host<S, Fut>(&self, _name: &str, _site: &str, _software: S)
    where
        S: Fn(Host) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        todo!()
    }
    /// Sets a site's own path: its latency and loss are one way, added to every path in or out.
    pub fn site(&self, _name: &str, _path: Path) {
        todo!()
    }
    /// Sets the path between two sites (both directions).
    pub fn link(&self, _a: &str, _b: &str, _path: Path) {
        todo!()
    }
    /// Does something to the world, now. An unknown host or site name panics.
    pub fn apply(&self, _fault: Fault) {
        todo!()
    }
    /// Virtual time since the world began.
    pub fn now(&self) -> Duration {
        todo!()
    }
    /// The true wall-clock time (no host's skew).
    pub fn wall_clock(&self) -> SystemTime {
        todo!()
    }
    pub async fn sleep(&self, _d: Duration) {
        todo!()
    }
    pub async fn sleep_until(&self, _at: Duration) {
        todo!()
    }
    /// A stream of chance of its own.
    pub fn dice(&self, _label: &str) -> Dice {
        todo!()
    }
    /// Runs a task that belongs to no host (it never dies).
    pub fn spawn<F>(&self, _future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        todo!()
    }
    /// Whether the host is powered on and its software runs (not off, crashed or stopped).
    pub fn is_up(&self, _host: &str) -> bool {
        todo!()
    }
    /// Mixes bytes into the fingerprint (and the journal, when recording).
    pub fn note(&self, _kind: &'static str, _bytes: &[u8]) {
        todo!()
    }
}
