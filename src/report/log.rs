//! One entry of the history in words.
use super::text::stopwatch;
use crate::history::{Cause, DestinationId, Entry, Event, MessageId, Power, Reason, Roster};

/// Writes an entry as a line of a log: `1:58.204  xyz  offers xyz/telemetry #113`.
pub fn line(roster: &Roster, entry: &Entry) -> String {
    format!("{:>12}  {:<12} {}", stopwatch(entry.at), entry.host, words(roster, &entry.event))
}

pub(crate) fn words(roster: &Roster, event: &Event) -> String {
    let name = |message: &MessageId| {
        let producer = roster.producers.get(message.producer.0 as usize).map_or("?", |producer| &producer.name);
        format!("{producer} #{}", message.number)
    };
    let place = |destination: &DestinationId| {
        roster.destinations.get(destination.0 as usize).map_or("?", |destination| &*destination.name)
    };
    let once_more = |again: bool| if again { " again" } else { "" };
    match event {
        Event::Offered { message, .. } => format!("offers {}", name(message)),
        Event::Sent { message, session, again } => {
            format!("sends {}{} in session {session}", name(message), once_more(*again))
        }
        Event::Confirmed { message } => format!("sees {} confirmed", name(message)),
        Event::GivenUp { message, why } => format!("gives {} up: {why}", name(message)),
        Event::Stored { message } => format!("stored {}", name(message)),
        Event::Dispatched { message, to, again } => format!("sends {} to {to}{}", name(message), once_more(*again)),
        Event::Delivered { message, destination } => format!("gets {} for {}", name(message), place(destination)),
        Event::Received { message, destination, .. } => {
            format!("has handled {} for {}", name(message), place(destination))
        }
        Event::Acked { message, destination } => format!("acks {} for {}", name(message), place(destination)),
        Event::Unacked { message, destination, why } => {
            format!("could not ack {} for {}: {why}", name(message), place(destination))
        }
        Event::Unrecognised { destination, digest } => {
            format!("gets what nobody offered for {} ({digest:016x})", place(destination))
        }
        Event::SubscribeStarted { destination } => format!("subscribes to {}", place(destination)),
        Event::Subscribed { destination } => format!("is subscribed to {}", place(destination)),
        Event::Connecting { client, service } => format!("{client} connects to {service}"),
        Event::Connected { client, service, session } => format!("{client} has session {session} with {service}"),
        Event::Refused { client, service, why } => format!("{client} is refused by {service}: {why}"),
        Event::SessionLost { client, service, session, cause } => {
            format!("{client} lost session {session} with {service}: {}", of_cause(*cause))
        }
        Event::SessionClosed { client, service, session } => {
            format!("{client} closed session {session} with {service}")
        }
        Event::SessionOpened { client, session } => format!("opens session {session} of {client}"),
        Event::SessionEnded { client, session, why } => format!("ends session {session} of {client}: {why}"),
        Event::Allocated { client, to, reason } => format!("sends {client} to {to}: {}", of_reason(*reason)),
        Event::Assigned { client, to } => format!("{client} is assigned to {to}"),
        Event::Settled { client, at } => format!("{client} works at {at}"),
        Event::HealthSeen { service, up } => format!("sees {service} {}", if *up { "up" } else { "down" }),
        Event::Reported { client, number } => format!("{client} reports its properties, number {number}"),
        Event::ReportedConfirmed { client, number } => format!("{client} sees report {number} confirmed"),
        Event::ReportedKnown { client, number } => format!("knows report {number} of {client}"),
        Event::DesiredAccepted { client, number } => format!("sees change {number} of {client} accepted"),
        Event::DesiredApplied { client, number } => format!("{client} follows change {number}"),
        Event::DesiredKnown { client, number } => format!("knows that {client} follows change {number}"),
        Event::Asked { operation } => format!("asks for {}", roster.operation(*operation)),
        Event::Answered { operation, status: 0, message } => {
            format!("has no answer to {}: {message}", roster.operation(*operation))
        }
        Event::Answered { operation, status, message } => {
            format!("is answered {status} to {}: {message}", roster.operation(*operation))
        }
        Event::CommandQueued { operation } => format!("holds {}", roster.operation(*operation)),
        Event::CommandDispatched { operation, again } => {
            format!("sends {}{}", roster.operation(*operation), once_more(*again))
        }
        Event::CommandDelivered { operation } => format!("gets {}", roster.operation(*operation)),
        Event::CommandHandled { operation } => format!("has handled {}", roster.operation(*operation)),
        Event::CommandAcked { operation } => format!("acks {}", roster.operation(*operation)),
        Event::CommandExpired { operation } => {
            format!("throws {} away: its time is over", roster.operation(*operation))
        }
        Event::MethodRun { operation } => format!("runs {}", roster.operation(*operation)),
        Event::Power { state } => of_power(*state).into(),
        Event::Cut { from, to } => format!("nothing from {from} reaches {to}"),
        Event::Healed { from, to } => format!("{from} reaches {to} again"),
        Event::Held { from, to } => format!("the network holds everything from {from} to {to}"),
        Event::Released { from, to } => format!("the network releases what it held from {from} to {to}"),
        Event::Activated { destination, client, held: 0 } => {
            format!("{client} is the active one of {}", roster.destination_name(*destination))
        }
        Event::Activated { destination, client, held } => {
            format!("{client} is the active one of {}, handed {held} messages", roster.destination_name(*destination))
        }
        Event::Fault { text, on } => format!("{text}{}", if *on { "" } else { ": over" }),
        Event::Settling => "every fault has ended, producers stop".into(),
        Event::Note { text } => text.clone(),
    }
}

/// Says how a session was lost.
pub(crate) fn of_cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Eof => "closed by the other side",
        Cause::Reset => "connection reset",
        Cause::TimeOut => "no answer in time",
        Cause::Silence => "silence",
        Cause::Protocol => "the protocol was broken",
    }
}

fn of_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Initial => "its first place",
        Reason::Failover => "its hub is down",
        Reason::Rebalance => "its home is back",
        Reason::ManualFailover => "an operator wishes it",
        Reason::ManualFailback => "an operator sends it back",
        Reason::Revert => "its failover is over",
    }
}

fn of_power(state: Power) -> &'static str {
    match state {
        Power::On => "is powered on",
        Power::Lost => "loses its power",
        Power::Crashed => "crashes",
        Power::Frozen => "freezes",
        Power::Thawed => "thaws",
        Power::Stopped => "is stopped",
    }
}
