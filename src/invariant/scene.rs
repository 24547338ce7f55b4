//! What an invariant is, and what it may look at.
use super::Tally;
use crate::custody::{Custody, Turn};
use crate::history::{Directory, Disturbance, Entry, Kinds, Outages, Roster};
use std::time::Duration;

/// What is known when an entry is judged: everything has folded it already.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Who takes part.
    pub roster: &'a Roster,
    /// Their names, indexed.
    pub directory: &'a Directory,
    /// Where each open message is.
    pub custody: &'a Custody,
    /// What is down or cut.
    pub outages: &'a Outages,
    /// What the entry meant for a message.
    pub turn: Turn,
    /// What the entry disturbed or mended.
    pub disturbance: Option<Disturbance>,
}

/// Something that must always hold.
pub trait Invariant: Send {
    /// The kinds of entry that it makes anything of, in this run: it is shown no others. One that looks at
    /// disturbances is to name [`Outages::KINDS`] among them.
    fn wants(&self) -> Kinds;
    /// Judges one entry.
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally);
    /// Judges the bounds that have run out before `now`.
    fn expire(&mut self, _now: Duration, _scene: &Scene<'_>, _tally: &mut Tally) {}
    /// The first moment at which a bound could have run out, if nothing happens until then.
    fn next_deadline(&self) -> Option<Duration> {
        None
    }
    /// Whether it has no open obligation that could still be met.
    fn is_settled(&self, _scene: &Scene<'_>) -> bool {
        true
    }
    /// Judges what is still owed when the run has come to its end.
    fn finish(&mut self, _now: Duration, _scene: &Scene<'_>, _tally: &mut Tally) {}
}
