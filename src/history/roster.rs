//! Who takes part in a run, known before it begins: machines, producers, destinations, routes, clients.
use super::Name;
use serde::Serialize;
use std::time::Duration;

/// Index into [`Roster::producers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ProducerId(pub u32);

/// Index into [`Roster::destinations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct DestinationId(pub u32);

#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub name: Name,
    pub site: Name,
}

/// A source of messages, such as `xyz/telemetry`.
#[derive(Clone, Debug, Serialize)]
pub struct Producer {
    pub name: Name,
    /// The host whose software offers them.
    pub host: Name,
}

/// What receives messages as one: a subscription in a region, a queue, central.
#[derive(Clone, Debug, Serialize)]
pub struct Destination {
    pub name: Name,
    /// The hosts whose software receives for it.
    pub hosts: Vec<Name>,
    /// The service hosts on whose disks and links a message's path to it runs.
    pub via: Vec<Name>,
    /// Entitled from the beginning, without a `Subscribed` event.
    pub standing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Delivery {
    AtLeastOnce,
    ExactlyOnce,
}

/// From a producer to a destination.
#[derive(Clone, Debug, Serialize)]
pub struct Route {
    pub producer: ProducerId,
    pub destination: DestinationId,
    pub ordered: bool,
    pub delivery: Delivery,
}

/// A client that keeps sessions with services and must recover.
#[derive(Clone, Debug, Serialize)]
pub struct Client {
    pub name: Name,
    pub host: Name,
    pub keep_alive: Duration,
    /// It can make progress when, of each group, at least one host is up and reachable both ways.
    pub needs: Vec<Vec<Name>>,
    /// The producers whose confirmations count as its progress; empty: being connected is progress.
    pub producers: Vec<ProducerId>,
    /// It is placed by a provisioning service (`Allocated`), so it has an assigned service.
    pub placed: bool,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Roster {
    pub machines: Vec<Machine>,
    pub producers: Vec<Producer>,
    pub destinations: Vec<Destination>,
    pub routes: Vec<Route>,
    pub clients: Vec<Client>,
}

impl Roster {
    pub fn producer(&self, name: &str) -> Option<ProducerId> {
        self.producers.iter().position(|p| &*p.name == name).map(|i| ProducerId(i as u32))
    }
    pub fn destination(&self, name: &str) -> Option<DestinationId> {
        self.destinations.iter().position(|d| &*d.name == name).map(|i| DestinationId(i as u32))
    }
}
