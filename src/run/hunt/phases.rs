//! The phases of a run, told from its first failover.
//!
//! ```text
//! before --a client that moves loses its session--> during --it works at its new service--> after --Settling--> settling
//! ```
//!
//! Whether a client that lost its session moves or comes back to the same service is known only later, so the phases are
//! told when the run is over. The fault that sets the first failover off is therefore one of *before*; one that begins
//! while the client is on its way is one of *during*.
use crate::history::{Entry, Event, Name, Power, Roster, Witness};
use crate::report::Phase;
use std::collections::BTreeMap;
use std::time::Duration;

/// Notes when the first failover and the settling began.
#[derive(Clone, Debug, Default)]
pub(super) struct Phases {
    clients: BTreeMap<Name, Client>,
    failover: Option<(Duration, Duration)>,
    settling: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Client {
    host: Name,
    /// It works when it is settled; others when connected.
    placed: bool,
    at: Option<Name>,
    out_since: Option<Duration>,
}

impl Phases {
    /// Begins before anything has happened.
    pub(super) fn of(roster: &Roster) -> Self {
        let client = |client: &crate::history::Client| {
            let waiting = Client { host: client.host.clone(), placed: client.placed, at: None, out_since: None };
            (client.name.clone(), waiting)
        };
        Self { clients: roster.clients.iter().map(client).collect(), failover: None, settling: None }
    }

    /// Lists the phases that a fault met: the one in which it began, and settling if it lasted until then.
    pub(super) fn met(&self, at: Duration, until: Option<Duration>) -> Vec<Phase> {
        let began = match (self.failover, self.settling) {
            (_, Some(settling)) if at >= settling => Phase::Settling,
            (Some((_, end)), _) if at >= end => Phase::AfterFailover,
            (Some((begin, _)), _) if at >= begin => Phase::DuringFailover,
            _ => Phase::BeforeFailover,
        };
        let lasted = self.settling.is_some_and(|settling| until.is_none_or(|until| until >= settling));
        let also = (lasted && began != Phase::Settling).then_some(Phase::Settling);
        [began].into_iter().chain(also).collect()
    }

    fn works(&mut self, now: Duration, client: &Name, place: &Name, settled: bool) {
        let Some(client) = self.clients.get_mut(client).filter(|client| client.placed == settled) else { return };
        let out_since = client.out_since.take().unwrap_or(now);
        let moved = client.at.replace(place.clone()).is_some_and(|before| before != *place);
        if moved && self.failover.is_none() {
            self.failover = Some((out_since, now));
        }
    }
}

impl Witness for Phases {
    fn see(&mut self, Entry { at, host, event }: &Entry) {
        match event {
            Event::Settling => self.settling = Some(*at),
            _ if self.failover.is_some() => {}
            Event::SessionLost { client, service, .. } | Event::SessionClosed { client, service, .. } => {
                if let Some(client) = self.clients.get_mut(client).filter(|client| client.at.as_ref() == Some(service))
                {
                    client.out_since.get_or_insert(*at);
                }
            }
            Event::Power { state: Power::Lost | Power::Crashed | Power::Stopped } => {
                for client in self.clients.values_mut().filter(|client| client.host == *host) {
                    client.out_since.get_or_insert(*at);
                }
            }
            Event::Settled { client, at: place } => self.works(*at, client, place, true),
            Event::Connected { client, service, .. } => self.works(*at, client, service, false),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Cause, Client as Member};

    fn roster() -> Roster {
        let client = |name: &str, placed| Member {
            name: name.into(),
            host: name.into(),
            keep_alive: Duration::from_secs(20),
            needs: Vec::new(),
            producers: Vec::new(),
            placed,
            receives: None,
            room: None,
            rank: 0,
        };
        Roster { clients: vec![client("xyz", true), client("worker", false)], ..Roster::default() }
    }

    fn second(at: u64) -> Duration {
        Duration::from_secs(at)
    }
    fn lost(service: &str) -> Event {
        Event::SessionLost { client: "xyz".into(), service: service.into(), session: 1, cause: Cause::Eof }
    }
    fn settled(at: &str) -> Event {
        Event::Settled { client: "xyz".into(), at: at.into() }
    }
    fn connected(client: &str, to: &str) -> Event {
        Event::Connected { client: client.into(), service: to.into(), session: 1 }
    }

    fn after(events: Vec<(u64, Event)>) -> Phases {
        let mut phases = Phases::of(&roster());
        for (at, event) in events {
            phases.see(&Entry { at: second(at), host: "xyz".into(), event });
        }
        phases
    }

    fn began(phases: &Phases, at: u64) -> Phase {
        phases.met(second(at), Some(second(at)))[0]
    }

    #[test]
    fn the_first_failover_lasts_from_the_lost_session_until_the_client_works_elsewhere() {
        let phases = after(vec![
            (1, connected("xyz", "hub-a")),
            (2, settled("hub-a")),
            (100, lost("hub-a")),
            (110, connected("xyz", "hub-b")),
            (120, settled("hub-b")),
            (300, lost("hub-b")),
            (310, settled("hub-a")),
            (600, Event::Settling),
        ]);
        let told = [0, 99, 100, 115, 120, 305, 599, 600].map(|at| began(&phases, at));
        use Phase::{AfterFailover as After, BeforeFailover as Before, DuringFailover as During, Settling};
        assert_eq!(told, [Before, Before, During, During, After, After, After, Settling]);
    }

    #[test]
    fn a_client_that_comes_back_to_the_same_service_is_no_failover() {
        let phases = after(vec![(2, settled("hub-a")), (100, lost("hub-a")), (120, settled("hub-a"))]);
        assert_eq!(began(&phases, 110), Phase::BeforeFailover);
    }

    #[test]
    fn a_client_whose_machine_fails_and_that_returns_elsewhere_was_on_its_way_since_then() {
        let power = Event::Power { state: Power::Crashed };
        let phases = after(vec![(2, settled("hub-a")), (50, power), (70, settled("hub-b"))]);
        assert_eq!([49, 50, 69, 70].map(|at| began(&phases, at)), {
            use Phase::{AfterFailover as After, BeforeFailover as Before, DuringFailover as During};
            [Before, During, During, After]
        });
    }

    #[test]
    fn a_client_that_nobody_places_works_once_it_is_connected() {
        let phases = after(vec![(1, connected("worker", "rabbit-1")), (9, connected("worker", "rabbit-2"))]);
        assert_eq!((began(&phases, 8), began(&phases, 9)), (Phase::BeforeFailover, Phase::AfterFailover));
    }

    #[test]
    fn a_fault_that_lasts_until_the_end_meets_settling_too() {
        let phases = after(vec![(600, Event::Settling)]);
        let met = |at, until: Option<u64>| phases.met(second(at), until.map(second));
        assert_eq!(met(10, Some(20)), [Phase::BeforeFailover]);
        assert_eq!(met(590, Some(600)), [Phase::BeforeFailover, Phase::Settling]);
        assert_eq!(met(590, None), [Phase::BeforeFailover, Phase::Settling]);
        let unsettled = after(vec![]);
        assert_eq!(unsettled.met(second(590), None), [Phase::BeforeFailover], "the run ended before");
    }
}
