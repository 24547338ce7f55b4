use crate::{Dice, Disk, Listener, Stream};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One boot of one machine, as its software sees it. `Copy`; a call from a dead boot unwinds the task.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    pub(crate) id: u32,
    pub(crate) boot: u32,
}

impl Host {
    pub fn name(&self) -> Arc<str> {
        todo!()
    }
    pub fn site(&self) -> Arc<str> {
        todo!()
    }
    /// Counts the boots of this machine, from 1.
    pub fn boot(&self) -> u32 {
        self.boot
    }
    /// Virtual time since the world began (monotonic; never skewed).
    pub fn now(&self) -> Duration {
        todo!()
    }
    /// This machine's wall clock, with its skew and drift.
    pub fn wall_clock(&self) -> SystemTime {
        todo!()
    }
    pub async fn sleep(&self, _d: Duration) {
        todo!()
    }
    pub async fn sleep_until(&self, _at: Duration) {
        todo!()
    }
    /// A stream of chance of its own, the same for every boot-independent label: (seed, host, boot, label).
    pub fn dice(&self, _label: &str) -> Dice {
        todo!()
    }
    /// Opens a TCP connection. Errors: `NotFound` (no such name), `ConnectionRefused`, `TimedOut` (127 s of SYN retries).
    pub async fn connect(&self, _to: &str, _port: u16) -> io::Result<Stream> {
        todo!()
    }
    /// Listens on a port. Errors: `AddrInUse`.
    pub fn listen(&self, _port: u16) -> io::Result<Listener> {
        todo!()
    }
    /// Starts a task on this host; it dies with the boot. Dropping the handle detaches.
    pub fn spawn<F>(&self, _future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        todo!()
    }
    pub fn disk(&self) -> Disk {
        todo!()
    }
    /// Resolves when this host has been asked to stop (a graceful shutdown: say goodbye, then return from main).
    pub async fn stopping(&self) {
        todo!()
    }
    /// Mixes bytes into the fingerprint (and the journal, when recording).
    pub fn note(&self, _kind: &'static str, _bytes: &[u8]) {
        todo!()
    }
}

/// A task's outcome. Dropping it detaches the task; `abort` ends it.
#[derive(Debug)]
pub struct JoinHandle<T>(std::marker::PhantomData<fn() -> T>);

impl<T> JoinHandle<T> {
    /// Ends the task: its future is dropped before it would run again.
    pub fn abort(self) {
        todo!()
    }
}

impl<T> Future for JoinHandle<T> {
    /// `None` when the task was aborted, panicked or died with its boot.
    type Output = Option<T>;
    fn poll(self: std::pin::Pin<&mut Self>, _cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
        todo!()
    }
}
