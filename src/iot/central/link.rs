//! Central's connection to one hub, as the history tells it.
use crate::history::{Cause, Event, Name};

/// Sessions of one boot; their numbers rise over boots too.
const PER_BOOT: u64 = 1_000_000;

/// One link.
///
/// ```text
///   Apart -- tries --> Trying -- opened ---> Together -- failed --> Apart
///     ^                  |
///     +----- failed -----+
/// ```
#[derive(Debug)]
pub(super) struct Link {
    client: Name,
    service: Name,
    session: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Apart,
    Trying,
    Together,
}

impl Link {
    /// Names a link: `central->hub-a`.
    pub(super) fn client_name(central: &str, hub: &str) -> String {
        format!("{central}->{hub}")
    }

    /// Begins apart. `boot` keeps the numbers of its sessions above those of earlier boots.
    pub(super) fn new(central: &str, hub: &Name, boot: u32) -> Self {
        let client = Self::client_name(central, hub).into();
        Self { client, service: hub.clone(), session: u64::from(boot) * PER_BOOT, state: State::Apart }
    }

    /// A handshake is about to be sent.
    pub(super) fn tries(&mut self) -> Option<Event> {
        if self.state != State::Apart {
            return None;
        }
        self.state = State::Trying;
        Some(Event::Connecting { client: self.client.clone(), service: self.service.clone() })
    }

    /// The hub has let central in.
    pub(super) fn opened(&mut self) -> Option<Event> {
        if self.state == State::Together {
            return None;
        }
        self.state = State::Together;
        self.session += 1;
        let (client, service) = (self.client.clone(), self.service.clone());
        Some(Event::Connected { client, service, session: self.session })
    }

    /// The handshake failed, or the connection.
    pub(super) fn failed(&mut self, cause: Cause, why: impl Into<String>) -> Event {
        let (client, service) = (self.client.clone(), self.service.clone());
        let before = std::mem::replace(&mut self.state, State::Apart);
        match before {
            State::Together => Event::SessionLost { client, service, session: self.session, cause },
            State::Apart | State::Trying => Event::Refused { client, service, why: why.into() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_tells_of_each_session_once() {
        let mut link = Link::new("central", &"hub-a".into(), 2);
        let (client, service) = (Name::from("central->hub-a"), Name::from("hub-a"));
        let connecting = Event::Connecting { client: client.clone(), service: service.clone() };
        assert_eq!(link.tries(), Some(connecting.clone()));
        let refused = Event::Refused { client: client.clone(), service: service.clone(), why: "refused".into() };
        assert_eq!(link.failed(Cause::TimeOut, "refused"), refused);
        for session in [2_000_001, 2_000_002] {
            assert_eq!(link.tries(), Some(connecting.clone()));
            let connected = Event::Connected { client: client.clone(), service: service.clone(), session };
            assert_eq!(link.opened(), Some(connected));
            assert_eq!((link.tries(), link.opened()), (None, None));
            let (client, service) = (client.clone(), service.clone());
            let lost = Event::SessionLost { client, service, session, cause: Cause::Eof };
            assert_eq!(link.failed(Cause::Eof, ""), lost);
        }
    }
}
