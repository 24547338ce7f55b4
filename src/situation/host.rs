//! One host at a moment.
use super::{Condition, Inbox, Outbox, Shelf};
use crate::history::{DestinationId, Name, OperationId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One host, as its own events and the world's tell it.
#[derive(Clone, Debug)]
pub struct HostState {
    /// Its name.
    pub name: Name,
    /// Whether it runs, and what troubles it.
    pub condition: Condition,
    /// Sessions of its clients, by client and number.
    pub sessions: BTreeMap<(Name, u64), Session>,
    /// Whom its clients try to connect to, since when.
    pub connecting: BTreeMap<Name, (Name, Duration)>,
    /// Sessions that it serves, by client and number, with their beginnings.
    pub serves: BTreeMap<(Name, u64), Duration>,
    /// Where each of its clients was told that it belongs.
    pub assigned: BTreeMap<Name, Name>,
    /// Where each of its clients works.
    pub works_at: BTreeMap<Name, Name>,
    /// As a provisioning service: where it sent each client.
    pub allocated: BTreeMap<Name, Name>,
    /// As a provisioning service: the services that it sees down.
    pub sees_down: BTreeSet<Name>,
    /// As a service: who is the active one of a destination.
    pub active: BTreeMap<DestinationId, Name>,
    /// As a producer.
    pub outbox: Outbox,
    /// As a service.
    pub shelf: Shelf,
    /// As a receiver.
    pub inbox: Inbox,
    /// Operators' requests that it has in hand.
    pub errands: BTreeMap<OperationId, Errand>,
    /// Reports of its clients' properties that were not confirmed: the number, by client.
    pub unreported: BTreeMap<Name, u64>,
}

/// A session from its client's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// With whom.
    pub service: Name,
    /// Since when.
    pub since: Duration,
}

/// What a host has to do for an operator's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// The operator waits for the answer.
    Asked,
    /// A service keeps a command for its device.
    Queued,
    /// It was sent to the device, which has not acknowledged it.
    Dispatched,
    /// The device's application has not finished handling it.
    Delivered,
    /// Handled, and not acknowledged.
    Handled,
}

impl HostState {
    pub(super) fn new(name: Name) -> Self {
        Self {
            name,
            condition: Condition::new(),
            sessions: BTreeMap::new(),
            connecting: BTreeMap::new(),
            serves: BTreeMap::new(),
            assigned: BTreeMap::new(),
            works_at: BTreeMap::new(),
            allocated: BTreeMap::new(),
            sees_down: BTreeSet::new(),
            active: BTreeMap::new(),
            outbox: Outbox::default(),
            shelf: Shelf::default(),
            inbox: Inbox::default(),
            errands: BTreeMap::new(),
            unreported: BTreeMap::new(),
        }
    }

    /// Its boot has ended: what it had in memory is gone. What is on its disk, and what it decided there, stays.
    pub(super) fn boot_over(&mut self) {
        self.sessions.clear();
        self.connecting.clear();
        self.serves.clear();
        self.works_at.clear();
        self.sees_down.clear();
        self.active.clear();
        self.outbox.boot_over();
        self.inbox = Inbox::default();
        self.unreported.clear();
        self.errands.retain(|_, errand| matches!(errand, Errand::Queued | Errand::Dispatched));
    }

    /// Whether it has nothing in hand that somebody waits for.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.shelf.is_empty() && self.inbox.is_empty() && self.errands.is_empty()
    }
}
