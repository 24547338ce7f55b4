//! What the provisioning service believes of one hub: up or down, and how far away.
use std::time::Duration;

/// This many missed checks in a row make a hub down.
const MISSES: u8 = 2;
/// This many answered checks in a row make a hub that was down up again.
const ANSWERS: u8 = 2;

/// How one health check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// The hub answered; from asking to the answer it took this long.
    Answered(Duration),
    /// It refused, answered an error, or did not answer in time.
    Missed,
}

/// One hub's health.
///
/// ```text
///                 answer
///   Unknown ------------------> Up <-----------+
///      |                        |              | two answers in a row
///      | two misses in a row    | two misses   |
///      +-----------------> Down <--------------+
/// ```
#[derive(Debug, Default)]
pub(super) struct Health {
    state: State,
    latency: Option<Duration>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Not known since this boot of the provisioning service: one answer is enough, since there is
    /// no failure to be over.
    Unknown {
        misses: u8,
    },
    Up {
        misses: u8,
    },
    Down {
        answers: u8,
    },
}

impl Default for State {
    fn default() -> Self {
        State::Unknown { misses: 0 }
    }
}

impl Health {
    /// Takes one check's outcome, and answers whether the hub is up if that changed.
    pub(super) fn see(&mut self, check: Check) -> Option<bool> {
        if let Check::Answered(took) = check {
            self.measure(took);
        }
        let (next, change) = match (&self.state, check) {
            (State::Unknown { .. }, Check::Answered(_)) => (State::Up { misses: 0 }, Some(true)),
            (State::Unknown { misses }, Check::Missed) if misses + 1 < MISSES => {
                (State::Unknown { misses: misses + 1 }, None)
            }
            (State::Unknown { .. }, Check::Missed) => (State::Down { answers: 0 }, Some(false)),
            (State::Up { .. }, Check::Answered(_)) => (State::Up { misses: 0 }, None),
            (State::Up { misses }, Check::Missed) if misses + 1 < MISSES => (State::Up { misses: misses + 1 }, None),
            (State::Up { .. }, Check::Missed) => (State::Down { answers: 0 }, Some(false)),
            (State::Down { answers }, Check::Answered(_)) if answers + 1 < ANSWERS => {
                (State::Down { answers: answers + 1 }, None)
            }
            (State::Down { .. }, Check::Answered(_)) => (State::Up { misses: 0 }, Some(true)),
            (State::Down { .. }, Check::Missed) => (State::Down { answers: 0 }, None),
        };
        self.state = next;
        change
    }

    /// The round trip of its checks, smoothed: an eighth of each new measure, as TCP does (RFC 6298),
    /// so that one retransmission does not make a near hub far. `None` before the first answer.
    pub(super) fn latency(&self) -> Option<Duration> {
        self.latency
    }

    fn measure(&mut self, took: Duration) {
        self.latency = Some(self.latency.map_or(took, |smooth| (smooth * 7 + took) / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Check = Check::Answered(Duration::from_millis(8));

    #[test]
    fn a_new_hub_is_up_at_its_first_answer_and_down_at_its_second_miss() {
        assert_eq!(Health::default().see(ANSWER), Some(true));
        let mut dead = Health::default();
        assert_eq!(dead.see(Check::Missed), None);
        assert_eq!(dead.see(Check::Missed), Some(false));
        let mut late = Health::default();
        late.see(Check::Missed);
        assert_eq!(late.see(ANSWER), Some(true));
    }

    #[test]
    fn two_misses_in_a_row_make_a_hub_down_and_an_answer_between_them_does_not() {
        let mut hub = Health::default();
        hub.see(ANSWER);
        assert_eq!(hub.see(Check::Missed), None);
        assert_eq!(hub.see(ANSWER), None);
        assert_eq!(hub.see(Check::Missed), None);
        assert_eq!(hub.see(Check::Missed), Some(false));
        assert_eq!(hub.see(Check::Missed), None);
    }

    #[test]
    fn two_answers_in_a_row_make_a_hub_up_again_and_a_miss_between_them_starts_over() {
        let mut hub = Health::default();
        hub.see(Check::Missed);
        hub.see(Check::Missed);
        assert_eq!(hub.see(ANSWER), None);
        assert_eq!(hub.see(Check::Missed), None);
        assert_eq!(hub.see(ANSWER), None);
        assert_eq!(hub.see(ANSWER), Some(true));
    }

    #[test]
    fn latency_follows_the_checks_slowly() {
        let mut hub = Health::default();
        assert_eq!(hub.latency(), None);
        hub.see(ANSWER);
        hub.see(Check::Answered(Duration::from_millis(16)));
        hub.see(Check::Missed);
        assert_eq!(hub.latency(), Some(Duration::from_millis(9)));
    }
}
