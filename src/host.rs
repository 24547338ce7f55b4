//! All that software may touch: network, disk, clocks, chance, tasks, history. No engine in sight.
use crate::history::{Event, History};
use lizard_sim::Dice;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};

/// A future on the heap, as engines hand them out.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Bytes both ways: what software reads from and writes to, whichever engine carries it.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
pub type Stream = Box<dyn Duplex>;

/// A connection that a listener took.
pub struct Accepted {
    pub stream: Stream,
    /// The name of the host at the other end.
    pub peer: Arc<str>,
}

/// What an engine offers to one boot of one host. Software sees it only through [`Host`].
pub trait Engine: Send + Sync {
    fn now(&self) -> Duration;
    fn wall_clock(&self) -> SystemTime;
    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()>;
    fn dice(&self, label: &str) -> Dice;
    fn connect(&self, to: &str, port: u16) -> BoxFuture<'static, io::Result<Stream>>;
    fn listen(&self, port: u16) -> io::Result<Box<dyn Listen>>;
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Box<dyn AbortTask>;
    fn disk(&self) -> Box<dyn Disk>;
    fn stopping(&self) -> BoxFuture<'static, ()>;
}

pub trait Listen: Send + Sync {
    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>>;
}

pub trait AbortTask: Send + Sync {
    fn abort(self: Box<Self>);
}

/// A host's disk: see `lizard_sim::Disk` for what survives what.
pub trait Disk: Send + Sync {
    /// Opens a file for reading and appending, made if absent.
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Reads a whole file; `NotFound` if absent.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    /// Replaces a file atomically and durably.
    fn replace<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, io::Result<()>>;
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Lists the files below a directory, sorted.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
}

pub trait DiskFile: Send + Sync {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>>;
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Makes what was appended survive power loss.
    fn sync(&mut self) -> BoxFuture<'_, io::Result<()>>;
}

/// A host's software: called at each boot.
pub type Software = Arc<dyn Fn(Host) -> BoxFuture<'static, ()> + Send + Sync>;

/// One boot of one machine, as its software sees it. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    name: Arc<str>,
    boot: u32,
    engine: Arc<dyn Engine>,
    history: History,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({} boot {})", self.name, self.boot)
    }
}

impl Host {
    /// Joins a name, a boot number, an engine and the history; engines call it at each boot.
    pub fn new(name: Arc<str>, boot: u32, engine: Arc<dyn Engine>, history: History) -> Self {
        Self { name, boot, engine, history }
    }
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }
    /// Counts the boots of this machine, from 1.
    pub fn boot(&self) -> u32 {
        self.boot
    }
    /// Virtual time since the world began; never skewed.
    pub fn now(&self) -> Duration {
        self.engine.now()
    }
    /// This machine's wall clock, with its skew. Tokens expire by it; timers do not.
    pub fn wall_clock(&self) -> SystemTime {
        self.engine.wall_clock()
    }
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }
    pub async fn sleep_until(&self, at: Duration) {
        self.engine.sleep_until(at).await;
    }
    /// Waits for a future no longer than `limit`.
    ///
    /// # Errors
    /// [`Elapsed`] when the limit came first; the future is dropped.
    pub async fn within<F: Future>(&self, limit: Duration, future: F) -> Result<F::Output, Elapsed> {
        let mut timer = std::pin::pin!(self.sleep(limit));
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| {
            use std::task::Poll;
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            timer.as_mut().poll(cx).map(|()| Err(Elapsed))
        })
        .await
    }
    /// A labelled stream of chance of this host's own.
    pub fn dice(&self, label: &str) -> Dice {
        self.engine.dice(label)
    }
    pub async fn connect(&self, to: &str, port: u16) -> io::Result<Stream> {
        self.engine.connect(to, port).await
    }
    pub fn listen(&self, port: u16) -> io::Result<Listener> {
        Ok(Listener(self.engine.listen(port)?))
    }
    /// Starts a task on this host; it dies with the boot. Dropping the handle detaches it.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&self, task: F) -> Task {
        Task(self.engine.spawn(Box::pin(task)))
    }
    pub fn disk(&self) -> Box<dyn Disk> {
        self.engine.disk()
    }
    /// Resolves when this host has been asked to stop: say goodbye, then return from the main future.
    pub async fn stopping(&self) {
        self.engine.stopping().await;
    }
    /// Writes into the history.
    pub fn record(&self, event: Event) {
        self.history.record(self.engine.now(), &self.name, event);
    }
    /// Writes into the history what may have been written there before this boot: see [`History::record_once`].
    pub fn record_once(&self, serial: u64, event: Event) {
        self.history.record_once(self.engine.now(), &self.name, serial, event);
    }
    pub fn history(&self) -> &History {
        &self.history
    }
}

/// A limit was reached first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time limit reached")]
pub struct Elapsed;

/// Accepts connections on one port.
pub struct Listener(Box<dyn Listen>);

impl Listener {
    pub async fn accept(&self) -> io::Result<Accepted> {
        self.0.accept().await
    }
}

/// A running task. Dropping it detaches the task.
pub struct Task(Box<dyn AbortTask>);

impl Task {
    /// Ends the task: its future is dropped before it would run again.
    pub fn abort(self) {
        self.0.abort();
    }
}
