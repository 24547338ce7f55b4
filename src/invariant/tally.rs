//! What an invariant found.
use crate::history::{Entry, MessageId};
use std::time::Duration;

/// Violations kept with their words; more are only counted.
const KEPT: usize = 20;

/// One broken obligation.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// When it was broken.
    pub at: Duration,
    /// The message it is about, if any.
    pub message: Option<MessageId>,
    /// One line for people.
    pub what: String,
    /// Where the message was, as far as it is known: all of it when the run followed that message.
    pub custody: Vec<Entry>,
}

/// An invariant's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was tried, and nothing broke it.
    Held,
    /// Broken at least once.
    Violated,
    /// Nothing broke it, but nothing tried it either.
    NotExercised,
}

impl Verdict {
    /// As reports spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Violated => "violated",
            Self::NotExercised => "not-exercised",
        }
    }
}

/// An invariant's whole result.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// As the registry calls it.
    pub name: &'static str,
    /// The answer.
    pub verdict: Verdict,
    /// Obligations that were closed, kept or broken.
    pub checked: u64,
    /// The first twenty.
    pub violations: Vec<Violation>,
    /// How many more there were.
    pub more_violations: u64,
    /// Why the scenario does not want it judged.
    pub waived: Option<String>,
}

/// Where an invariant writes what it finds.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    checked: u64,
    exercised: bool,
    violations: Vec<Violation>,
    more: u64,
}

impl Tally {
    /// Counts closed obligations.
    pub fn check(&mut self, obligations: u64) {
        self.checked += obligations;
    }
    /// Notes that the run has tried the invariant, if `tried`.
    pub fn exercise(&mut self, tried: bool) {
        self.exercised |= tried;
    }
    /// Writes down a broken obligation, which is a closed one too.
    pub fn violate(&mut self, violation: Violation) {
        self.checked += 1;
        if self.violations.len() < KEPT {
            self.violations.push(violation);
        } else {
            self.more += 1;
        }
    }
    /// Whether it has been broken.
    pub fn is_violated(&self) -> bool {
        !self.violations.is_empty()
    }
    /// Sums up.
    pub fn finding(&self, name: &'static str) -> Finding {
        let verdict = match (self.is_violated(), self.exercised) {
            (true, _) => Verdict::Violated,
            (false, true) => Verdict::Held,
            (false, false) => Verdict::NotExercised,
        };
        let violations = self.violations.clone();
        Finding { name, verdict, checked: self.checked, violations, more_violations: self.more, waived: None }
    }
}
