//! Events of every kind, for tests of those who look on.
use super::{Cause, DestinationId, Entry, Event, Kind, MessageId, Name, OperationId, Power, ProducerId, Reason};
use std::time::Duration;

/// One entry of each kind that is about a message.
pub(crate) fn about_messages() -> impl Iterator<Item = Entry> {
    let name = Name::from("xyz");
    let events = Kind::ALL.iter().map(move |kind| event(*kind, &name, &name, 0));
    let about_messages = events.filter(|event| event.message().is_some());
    about_messages.map(|event| Entry { at: Duration::from_secs(1), host: "xyz".into(), event })
}

/// An event of this kind about somebody of these names; `n` makes the rest.
pub(crate) fn event(kind: Kind, name: &Name, other: &Name, n: u64) -> Event {
    let (client, service, to, at) = (name.clone(), other.clone(), other.clone(), other.clone());
    let from = client.clone();
    let message = MessageId { producer: ProducerId(0), number: n / 2 };
    let (destination, operation) = (DestinationId(0), OperationId(n as u32 % 6));
    let (session, number, digest, again, why) = (n % 3, n % 3, n / 2, n.is_multiple_of(2), "for a reason");
    match kind {
        Kind::Offered => Event::Offered { message, digest },
        Kind::Sent => Event::Sent { message, session, again },
        Kind::Confirmed => Event::Confirmed { message },
        Kind::GivenUp => Event::GivenUp { message, why },
        Kind::Stored => Event::Stored { message },
        Kind::Dispatched => Event::Dispatched { message, to, again },
        Kind::Delivered => Event::Delivered { message, destination },
        Kind::Received => Event::Received { message, destination, digest },
        Kind::Acked => Event::Acked { message, destination },
        Kind::Unacked => Event::Unacked { message, destination, why },
        Kind::Unrecognised => Event::Unrecognised { destination, digest },
        Kind::SubscribeStarted => Event::SubscribeStarted { destination },
        Kind::Subscribed => Event::Subscribed { destination },
        Kind::Connecting => Event::Connecting { client, service },
        Kind::Connected => Event::Connected { client, service, session },
        Kind::Refused => Event::Refused { client, service, why: why.into() },
        Kind::SessionLost => Event::SessionLost { client, service, session, cause: Cause::Eof },
        Kind::SessionClosed => Event::SessionClosed { client, service, session },
        Kind::SessionOpened => Event::SessionOpened { client, session },
        Kind::SessionEnded => Event::SessionEnded { client, session, why },
        Kind::Allocated => {
            let reasons = [Reason::Initial, Reason::Failover, Reason::Rebalance, Reason::ManualFailover];
            Event::Allocated { client, to, reason: reasons[n as usize % 4] }
        }
        Kind::Assigned => Event::Assigned { client, to },
        Kind::Settled => Event::Settled { client, at },
        Kind::HealthSeen => Event::HealthSeen { service, up: again },
        Kind::Reported => Event::Reported { client, number },
        Kind::ReportedConfirmed => Event::ReportedConfirmed { client, number },
        Kind::ReportedKnown => Event::ReportedKnown { client, number },
        Kind::DesiredAccepted => Event::DesiredAccepted { client, number },
        Kind::DesiredApplied => Event::DesiredApplied { client, number },
        Kind::DesiredKnown => Event::DesiredKnown { client, number },
        Kind::Asked => Event::Asked { operation },
        Kind::Answered => Event::Answered { operation, status: [0, 202, 404][n as usize % 3], message: why.into() },
        Kind::CommandQueued => Event::CommandQueued { operation },
        Kind::CommandDispatched => Event::CommandDispatched { operation, again },
        Kind::CommandDelivered => Event::CommandDelivered { operation },
        Kind::CommandHandled => Event::CommandHandled { operation },
        Kind::CommandAcked => Event::CommandAcked { operation },
        Kind::CommandExpired => Event::CommandExpired { operation },
        Kind::MethodRun => Event::MethodRun { operation },
        Kind::Power => {
            let states = [Power::On, Power::On, Power::Lost, Power::Crashed, Power::Frozen, Power::Thawed];
            Event::Power { state: *states.get(n as usize).unwrap_or(&Power::Stopped) }
        }
        Kind::Cut => Event::Cut { from, to },
        Kind::Healed => Event::Healed { from, to },
        Kind::Fault => Event::Fault { text: why.into(), on: again },
        Kind::Settling => Event::Settling,
        Kind::Note => Event::Note { text: why.into() },
        Kind::Held => Event::Held { from, to },
        Kind::Released => Event::Released { from, to },
        Kind::Activated => Event::Activated { destination, client, held: n },
    }
}
