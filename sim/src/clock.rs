//! Virtual time for software: timers on the world's agenda, and wall clocks that skew.

use crate::agenda::{Due, NEVER};
use crate::kernel::{self, Kernel, NOBODY};
use crate::tasks::fenced;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// One machine's wall clock: how far it is from the true time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WallClock {
    offset_ns: i64,
    drift_ppm: i32,
    drifts_since: u64,
}

impl WallClock {
    /// What it shows, ns since the Unix epoch, when the true time is `epoch + now`.
    pub(crate) fn shows(&self, epoch: u64, now: u64) -> u64 {
        let off = match self.drift_ppm {
            // Nearly always, and a division of 128 bits is slow.
            0 => self.offset_ns,
            ppm => {
                let drift = i128::from(now - self.drifts_since) * i128::from(ppm) / 1_000_000;
                self.offset_ns.saturating_add(drift as i64)
            }
        };
        epoch.saturating_add(now).saturating_add_signed(off)
    }

    /// Moves it by `by_ns` and lets it drift from now on. Zero and zero: it agrees with the true time again.
    pub(crate) fn skew(&mut self, now: u64, by_ns: i64, drift_ppm: i32) {
        *self = if by_ns == 0 && drift_ppm == 0 {
            Self::default()
        } else {
            let drifted = i128::from(now - self.drifts_since) * i128::from(self.drift_ppm) / 1_000_000;
            let offset = self.offset_ns.saturating_add(drifted as i64).saturating_add(by_ns);
            Self { offset_ns: offset, drift_ppm, drifts_since: now }
        };
    }
}

/// The timers that software waits for.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    waker: Option<Waker>,
}

impl Kernel {
    /// Whether somebody still waits for a timer.
    pub(crate) fn is_awaited(&self, slot: u32, generation: u32) -> bool {
        self.timers.slots[slot as usize].generation == generation
    }

    pub(crate) fn timer_due(&mut self, slot: u32, generation: u32) {
        if self.is_awaited(slot, generation) {
            self.errands.wake(self.timers.slots[slot as usize].waker.take());
        }
    }

    fn start_timer(&mut self, at: u64, waker: &Waker) -> (u32, u32) {
        let slot = self.timers.free.pop().unwrap_or_else(|| {
            self.timers.slots.push(Slot::default());
            (self.timers.slots.len() - 1) as u32
        });
        let entry = &mut self.timers.slots[slot as usize];
        entry.waker = Some(waker.clone());
        let generation = entry.generation;
        if at != NEVER {
            self.at(at, Due::Timer { slot, generation });
        }
        (slot, generation)
    }

    fn end_timer(&mut self, slot: u32) {
        let entry = &mut self.timers.slots[slot as usize];
        entry.generation = entry.generation.wrapping_add(1);
        self.errands.spend(entry.waker.take());
        self.timers.free.push(slot);
    }
}

/// Waits until a moment of virtual time. Exact to the nanosecond; on a frozen host it resolves late.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Sleep {
    host: u32,
    boot: u32,
    at: u64,
    slot: Option<(u32, u32)>,
}

impl Sleep {
    pub(crate) fn until(host: u32, boot: u32, at: u64) -> Self {
        Self { host, boot, at, slot: None }
    }

    /// For the world's own tasks.
    pub(crate) fn of_the_world(at: u64) -> Self {
        Self::until(NOBODY, 0, at)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { host, boot, at, slot } = *self;
        let polled = fenced(host, boot, |kernel| {
            if kernel.now >= at {
                return Poll::Ready(());
            }
            match slot {
                Some((slot, _)) => {
                    kernel.errands.park(&mut kernel.timers.slots[slot as usize].waker, cx.waker());
                }
                None => self.slot = Some(kernel.start_timer(at, cx.waker())),
            }
            Poll::Pending
        });
        // A dead boot waits for nothing.
        polled.unwrap_or(Poll::Ready(()))
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((slot, _)) = self.slot {
            kernel::try_with(|kernel| kernel.end_timer(slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000_000_000;

    #[test]
    fn a_wall_clock_shows_the_true_time_its_offset_and_what_it_drifted_and_never_a_time_before_the_epoch() {
        let mut clock = WallClock::default();
        assert_eq!(clock.shows(DAY, 5), DAY + 5);
        clock.skew(0, -1_000, 0);
        assert_eq!(clock.shows(DAY, 5), DAY - 995);
        assert_eq!(clock.shows(0, 5), 0);
        clock.skew(0, 0, -100);
        assert_eq!(clock.shows(DAY, 1_000_000), DAY + 1_000_000 - 1_000 - 100);
        clock.skew(2_000_000, 50, 1_000_000);
        assert_eq!(clock.shows(DAY, 2_000_010), DAY + 2_000_010 - 1_000 - 200 + 50 + 10);
        clock.skew(3_000_000, 0, 0);
        assert_eq!(clock.shows(DAY, 3_000_000), DAY + 3_000_000);
    }

    #[test]
    fn a_wall_clock_stands_still_where_no_number_is_left() {
        let mut clock = WallClock::default();
        clock.skew(0, i64::MAX, 0);
        assert_eq!(clock.shows(u64::MAX, 7), u64::MAX);
    }
}
