//! The judge: a witness that feeds custody and all invariants, knows when no debt is open, and sums up.
mod clients;
mod findings;
mod highlights;
#[cfg(test)]
mod tests;

pub use clients::{ClientFinding, Move};
pub use findings::Findings;
pub use highlights::{Highlight, Kind};

use crate::history::{Entry, Event, MessageId, Roster, Witness};
use crate::invariant::{ALL, Panel, Rules};
use clients::Clients;
use highlights::Highlights;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
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
    highlights: Highlights,
    entries: u64,
    settling: bool,
    first_is_enough: bool,
    over: bool,
    /// Waits for the run to be over.
    waker: Option<Waker>,
}

impl Judge {
    /// Makes a judge of all invariants that looks at a run to its end.
    pub fn new(roster: Arc<Roster>, rules: &Rules) -> Self {
        Self {
            clients: Clients::new(&roster),
            highlights: Highlights::new(&roster),
            panel: Panel::new(roster, ALL, rules),
            entries: 0,
            settling: false,
            first_is_enough: false,
            over: false,
            waker: None,
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
    /// Whether the run may end: it is settled, or violated and the first violation is enough.
    pub fn is_over(&self) -> bool {
        self.over
    }
    /// Waits until the run may end.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.over {
            return Poll::Ready(());
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
    /// When a bound could run out if nothing happens until then: the time for the next [`Judge::tick`].
    pub fn next_deadline(&self) -> Option<Duration> {
        self.panel.next_deadline()
    }
    /// Judges the bounds that have run out by now. Entries do so as well: it is needed only in silence.
    pub fn tick(&mut self, now: Duration) {
        self.panel.tick(now);
        self.look_whether_over();
    }
    /// Judges what is left, and sums up.
    pub fn finish(&mut self, now: Duration) -> Findings {
        let complete = !(self.first_is_enough && self.panel.is_violated());
        let invariants = self.panel.finish(now, complete);
        let (highlights, more_highlights) = self.highlights.clone().into_parts();
        Findings {
            at: now,
            complete,
            settled: self.is_settled(),
            entries: self.entries,
            invariants,
            messages: self.panel.custody().counts(),
            latency: self.panel.custody().latency(),
            clients: self.clients.findings(),
            highlights,
            more_highlights,
        }
    }

    fn look_whether_over(&mut self) {
        let enough = self.first_is_enough && self.panel.is_violated();
        if !self.over && (enough || self.is_settled()) {
            self.over = true;
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }
}

impl Witness for Judge {
    fn see(&mut self, entry: &Entry) {
        self.entries += 1;
        self.panel.see(entry);
        self.clients.see(entry, self.panel.directory());
        self.highlights.see(entry, self.panel.directory());
        self.settling |= matches!(entry.event, Event::Settling);
        self.look_whether_over();
    }
}
