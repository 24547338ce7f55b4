//! The judge: a witness that feeds custody and all invariants, knows when no debt is open,
//! and sums up.
mod clients;
mod findings;
#[cfg(test)]
mod tests;

pub use clients::{ClientFinding, Move};
pub use findings::Findings;

use crate::custody::Counts;
use crate::engines;
use crate::history::{Entry, Event, MessageId, Roster, Witness};
use crate::invariant::{ALL, Panel, Rules};
use clients::Clients;
use std::sync::Arc;
use std::time::Duration;

/// Judges one run.
///
/// ```text
///   traffic --Settling--> settling --no debt open--> over
///      |                     |
///      '----- violated, and the first one is enough ----> over
/// ```
pub struct Judge {
    panel: Panel,
    clients: Clients,
    entries: u64,
    settling: bool,
    first_is_enough: bool,
    interrupted: bool,
}

impl Judge {
    /// Makes a judge of all invariants that looks at a run to its end.
    pub fn new(roster: Arc<Roster>, rules: &Rules) -> Self {
        Self {
            clients: Clients::new(&roster),
            panel: Panel::new(roster, ALL, rules),
            entries: 0,
            settling: false,
            first_is_enough: false,
            interrupted: false,
        }
    }
    /// Ends the run at the first violation. What is still owed then is not judged: it might have come.
    pub fn stopping_at_the_first_violation(mut self) -> Self {
        self.first_is_enough = true;
        self
    }
    /// Records the full custody of one message, for a second run with the same seed.
    pub fn following(mut self, message: MessageId) -> Self {
        self.panel.follow(message);
        self
    }

    /// Whether the settling time has begun and no debt is open: every message owed is received, what was offered
    /// is confirmed or given up, and no bound is running.
    pub fn is_settled(&self) -> bool {
        self.settling && self.panel.is_settled()
    }
    /// Whether there is no need to go on: the first violation is enough, and there is one.
    pub fn has_seen_enough(&self) -> bool {
        self.first_is_enough && self.panel.is_violated()
    }
    /// When a bound could run out if nothing happens until then: the time for the next [`Judge::tick`].
    pub fn next_deadline(&self) -> Option<Duration> {
        self.panel.next_deadline()
    }
    /// Judges the bounds that have run out by now. Entries do so as well: it is needed only in silence.
    pub fn tick(&mut self, now: Duration) {
        self.panel.tick(now);
    }
    /// Takes note that the run is ended from outside before its time: what is still open might have come.
    pub fn interrupt(&mut self) {
        self.interrupted = true;
    }
    /// Judges what is left, and sums up.
    pub fn finish(&mut self, now: Duration) -> Findings {
        let complete = !self.has_seen_enough() && !self.interrupted;
        let invariants = self.panel.finish(now, complete);
        let counts = self.panel.custody().counts();
        Findings {
            at: now,
            complete,
            settled: self.is_settled(),
            entries: self.entries,
            invariants,
            // What is on its way in a run that did not come to its end is not lost.
            messages: if complete { counts } else { Counts { lost: 0, open: counts.lost, ..counts } },
            latency: self.panel.custody().latency(),
            clients: self.clients.findings(),
            operations: self.panel.custody().operations().clone(),
        }
    }
}

impl Witness for Judge {
    fn see(&mut self, entry: &Entry) {
        self.entries += 1;
        self.panel.see(entry);
        // Nine entries of ten are about messages, which mean nothing to these.
        if entry.event.message().is_none() {
            self.clients.see(entry, self.panel.directory());
            self.settling |= matches!(entry.event, Event::Settling);
        }
    }
}

impl engines::Judge for Judge {
    fn tick(&mut self, now: Duration) {
        Judge::tick(self, now);
    }
    fn next_deadline(&self) -> Option<Duration> {
        Judge::next_deadline(self)
    }
    fn is_settled(&self) -> bool {
        Judge::is_settled(self)
    }
    fn has_seen_enough(&self) -> bool {
        Judge::has_seen_enough(self)
    }
}
