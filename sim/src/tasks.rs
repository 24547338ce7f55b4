//! The run queue: which task may run, to quiescence; who dies, who is frozen.
//!
//! ```text
//!            spawn                 wake                    run
//!   (none) ─────────▶ queued ◀──────────── waiting ◀──────────────┐
//!                       │  ▲                                      │
//!          host frozen  │  │ thaw                 future pending   │
//!                       ▼  │                                      │
//!                      parked        queued ───────────────▶ running
//!                                                                 │ done, panicked
//!      the boot dies: dropped at once, wherever it is             ▼
//!                                                               (none)
//! ```

use crate::entropy;
use crate::join::{self, JoinHandle};
use crate::kernel::{self, Kernel, NOBODY};
use crate::world::WorldError;
use async_task::{Builder, Runnable, Task};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A task polled more often than this at one instant will never come to rest.
pub(crate) const MOST_POLLS: u32 = 10_000;

/// Whose task it is, and how often it ran at this instant.
pub(crate) struct Owner {
    host: u32,
    boot: u32,
    instant: AtomicU64,
    polls: AtomicU32,
    home: Arc<Home>,
}

impl Owner {
    /// Counts a poll. Only the world's thread does: nothing comes between reading and writing.
    fn is_polled_too_often(&self, now: u64) -> bool {
        let before = if self.instant.load(Relaxed) == now { self.polls.load(Relaxed) } else { 0 };
        self.instant.store(now, Relaxed);
        self.polls.store(before + 1, Relaxed);
        before >= MOST_POLLS
    }
}

/// The world that a thread lives for; whose task was first woken from another thread is noted here.
#[derive(Default)]
struct Home {
    woken_from_outside: OnceLock<u32>,
}

type Queued = Runnable<Owner>;
pub(crate) type Handle = Task<(), Owner>;

/// The run queue of this thread's world.
struct Queue {
    ready: RefCell<VecDeque<Queued>>,
    /// Wakes the run loop when a task becomes ready while it sleeps.
    run_loop: RefCell<Option<Waker>>,
    home: RefCell<Option<Arc<Home>>>,
}

thread_local! {
    static QUEUE: Queue = const {
        Queue {
            ready: RefCell::new(VecDeque::new()),
            run_loop: RefCell::new(None),
            home: RefCell::new(None),
        }
    };
    /// The host and boot whose code runs now.
    static RUNNING: Cell<(u32, u32)> = const { Cell::new((NOBODY, 0)) };
    /// A task's future is being dropped: what its destructors call must not unwind.
    static DROPPING: Cell<bool> = const { Cell::new(false) };
}

/// The tasks of one boot, so that they can be ended with it.
#[derive(Default)]
pub(crate) struct Tasks {
    live: Vec<Option<Handle>>,
    free: Vec<u32>,
    /// Woken while the host was frozen.
    parked: Vec<Queued>,
}

/// Unwinds a task whose boot is gone.
struct HostDied;

/// Makes this thread's queue that of a new world.
pub(crate) fn install() {
    QUEUE.with(|queue| *queue.home.borrow_mut() = Some(Arc::default()));
}

/// The host and boot whose code runs now.
pub(crate) fn running() -> (u32, u32) {
    RUNNING.get()
}

/// Says whose code runs from now on; answers whose did.
pub(crate) fn run_as(host: u32, boot: u32) -> (u32, u32) {
    RUNNING.replace((host, boot))
}

/// The host of a task that was woken from another thread.
pub(crate) fn woken_from_outside() -> Option<u32> {
    QUEUE.with(|queue| queue.home.borrow().as_ref().and_then(|home| home.woken_from_outside.get().copied()))
}

/// Lets the run loop be woken by tasks while it sleeps; `None`: it is awake.
pub(crate) fn wake_with(waker: Option<&Waker>) {
    QUEUE.with(|queue| *queue.run_loop.borrow_mut() = waker.cloned());
}

