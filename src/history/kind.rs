//! The kinds of event, by the names that `history.jsonl` and filters call them.
use super::Event;

macro_rules! kinds {
    ($($variant:ident $kind:literal),* $(,)?) => {
        impl Event {
            /// Every kind, in the order of the enum.
            pub const KINDS: &[&'static str] = &[$($kind),*];

            /// Names its kind: `stored`, `session-lost`.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $kind),* }
            }
        }

        #[cfg(test)]
        const VARIANTS: &[&str] = &[$(stringify!($variant)),*];
    };
}

kinds! {
    Offered "offered", Sent "sent", Confirmed "confirmed", GivenUp "given-up", Stored "stored", Dispatched "dispatched",
    Delivered "delivered", Received "received", Acked "acked", Unacked "unacked", Unrecognised "unrecognised",
    SubscribeStarted "subscribe-started", Subscribed "subscribed", Connecting "connecting", Connected "connected",
    Refused "refused", SessionLost "session-lost", SessionClosed "session-closed", SessionOpened "session-opened",
    SessionEnded "session-ended", Allocated "allocated", Assigned "assigned", Settled "settled",
    HealthSeen "health-seen", Reported "reported", ReportedConfirmed "reported-confirmed",
    ReportedKnown "reported-known", DesiredAccepted "desired-accepted", DesiredApplied "desired-applied",
    DesiredKnown "desired-known", Asked "asked", Answered "answered", CommandQueued "command-queued",
    CommandDispatched "command-dispatched", CommandDelivered "command-delivered", CommandHandled "command-handled",
    CommandAcked "command-acked", CommandExpired "command-expired", MethodRun "method-run", Power "power", Cut "cut",
    Healed "healed", Fault "fault", Settling "settling", Note "note", Held "held", Released "released",
    Activated "activated",
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Power;

    #[test]
    fn a_kind_is_called_as_in_the_file_of_a_history() {
        for (variant, kind) in VARIANTS.iter().zip(Event::KINDS) {
            let mut kebab = String::new();
            for c in variant.chars() {
                if c.is_uppercase() && !kebab.is_empty() {
                    kebab.push('-');
                }
                kebab.extend(c.to_lowercase());
            }
            assert_eq!(kebab, *kind);
        }
        let written = |event: &Event| serde_json::to_value(event).expect("an event is JSON");
        assert_eq!(written(&Event::Settling), Event::Settling.kind());
        let frozen = Event::Power { state: Power::Frozen };
        assert!(written(&frozen).get(frozen.kind()).is_some());
    }
}
