//! Whether the other end of a socket still lives.
use std::time::Duration;

/// ```text
///   quiet ──one period──> asked ──another one──> dead
///     ^                     │
///     └────── heard ────────┘
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat {
    period: Duration,
    heard: Duration,
    asked: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing before this time.
    Wait(Duration),
    /// Ping it, and look again at this time.
    Ask(Duration),
    /// Nothing was heard for two periods.
    Dead,
}

impl Heartbeat {
    /// Begins with a sign of life.
    pub(super) fn new(now: Duration, period: Duration) -> Self {
        Self { period, heard: now, asked: false }
    }

    /// Takes a sign of life.
    pub(super) fn heard(&mut self, now: Duration) {
        (self.heard, self.asked) = (now, false);
    }

    /// Looks at the time.
    pub(super) fn check(&mut self, now: Duration) -> Beat {
        let (first, second) = (self.heard + self.period, self.heard + self.period * 2);
        if now >= second {
            Beat::Dead
        } else if now < first {
            Beat::Wait(first)
        } else if self.asked {
            Beat::Wait(second)
        } else {
            self.asked = true;
            Beat::Ask(second)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_is_asked_about_after_a_period_and_is_death_after_two() {
        let mut heartbeat = Heartbeat::new(at(0), at(30));
        assert_eq!(heartbeat.check(at(0)), Beat::Wait(at(30)));
        assert_eq!(heartbeat.check(at(30)), Beat::Ask(at(60)));
        assert_eq!(heartbeat.check(at(31)), Beat::Wait(at(60)), "once");
        heartbeat.heard(at(59));
        assert_eq!(heartbeat.check(at(60)), Beat::Wait(at(89)));
        assert_eq!(heartbeat.check(at(90)), Beat::Ask(at(119)));
        assert_eq!(heartbeat.check(at(119)), Beat::Dead);
    }
}
