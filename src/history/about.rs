//! Whom and what an event is about.
use super::{DestinationId, Event, Name};

impl Event {
    /// The client whose session, place or properties this is about, or who takes over a subscription.
    pub fn client(&self) -> Option<&Name> {
        match self {
            Self::Connecting { client, .. }
            | Self::Connected { client, .. }
            | Self::Refused { client, .. }
            | Self::SessionLost { client, .. }
            | Self::SessionClosed { client, .. }
            | Self::SessionOpened { client, .. }
            | Self::SessionEnded { client, .. }
            | Self::Allocated { client, .. }
            | Self::Assigned { client, .. }
            | Self::Settled { client, .. }
            | Self::Reported { client, .. }
            | Self::ReportedConfirmed { client, .. }
            | Self::ReportedKnown { client, .. }
            | Self::DesiredAccepted { client, .. }
            | Self::DesiredApplied { client, .. }
            | Self::DesiredKnown { client, .. }
            | Self::Activated { client, .. } => Some(client),
            _ => None,
        }
    }

    /// The other host, client or site that it names, beside [`Event::client`] and the host that recorded it.
    pub fn other(&self) -> Option<&Name> {
        match self {
            Self::Connecting { service, .. }
            | Self::Connected { service, .. }
            | Self::Refused { service, .. }
            | Self::SessionLost { service, .. }
            | Self::SessionClosed { service, .. }
            | Self::HealthSeen { service, .. } => Some(service),
            Self::Dispatched { to, .. }
            | Self::Allocated { to, .. }
            | Self::Assigned { to, .. }
            | Self::Settled { at: to, .. }
            // Whence is the host of the entry.
            | Self::Cut { to, .. }
            | Self::Healed { to, .. }
            | Self::Held { to, .. }
            | Self::Released { to, .. } => Some(to),
            _ => None,
        }
    }

    /// The destination that it is about, if any.
    pub fn destination(&self) -> Option<DestinationId> {
        match self {
            Self::Delivered { destination, .. }
            | Self::Received { destination, .. }
            | Self::Acked { destination, .. }
            | Self::Unacked { destination, .. }
            | Self::Unrecognised { destination, .. }
            | Self::SubscribeStarted { destination }
            | Self::Subscribed { destination }
            | Self::Activated { destination, .. } => Some(*destination),
            _ => None,
        }
    }

    /// Whether it is the world's doing: power, cuts, holds, other faults, and the end of all of them.
    pub fn is_of_the_world(&self) -> bool {
        matches!(
            self,
            Self::Power { .. }
                | Self::Cut { .. }
                | Self::Healed { .. }
                | Self::Held { .. }
                | Self::Released { .. }
                | Self::Fault { .. }
                | Self::Settling
        )
    }
}
