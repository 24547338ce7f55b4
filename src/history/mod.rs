//! The history: what every system says happened, in one vocabulary.
mod directory;
mod event;
mod outages;
mod roster;

pub use directory::{Directory, Place};
pub use event::{Cause, Entry, Event, MessageId, Name, Power, Reason};
pub use outages::{Disturbance, Outages};
pub use roster::{
    Client, ClientId, Delivery, Destination, DestinationId, HostId, Machine, Producer, ProducerId, Roster, Route,
    SiteId,
};

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Takes each entry as it happens: a judge, a recorder, or both.
pub trait Witness: Send {
    fn see(&mut self, entry: &Entry);
}

/// Where events are written. Cheap to clone; every host of a world holds the same one.
#[derive(Clone)]
pub struct History {
    roster: Arc<Roster>,
    witness: Arc<Mutex<dyn Witness>>,
}

impl History {
    pub fn new(roster: Arc<Roster>, witness: Arc<Mutex<dyn Witness>>) -> Self {
        Self { roster, witness }
    }
    /// Who takes part: names to ids, routes, clients.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }
    pub fn record(&self, at: Duration, host: &Name, event: Event) {
        let entry = Entry { at, host: host.clone(), event };
        self.witness.lock().unwrap_or_else(PoisonError::into_inner).see(&entry);
    }
}
