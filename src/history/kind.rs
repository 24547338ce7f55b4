//! The kinds of event, by the names that `history.jsonl` and filters call them, and sets of them.
use super::Event;

macro_rules! kinds {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// A kind of event, called as its variant of [`Event`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is told of at its variant of `Event`")]
        pub enum Kind {
            $($variant),*
        }

        impl Kind {
            /// Every kind, in the order of [`Event`].
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Names it: `stored`, `session-lost`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        impl Event {
            /// Says of which kind it is.
            pub fn kind(&self) -> Kind {
                match self { $(Self::$variant { .. } => Kind::$variant),* }
            }
        }
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

impl Kind {
    /// The place in [`Kind::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// A set of kinds: what somebody makes something of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u64);

impl Kinds {
    /// No kind at all.
    pub const NONE: Self = Self(0);

    /// The set of these.
    pub const fn of(kinds: &[Kind]) -> Self {
        assert!(Kind::ALL.len() <= u64::BITS as usize, "a kind is a bit");
        let (mut set, mut index) = (0, 0);
        while index < kinds.len() {
            set |= 1 << kinds[index] as u64;
            index += 1;
        }
        Self(set)
    }
    /// These and those.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
    /// Whether a kind is among them.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u64) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Power;

    #[test]
    fn a_kind_is_called_as_in_the_file_of_a_history() {
        for kind in Kind::ALL {
            let mut kebab = String::new();
            for c in format!("{kind:?}").chars() {
                if c.is_uppercase() && !kebab.is_empty() {
                    kebab.push('-');
                }
                kebab.extend(c.to_lowercase());
            }
            assert_eq!(kebab, kind.name());
        }
        let written = |event: &Event| serde_json::to_value(event).expect("an event is JSON");
        assert_eq!(written(&Event::Settling), Event::Settling.kind().name());
        let frozen = Event::Power { state: Power::Frozen };
        assert!(written(&frozen).get(frozen.kind().name()).is_some());
    }

    #[test]
    fn a_set_has_the_kinds_that_were_put_into_it_and_no_others() {
        let set = Kinds::of(&[Kind::Offered, Kind::Settling]).and(Kinds::of(&[Kind::Activated, Kind::Offered]));
        let members: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| set.contains(*kind)).collect();
        assert_eq!(members, [Kind::Offered, Kind::Settling, Kind::Activated]);
        assert!(Kind::ALL.iter().enumerate().all(|(index, kind)| kind.index() == index));
        assert!(!Kind::ALL.iter().any(|kind| Kinds::NONE.contains(*kind)));
    }
}
