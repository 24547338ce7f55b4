//! One world: a fresh thread, a seed, a run loop in which time jumps from event to event.

use crate::entropy::Bend;
use crate::host::nanos;
use crate::join::JoinHandle;
use crate::journal::{Entry, Fingerprint, Journal};
use crate::kernel::{self, Kernel, NOBODY};
use crate::run_loop::{self, RunLoop};
use crate::stage::Stage;
#[cfg(tokio_unstable)]
use crate::strays;
use crate::tasks;
use std::future::Future;
use std::time::{Duration, SystemTime};

/// 2021-04-19T20:00:00Z, s since the Unix epoch: the day of the giant lizard's attack.
const FIRST_DAY: u64 = 1_618_862_400;

/// Plans a world: one seed, one thread of its own, one history.
///
/// Everything random in it comes from the seed: two runs of one plan with one seed have the same
/// [`Fingerprint`], in any process.
#[derive(Clone, Debug)]
pub struct World {
    seed: u64,
    epoch: SystemTime,
    tcp_time_out: Duration,
    hashing: bool,
    recording: bool,
    strict: bool,
    tokio: bool,
}

impl World {
    /// Plans a world of this seed, with the defaults that the other methods tell.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(FIRST_DAY),
            tcp_time_out: Duration::from_secs(120),
            hashing: true,
            recording: false,
            strict: false,
            tokio: true,
        }
    }

    /// Sets the wall-clock time at which the world begins. Default: 2021-04-19T20:00:00Z.
    pub fn starts_at(mut self, at: SystemTime) -> Self {
        self.epoch = at;
        self
    }

    /// Sets how long a sender's oldest byte may stay unacknowledged before its connection ends in `TimedOut`.
    /// Default: 2 minutes.
    pub fn tcp_time_out(mut self, span: Duration) -> Self {
        self.tcp_time_out = span;
        self
    }

    /// Leaves the [`Fingerprint`] out, for runs that are compared with no other: hashing all that happens takes some
    /// 4 % of a run. Nothing else changes. Default: with one.
    pub fn without_fingerprint(mut self) -> Self {
        self.hashing = false;
        self
    }

    /// Keeps every engine event for [`Run::journal`]. Default: off, only the fingerprint is kept.
    pub fn recording(mut self, on: bool) -> Self {
        self.recording = on;
        self
    }

    /// Ends the run with [`WorldError::Stray`] when software calls `tokio::spawn`. Default: off, such tasks are
    /// only fenced. It sees them only in a build with `--cfg tokio_unstable`.
    pub fn refuse_strays(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Runs it without a tokio runtime, for software that starts tasks and waits through its host alone: asking tokio
    /// at each jump of time whether a timer of its own comes first takes a seventh of a run. What `tokio::spawn` or a
    /// timer of tokio's is called from then panics, which is an event as any panic is; `tokio::sync` and `tokio::io`
    /// need no runtime. Default: with one.
    pub fn without_tokio(mut self) -> Self {
        self.tokio = false;
        self
    }

    /// Runs the world on a fresh thread until the script's future is done.
    ///
    /// The script is a task of the world itself: it adds hosts, applies faults and waits through its [`Stage`].
    ///
    /// # Errors
    /// [`WorldError`] tells each way in which a world can fail.
    pub fn run<F, Fut, T>(self, script: F) -> Result<Run<T>, WorldError>
    where
        F: FnOnce(Stage) -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        let thread = std::thread::Builder::new().name("world".to_owned());
        #[expect(clippy::disallowed_methods, reason = "the one thread that each world is")]
        let spawned = thread.spawn(move || self.live(script));
        let joined = spawned.map_err(|error| WorldError::NoThread(error.to_string()))?.join();
        joined.unwrap_or_else(|payload| {
            let words = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let words = words.or_else(|| payload.downcast_ref::<String>().cloned());
            Err(WorldError::Engine(words.unwrap_or_default()))
        })
    }

    /// The whole life of the world's thread.
    fn live<F, Fut, T>(self, script: F) -> Result<Run<T>, WorldError>
    where
        F: FnOnce(Stage) -> Fut,
        Fut: Future<Output = T> + 'static,
        T: 'static,
    {
        let _bend = Bend::new(self.seed)?;
        let epoch = self.epoch.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let journal = Journal::new(self.seed, self.hashing, self.recording);
        let kernel = Kernel::new(self.seed, nanos(epoch), self.tcp_time_out, journal);
        kernel.face_host(NOBODY);
        tasks::install();
        kernel::install(kernel);
        let runtime = self.tokio.then(|| runtime(self.seed, self.strict)).transpose()?;
        let begin = || -> JoinHandle<T> { tasks::spawn(NOBODY, 0, script(Stage::new())) };
        let value = match &runtime {
            Some(runtime) => runtime.block_on(tokio::task::coop::unconstrained(async {
                let ending = begin();
                RunLoop::new().until(ending).await
            })),
            None => run_loop::run_alone(begin()),
        };
        let hosts = kernel::with(|kernel| kernel.machines.len() as u32);
        for host in (0..hosts).chain([NOBODY]) {
            let boot = kernel::with(|kernel| kernel.machines.get(host as usize).map_or(0, |machine| machine.boot));
            kernel::with(|kernel| kernel.turn_off(host));
            tasks::end_all(host, boot);
        }
        drop(runtime);
        tasks::uninstall();
        let Some(kernel) = kernel::uninstall() else { return Err(WorldError::Engine("the world is gone".to_owned())) };
        let value = match (value, kernel.failure) {
            (_, Some(failure)) => return Err(failure),
            (Some(value), None) => value,
            (None, None) => return Err(WorldError::Deadlock),
        };
        Ok(Run {
            value,
            fingerprint: kernel.journal.fingerprint(),
            now: Duration::from_nanos(kernel.now),
            events: kernel.journal.events(),
            panics: kernel.panics,
            journal: kernel.journal.into_entries(),
        })
    }
}

