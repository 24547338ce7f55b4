//! The events that all systems speak.
use super::{DestinationId, OperationId, ProducerId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A host's, site's or client's name.
pub type Name = Arc<str>;

/// One message: its producer and that producer's count, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct MessageId {
    /// Whose it is.
    pub producer: ProducerId,
    /// Its number among that producer's.
    pub number: u64,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Entry {
    /// Virtual time since the world began.
    pub at: Duration,
    /// The host that recorded it; for `Power`, `Cut`, `Healed`, `Held`, `Released`: the host or site it happened to.
    pub host: Name,
    /// What happened.
    pub event: Event,
}

/// What can happen. Sessions are numbered by their client, from 1, never reused by that client
/// (not even across boots: derive them from the boot number).
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant's words tell its fields")]
pub enum Event {
    // A message's life, in order. Producer's client:
    /// The client accepted it from its application.
    Offered { message: MessageId, digest: u64 },
    /// It went onto the wire of a session; `again`: not for the first time.
    Sent { message: MessageId, session: u64, again: bool },
    /// The asking side saw the answer that makes it the service's.
    Confirmed { message: MessageId },
    /// The client told its application that it will not deliver it.
    GivenUp { message: MessageId, why: &'static str },
    // Services (custody and blame, never excuse):
    /// The service has it on its disk.
    Stored { message: MessageId },
    /// The service sent it to a client or host, which may hold it from now on: a needless duplicate is told by who held it.
    Dispatched { message: MessageId, to: Name, again: bool },
    // Receiver's client:
    /// It reached the receiving client.
    Delivered { message: MessageId, destination: DestinationId },
    /// The receiving application finished handling it. `digest`: of the bytes it saw.
    Received { message: MessageId, destination: DestinationId, digest: u64 },
    /// The receiver told the service that it is done with it.
    Acked { message: MessageId, destination: DestinationId },
    /// The receiver's ack could not reach the service before its connection ended, or it never sent one:
    /// the next receipt of this message has a cause.
    Unacked { message: MessageId, destination: DestinationId, why: &'static str },
    /// Something was received that is no message of any producer.
    Unrecognised { destination: DestinationId, digest: u64 },
    /// A receiver asked to subscribe; what was confirmed before is not owed to it.
    SubscribeStarted { destination: DestinationId },
    /// Its subscription stands; what is offered from now on is owed to that destination.
    Subscribed { destination: DestinationId },

    // Sessions. The client's view:
    /// The client begins to connect; every attempt counts against its pace.
    Connecting { client: Name, service: Name },
    /// The session is open.
    Connected { client: Name, service: Name, session: u64 },
    /// The attempt failed, in words.
    Refused { client: Name, service: Name, why: String },
    /// A session ended without the client's wish.
    SessionLost { client: Name, service: Name, session: u64, cause: Cause },
    /// A session ended because the client closed it.
    SessionClosed { client: Name, service: Name, session: u64 },
    // The service's view (`service` is the host that records):
    /// The service holds a session of that client open.
    SessionOpened { client: Name, session: u64 },
    /// The service no longer does.
    SessionEnded { client: Name, session: u64, why: &'static str },

    // Placement (device provisioning):
    /// The provisioning service decided where a device belongs.
    Allocated { client: Name, to: Name, reason: Reason },
    /// The device learnt where it belongs.
    Assigned { client: Name, to: Name },
    /// A session at a service is usable: registered, subscribed, sending.
    Settled { client: Name, at: Name },
    /// A service's health as the provisioning service sees it changed.
    HealthSeen { service: Name, up: bool },

    // Twins (numbers rise per device):
    /// The device changed its reported properties to this number.
    Reported { client: Name, number: u64 },
    /// The device saw the 204 for it.
    ReportedConfirmed { client: Name, number: u64 },
    /// Central knows the device's reported properties at this number.
    ReportedKnown { client: Name, number: u64 },
    /// Whoever asked for it saw that the device's desired properties are accepted at this number.
    DesiredAccepted { client: Name, number: u64 },
    /// The device's application follows the desired properties of this number now.
    DesiredApplied { client: Name, number: u64 },
    /// Central knows that it does.
    DesiredKnown { client: Name, number: u64 },

    // What operators ask for, commands and methods:
    /// The operator sends the request.
    Asked { operation: OperationId },
    /// The operator has the answer; `status` 0: there was none, in words.
    Answered { operation: OperationId, status: u16, message: String },
    /// A service holds a command for the device, on its disk.
    CommandQueued { operation: OperationId },
    /// It was sent to the device; `again`: not for the first time by this service.
    CommandDispatched { operation: OperationId, again: bool },
    /// It reached the device's client.
    CommandDelivered { operation: OperationId },
    /// The device's application finished handling it.
    CommandHandled { operation: OperationId },
    /// The device told its hub that it is done with it.
    CommandAcked { operation: OperationId },
    /// A service threw it away because its time was over.
    CommandExpired { operation: OperationId },
    /// The device's application ran a method.
    MethodRun { operation: OperationId },

    // The world's:
    /// A machine's power changed.
    Power { state: Power },
    /// Nothing from one host or site reaches the other any more. Cuts count.
    Cut { from: Name, to: Name },
    /// One cut of the same two names is undone.
    Healed { from: Name, to: Name },
    /// Any other fault begins or ends at this host or site, in words.
    Fault { text: String, on: bool },
    /// Every fault has ended and producers have stopped: the settling time begins.
    Settling,
    /// Anything worth a line in a log, of no meaning to invariants.
    Note { text: String },
    // An event's place is part of every fingerprint, so new ones come last. The world's, too:
    /// The network keeps everything from one host or site to the other from now on. Holds count.
    Held { from: Name, to: Name },
    /// One hold of the same two names is undone; after the last, what was kept arrives.
    Released { from: Name, to: Name },
    // Services, of subscriptions with one active receiver:
    /// This client gets the destination's messages from now on, first those `held` that were given out and not acknowledged.
    Activated { destination: DestinationId, client: Name, held: u64 },
}

impl Event {
    /// The message that this is about, if any.
    pub fn message(&self) -> Option<MessageId> {
        match self {
            Self::Offered { message, .. }
            | Self::Sent { message, .. }
            | Self::Confirmed { message }
            | Self::GivenUp { message, .. }
            | Self::Stored { message }
            | Self::Dispatched { message, .. }
            | Self::Delivered { message, .. }
            | Self::Received { message, .. }
            | Self::Acked { message, .. }
            | Self::Unacked { message, .. } => Some(*message),
            _ => None,
        }
    }

    /// The operation that this is about, if any.
    pub fn operation(&self) -> Option<OperationId> {
        match self {
            Self::Asked { operation }
            | Self::Answered { operation, .. }
            | Self::CommandQueued { operation }
            | Self::CommandDispatched { operation, .. }
            | Self::CommandDelivered { operation }
            | Self::CommandHandled { operation }
            | Self::CommandAcked { operation }
            | Self::CommandExpired { operation }
            | Self::MethodRun { operation } => Some(*operation),
            _ => None,
        }
    }
}

/// How a session was lost, as the client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The service closed it.
    Eof,
    /// The connection was reset.
    Reset,
    /// An answer did not come in time (PUBACK, SUBACK, ...), or TCP gave up.
    TimeOut,
    /// No byte for one and a half keep-alives.
    Silence,
    /// The service broke the protocol.
    Protocol,
}

/// Why a device was put where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its first place: its home.
    Initial,
    /// Its hub is down.
    Failover,
    /// Its home is back.
    Rebalance,
    /// An operator sent it away.
    ManualFailover,
    /// An operator called it back.
    ManualFailback,
    /// A manual failover's time was up.
    Revert,
}

/// A machine's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// Its software runs.
    On,
    /// Lost its power.
    Lost,
    /// Its software crashed; the machine is on.
    Crashed,
    /// Not scheduled.
    Frozen,
    /// Scheduled again.
    Thawed,
    /// Stopped on request.
    Stopped,
}

impl Power {
    /// Says in a word or two why a machine in this state does nothing; `None`: it runs.
    pub fn why_idle(self) -> Option<&'static str> {
        match self {
            Power::On | Power::Thawed => None,
            Power::Lost => Some("no power"),
            Power::Crashed => Some("crashed"),
            Power::Frozen => Some("frozen"),
            Power::Stopped => Some("stopped"),
        }
    }
}
