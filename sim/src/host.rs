//! One boot of one machine, as its software sees it.

use crate::agenda::NEVER;
use crate::clock::Sleep;
use crate::disk::Disk;
use crate::entropy::{self, Dice};
use crate::join::JoinHandle;
use crate::kernel;
use crate::net::{Listener, Stream};
use crate::tasks::{self, fence, fenced};
use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

/// All that software may touch. `Copy`; it dies with its boot: a call from a dead boot unwinds the calling task.
///
/// # Panics
/// Every method panics when called outside of the world's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    pub(crate) id: u32,
    pub(crate) boot: u32,
}

impl Host {
    /// Returns this machine's name, by which others connect to it.
    pub fn name(&self) -> Arc<str> {
        kernel::with(|kernel| kernel.name_of(self.id))
    }

    /// Returns the name of the site this machine stands in.
    pub fn site(&self) -> Arc<str> {
        kernel::with(|kernel| {
            let site = kernel.machines[self.id as usize].site;
            kernel.net.topology.site_names[site as usize].clone()
        })
    }

    /// Counts the boots of this machine, from 1.
    pub fn boot(&self) -> u32 {
        self.boot
    }

    /// Returns the virtual time since the world began. It never goes back and is never skewed.
    pub fn now(&self) -> Duration {
        now()
    }

    /// Returns what this machine's wall clock shows, with its skew and drift.
    pub fn wall_clock(&self) -> SystemTime {
        kernel::with(|kernel| {
            let clock = kernel.machines[self.id as usize].wall_clock;
            SystemTime::UNIX_EPOCH + Duration::from_nanos(clock.shows(kernel.epoch, kernel.now))
        })
    }

    /// Waits for a span of virtual time, exact to the nanosecond; late on a frozen host.
    pub fn sleep(&self, span: Duration) -> impl Future<Output = ()> + Send + Sync + use<> {
        self.sleep_until(now().saturating_add(span))
    }

    /// Waits until a moment of virtual time; a past one is over at once.
    pub fn sleep_until(&self, at: Duration) -> impl Future<Output = ()> + Send + Sync + use<> {
        Sleep::until(self.id, self.boot, nanos(at))
    }

    /// Returns a stream of chance of its own, drawn from the seed, this host's name, its boot and the label.
    ///
    /// Two calls with one label return the same stream from its beginning.
    pub fn dice(&self, label: &str) -> Dice {
        kernel::with(|kernel| {
            let name = &kernel.machines[self.id as usize].name;
            entropy::dice(kernel.seed, &format!("host/{name}/{}/{label}", self.boot))
        })
    }

    /// Opens a TCP connection to a port of a host.
    ///
    /// # Errors
    /// `NotFound`: no host has that name. `ConnectionRefused`: nobody listens there, after one round trip.
    /// `TimedOut`: no answer to seven SYNs in 127 s.
    pub fn connect(&self, to: &str, port: u16) -> impl Future<Output = io::Result<Stream>> + Send + use<> {
        let (host, to) = (*self, to.to_owned());
        async move { Stream::connect(host.id, host.boot, &to, port).await }
    }

    /// Listens on a port.
    ///
    /// # Errors
    /// `AddrInUse`: somebody on this host does already.
    pub fn listen(&self, port: u16) -> io::Result<Listener> {
        Listener::bind(self.id, self.boot, port)
    }

    /// Starts a task on this host; it dies with the boot. Dropping the handle detaches it.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        tasks::spawn(self.id, self.boot, future)
    }

    /// Returns this machine's disk.
    pub fn disk(&self) -> Disk {
        Disk { host: self.id, boot: self.boot }
    }

    /// Waits until this host is asked to stop: time to say goodbye and to return from the main future.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        let host = *self;
        poll_fn(move |cx| match fenced(host.id, host.boot, |kernel| kernel.is_stopping(host.id, cx.waker())) {
            Ok(true) => Poll::Ready(()),
            Ok(false) | Err(_) => Poll::Pending,
        })
    }

    /// Mixes bytes of any meaning into the world's fingerprint, and into its journal when it is recording.
    pub fn note(&self, kind: &'static str, bytes: &[u8]) {
        if fence(self.id, self.boot).is_ok() {
            note(self.id, kind, bytes);
        }
    }
}

pub(crate) fn now() -> Duration {
    Duration::from_nanos(kernel::with(|kernel| kernel.now))
}

pub(crate) fn note(host: u32, kind: &'static str, bytes: &[u8]) {
    kernel::with(|kernel| {
        let sum = kernel.journal.sum(bytes);
        kernel.note(host, kind, [bytes.len() as u64, sum, 0], || String::from_utf8_lossy(bytes).into_owned());
    });
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(NEVER)
}
