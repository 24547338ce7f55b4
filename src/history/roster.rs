//! Who takes part in a run, known before it begins: machines, producers, destinations, routes, clients.
use super::{MessageId, Name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Index into [`Roster::producers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ProducerId(pub u32);

/// Index into [`Roster::destinations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct DestinationId(pub u32);

/// Index into [`Roster::machines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

/// A site, numbered in the order in which the machines name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub u32);

/// Index into [`Roster::clients`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u32);

/// Index into [`Roster::operations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct OperationId(pub u32);

macro_rules! indices {
    ($($id:ty),*) => { $(impl $id {
        /// The place in its list.
        pub fn index(self) -> usize {
            self.0 as usize
        }
    })* };
}
indices!(ProducerId, DestinationId, HostId, ClientId, OperationId);

/// A machine of the world and the data centre it stands in.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// By which others connect to it.
    pub name: Name,
    /// Where it stands.
    pub site: Name,
}

/// A source of messages, such as `xyz/telemetry`.
#[derive(Clone, Debug, Serialize)]
pub struct Producer {
    /// As reports call it.
    pub name: Name,
    /// The host whose software offers them.
    pub host: Name,
}

/// What receives messages as one: a subscription in a region, a queue, central.
#[derive(Clone, Debug, Serialize)]
pub struct Destination {
    /// As reports call it.
    pub name: Name,
    /// The hosts whose software receives for it.
    pub hosts: Vec<Name>,
    /// The service hosts on whose disks and links a message's path to it runs.
    pub via: Vec<Name>,
    /// Entitled from the beginning, without a `Subscribed` event.
    pub standing: bool,
    /// How its receivers share what comes; `None`: nothing is promised about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<SubscriptionMode>,
}

/// How the receivers of one subscription share its messages (Apache Pulsar docs, concepts-messaging: subscription types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SubscriptionMode {
    /// One receiver may attach; a second one is refused.
    Exclusive,
    /// Many may attach; one gets everything, and when it goes, another does.
    Failover,
    /// Many may attach and take turns; no order is promised.
    Shared,
    /// Many may attach; all messages of one key go to one of them.
    KeyShared,
}

impl SubscriptionMode {
    /// Says whether at most one receiver at a time gets messages.
    pub fn has_one_active(self) -> bool {
        matches!(self, Self::Exclusive | Self::Failover)
    }
}

/// What a route promises about repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Delivery {
    /// Again, when there is a cause.
    AtLeastOnce,
    /// The destination de-duplicates.
    ExactlyOnce,
}

/// From a producer to a destination.
#[derive(Clone, Debug, Serialize)]
pub struct Route {
    /// Where it begins.
    pub producer: ProducerId,
    /// Where it ends.
    pub destination: DestinationId,
    /// First receipts come in the producer's order.
    pub ordered: bool,
    /// May a message come again?
    pub delivery: Delivery,
}

/// A client that keeps sessions with services and must recover.
#[derive(Clone, Debug, Serialize)]
pub struct Client {
    /// By which services know it.
    pub name: Name,
    /// The machine that it is on.
    pub host: Name,
    /// Longer silence ends its session.
    pub keep_alive: Duration,
    /// It can make progress when, of each group, at least one host is up and reachable both ways.
    pub needs: Vec<Vec<Name>>,
    /// The producers whose confirmations count as its progress; empty: being connected is progress.
    pub producers: Vec<ProducerId>,
    /// It is placed by a provisioning service (`Allocated`), so it has an assigned service.
    pub placed: bool,
    /// The destination for which it receives, beside others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receives: Option<DestinationId>,
    /// Most messages it takes without having acknowledged them; `None`: it sets no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<u32>,
    /// Its rank among those that receive beside it: the least number comes first. Default 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub rank: u32,
}

fn is_zero(rank: &u32) -> bool {
    *rank == 0
}

/// Something that an operator asks for during the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// As reports call it: `command blink`.
    pub name: Name,
    /// The verb of the timeline.
    pub verb: &'static str,
    /// The client it is about.
    pub client: Name,
    /// Who asks.
    pub host: Name,
    /// Who is asked, and has to reach the client.
    pub service: Name,
    /// What is owed once it is accepted.
    pub owes: Owes,
}

/// What an operation owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owes {
    /// Once accepted, to be handled by the client within this time.
    Handling {
        /// Then it expires.
        ttl: Duration,
    },
    /// To be answered within this time, having run at most once.
    Answer {
        /// Then the answer is that there was none.
        time_out: Duration,
    },
    /// Once accepted, to become the client's desired properties.
    Desired,
    /// Nothing that can be told from one client alone.
    Nothing,
}

/// Everybody who takes part, and who is owed what.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Roster {
    /// Every machine.
    pub machines: Vec<Machine>,
    /// Every source of messages.
    pub producers: Vec<Producer>,
    /// Everything that receives.
    pub destinations: Vec<Destination>,
    /// Who is owed what.
    pub routes: Vec<Route>,
    /// Everybody who keeps sessions.
    pub clients: Vec<Client>,
    /// What operators will ask for, in the order of their times.
    pub operations: Vec<Operation>,
}

impl Roster {
    /// Names a message for people: `xyz/telemetry #17`.
    pub fn message(&self, message: MessageId) -> String {
        match self.producers.get(message.producer.index()) {
            Some(producer) => format!("{} #{}", producer.name, message.number),
            None => format!("unknown producer {} #{}", message.producer.0, message.number),
        }
    }
    /// Names an operation for people: `command blink for xyz`.
    pub fn operation(&self, operation: OperationId) -> String {
        match self.operations.get(operation.index()) {
            Some(operation) => format!("{} for {}", operation.name, operation.client),
            None => format!("unknown operation {}", operation.0),
        }
    }
    /// Names a destination for people.
    pub fn destination_name(&self, destination: DestinationId) -> &str {
        self.destinations.get(destination.index()).map_or("an unknown destination", |d| &d.name)
    }
    /// Finds a producer by name.
    pub fn producer(&self, name: &str) -> Option<ProducerId> {
        self.producers.iter().position(|p| &*p.name == name).map(|i| ProducerId(i as u32))
    }
    /// Finds a destination by name.
    pub fn destination(&self, name: &str) -> Option<DestinationId> {
        self.destinations.iter().position(|d| &*d.name == name).map(|i| DestinationId(i as u32))
    }
}