/// Wakes the run loop, if it sleeps.
#[cfg(tokio_unstable)]
pub(crate) fn wake_run_loop() {
    if let Some(waker) = QUEUE.with(|queue| queue.run_loop.borrow_mut().take()) {
        waker.wake();
    }
}

/// Gives this thread's queue up; its tasks have all been ended.
pub(crate) fn uninstall() {
    QUEUE.with(|queue| {
        *queue.run_loop.borrow_mut() = None;
        *queue.home.borrow_mut() = None;
        queue.ready.borrow_mut().clear();
    });
}

impl Queue {
    fn is_home_of(&self, task: &Queued) -> bool {
        self.home.borrow().as_ref().is_some_and(|home| Arc::ptr_eq(home, &task.metadata().home))
    }

    fn add(&self, task: Queued) {
        self.ready.borrow_mut().push_back(task);
        if let Some(waker) = self.run_loop.borrow_mut().take() {
            waker.wake();
        }
    }
}

fn schedule(task: Queued) {
    let mut woken = Some(task);
    let _ = QUEUE.try_with(|queue| woken.take_if(|task| queue.is_home_of(task)).map(|task| queue.add(task)));
    if let Some(stranger) = woken {
        // A task can only be run or dropped on its own thread; the run has failed anyway.
        let Owner { host, home, .. } = stranger.metadata();
        home.woken_from_outside.get_or_init(|| *host);
        std::mem::forget(stranger);
    }
}

/// Starts a task on a boot. A dead boot's call unwinds.
pub(crate) fn spawn<F>(host: u32, boot: u32, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    if fence(host, boot).is_err() {
        return JoinHandle::of_none(host, boot);
    }
    let Some(home) = QUEUE.with(|queue| queue.home.borrow().clone()) else {
        panic!("a task was spawned outside of its world's thread");
    };
    let owner = Owner { host, boot, instant: AtomicU64::new(0), polls: AtomicU32::new(0), home };
    let key = kernel::with(|kernel| kernel.tasks_of(host).reserve());
    let (ending, joiner) = join::pair(host, boot, key);
    let future = Mortal(Some(Box::pin(future)));
    let task = async move {
        let ending = ending;
        ending.has_value(future.await);
    };
    let (runnable, handle) = Builder::new().metadata(owner).propagate_panic(false).spawn_local(move |_| task, schedule);
    kernel::with(|kernel| kernel.tasks_of(host).live[key as usize] = Some(handle));
    runnable.schedule();
    joiner
}

/// A task's future. Destructors of a dead boot may call their host; they are answered with errors, since unwinding
/// out of a future that is being dropped would abort the process.
struct Mortal<F>(Option<Pin<Box<F>>>);

impl<F: Future> Future for Mortal<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match &mut self.0 {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Mortal<F> {
    fn drop(&mut self) {
        let before = DROPPING.replace(true);
        self.0 = None;
        DROPPING.set(before);
    }
}

impl Tasks {
    fn reserve(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.live.push(None);
            (self.live.len() - 1) as u32
        })
    }

    pub(crate) fn take(&mut self, key: u32) -> Option<Handle> {
        self.live.get_mut(key as usize).and_then(Option::take)
    }

    pub(crate) fn release(&mut self, key: u32) -> Option<Handle> {
        let handle = self.take(key);
        // After a mass ending the table is a new one, in which the old keys mean nothing.
        if (key as usize) < self.live.len() {
            self.free.push(key);
        }
        handle
    }
}

/// Ends every task of a boot: their futures are dropped before this returns.
///
/// Called with the kernel let go: destructors may come back for it.
pub(crate) fn end_all(host: u32, boot: u32) {
    let tasks = kernel::try_with(|kernel| std::mem::take(kernel.tasks_of(host)));
    drop(tasks);
    loop {
        let dead = QUEUE.with(|queue| {
            let mut ready = queue.ready.borrow_mut();
            let place = ready.iter().position(|task| {
                let owner = task.metadata();
                owner.host == host && owner.boot == boot
            });
            place.and_then(|place| ready.remove(place))
        });
        let Some(dead) = dead else { return };
        // Running a cancelled task drops its future.
        let _ = catch_unwind(AssertUnwindSafe(|| dead.run()));
    }
}

