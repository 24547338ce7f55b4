//! The run loop: what is ready runs to rest, then time moves to what is due next.
//!
//! [`RunLoop`] shares time with tokio, whose timers and tasks software may use; [`run_alone`] does without tokio.

use crate::entropy;
use crate::host::nanos;
use crate::join::JoinHandle;
use crate::kernel::{self, Kernel, NOBODY};
use crate::machine;
use crate::tasks;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// tokio's timers have this grain, ns.
const TICK: u64 = 1_000_000;
/// How far ahead tokio's clock is set when nothing is due: 10 years.
const IDLE: Duration = Duration::from_secs(315_360_000);

/// Runs a world without tokio until the script has ended; `None` when the world can never go on, or has failed before.
pub(crate) fn run_alone<T>(ending: JoinHandle<T>) -> Option<T> {
    loop {
        run_to_rest();
        let outcome = ending.outcome();
        let goes_on = kernel::with(|kernel| !kernel.has_failed() && outcome.is_pending() && kernel.proceed());
        match outcome {
            Poll::Ready(value) => return value,
            Poll::Pending if !goes_on => return None,
            Poll::Pending => {}
        }
    }
}

/// Runs what is ready, and closes down what has ended, until there is neither. Tells whether there was anything.
fn run_to_rest() -> bool {
    let mut any = tasks::run_ready();
    while machine::close_down() {
        tasks::run_ready();
        any = true;
    }
    any
}

/// Moves time from event to event, together with tokio.
///
/// The world's agenda is exact to the nanosecond; tokio's timers, which software may use too, have a grain of
/// 1 ms. Inside a millisecond no tokio timer can be due, so tokio's clock is moved along with the agenda. At its
/// end the loop sleeps in tokio, which fires its own timers and moves the clock to whatever is due first.
pub(crate) struct RunLoop {
    began: Instant,
    alarm: Pin<Box<Sleep>>,
    /// Whether the alarm is set for when nothing is due.
    idle: bool,
    /// Whether tokio's own tasks have run to rest since ours last did anything.
    strays_rested: bool,
    tokio: tokio::runtime::Handle,
}

impl RunLoop {
    pub(crate) fn new() -> Self {
        let began = Instant::now();
        let alarm = Box::pin(tokio::time::sleep_until(began));
        Self { began, alarm, idle: false, strays_rested: false, tokio: tokio::runtime::Handle::current() }
    }

    /// Runs until the script has ended; `None` when the world failed or can never go on.
    pub(crate) async fn until<T>(mut self, ending: JoinHandle<T>) -> Option<T> {
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
            self.strays_rested &= !run_to_rest();
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
        self.strays_rested &= !moved;
    }

    /// Moves both clocks to a moment inside the current millisecond.
    fn move_to(&mut self, moment: u64) {
        self.advance_tokio(moment);
        kernel::with(|kernel| kernel.now = moment);
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
