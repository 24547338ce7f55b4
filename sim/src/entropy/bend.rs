//! A thread on which the operating system answers from the seed.
use super::stream::{Dice, dice};
use crate::WorldError;
use crate::kernel::NOBODY;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::marker::PhantomData;
use std::time::{Duration, Instant, SystemTime};

/// What a monotonic clock shows when a world begins, in ns: software may subtract up to a year from `Instant::now()`,
/// as it may on a machine that has been up for long.
const UPTIME: u64 = 365 * 24 * 3600 * 1_000_000_000;

/// So often a clock is read between two settings of it before it refuses an answer. Inside one poll time stands still,
/// so software that spins until a clock has moved would spin for ever.
const MOST_READINGS: u32 = 1_000_000;

/// Why a check failed, if it did.
const HINT: &str = if cfg!(target_feature = "crt-static") {
    "this program is linked statically (crt-static), where nothing can stand before the C library: link it dynamically"
} else if cfg!(any(target_os = "linux", target_os = "macos")) {
    "lizard-sim's symbols did not reach this program, or another library's took their place: link lizard-sim into the \
     executable itself"
} else {
    "worlds run on Linux and macOS"
};

/// What this thread answers. Plain cells, so that the C functions may look at any moment of the thread's life.
struct Answers {
    bent: Cell<bool>,
    monotonic_ns: Cell<u64>,
    wall_ns: Cell<u64>,
    /// How often a clock was read since it was set.
    readings: Cell<u32>,
    host: Cell<u32>,
    /// Bytes of OS randomness handed out since the thread was bent.
    drawn: Cell<u64>,
    foreign: Cell<bool>,
}

/// The streams of OS randomness.
struct Streams {
    seed: u64,
    world: Dice,
    by_host: BTreeMap<u32, Dice>,
}

impl Streams {
    fn new(seed: u64) -> Self {
        Self { seed, world: dice(seed, "os"), by_host: BTreeMap::new() }
    }
}

thread_local! {
    static ANSWERS: Answers = const {
        Answers {
            bent: Cell::new(false),
            monotonic_ns: Cell::new(0),
            wall_ns: Cell::new(0),
            readings: Cell::new(0),
            host: Cell::new(NOBODY),
            drawn: Cell::new(0),
            foreign: Cell::new(false),
        }
    };
    static STREAMS: RefCell<Option<Streams>> = const { RefCell::new(None) };
}

/// A bent thread: until this is dropped (also by unwinding), randomness and clocks answer from the seed on it.
pub(crate) struct Bend {
    /// Bound to its thread.
    not_send: PhantomData<*const ()>,
}

impl Bend {
    /// Bends this thread, which must be fresh: std keeps a thread's hash keys from their first use on.
    ///
    /// # Errors
    ///
    /// [`WorldError::NotBent`] names what does not answer from the seed; the thread is then as it was before.
    pub(crate) fn new(seed: u64) -> Result<Self, WorldError> {
        if is_bent() {
            let hint = "a world already runs on it: start a world on a thread of its own";
            return Err(WorldError::NotBent { what: "this thread", hint });
        }
        STREAMS.set(Some(Streams::new(seed)));
        ANSWERS.with(|answers| {
            answers.host.set(NOBODY);
            answers.drawn.set(0);
            answers.foreign.set(false);
            answers.bent.set(true);
        });
        let bend = Self { not_send: PhantomData };
        check(seed)?;
        set_clocks(0, 0);
        Ok(bend)
    }
}

impl Drop for Bend {
    fn drop(&mut self) {
        ANSWERS.with(|answers| answers.bent.set(false));
        // During the thread's own teardown the streams are gone already.
        let _ = STREAMS.try_with(RefCell::take);
    }
}

/// Sets what this thread's clocks answer from now on: ns since the world began, and ns since the epoch.
#[inline]
pub(crate) fn set_clocks(monotonic_ns: u64, wall_ns: u64) {
    ANSWERS.with(|answers| {
        answers.monotonic_ns.set(monotonic_ns);
        answers.wall_ns.set(wall_ns);
        answers.readings.set(0);
    });
}

/// Gives a host an OS-randomness stream of its own, which hangs on its name alone: hosts that come or go beside it do
/// not change what it draws.
pub(crate) fn name_host(host: u32, name: &str) {
    STREAMS.with_borrow_mut(|streams| {
        if let Some(Streams { seed, by_host, .. }) = streams {
            by_host.insert(host, dice(*seed, &format!("os/{name}")));
        }
    });
}

/// Sets whose stream this thread's OS randomness is drawn from now on: a host that has a name here, or else the
/// world itself.
#[inline]
pub(crate) fn set_host(host: u32) {
    ANSWERS.with(|answers| answers.host.set(host));
}

