//! The history: what every system says happened, in one vocabulary.
mod about;
mod directory;
mod event;
mod kind;
mod outages;
mod roster;
#[cfg(test)]
pub(crate) mod samples;

pub use directory::{Directory, Place};
pub use event::{Cause, Entry, Event, MessageId, Name, Power, Reason};
pub use kind::{Kind, Kinds};
pub use outages::{Disturbance, Outages};
pub use roster::{
    Client, ClientId, Delivery, Destination, DestinationId, HostId, Machine, Operation, OperationId, Owes, Producer,
    ProducerId, Roster, Route, SiteId, SubscriptionMode,
};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Takes each entry as it happens: a judge, a recorder, or both.
pub trait Witness: Send {
    /// Takes one entry.
    fn see(&mut self, entry: &Entry);
}

/// Where events are written. Cheap to clone; every host of a world holds the same one.
#[derive(Clone)]
pub struct History {
    roster: Arc<Roster>,
    witness: Arc<Mutex<dyn Witness>>,
    /// The next serial number of each host that counts what it records.
    serials: Arc<Mutex<BTreeMap<Name, u64>>>,
}

impl History {
    /// Begins a history that this witness sees.
    pub fn new(roster: Arc<Roster>, witness: Arc<Mutex<dyn Witness>>) -> Self {
        Self { roster, witness, serials: Arc::default() }
    }
    /// Who takes part: names to ids, routes, clients.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }
    /// Records that something happened at a host.
    pub fn record(&self, at: Duration, host: &Name, event: Event) {
        let entry = Entry { at, host: host.clone(), event };
        self.witness.lock().unwrap_or_else(PoisonError::into_inner).see(&entry);
    }
    /// Records what a host's disk says has happened, once, however often the host says so.
    ///
    /// For effects that count from the moment when they are durable. No software can tell, after it died at
    /// about that moment, whether it had time to say so; it says so again, under the same serial number.
    /// A host counts its serial numbers up, and keeps them on its disk.
    pub fn record_once(&self, at: Duration, host: &Name, serial: u64, event: Event) {
        let mut serials = self.serials.lock().unwrap_or_else(PoisonError::into_inner);
        let next = serials.entry(host.clone()).or_default();
        if serial >= *next {
            *next = serial + 1;
            self.record(at, host, event);
        }
    }
}
