//! `second-refused`: an exclusive subscription has one consumer, and that one has its peace.
use super::sessions::{self, Attendance, Change, End};
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::history::{ClientId, Entry, Event, HostId, Kind, Kinds, Outages, Power, Roster, SubscriptionMode};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "second-refused",
    holds_when: "of an exclusive subscription a second consumer is refused while the first one's session counts, and the first is undisturbed",
    exercised_by: "an attempt while another one's session counts",
    explanation: "A session counts while both ends hold it open and each could reach the other within the last \
        keep-alive, judged from the world. While a consumer of an exclusive subscription has one that counts, no other \
        consumer of that subscription may be let in. And the first must not notice: from the moment when the second \
        begins to connect until a second after it is refused, the session of the first must not end at either end. It \
        may when it closed it itself, or when something was wrong with its machine, the broker or the way between \
        them, now or within the last keep-alive; trouble that lasted longer excuses for as long again, because \
        connections take that to come back to life.",
    bounded: false,
    build: |roster, _| Box::new(SecondRefused::new(roster)),
};

/// So long after an attempt a session that ends may have been ended for it.
const AFTERMATH: Duration = Duration::from_secs(1);

struct SecondRefused {
    attendance: Attendance,
    keep_alive: Vec<Duration>,
    attempts: BTreeMap<ClientId, Attempt>,
    troubles: BTreeMap<ClientId, Trouble>,
}

/// A consumer's latest attempt to connect.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    service: HostId,
    /// Until when it may have disturbed others; `None`: it is not over.
    until: Option<Duration>,
}

/// What was wrong between a consumer and its broker.
#[derive(Clone, Copy, Debug, Default)]
struct Trouble {
    /// Since when something is.
    since: Option<Duration>,
    /// Until when what was wrong explains the end of a session.
    explains_until: Duration,
}

impl SecondRefused {
    fn new(roster: &Roster) -> Self {
        Self {
            attendance: Attendance::of(roster, |mode| mode == SubscriptionMode::Exclusive),
            keep_alive: roster.clients.iter().map(|client| client.keep_alive).collect(),
            attempts: BTreeMap::new(),
            troubles: BTreeMap::new(),
        }
    }

    /// Those that receive for the same destination.
    fn others<'a>(&self, client: ClientId, scene: &Scene<'a>) -> impl Iterator<Item = ClientId> + use<'a> {
        let destination = scene.roster.clients[client.index()].receives;
        let clients = destination.map(|destination| scene.directory.receiving_clients(destination));
        clients.into_iter().flatten().copied().filter(move |other| *other != client)
    }

    fn counts(&self, client: ClientId, service: HostId, now: Duration) -> bool {
        let sessions = self.attendance.sessions(client);
        sessions.is_some_and(|sessions| sessions.counting(service, now, self.keep_alive[client.index()]) > 0)
    }

    /// Another one with a session at this service that counts.
    fn first(&self, second: ClientId, service: HostId, now: Duration, scene: &Scene<'_>) -> Option<ClientId> {
        self.others(second, scene).find(|other| self.counts(*other, service, now))
    }

    fn watched(&self, name: &str, scene: &Scene<'_>) -> Option<ClientId> {
        scene.directory.client(name).filter(|client| self.attendance.sessions(*client).is_some())
    }

    fn connecting(&mut self, entry: &Entry, client: &str, service: &str, scene: &Scene<'_>, tally: &mut Tally) {
        let (Some(client), Some(service)) = (self.watched(client, scene), scene.directory.host(service)) else {
            return;
        };
        tally.exercise(self.first(client, service, entry.at, scene).is_some());
        self.attempts.insert(client, Attempt { service, until: None });
    }

    fn attempt_over(&mut self, now: Duration, client: ClientId) {
        if let Some(attempt) = self.attempts.get_mut(&client) {
            attempt.until = Some(now + AFTERMATH);
        }
    }

    /// A session opened at one of its ends: if it counts now, no other one's may.
    fn opened(&mut self, now: Duration, change: &Change, scene: &Scene<'_>, tally: &mut Tally) {
        let (second, service) = (change.client, change.service);
        let first = self.first(second, service, now, scene).filter(|_| self.counts(second, service, now));
        if let Some(first) = first {
            let what = format!(
                "{} was let in at {} while {} had a session that counts",
                client_name(second, scene),
                scene.roster.machines[service.index()].name,
                client_name(first, scene),
            );
            tally.violate(Violation { at: now, message: None, what, custody: Vec::new() });
        } else if change.end == End::Client {
            tally.check(1);
        }
    }

    /// A session that counted was ended, not by its client: was that for an attempt of another one?
    fn ended(&self, now: Duration, change: &Change, scene: &Scene<'_>, tally: &mut Tally) {
        let Change { client: first, service, .. } = *change;
        if self.is_excused(now, first) {
            return;
        }
        let near = |attempt: &Attempt| attempt.service == service && attempt.until.is_none_or(|until| now <= until);
        let second = self.others(first, scene).find(|other| self.attempts.get(other).is_some_and(near));
        if let Some(second) = second {
            let what = format!(
                "{} lost its session at {} while {} tried to connect",
                client_name(first, scene),
                scene.roster.machines[service.index()].name,
                client_name(second, scene),
            );
            tally.violate(Violation { at: now, message: None, what, custody: Vec::new() });
        }
    }

    fn is_excused(&self, now: Duration, client: ClientId) -> bool {
        let trouble = self.troubles.get(&client);
        trouble.is_some_and(|trouble| trouble.since.is_some() || now < trouble.explains_until)
    }

    /// What was wrong before a session began explains nothing of its end.
    fn begin_afresh(&mut self, client: ClientId) {
        self.troubles.entry(client).or_default().explains_until = Duration::ZERO;
    }

    /// Notes what is wrong between consumers and the brokers with which they hold sessions.
    fn watch(&mut self, now: Duration, scene: &Scene<'_>) {
        self.attendance.watch_paths(now, scene);
        for client in self.attendance.clients() {
            let Some(own) = scene.directory.host_of_client(client) else { continue };
            let needs = scene.roster.clients[client.index()].needs.iter().flatten();
            let mut services = needs.filter_map(|name| scene.directory.host(name));
            let is_clear = services.all(|service| scene.outages.is_clear_between(own, service));
            let trouble = self.troubles.entry(client).or_default();
            match (is_clear, trouble.since) {
                (false, None) => trouble.since = Some(now),
                (true, Some(since)) => {
                    let explains_until = now + self.keep_alive[client.index()] + (now - since);
                    trouble.explains_until = trouble.explains_until.max(explains_until);
                    trouble.since = None;
                }
                _ => {}
            }
        }
    }
}