/// Tells whether a thread was started from this bent thread since this was last asked.
pub(crate) fn foreign_thread() -> bool {
    ANSWERS.with(|answers| answers.foreign.replace(false))
}

/// Whether this thread is bent.
#[inline]
pub(super) fn is_bent() -> bool {
    ANSWERS.with(|answers| answers.bent.get())
}

/// What a clock has to say.
pub(super) enum Reading {
    /// This thread is not bent: ask the real one.
    Real,
    /// So long after a monotonic clock's zero, or after the epoch.
    At(Duration),
    /// It was asked so often that somebody is waiting for it to move, which it cannot.
    StandsStill,
}

/// Reads this thread's wall clock, or its monotonic one.
pub(super) fn read_clock(wall: bool) -> Reading {
    ANSWERS.with(|answers| {
        if !answers.bent.get() {
            return Reading::Real;
        }
        let readings = answers.readings.get();
        if readings == MOST_READINGS {
            // Once: what then unwinds may look at the clock again.
            answers.readings.set(0);
            return Reading::StandsStill;
        }
        answers.readings.set(readings + 1);
        let ns = if wall { answers.wall_ns.get() } else { answers.monotonic_ns.get().saturating_add(UPTIME) };
        Reading::At(Duration::from_nanos(ns))
    })
}

/// Fills `bytes` from the current host's stream on a bent thread.
///
/// `false` when it cannot: when an allocator asks for randomness from within this very call, or the thread is being
/// torn down. What is drawn then cannot reach the world.
pub(super) fn fill(bytes: &mut [u8]) -> bool {
    use rand::Rng as _;
    let host = ANSWERS.with(|answers| answers.host.get());
    let filled = STREAMS.try_with(|streams| {
        let mut streams = streams.try_borrow_mut().ok()?;
        let Streams { world, by_host, .. } = streams.as_mut()?;
        by_host.get_mut(&host).unwrap_or(world).fill_bytes(bytes);
        Some(())
    });
    let filled = matches!(filled, Ok(Some(())));
    if filled {
        ANSWERS.with(|answers| answers.drawn.set(answers.drawn.get() + bytes.len() as u64));
    }
    filled
}

/// Notes that a thread was started, if this one is bent.
pub(super) fn note_thread() {
    ANSWERS.with(|answers| answers.foreign.set(answers.bent.get()));
}

/// Checks that what software may ask does answer from the seed on this thread.
fn check(seed: u64) -> Result<(), WorldError> {
    let refuse = |what| Err(WorldError::NotBent { what, hint: HINT });
    if !entropy_answers(seed) {
        return refuse("getentropy");
    }
    if !hash_keys_answer() {
        let hint = "this thread made its hash keys before the world began: start a world on a thread of its own";
        return Err(WorldError::NotBent { what: "RandomState", hint });
    }
    if !instant_answers() {
        return refuse("Instant");
    }
    if !system_time_answers() {
        return refuse("SystemTime");
    }
    #[cfg(all(any(target_os = "linux", target_os = "macos"), not(target_feature = "crt-static")))]
    if let Some(symbol) = super::interpose::hidden() {
        return refuse(symbol);
    }
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn entropy_answers(seed: u64) -> bool {
    use rand::Rng as _;
    unsafe extern "C" {
        // The libc crate does not declare it for every C library that has it.
        fn getentropy(buffer: *mut libc::c_void, length: libc::size_t) -> libc::c_int;
    }
    let (mut answer, mut wanted) = ([0; 32], [0; 32]);
    // SAFETY: the buffer is as long as said.
    let status = unsafe { getentropy(answer.as_mut_ptr().cast(), answer.len()) };
    Streams::new(seed).world.fill_bytes(&mut wanted);
    status == 0 && answer == wanted
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn entropy_answers(_seed: u64) -> bool {
    false
}

/// Whether std asks us for this thread's hash keys: it does so once a thread, here.
fn hash_keys_answer() -> bool {
    let drawn = || ANSWERS.with(|answers| answers.drawn.get());
    let before = drawn();
    std::hint::black_box(RandomState::new().hash_one(0));
    drawn() > before
}

#[expect(clippy::disallowed_methods, reason = "what it answers is the question")]
fn instant_answers() -> bool {
    const STEP: u64 = 86_400_123_456_789;
    set_clocks(0, 0);
    let first = Instant::now();
    set_clocks(STEP, 0);
    Instant::now().duration_since(first) == Duration::from_nanos(STEP)
}

#[expect(clippy::disallowed_methods, reason = "what it answers is the question")]
fn system_time_answers() -> bool {
    const WALL: u64 = 1_618_862_400_123_456_789;
    set_clocks(0, WALL);
    SystemTime::now() == SystemTime::UNIX_EPOCH + Duration::from_nanos(WALL)
}

#[cfg(test)]
mod tests;
