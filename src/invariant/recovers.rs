//! `recovers`: whoever could go on, goes on.
use super::bounds::Bounds;
use super::ways::ways_of;
use super::{Invariant, Registration, Rules, Scene, Tally, Violation};
use crate::history::{Client, ClientId, Entry, Event, HostId, Power, ProducerId, Roster};
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "recovers",
    holds_when: "every client makes progress within 3 min of losing it, while it could",
    exercised_by: "a client lost progress",
    explanation: "A client has lost progress when its session was lost, when it was refused, and when its machine \
        was booted. It has it back with the next confirmation of one of its messages; with nothing to be confirmed, \
        when it is connected (a device: settled at its hub). It has `within` (default 3 min) for that, which runs \
        only while the client's machine is up and of each group of services that it needs at least one is clear, in \
        reach of it and of those chosen from the other groups. The time starts again when that becomes so, and when \
        a fault takes away a way that was open: the client may just have been on it. The first boot is checked but \
        does not exercise it.",
    bounded: true,
    build: |roster, rules| Box::new(Recovers::new(roster, rules)),
};

struct Recovers {
    bounds: Bounds,
    limit: Duration,
    /// By producer: the client whose progress its confirmations are.
    client_of: Vec<Option<ClientId>>,
    clients: Vec<Watched>,
}

#[derive(Clone, Debug, Default)]
struct Watched {
    booted: bool,
    /// It lost progress that it had had.
    tried: bool,
    /// Why it has no progress.
    why: &'static str,
    /// Which choices of services were clear when last looked at, one bit each.
    ways: u64,
}

impl Recovers {
    fn new(roster: &Roster, rules: &Rules) -> Self {
        let mut client_of = vec![None; roster.producers.len()];
        for (index, client) in roster.clients.iter().enumerate() {
            for ProducerId(producer) in &client.producers {
                client_of[*producer as usize] = Some(ClientId(index as u32));
            }
        }
        let clients = vec![Watched::default(); roster.clients.len()];
        Self { bounds: Bounds::new(rules.recovers), limit: rules.recovers, client_of, clients }
    }

    fn lost(&mut self, now: Duration, client: ClientId, why: &'static str, tried: bool, scene: &Scene<'_>) {
        if self.bounds.is_open(client.0) {
            self.clients[client.index()].tried |= tried;
            return;
        }
        let ways = ways_of(client, &[], scene);
        let booted = self.clients[client.index()].booted;
        self.clients[client.index()] = Watched { booted, tried, why, ways };
        self.bounds.start(client.0, now, ways != 0);
    }

    fn progress(&mut self, client: ClientId, tally: &mut Tally) {
        if self.bounds.stop(client.0) {
            tally.check(1);
            tally.exercise(self.clients[client.index()].tried);
        }
    }

    /// A session is progress when nothing waits for a confirmation.
    fn in_session(&mut self, client: Option<ClientId>, placed: bool, scene: &Scene<'_>, tally: &mut Tally) {
        let Some(client) = client else { return };
        let Client { producers, placed: is_placed, .. } = &scene.roster.clients[client.index()];
        let waiting = producers.iter().any(|producer| scene.custody.has_unconfirmed(*producer));
        if placed == *is_placed && !waiting {
            self.progress(client, tally);
        }
    }

    fn power(&mut self, entry: &Entry, state: Power, scene: &Scene<'_>) {
        let Some(place) = scene.directory.place(&entry.host) else { return };
        for host in (0..scene.directory.host_count() as u32).map(HostId) {
            if !scene.directory.is_at(host, place) {
                continue;
            }
            for client in scene.directory.clients_on(host) {
                match state {
                    Power::On => {
                        let again = std::mem::replace(&mut self.clients[client.index()].booted, true);
                        self.lost(entry.at, *client, "its machine was booted", again, scene);
                    }
                    Power::Lost | Power::Crashed | Power::Stopped => {
                        self.bounds.stop(client.0);
                    }
                    Power::Frozen | Power::Thawed => {}
                }
            }
        }
    }
}

