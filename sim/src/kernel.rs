//! The state of one world, on its thread: machines, network, timers, the agenda of what is due.

use crate::agenda::{Agenda, Due};
use crate::clock::Timers;
use crate::entropy::{self, Dice};
use crate::errands::Errands;
use crate::journal::Journal;
use crate::machine::Machine;
use crate::net::Net;
use crate::tasks::{self, Tasks};
use crate::world::{Panic, WorldError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The host number of the world's own tasks.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Everything a world consists of, but for its tasks (they may touch it, so they live apart).
pub(crate) struct Kernel {
    pub(crate) seed: u64,
    /// Virtual time since the world began, ns.
    pub(crate) now: u64,
    /// The wall clock at the beginning, ns since the Unix epoch.
    pub(crate) epoch: u64,
    pub(crate) agenda: Agenda,
    pub(crate) timers: Timers,
    pub(crate) machines: Vec<Machine>,
    pub(crate) names: BTreeMap<Arc<str>, u32>,
    pub(crate) net: Net,
    pub(crate) journal: Journal,
    /// The tasks that belong to no host.
    pub(crate) world_tasks: Tasks,
    /// Boots whose main future has ended or whose time to stop is over, to be closed down before the world
    /// goes on.
    pub(crate) finished: Vec<(u32, u32)>,
    pub(crate) panics: Vec<Panic>,
    pub(crate) failure: Option<WorldError>,
    pub(crate) errands: Errands,
}

thread_local! {
    static KERNEL: RefCell<Option<Kernel>> = const { RefCell::new(None) };
}

impl Kernel {
    pub(crate) fn new(seed: u64, epoch: u64, tcp_time_out: Duration, journal: Journal) -> Self {
        Self {
            seed,
            now: 0,
            epoch,
            agenda: Agenda::new(seed),
            timers: Timers::default(),
            machines: Vec::new(),
            names: BTreeMap::new(),
            net: Net::new(seed, tcp_time_out),
            journal,
            world_tasks: Tasks::default(),
            finished: Vec::new(),
            panics: Vec::new(),
            failure: None,
            errands: Errands::default(),
        }
    }

    /// Puts something on the agenda.
    pub(crate) fn at(&mut self, at: u64, due: Due) {
        debug_assert!(at >= self.now);
        self.agenda.add(at, due);
    }

    /// When the next thing is due. Timers that were given up meanwhile, such as the time limits of what came in time,
    /// are dropped here, so that no moment is visited for them.
    pub(crate) fn next_due(&mut self) -> Option<u64> {
        loop {
            match self.agenda.first()? {
                (_, Due::Timer { slot, generation }) if !self.is_awaited(slot, generation) => self.agenda.drop_first(),
                (at, _) => return Some(at),
            }
        }
    }

    /// Does the first thing on the agenda that is due now. `false`: nothing is.
    pub(crate) fn step(&mut self) -> bool {
        let Some(due) = self.agenda.take(self.now) else { return false };
        match due {
            Due::Timer { slot, generation } => self.timer_due(slot, generation),
            Due::Net { connection, generation, due } => self.net_due(connection, generation, due),
            Due::StopsNow { host, boot } => self.stop_due(host, boot),
        }
        true
    }

    /// Does the first thing on the agenda, now or at the moment to which time moves for it. `false`: nothing will ever
    /// be due.
    pub(crate) fn proceed(&mut self) -> bool {
        let Some(next) = self.next_due() else { return false };
        self.now = self.now.max(next);
        self.step()
    }

    pub(crate) fn dice(&self, label: &str) -> Dice {
        entropy::dice(self.seed, label)
    }

    /// Journals an event: its facts into the fingerprint, its words when recording.
    pub(crate) fn note(&mut self, host: u32, kind: &'static str, facts: [u64; 3], words: impl FnOnce() -> String) {
        self.journal.mix(self.now, host, kind, facts);
        if self.journal.is_recording() {
            let name = self.machines.get(host as usize).map(|machine| &machine.name);
            self.journal.tell(self.now, name, kind, words());
        }
    }

    /// The name of a host, or of the world's own tasks.
    pub(crate) fn name_of(&self, host: u32) -> Arc<str> {
        match self.machines.get(host as usize) {
            Some(machine) => machine.name.clone(),
            None => Arc::from("(the world)"),
        }
    }

    pub(crate) fn has_failed(&mut self) -> bool {
        if let Some(host) = tasks::woken_from_outside() {
            self.fail_foreign_thread(host, "a task was woken from another thread");
        }
        self.failure.is_some()
    }

    /// Ends the world with this error, unless it has one already.
    pub(crate) fn fail(&mut self, error: WorldError) {
        self.failure.get_or_insert(error);
    }
}

/// Makes this thread the thread of a world.
pub(crate) fn install(kernel: Kernel) {
    KERNEL.with(|cell| *cell.borrow_mut() = Some(kernel));
}

/// Ends the world of this thread and returns what is left of it.
pub(crate) fn uninstall() -> Option<Kernel> {
    KERNEL.with(|cell| cell.borrow_mut().take())
}

// Below, `LocalKey::try_with` and not `with`, for only that one is inlined: a seed is a hundred thousand calls.

/// Reads or changes the world of this thread; then wakes whom that concerns.
///
/// # Panics
/// On a thread that is no world's: hosts, streams and files work only inside theirs.
#[inline]
pub(crate) fn with<R>(act: impl FnOnce(&mut Kernel) -> R) -> R {
    let result = KERNEL.try_with(|cell| {
        let mut guard = cell.borrow_mut();
        let kernel = guard.as_mut().unwrap_or_else(|| outside());
        let result = act(kernel);
        let done = kernel.errands.are_done();
        drop(guard);
        if !done {
            settle(cell);
        }
        result
    });
    result.unwrap_or_else(|_| outside())
}

#[cold]
fn outside() -> ! {
    panic!("a host, stream or file was used outside of its world's thread")
}

/// The same, but `None` when there is no world (any more): for destructors.
pub(crate) fn try_with<R>(act: impl FnOnce(&mut Kernel) -> R) -> Option<R> {
    let is_free = |cell: &RefCell<Option<Kernel>>| cell.try_borrow().is_ok_and(|kernel| kernel.is_some());
    KERNEL.try_with(is_free).unwrap_or(false).then(|| with(act))
}

/// Wakes and drops wakers one by one with the kernel let go: either may come back for it.
fn settle(cell: &RefCell<Option<Kernel>>) {
    loop {
        let (next, was_last) = match cell.borrow_mut().as_mut() {
            Some(kernel) => (kernel.errands.next(), kernel.errands.are_done()),
            None => return,
        };
        let (wake, _spent) = next;
        if let Some(waker) = wake {
            waker.wake();
        }
        // Whoever came back for the kernel has settled what it left there.
        if was_last {
            return;
        }
    }
}
