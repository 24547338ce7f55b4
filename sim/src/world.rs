//! One world: a fresh thread, a seed, a run loop in which time jumps from event to event.

use crate::entropy::{self, Bend};
use crate::host::nanos;
use crate::journal::{Entry, Fingerprint};
use crate::kernel::{self, Kernel, NOBODY};
use crate::stage::Stage;
#[cfg(tokio_unstable)]
use crate::strays;
use crate::{machine, tasks};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, Sleep};

/// tokio's timers have this grain, ns.
const TICK: u64 = 1_000_000;
/// 2021-04-19T20:00:00Z, s since the Unix epoch: the day of the giant lizard's attack.
const FIRST_DAY: u64 = 1_618_862_400;
/// How far ahead tokio's clock is set when nothing is due: 10 years.
const IDLE: Duration = Duration::from_secs(315_360_000);

/// Plans a world: one seed, one thread of its own, one history.
///
/// Everything random in it comes from the seed: two runs of one plan with one seed have the same
/// [`Fingerprint`], in any process.
#[derive(Clone, Debug)]
pub struct World {
    seed: u64,
    epoch: SystemTime,
    tcp_time_out: Duration,
    recording: bool,
    strict: bool,
}

impl World {
    /// Plans a world of this seed, with the defaults that the other methods tell.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(FIRST_DAY),
            tcp_time_out: Duration::from_secs(120),
            recording: false,
            strict: false,
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
        let kernel = Kernel::new(self.seed, nanos(epoch), self.tcp_time_out, self.recording);
        kernel.face_host(NOBODY);
        tasks::install();
        kernel::install(kernel);
        let runtime = runtime(self.seed, self.strict)?;
        let value = runtime.block_on(tokio::task::coop::unconstrained(async {
            let ending = tasks::spawn(NOBODY, 0, script(Stage::new()));
            RunLoop::new().until(ending).await
        }));
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

/// Moves time from event to event.
///
/// The world's agenda is exact to the nanosecond; tokio's timers, which software may use too, have a grain of
/// 1 ms. Inside a millisecond no tokio timer can be due, so tokio's clock is moved along with the agenda. At its
/// end the loop sleeps in tokio, which fires its own timers and moves the clock to whatever is due first.
struct RunLoop {
    began: Instant,
    alarm: Pin<Box<Sleep>>,
    /// Whether the alarm is set for when nothing is due.
    idle: bool,
    /// Numbers the moments at which something happened.
    instant: u64,
    /// Whether tokio's own tasks have run to rest since ours last did anything.
    strays_rested: bool,
    tokio: tokio::runtime::Handle,
}

impl RunLoop {
    fn new() -> Self {
        let began = Instant::now();
        let alarm = Box::pin(tokio::time::sleep_until(began));
        Self { began, alarm, idle: false, instant: 1, strays_rested: false, tokio: tokio::runtime::Handle::current() }
    }

    /// Runs until the script has ended; `None` when the world failed or can never go on.
    async fn until<T>(mut self, ending: tasks::JoinHandle<T>) -> Option<T> {
        let mut ending = pin!(ending);
        poll_fn(|cx| {
            tasks::wake_with(None);
            let turn = self.turn(cx, &mut |cx| ending.as_mut().poll(cx));
            tasks::wake_with(turn.is_pending().then(|| cx.waker()));
            turn
        })
        .await
    }

    fn turn<T>(
        &mut self,
        cx: &mut Context<'_>,
        ending: &mut dyn FnMut(&mut Context<'_>) -> Poll<Option<T>>,
    ) -> Poll<Option<T>> {
        self.follow_tokio();
        if entropy::foreign_thread() {
            // Before one of our tasks is blamed: it was one of tokio's, and without hooks nobody knows whose.
            kernel::with(|kernel| kernel.fail_foreign_thread(NOBODY, "what it spawned with tokio started a thread"));
        }
        loop {
            self.strays_rested &= !tasks::run_ready(self.instant);
            if machine::close_down() {
                continue;
            }
            if kernel::with(Kernel::has_failed) {
                return Poll::Ready(None);
            }
            if let Poll::Ready(value) = ending(cx) {
                return Poll::Ready(value);
            }
            if !self.strays_rested && self.tokio.metrics().num_alive_tasks() > 0 {
                self.strays_rested = true;
                return yield_to_tokio(cx);
            }
            if kernel::with(Kernel::step) {
                continue;
            }
            let (now, next) = kernel::with(|kernel| (kernel.now, kernel.next_due()));
            let tick_ends = (now / TICK + 1) * TICK;
            match next {
                Some(next) if next < tick_ends => self.move_to(next),
                _ => return self.sleep(cx, now, next),
            }
        }
    }

    /// Takes over the time to which tokio's clock has moved while the loop slept.
    fn follow_tokio(&mut self) {
        let clock = self.tokio_now();
        let moved = kernel::with(|kernel| {
            let moved = clock > kernel.now;
            kernel.now = clock.max(kernel.now);
            moved
        });
        if moved {
            self.instant += 1;
            self.strays_rested = false;
        }
    }

    /// Moves both clocks to a moment inside the current millisecond.
    fn move_to(&mut self, moment: u64) {
        self.advance_tokio(moment);
        kernel::with(|kernel| kernel.now = moment);
        self.instant += 1;
    }

    /// Sleeps in tokio until the millisecond of the next event, or an earlier timer of tokio's.
    fn sleep<T>(&mut self, cx: &mut Context<'_>, now: u64, next: Option<u64>) -> Poll<Option<T>> {
        if next.is_none() && self.idle && self.alarm.is_elapsed() {
            // Ten years without an event, and the script still waits.
            return Poll::Ready(None);
        }
        self.idle = next.is_none();
        // tokio counts whole milliseconds from where it is, so it must be on a boundary before it sleeps.
        let boundary = now.div_ceil(TICK) * TICK;
        self.advance_tokio(boundary);
        let wake_at = match next {
            Some(next) => self.began + Duration::from_nanos(next / TICK * TICK),
            None => self.began + Duration::from_nanos(boundary) + IDLE,
        };
        if self.alarm.deadline() != wake_at || self.alarm.is_elapsed() {
            self.alarm.as_mut().reset(wake_at);
        }
        if self.alarm.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        // Already there, without having slept: other timers of this boundary must still have their turn.
        yield_to_tokio(cx)
    }

    fn tokio_now(&self) -> u64 {
        nanos(Instant::now() - self.began)
    }

    /// Moves tokio's clock without giving its timers a turn.
    fn advance_tokio(&self, moment: u64) {
        let by = moment.saturating_sub(self.tokio_now());
        if by > 0 {
            let mut advance = pin!(tokio::time::advance(Duration::from_nanos(by)));
            let _ = advance.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// Comes back after tokio's own tasks and timers have had their turn.
fn yield_to_tokio<T>(cx: &mut Context<'_>) -> Poll<Option<T>> {
    let mut yielding = pin!(tokio::task::yield_now());
    let _ = yielding.as_mut().poll(cx);
    Poll::Pending
}

/// What a world leaves behind.
#[derive(Debug)]
pub struct Run<T> {
    /// What the script returned.
    pub value: T,
    /// The hash of everything that happened.
    pub fingerprint: Fingerprint,
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