fn runtime(seed: u64, strict: bool) -> Result<tokio::runtime::Runtime, WorldError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // Strays run to rest before the driver, and with it time, has its turn: they may be polled this often. Only one
    // that never rests is.
    builder.enable_time().start_paused(true).event_interval(1_000_000);
    #[cfg(tokio_unstable)]
    {
        builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
        strays::watch(&mut builder, strict);
    }
    #[cfg(not(tokio_unstable))]
    let _ = (seed, strict);
    builder.build().map_err(|error| WorldError::NoThread(error.to_string()))
}

/// What a world leaves behind.
#[derive(Debug)]
pub struct Run<T> {
    /// What the script returned.
    pub value: T,
    /// The hash of everything that happened; `None`: it was [left out](World::without_fingerprint).
    pub fingerprint: Option<Fingerprint>,
    /// The virtual time that has passed since the world began.
    pub now: Duration,
    /// How many engine events there were.
    pub events: u64,
    /// What panicked, in order. Each such host has crashed.
    pub panics: Vec<Panic>,
    /// Every engine event, when the world was recording.
    pub journal: Vec<Entry>,
}

/// A panic of software in the world: an event, after which its host is down as after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// Virtual time since the world began.
    pub at: Duration,
    /// The host whose software panicked.
    pub host: String,
    /// What the panic said.
    pub message: String,
}

/// Why a world could not be run to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// A clock or source of randomness of this process does not answer from the seed.
    #[error("{what} does not answer from the seed on the world's thread: {hint}")]
    NotBent {
        /// Which one.
        what: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// Software used a thread of its own, whose timing no seed decides.
    #[error("host {host} used a thread of its own ({how}) at {at:?}: a world has exactly one")]
    ForeignThread {
        /// The host whose software did.
        host: String,
        /// What was seen.
        how: String,
        /// Virtual time since the world began.
        at: Duration,
    },
    /// A task was polled more than 10,000 times at one instant.
    #[error("host {host} never came to rest at {at:?}: a task was polled more than 10000 times at one instant")]
    Livelock {
        /// The host whose task it is.
        host: String,
        /// Virtual time since the world began.
        at: Duration,
    },
    /// Software called `tokio::spawn` in a world that refuses it.
    #[error("host {host} called tokio::spawn at {place}: spawn through the host")]
    Stray {
        /// The host whose software did.
        host: String,
        /// File, line and column of the call.
        place: String,
    },
    /// The script waits and nothing can ever happen again.
    #[error("nothing can ever happen again, and the script still waits")]
    Deadlock,
    /// The script, or another task of the world's own, panicked.
    #[error("the world's script panicked: {0}")]
    Script(String),
    /// No thread or runtime could be made for the world.
    #[error("no thread could be made for the world: {0}")]
    NoThread(String),
    /// The engine itself failed: a defect of this crate.
    #[error("the engine failed: {0}")]
    Engine(String),
}
