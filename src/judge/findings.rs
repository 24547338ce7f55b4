//! What a judge found: everything that reports need of a run.
use super::ClientFinding;
use crate::custody::{Counts, Operations, Percentiles};
use crate::invariant::{Finding, Verdict, Violation};
use std::time::Duration;

/// A run's results.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// When it was judged.
    pub at: Duration,
    /// Judged to the end: not stopped at the first violation, nor from outside.
    pub complete: bool,
    /// No debt was open when it ended.
    pub settled: bool,
    /// How many entries the history had.
    pub entries: u64,
    /// In the registry's order, waived ones included.
    pub invariants: Vec<Finding>,
    /// How many messages met which fate.
    pub messages: Counts,
    /// From offered to received; `None` when nothing was.
    pub latency: Option<Percentiles>,
    /// In the roster's order.
    pub clients: Vec<ClientFinding>,
    /// What became of the operators' requests.
    pub operations: Operations,
}

impl Findings {
    /// Whether every invariant held, or was not exercised.
    pub fn is_clean(&self) -> bool {
        self.invariants.iter().all(|finding| finding.verdict != Verdict::Violated)
    }
    /// Finds one invariant's result.
    pub fn finding(&self, name: &str) -> Option<&Finding> {
        self.invariants.iter().find(|finding| finding.name == name)
    }
    /// The violation that came first, and whose it is; of several at one time, the first in the registry's order.
    pub fn first_violation(&self) -> Option<(&'static str, &Violation)> {
        let all = self.invariants.iter().flat_map(|f| f.violations.iter().map(|violation| (f.name, violation)));
        all.min_by_key(|(_, violation)| violation.at)
    }
}
