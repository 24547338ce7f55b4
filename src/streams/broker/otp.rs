//! One-time passwords: each opens one socket, soon (Macrometa docs, JavaScript SDK: they expire after 10 s).
use lizard_sim::Dice;
use rand::Rng as _;
use std::collections::VecDeque;
use std::time::Duration;

/// How long one may be used.
pub(super) const LIFE: Duration = Duration::from_secs(10);

/// Most that are out at a time; beyond, the oldest no longer opens anything.
const MOST: usize = 10_000;

/// Those that are out, in the order of their issue.
#[derive(Debug, Default)]
pub(super) struct OneTimePasswords(VecDeque<(Duration, String)>);

impl OneTimePasswords {
    /// Issues one.
    pub(super) fn issue(&mut self, now: Duration, dice: &mut Dice) -> String {
        self.forget(now);
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        let password = format!("{:016x}{:016x}", dice.next_u64(), dice.next_u64());
        self.0.push_back((now + LIFE, password.clone()));
        password
    }

    /// Takes one in: it is of no more use. Says whether it was any.
    pub(super) fn redeem(&mut self, now: Duration, password: &str) -> bool {
        self.forget(now);
        let known = self.0.iter().position(|(_, issued)| issued == password);
        known.is_some_and(|at| self.0.remove(at).is_some())
    }

    fn forget(&mut self, now: Duration) {
        while self.0.front().is_some_and(|(expires, _)| *expires <= now) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_password_opens_once_and_for_ten_seconds() {
        let (mut passwords, mut dice) = (OneTimePasswords::default(), Dice::seed_from_u64(7));
        let [first, second, third] = [0, 0, 1].map(|millis| passwords.issue(at(millis), &mut dice));
        assert!(first != second && second != third);
        assert!(passwords.redeem(at(5000), &second));
        assert!(!passwords.redeem(at(5000), &second), "used");
        assert!(!passwords.redeem(at(5000), ""));
        assert!(!passwords.redeem(at(10_000), &first), "too late");
        assert!(passwords.redeem(at(10_000), &third));
    }

    #[test]
    fn only_so_many_are_out() {
        let (mut passwords, mut dice) = (OneTimePasswords::default(), Dice::seed_from_u64(7));
        let first = passwords.issue(at(0), &mut dice);
        let second = passwords.issue(at(0), &mut dice);
        for _ in 0..MOST - 1 {
            passwords.issue(at(0), &mut dice);
        }
        assert!(!passwords.redeem(at(1), &first));
        assert!(passwords.redeem(at(1), &second));
    }
}
