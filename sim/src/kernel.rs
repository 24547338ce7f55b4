//! The state of one world, on its thread: machines, network, timers, the agenda of what is due.

use crate::clock::Timers;
use crate::entropy::{self, Dice};
use crate::journal::Journal;
use crate::machine::Machine;
use crate::net::{Net, NetDue};
use crate::tasks::{self, Tasks};
use crate::world::{Panic, WorldError};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// A time that never comes.
pub(crate) const NEVER: u64 = u64::MAX;
/// The host number of the world's own tasks.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Everything a world consists of, but for its tasks (they may touch it, so they live apart).
pub(crate) struct Kernel {
    pub(crate) seed: u64,
    /// Virtual time since the world began, ns.
    pub(crate) now: u64,
    /// The wall clock at the beginning, ns since the Unix epoch.
    pub(crate) epoch: u64,
    agenda: Agenda,
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
    /// Wakers to call once the kernel is let go.
    pub(crate) wakes: VecDeque<Waker>,
    /// Wakers to drop once the kernel is let go: dropping one may run software's code.
    pub(crate) spent: Vec<Waker>,
}

thread_local! {
    static KERNEL: RefCell<Option<Kernel>> = const { RefCell::new(None) };
}

impl Kernel {
    pub(crate) fn new(seed: u64, epoch: u64, tcp_time_out: Duration, recording: bool) -> Self {
        Self {
            seed,
            now: 0,
            epoch,
            agenda: Agenda::new(seed),
            timers: Timers::default(),
            machines: Vec::new(),
            names: BTreeMap::new(),
            net: Net::new(seed, tcp_time_out),
            journal: Journal::new(seed, recording),
            world_tasks: Tasks::default(),
            finished: Vec::new(),
            panics: Vec::new(),
            failure: None,
            wakes: VecDeque::new(),
            spent: Vec::new(),
        }
    }

    /// Puts something on the agenda.
    pub(crate) fn at(&mut self, at: u64, due: Due) {
        debug_assert!(at >= self.now && at != NEVER);
        self.agenda.add(at, due);
    }

    /// When the next thing is due. Timers that were given up meanwhile, such as the time limits of what came in time,
    /// are dropped here, so that no moment is visited for them.
    pub(crate) fn next_due(&mut self) -> Option<u64> {
        while let Some(Due::Timer { slot, generation }) = self.agenda.first()
            && !self.is_awaited(slot, generation)
        {
            self.agenda.drop_first();
        }
        self.agenda.next()
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
        while !self.step() {
            let Some(next) = self.next_due() else { return false };
            self.now = next;
        }
        true
    }

    pub(crate) fn dice(&self, label: &str) -> Dice {
        entropy::dice(self.seed, label)
    }

    /// Journals an event: its facts into the fingerprint, its words when recording.
    pub(crate) fn note(&mut self, host: u32, kind: &'static str, facts: [u64; 3], words: impl FnOnce() -> String) {
        self.journal.mix(self.now, host, kind, facts);
        let name = self.machines.get(host as usize).map(|machine| &machine.name);
        self.journal.tell(self.now, name, kind, words);
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

    /// Stores a task's waker in a slot.
    pub(crate) fn park(slot: &mut Option<Waker>, waker: &Waker, spent: &mut Vec<Waker>) {
        match slot {
            Some(kept) if kept.will_wake(waker) => {}
            _ => spent.extend(slot.replace(waker.clone())),
        }
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

/// Reads or changes the world of this thread; then wakes whom that concerns.
///
/// # Panics
/// On a thread that is no world's: hosts, streams and files work only inside theirs.
pub(crate) fn with<R>(act: impl FnOnce(&mut Kernel) -> R) -> R {
    match try_with(act) {
        Some(result) => result,
        None => panic!("a host, stream or file was used outside of its world's thread"),
    }
}

/// The same, but `None` when there is no world (any more): for destructors.
pub(crate) fn try_with<R>(act: impl FnOnce(&mut Kernel) -> R) -> Option<R> {
    KERNEL
        .try_with(|cell| {
            let (result, busy) = {
                let mut guard = cell.try_borrow_mut().ok()?;
                let kernel = guard.as_mut()?;
                let result = act(kernel);
                (result, !kernel.wakes.is_empty() || !kernel.spent.is_empty())
            };
            if busy {
                settle(cell);
            }
            Some(result)
        })
        .ok()
        .flatten()
}

/// Wakes and drops wakers one by one with the kernel let go: either may come back for it.
fn settle(cell: &RefCell<Option<Kernel>>) {
    loop {
        let next = match cell.borrow_mut().as_mut() {
            Some(kernel) => (kernel.wakes.pop_front(), kernel.spent.pop()),
            None => return,
        };
        match next {
            (None, None) => return,
            (wake, _spent) => {
                if let Some(waker) = wake {
                    waker.wake();
                }
            }
        }
    }
}

/// Something that will happen at a known time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    Timer {
        slot: u32,
        generation: u32,
    },
    Net {
        connection: u32,
        generation: u32,
        due: NetDue,
    },
    /// A host that was asked to stop has had its time.
    StopsNow {
        host: u32,
        boot: u32,
    },
}

/// What is due when: a heap by time, then by a tie-break drawn from the seed.
struct Agenda {
    heap: BinaryHeap<Item>,
    sequence: u64,
    ties: u64,
}

struct Item {
    at: u64,
    tie: u32,
    sequence: u64,
    due: Due,
}

impl Agenda {
    fn new(seed: u64) -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0, ties: scramble(seed) }
    }

    fn add(&mut self, at: u64, due: Due) {
        self.sequence += 1;
        let tie = (scramble(self.ties ^ self.sequence) >> 32) as u32;
        self.heap.push(Item { at, tie, sequence: self.sequence, due });
    }

    fn next(&self) -> Option<u64> {
        self.heap.peek().map(|item| item.at)
    }

    fn first(&self) -> Option<Due> {
        self.heap.peek().map(|item| item.due)
    }

    fn drop_first(&mut self) {
        self.heap.pop();
    }

    fn take(&mut self, now: u64) -> Option<Due> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|item| item.due)
    }
}

/// The finaliser of splitmix64: a cheap, well-mixed permutation.
fn scramble(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Item {
    fn key(&self) -> (u64, u32, u64) {
        (self.at, self.tie, self.sequence)
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Item {}
impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Item {
    /// Reversed: the heap's greatest item is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}
