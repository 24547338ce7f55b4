//! Messages that somebody has in hand.
use crate::history::{DestinationId, MessageId, Name};
use std::collections::{BTreeMap, BTreeSet};

/// What a producer's client accepted and nobody confirmed.
///
/// ```text
/// offered --Sent--> sent --Confirmed, GivenUp--> (gone)
///    '------------ its boot ends -----------> uncertain --Sent--> sent
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Not on the wire yet.
    pub queued: BTreeSet<MessageId>,
    /// Sent, and not confirmed.
    pub sent: BTreeSet<MessageId>,
    /// Open when a boot ended: kept on a disk, or gone.
    pub uncertain: BTreeSet<MessageId>,
}

impl Outbox {
    pub(super) fn offered(&mut self, message: MessageId) {
        self.queued.insert(message);
    }
    pub(super) fn sent(&mut self, message: MessageId) {
        self.queued.remove(&message);
        self.uncertain.remove(&message);
        self.sent.insert(message);
    }
    pub(super) fn closed(&mut self, message: MessageId) {
        for these in [&mut self.queued, &mut self.sent, &mut self.uncertain] {
            these.remove(&message);
        }
    }
    pub(super) fn boot_over(&mut self) {
        self.uncertain.append(&mut self.queued);
        self.uncertain.append(&mut self.sent);
    }
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.sent.is_empty() && self.uncertain.is_empty()
    }
}

/// What a service said it has on its disk, by the destination that is owed it and has not got it.
///
/// A destination that acknowledges has it when it has acknowledged; one that does not, when it has handled it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    stored: BTreeMap<DestinationId, BTreeMap<MessageId, Option<Name>>>,
}

impl Shelf {
    pub(super) fn stored(&mut self, message: MessageId, destination: DestinationId) {
        self.stored.entry(destination).or_default().entry(message).or_default();
    }
    /// It was sent to a host or client of that destination.
    pub(super) fn dispatched(&mut self, message: MessageId, destination: DestinationId, to: &Name) {
        if let Some(holder) = self.stored.get_mut(&destination).and_then(|these| these.get_mut(&message)) {
            *holder = Some(to.clone());
        }
    }
    pub(super) fn done(&mut self, message: MessageId, destination: DestinationId) {
        if let Some(these) = self.stored.get_mut(&destination) {
            these.remove(&message);
            if these.is_empty() {
                self.stored.remove(&destination);
            }
        }
    }
    pub(super) fn has(&self, message: MessageId, destination: DestinationId) -> bool {
        self.stored.get(&destination).is_some_and(|these| these.contains_key(&message))
    }
    /// Whether every destination has everything.
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }
    /// What is stored for each destination, each message with whom it was last sent to.
    pub fn by_destination(&self) -> impl Iterator<Item = (DestinationId, &BTreeMap<MessageId, Option<Name>>)> {
        self.stored.iter().map(|(destination, these)| (*destination, these))
    }
}

/// What reached a receiver and is not done with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    /// Its application has not finished handling it.
    pub unhandled: BTreeSet<(DestinationId, MessageId)>,
    /// Handled, and not acknowledged; of destinations that acknowledge.
    pub unacked: BTreeSet<(DestinationId, MessageId)>,
}

impl Inbox {
    /// Whether nothing is in hand.
    pub fn is_empty(&self) -> bool {
        self.unhandled.is_empty() && self.unacked.is_empty()
    }
}