impl Invariant for Recovers {
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let client = |name: &str| scene.directory.client(name);
        match &entry.event {
            Event::SessionLost { client: name, .. } => {
                if let Some(client) = client(name) {
                    self.lost(entry.at, client, "its session was lost", true, scene);
                }
            }
            Event::Refused { client: name, .. } => {
                if let Some(client) = client(name) {
                    self.lost(entry.at, client, "it was refused", true, scene);
                }
            }
            Event::Confirmed { message } => {
                if let Some(client) = self.client_of.get(message.producer.index()).copied().flatten() {
                    self.progress(client, tally);
                }
            }
            Event::Connected { client: name, .. } => self.in_session(client(name), false, scene, tally),
            Event::Settled { client: name, .. } => self.in_session(client(name), true, scene, tally),
            Event::Power { state } => self.power(entry, *state, scene),
            _ => {}
        }
        if scene.disturbance.is_some() {
            for client in self.bounds.subjects() {
                let ways = ways_of(ClientId(client), &[], scene);
                let before = std::mem::replace(&mut self.clients[client as usize].ways, ways);
                self.bounds.path(client, entry.at, ways != 0, before & !ways != 0);
            }
        }
    }
    fn expire(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        for (client, at) in self.bounds.expired(now) {
            let name = &scene.roster.clients[client as usize].name;
            let why = self.clients[client as usize].why;
            let limit = self.limit.as_secs();
            let what = format!("{name} made no progress for {limit} s though it could: {why}");
            tally.violate(Violation { at, message: None, what, custody: Vec::new() });
        }
    }
    fn next_deadline(&self) -> Option<Duration> {
        self.bounds.next_deadline()
    }
    fn is_settled(&self, _scene: &Scene<'_>) -> bool {
        self.bounds.is_settled()
    }
}

#[cfg(test)]
mod tests {
    use crate::history::Power;
    use crate::invariant::Rules;
    use crate::invariant::story::Story;
    use std::time::Duration;

    const STUCK: &str = "xyz made no progress for 180 s though it could: its session was lost";

    /// xyz works against hub-a.
    fn working() -> Story {
        let mut story = Story::of("recovers");
        story.session("hub-a", 1).offer(0).send(0).confirm(0);
        story
    }

    #[test]
    fn held_when_a_lost_session_is_followed_by_a_confirmation_in_time() {
        let mut story = working();
        story.lost("xyz", "hub-a").offer(1).session("hub-b", 2).after(170).send(1).confirm(1);
        story.ends().held(4);
    }

    #[test]
    fn violated_when_a_session_is_back_but_nothing_is_confirmed() {
        let mut story = working();
        story.lost("xyz", "hub-a").offer(1).session("hub-b", 2).after(181);
        story.ends().violated(STUCK);
    }

    #[test]
    fn with_nothing_to_confirm_a_settled_session_is_progress() {
        let mut story = working();
        story.lost("xyz", "hub-a").settle("hub-b").after(600);
        story.ends().held(4);
    }

    #[test]
    fn a_refusal_is_lost_progress_and_more_of_them_give_no_more_time() {
        let mut story = working();
        story.refused("xyz", "hub-a").after(100).refused("xyz", "hub-a").after(100);
        story.ends().violated("xyz made no progress for 180 s though it could: it was refused");
    }

    #[test]
    fn the_time_does_not_run_while_no_hub_is_clear() {
        let mut story = working();
        story.power("hub-a", Power::Lost).lost("xyz", "hub-a").offer(1).cut("field", "east").after(600);
        story.healed("field", "east").after(170).confirm(1);
        story.ends().held(4);
    }

    #[test]
    fn the_time_does_not_run_while_the_provisioning_service_cannot_reach_the_only_hub() {
        let mut story = working();
        story.power("hub-b", Power::Lost).lost("xyz", "hub-a").offer(1).cut("dps", "hub-a").after(600);
        story.healed("dps", "hub-a").after(170).confirm(1);
        story.ends().held(4);
    }

    #[test]
    fn one_clear_hub_is_enough_for_the_time_to_run() {
        let mut story = working();
        story.power("hub-a", Power::Lost).after(30).lost("xyz", "hub-a").offer(1).after(181);
        story.ends().violated(STUCK);
    }

    #[test]
    fn trouble_at_a_hub_that_is_down_anyway_gives_no_more_time() {
        let mut story = working();
        story.power("hub-a", Power::Lost).lost("xyz", "hub-a").offer(1);
        story.after(100).cut("field", "west").after(90);
        story.ends().violated(STUCK);
    }

    #[test]
    fn a_fault_that_takes_away_an_open_way_starts_the_time_again() {
        let mut story = working();
        story.lost("xyz", "hub-a").offer(1).after(170).power("hub-b", Power::Lost).after(170).confirm(1);
        story.ends().held(4);
    }

    #[test]
    fn a_machine_that_is_off_owes_nothing_and_after_its_boot_has_its_time() {
        let mut story = working();
        story.lost("xyz", "hub-a").power("xyz", Power::Lost).after(600).power("xyz", Power::On).after(181);
        story.ends().violated("xyz made no progress for 180 s though it could: its machine was booted");
    }

    #[test]
    fn the_scenario_may_set_the_limit() {
        let rules = Rules { recovers: Duration::from_secs(60), ..Rules::default() };
        let mut story = Story::with("recovers", rules);
        story.session("hub-a", 1).settle("hub-a").lost("xyz", "hub-a").after(61);
        story.ends().violated("xyz made no progress for 60 s though it could: its session was lost");
    }

    #[test]
    fn not_exercised_by_the_first_boot() {
        let mut story = working();
        story.ends().not_exercised_but_checked(3);
    }
}