fn client_name<'a>(client: ClientId, scene: &Scene<'a>) -> &'a str {
    &scene.roster.clients[client.index()].name
}

impl Invariant for SecondRefused {
    fn wants(&self) -> Kinds {
        if self.attendance.is_empty() {
            return Kinds::NONE;
        }
        Kinds::of(&[Kind::Connecting, Kind::Refused]).and(sessions::KINDS).and(Outages::KINDS)
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        if scene.disturbance.is_some() {
            self.watch(entry.at, scene);
        }
        match &entry.event {
            Event::Connecting { client, service } => self.connecting(entry, client, service, scene, tally),
            Event::Refused { client, .. } => {
                if let Some(client) = self.watched(client, scene) {
                    self.attempt_over(entry.at, client);
                    tally.check(1);
                }
            }
            Event::SessionLost { .. } | Event::SessionEnded { .. } => {
                // Whether it counted is told by how it was before.
                let change = Change::of(entry, scene);
                if let Some(change) = change.filter(|change| self.counts(change.client, change.service, entry.at)) {
                    self.ended(entry.at, &change, scene, tally);
                }
                self.attendance.see(entry, scene);
            }
            Event::Power { state } => {
                self.attendance.see(entry, scene);
                if !matches!(state, Power::Frozen | Power::Thawed) {
                    let place = scene.directory.place(&entry.host);
                    let on = |client: ClientId| scene.directory.host_of_client(client).zip(place);
                    let there =
                        |client: &ClientId| on(*client).is_some_and(|(host, at)| scene.directory.is_at(host, at));
                    let clients: Vec<ClientId> = self.attempts.keys().copied().filter(there).collect();
                    clients.into_iter().for_each(|client| self.attempt_over(entry.at, client));
                }
            }
            _ => {
                let Some(change) = self.attendance.see(entry, scene) else { return };
                if change.opened {
                    if change.end == End::Client {
                        self.attempt_over(entry.at, change.client);
                        self.begin_afresh(change.client);
                    }
                    self.attendance.watch_paths(entry.at, scene);
                    self.opened(entry.at, &change, scene, tally);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::{Event, Power, SubscriptionMode};
    use crate::invariant::story::Story;

    const LET_IN: &str = "consumer-2 was let in at broker-west while consumer-1 had a session that counts";
    const DISTURBED: &str = "consumer-1 lost its session at broker-west while consumer-2 tried to connect";

    /// consumer-1 has the exclusive subscription.
    fn taken() -> Story {
        let mut story = Story::sharing("second-refused", SubscriptionMode::Exclusive);
        story.connecting("consumer-1", "broker-west").attach("consumer-1", 1);
        story
    }

    #[test]
    fn held_when_the_second_is_refused_and_the_first_goes_on() {
        let mut story = taken();
        story.connecting("consumer-2", "broker-west").refused("consumer-2", "broker-west").after(2);
        story.detach("consumer-1", 1).connecting("consumer-2", "broker-west").attach("consumer-2", 1);
        story.ends().held(3);
    }

    #[test]
    fn violated_when_the_second_is_let_in() {
        let mut story = taken();
        story.connecting("consumer-2", "broker-west").attach("consumer-2", 1);
        story.ends().violated(LET_IN);
    }

    #[test]
    fn violated_when_the_first_is_thrown_out_for_the_second() {
        for end in 0..2 {
            let mut story = taken();
            story.connecting("consumer-2", "broker-west");
            match end {
                0 => story.end_session("consumer-1", 1),
                _ => story.lost("consumer-1", "broker-west"),
            };
            story.refused("consumer-2", "broker-west");
            story.ends().violated(DISTURBED);
        }
    }

    #[test]
    fn violated_when_the_first_is_thrown_out_within_a_second_after_the_refusal() {
        let refused = || {
            let mut story = taken();
            story.connecting("consumer-2", "broker-west").refused("consumer-2", "broker-west");
            story
        };
        refused().after_ms(900).detach("consumer-1", 1).ends().violated(DISTURBED);
        refused().after_ms(1100).detach("consumer-1", 1).ends().held(2);
    }

    #[test]
    fn a_first_one_that_closes_its_session_lets_the_second_in() {
        let mut story = taken();
        let (client, service) = ("consumer-1".into(), "broker-west".into());
        story.connecting("consumer-2", "broker-west");
        story.tell("consumer-1", Event::SessionClosed { client, service, session: 1 });
        story.end_session("consumer-1", 1).attach("consumer-2", 1);
        story.ends().held(2);
    }

    #[test]
    fn a_first_one_that_is_found_dead_makes_room() {
        let mut story = taken();
        story.power("consumer-1", Power::Frozen).connecting("consumer-2", "broker-west");
        story.end_session("consumer-1", 1).attach("consumer-2", 1);
        story.ends().held(2);
    }

    #[test]
    fn trouble_explains_for_a_keep_alive_and_as_long_as_it_lasted() {
        let mended = || {
            let mut story = taken();
            story.cut("consumer-1", "broker-west").after(15).healed("consumer-1", "broker-west");
            story
        };
        let mut early = mended();
        early.after(33).connecting("consumer-2", "broker-west").end_session("consumer-1", 1).attach("consumer-2", 1);
        early.ends().held(2);
        let mut late = mended();
        late.after(36).connecting("consumer-2", "broker-west").end_session("consumer-1", 1).attach("consumer-2", 1);
        late.ends().violated(DISTURBED);
    }

    #[test]
    fn a_session_behind_a_cut_counts_for_one_keep_alive() {
        let cut = |seconds| {
            let mut story = taken();
            story.cut("consumer-1", "broker-west").after(seconds).connecting("consumer-2", "broker-west");
            story.attach("consumer-2", 1);
            story
        };
        cut(10).ends().violated(LET_IN);
        cut(30).ends().not_exercised_but_checked(2);
    }

    #[test]
    fn one_whose_session_began_and_ended_unknown_to_it_was_not_let_in_beside_the_other() {
        let mut story = Story::sharing("second-refused", SubscriptionMode::Exclusive);
        story.connecting("consumer-2", "broker-west");
        story.tell("broker-west", Event::SessionOpened { client: "consumer-2".into(), session: 1 });
        story.end_session("consumer-2", 1).connecting("consumer-1", "broker-west").attach("consumer-1", 1);
        let (client, service) = ("consumer-2".into(), "broker-west".into());
        story.tell("consumer-2", Event::Connected { client, service, session: 1 });
        story.ends().not_exercised_but_checked(2);
    }

    #[test]
    fn other_modes_let_everybody_in() {
        for mode in [SubscriptionMode::Failover, SubscriptionMode::Shared] {
            let mut story = Story::sharing("second-refused", mode);
            story.attach("consumer-1", 1).connecting("consumer-2", "broker-west").attach("consumer-2", 1);
            story.ends().not_exercised();
        }
    }
}
