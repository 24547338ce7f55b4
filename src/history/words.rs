//! Events in words, for custody lines and logs.
use super::{Cause, DestinationId, Event, MessageId, Name, Power, Reason, Roster};
use std::fmt;
use std::time::Duration;

/// One line for people: when, where, what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: Duration,
    pub host: Name,
    pub what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.3}s  {:<12}  {}", self.at.as_secs_f64(), self.host, self.what)
    }
}

impl Event {
    /// Tells what happened, in words, with the roster's names.
    pub fn words(&self, roster: &Roster) -> String {
        let message = |message: &MessageId| roster.message(*message);
        let to = |destination: &DestinationId| roster.destination_name(*destination);
        let again = |again: &bool| if *again { " again" } else { "" };
        match self {
            Self::Offered { message: m, .. } => format!("{} offered", message(m)),
            Self::Sent { message: m, session, again: a } => {
                format!("{} sent{} in session {session}", message(m), again(a))
            }
            Self::Confirmed { message: m } => format!("{} confirmed", message(m)),
            Self::GivenUp { message: m, why } => format!("{} given up: {why}", message(m)),
            Self::Stored { message: m } => format!("{} stored", message(m)),
            Self::Dispatched { message: m, to, again: a } => format!("{} dispatched{} to {to}", message(m), again(a)),
            Self::Delivered { message: m, destination } => format!("{} delivered to {}", message(m), to(destination)),
            Self::Received { message: m, destination, .. } => {
                format!("{} received by {}", message(m), to(destination))
            }
            Self::Acked { message: m, destination } => format!("{} acknowledged by {}", message(m), to(destination)),
            Self::Unacked { message: m, destination, why } => {
                format!("{} not acknowledged by {}: {why}", message(m), to(destination))
            }
            Self::Unrecognised { destination, digest } => {
                format!("{} received bytes of no producer ({digest:016x})", to(destination))
            }
            Self::SubscribeStarted { destination } => format!("{} began to subscribe", to(destination)),
            Self::Subscribed { destination } => format!("{} subscribed", to(destination)),
            Self::Reported { client, number } => format!("{client} reported #{number}"),
            Self::ReportedConfirmed { client, number } => format!("{client}'s report #{number} confirmed"),
            Self::ReportedKnown { client, number } => format!("{client}'s report #{number} known"),
            other => other.words_of_sessions(),
        }
    }

    fn words_of_sessions(&self) -> String {
        match self {
            Self::Connecting { client, service } => format!("{client} connects to {service}"),
            Self::Connected { client, service, session } => {
                format!("{client} connected to {service}, session {session}")
            }
            Self::Refused { client, service, why } => format!("{client} refused by {service}: {why}"),
            Self::SessionLost { client, service, session, cause } => {
                format!("{client} lost session {session} at {service}: {}", cause.words())
            }
            Self::SessionClosed { client, service, session } => {
                format!("{client} closed session {session} at {service}")
            }
            Self::SessionOpened { client, session } => format!("session {session} of {client} opened"),
            Self::SessionEnded { client, session, why } => format!("session {session} of {client} ended: {why}"),
            Self::Allocated { client, to, reason } => format!("{client} allocated to {to}: {}", reason.words()),
            Self::Assigned { client, to } => format!("{client} assigned to {to}"),
            Self::Settled { client, at } => format!("{client} settled at {at}"),
            Self::HealthSeen { service, up } => format!("{service} seen {}", if *up { "up" } else { "down" }),
            Self::Power { state } => state.words().to_owned(),
            Self::Cut { from, to } => format!("cut {from} -> {to}"),
            Self::Healed { from, to } => format!("healed {from} -> {to}"),
            Self::Fault { text, on } => format!("{text} {}", if *on { "begins" } else { "ends" }),
            Self::Settling => "every fault has ended, producers stop".to_owned(),
            Self::Note { text } => text.clone(),
            _ => String::new(),
        }
    }
}

impl Cause {
    pub fn words(self) -> &'static str {
        match self {
            Self::Eof => "the service closed it",
            Self::Reset => "connection reset",
            Self::TimeOut => "time-out",
            Self::Silence => "silence",
            Self::Protocol => "protocol error",
        }
    }
}

impl Reason {
    pub fn words(self) -> &'static str {
        match self {
            Self::Initial => "first assignment",
            Self::Failover => "failover",
            Self::Rebalance => "its home is back",
            Self::ManualFailover => "manual failover",
            Self::ManualFailback => "manual failback",
            Self::Revert => "manual failover ends",
        }
    }
}

impl Power {
    pub fn words(self) -> &'static str {
        match self {
            Self::On => "power on",
            Self::Lost => "lost its power",
            Self::Crashed => "crashed",
            Self::Frozen => "froze",
            Self::Thawed => "thawed",
            Self::Stopped => "stopped on request",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_time_host_message_and_session() {
        let message = MessageId { producer: crate::history::ProducerId(0), number: 17 };
        let mut roster = Roster::default();
        roster.producers.push(crate::history::Producer { name: "xyz/telemetry".into(), host: "xyz".into() });
        let what = Event::Sent { message, session: 3, again: true }.words(&roster);
        let line = Line { at: Duration::from_millis(1_234_567), host: "xyz".into(), what };
        assert_eq!(line.to_string(), "  1234.567s  xyz           xyz/telemetry #17 sent again in session 3");
    }
}