/// Puts what was woken during a freeze back into the queue, in the order of the wakes.
pub(crate) fn thaw(host: u32) {
    let parked = kernel::with(|kernel| std::mem::take(&mut kernel.tasks_of(host).parked));
    parked.into_iter().for_each(schedule);
}

/// Runs every ready task until none is, and tells whether there was one.
pub(crate) fn run_ready() -> bool {
    let mut any = false;
    while let Ok(Some(task)) = QUEUE.try_with(|queue| queue.ready.borrow_mut().pop_front()) {
        any = true;
        run(task);
    }
    any
}

fn run(task: Queued) {
    let (host, boot) = (task.metadata().host, task.metadata().boot);
    let task = kernel::with(|kernel| {
        if task.metadata().is_polled_too_often(kernel.now) {
            kernel.fail_livelock(host);
            return None;
        }
        if kernel.is_frozen(host) {
            kernel.tasks_of(host).parked.push(task);
            return None;
        }
        kernel.face_host(host);
        Some(task)
    });
    let Some(task) = task else { return };
    let result = as_host(host, boot, || task.run());
    if let Err(payload) = result {
        blame(host, boot, payload.as_ref());
    }
    if entropy::foreign_thread() {
        kernel::with(|kernel| kernel.fail_foreign_thread(host, "it started a thread"));
    }
}

/// Runs code as a host's; what it spawns elsewhere is attributed to it.
fn as_host<R>(host: u32, boot: u32, code: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    let before = run_as(host, boot);
    let result = catch_unwind(AssertUnwindSafe(code));
    run_as(before.0, before.1);
    result
}

/// Makes a panic an event: software that panics has crashed.
fn blame(host: u32, boot: u32, payload: &(dyn Any + Send)) {
    if payload.is::<HostDied>() {
        return;
    }
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned());
    Kernel::software_panicked(host, boot, message);
}

/// Reads or changes the world for a living boot. A dead boot's task is unwound here.
///
/// # Errors
/// When the boot is dead and the task is unwinding already, or is being dropped.
#[inline]
pub(crate) fn fenced<R>(host: u32, boot: u32, act: impl FnOnce(&mut Kernel) -> R) -> io::Result<R> {
    if let Some(result) = kernel::with(|kernel| kernel.is_boot(host, boot).then(|| act(kernel))) {
        return Ok(result);
    }
    if std::thread::panicking() || DROPPING.get() {
        return Err(io::Error::other("this boot of the host is over"));
    }
    resume_unwind(Box::new(HostDied))
}

/// Lets only a living boot pass, as [`fenced`] does.
///
/// # Errors
/// As there.
pub(crate) fn fence(host: u32, boot: u32) -> io::Result<()> {
    fenced(host, boot, |_| ())
}

impl Kernel {
    pub(crate) fn fail_livelock(&mut self, host: u32) {
        let host = self.name_of(host).to_string();
        self.fail(WorldError::Livelock { host, at: Duration::from_nanos(self.now) });
    }

    pub(crate) fn fail_foreign_thread(&mut self, host: u32, how: &str) {
        let (host, at) = (self.name_of(host).to_string(), Duration::from_nanos(self.now));
        self.fail(WorldError::ForeignThread { host, how: how.to_owned(), at });
    }

    /// Lets the bent clocks and randomness of this thread answer as this host's.
    pub(crate) fn face_host(&self, host: u32) {
        let wall = match self.machines.get(host as usize) {
            Some(machine) => machine.wall_clock.shows(self.epoch, self.now),
            None => self.epoch + self.now,
        };
        entropy::set_clocks(self.now, wall);
        entropy::set_host(host);
    }
}
