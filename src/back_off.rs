//! How long a client waits before it tries again.
use lizard_sim::Dice;
use rand::RngExt as _;
use std::collections::VecDeque;
use std::time::Duration;

/// Exponential back-off with full jitter: each wait is drawn between nothing and a step that doubles up to a limit, so
/// that a thousand clients which lost the same service do not come back as one
/// (Amazon builders' library, "Timeouts, retries, and backoff with jitter").
#[derive(Debug)]
pub struct BackOff {
    first: Duration,
    most: Duration,
    step: Duration,
    dice: Dice,
}

impl BackOff {
    /// Begins at the first step. `dice`: a stream of its own.
    pub fn new((first, most): (Duration, Duration), dice: Dice) -> Self {
        Self { first, most, step: first.min(most), dice }
    }

    /// Draws the next wait.
    pub fn next_wait(&mut self) -> Duration {
        let nanos = u64::try_from(self.step.as_nanos()).unwrap_or(u64::MAX);
        self.step = self.step.saturating_mul(2).min(self.most);
        Duration::from_nanos(self.dice.random_range(0..=nanos))
    }

    /// Begins again at the first step, after a success.
    pub fn reset(&mut self) {
        self.step = self.first.min(self.most);
    }
}

/// At most so many connects within this time, whatever the back-off draws and however often a session that was just
/// won is lost again: two clients of one device once made 134 connects in two seconds (azure-iot-sdk-c, issue 2287).
const MOST_CONNECTS: usize = 8;
const WITHIN: Duration = Duration::from_secs(10);

/// Keeps a client from connecting too often.
#[derive(Debug, Default)]
pub struct Pace {
    connects: VecDeque<Duration>,
}

impl Pace {
    /// Says when the next connect may be made.
    pub fn next_at(&self, now: Duration) -> Duration {
        match self.connects.front() {
            Some(oldest) if self.connects.len() == MOST_CONNECTS => now.max(*oldest + WITHIN),
            _ => now,
        }
    }

    /// Counts a connect.
    pub fn connected(&mut self, now: Duration) {
        if self.connects.len() == MOST_CONNECTS {
            self.connects.pop_front();
        }
        self.connects.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn back_off(seed: u64) -> BackOff {
        BackOff::new((SECOND, 30 * SECOND), lizard_sim::dice(seed, "back-off"))
    }

    #[test]
    fn a_wait_is_never_longer_than_its_step_and_steps_double_up_to_the_limit() {
        for seed in 0..200 {
            let mut back_off = back_off(seed);
            for step in [1, 2, 4, 8, 16, 30, 30, 30] {
                assert!(back_off.next_wait() <= step * SECOND);
            }
        }
    }

    #[test]
    fn waits_fill_their_whole_step() {
        let waits: Vec<_> = (0..200).map(|seed| back_off(seed).next_wait()).collect();
        assert!(waits.iter().any(|wait| *wait < SECOND / 10));
        assert!(waits.iter().any(|wait| *wait > SECOND * 9 / 10));
    }

    #[test]
    fn success_begins_it_anew() {
        let mut back_off = back_off(1);
        for _ in 0..10 {
            back_off.next_wait();
        }
        back_off.reset();
        assert!(back_off.next_wait() <= SECOND);
    }

    #[test]
    fn nine_connects_within_ten_seconds_are_one_too_many() {
        let mut pace = Pace::default();
        for n in 0..8 {
            assert_eq!(pace.next_at(n * SECOND), n * SECOND);
            pace.connected(n * SECOND);
        }
        assert_eq!(pace.next_at(8 * SECOND), 10 * SECOND);
        pace.connected(10 * SECOND);
        assert_eq!(pace.next_at(10 * SECOND), 11 * SECOND);
        assert_eq!(pace.next_at(40 * SECOND), 40 * SECOND);
    }
}
