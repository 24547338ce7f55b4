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
/// One connection.
pub type Stream = Box<dyn Duplex>;

/// A connection that a listener took.
pub struct Accepted {
    /// Its bytes.
    pub stream: Stream,
    /// The name of the host at the other end.
    pub peer: Arc<str>,
}

/// What an engine offers to one boot of one host. Software sees it only through [`Host`].
pub trait Engine: Send + Sync {
    /// As [`Host::now`].
    fn now(&self) -> Duration;
    /// As [`Host::wall_clock`].
    fn wall_clock(&self) -> SystemTime;
    /// As [`Host::sleep_until`].
    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()>;
    /// As [`Host::dice`].
    fn dice(&self, label: &str) -> Dice;
    /// As [`Host::connect`].
    fn connect(&self, to: &str, port: u16) -> BoxFuture<'static, io::Result<Stream>>;
    /// As [`Host::listen`].
    ///
    /// # Errors
    /// The port is taken.
    fn listen(&self, port: u16) -> io::Result<Box<dyn Listen>>;
    /// As [`Host::spawn`].
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Box<dyn AbortTask>;
    /// As [`Host::disk`].
    fn disk(&self) -> Box<dyn Disk>;
    /// As [`Host::stopping`].
    fn stopping(&self) -> BoxFuture<'static, ()>;
}

/// What an engine offers for one port.
pub trait Listen: Send + Sync {
    /// As [`Listener::accept`].
    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>>;
}

/// What an engine offers for one running task.
pub trait AbortTask: Send + Sync {
    /// As [`Task::abort`].
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
    /// Removes a file, durably.
    ///
    /// # Errors
    /// `NotFound` if absent, and the disk's own.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Lists the files below a directory, sorted.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
}

/// An open file: it is read and appended to, and dies with the boot.
pub trait DiskFile: Send + Sync {
    /// Adds bytes at the end. They are safe from a crash at once, from a loss of power after [`sync`](Self::sync).
    ///
    /// # Errors
    /// `StorageFull`, and the disk's own; a part may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Reads up to `len` bytes from an offset on; fewer at the end.
    ///
    /// # Errors
    /// The disk's.
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>>;
    /// Counts its bytes.
    ///
    /// # Errors
    /// The disk's.
    fn len(&self) -> io::Result<u64>;
    /// Says whether it has none.
    ///
    /// # Errors
    /// The disk's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts it off after so many bytes.
    ///
    /// # Errors
    /// The disk's.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Makes what was appended survive power loss.
    fn sync(&mut self) -> BoxFuture<'_, io::Result<()>>;
}

/// A host's software: called at each boot.
pub type Software = Arc<dyn Fn(Host) -> BoxFuture<'static, ()> + Send + Sync>;

/// Makes an async function a host's software.
pub fn software<F>(run: impl Fn(Host) -> F + Send + Sync + 'static) -> Software
where
    F: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |host| Box::pin(run(host)))
}

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
    /// Names the machine.
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
    /// Waits so long from now on. On a frozen machine it resolves late.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now() + duration)
    }
    /// Waits until a moment of virtual time.
    pub fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        self.engine.sleep_until(at)
    }
    /// Waits for a future no longer than `limit`.
    ///
    /// # Errors
    /// [`Elapsed`] when the limit came first; the future is dropped.
    pub async fn within<F: Future>(&self, limit: Duration, future: F) -> Result<F::Output, Elapsed> {
        let mut future = std::pin::pin!(future);
        // Set when it must wait: most of what is limited is there at once.
        let mut timer = None;
        std::future::poll_fn(|cx| {
            use std::task::Poll;
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            timer.get_or_insert_with(|| self.sleep(limit)).as_mut().poll(cx).map(|()| Err(Elapsed))
        })
        .await
    }
    /// A labelled stream of chance of this host's own.
    pub fn dice(&self, label: &str) -> Dice {
        self.engine.dice(label)
    }
    /// Connects to a port of another machine, by its name.
    ///
    /// # Errors
    /// `ConnectionRefused` when nobody listens there, `TimedOut` when nobody answers (after SYN retries), `NotFound` when no
    /// machine has that name.
    pub async fn connect(&self, to: &str, port: u16) -> io::Result<Stream> {
        self.engine.connect(to, port).await
    }
    /// Takes connections on a port.
    ///
    /// # Errors
    /// `AddrInUse` when the port is taken.
    pub fn listen(&self, port: u16) -> io::Result<Listener> {
        Ok(Listener(self.engine.listen(port)?))
    }
    /// Starts a task on this host; it dies with the boot. Dropping the handle detaches it.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&self, task: F) -> Task {
        Task(self.engine.spawn(Box::pin(task)))
    }
    /// Opens its disk, as the boot before left it.
    pub fn disk(&self) -> Box<dyn Disk> {
        self.engine.disk()
    }
    /// Resolves when this host has been asked to stop: say goodbye, then return from the main future.
    pub fn stopping(&self) -> BoxFuture<'static, ()> {
        self.engine.stopping()
    }
    /// Writes into the history.
    pub fn record(&self, event: Event) {
        self.history.record(self.engine.now(), &self.name, event);
    }
    /// Writes into the history what may have been written there before this boot: see [`History::record_once`].
    pub fn record_once(&self, serial: u64, event: Event) {
        self.history.record_once(self.engine.now(), &self.name, serial, event);
    }
    /// Gives the history itself, and with it the roster.
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
    /// Waits for the next connection.
    ///
    /// # Errors
    /// The engine's: no more will come.
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
