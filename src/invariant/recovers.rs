//! `recovers`: whoever could go on, goes on.
use super::bounds::Bounds;
use super::receiving::Receiving;
use super::ways::Ways;
use super::{Invariant, Registration, Rules, Scene, Tally, Violation};
use crate::history::{Client, ClientId, Entry, Event, HostId, Kind, Kinds, Outages, Power, ProducerId, Roster};
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "recovers",
    holds_when: "every client makes progress within 3 min of losing it, and consumers receive what is owed to them, while they could",
    exercised_by: "a client lost progress",
    explanation: "A client has lost progress when its session was lost, when it was refused, and when its machine \
        was booted. It has it back with the next confirmation of one of its messages; with nothing to be confirmed, \
        when it is connected (a device: settled at its hub). It has `within` (default 3 min) for that, which runs \
        only while the client's machine is up and of each group of services that it needs at least one is clear, in \
        reach of it and of those chosen from the other groups. Of a group in which the client was put at one service, \
        only that one counts while who put it there can reach it: a full disk, or a cut from the client alone, nobody \
        but the client sees, and it is moved from a service only when that is seen to be down. The time starts again \
        when a way becomes clear and when one that was open is taken away, by a fault or a move (the client may \
        just have been on it). The first boot is checked but does not exercise it. A consumer of an exclusive \
        subscription owes nothing while another one holds a session. \
        Consumers of one subscription together owe receipts: while a confirmed message is owed to them, newer than all \
        that they have of its producer (an older one is late or lost, which others judge), and one of them is \
        connected over a clear way, through brokers that are clear and reach one another, one must receive something \
        within the same time, which starts again with each receipt.",
    bounded: true,
    build: |roster, rules| Box::new(Recovers::new(roster, rules)),
};

struct Recovers {
    /// Of clients by their index, and after them of destinations.
    bounds: Bounds,
    limit: Duration,
    /// By producer: the client whose progress its confirmations are.
    client_of: Vec<Option<ClientId>>,
    clients: Vec<Watched>,
    ways: Ways,
    receiving: Receiving,
}

#[derive(Clone, Debug, Default)]
struct Watched {
    booted: bool,
    /// It lost progress that it had had.
    tried: bool,
    /// Why it has no progress.
    why: &'static str,
    /// Which choices of services were clear when last looked at, one bit each; none while another one has its place.
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
        Self {
            bounds: Bounds::new(rules.recovers),
            limit: rules.recovers,
            client_of,
            clients,
            ways: Ways::new(roster),
            receiving: Receiving::new(roster),
        }
    }

    /// The ways that a client has to progress now.
    fn ways(&self, client: ClientId, scene: &Scene<'_>) -> u64 {
        if self.receiving.is_locked_out(client, scene) { 0 } else { self.ways.of(client, &[], scene) }
    }

    fn lost(&mut self, now: Duration, client: ClientId, why: &'static str, tried: bool, scene: &Scene<'_>) {
        if self.bounds.is_open(client.0) {
            self.clients[client.index()].tried |= tried;
            return;
        }
        let ways = self.ways(client, scene);
        let Watched { booted, .. } = self.clients[client.index()];
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

    /// Looks again at the ways of those of these who owe progress.
    fn look_again(&mut self, now: Duration, clients: Vec<ClientId>, scene: &Scene<'_>) {
        for client in clients.into_iter().filter(|client| self.bounds.is_open(client.0)).collect::<Vec<_>>() {
            let ways = self.ways(client, scene);
            let watched = &mut self.clients[client.index()];
            let broke = std::mem::replace(&mut watched.ways, ways) & !ways != 0;
            self.bounds.path(client.0, now, ways != 0, broke);
        }
    }
}

impl Invariant for Recovers {
    fn wants(&self) -> Kinds {
        let progress = Kinds::of(&[Kind::SessionLost, Kind::Refused, Kind::Confirmed, Kind::Connected, Kind::Settled]);
        progress.and(self.receiving.wants()).and(Ways::KINDS).and(Outages::KINDS)
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let change = self.receiving.see(entry, scene, &mut self.bounds, tally);
        let moved = self.ways.see(entry, scene);
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
            self.receiving.look_again(entry.at, scene, &mut self.bounds);
            let is_client = |subject: &u32| (*subject as usize) < scene.roster.clients.len();
            let clients = self.bounds.subjects().into_iter().filter(is_client);
            self.look_again(entry.at, clients.map(ClientId).collect(), scene);
        } else if let Some(client) = change {
            self.look_again(entry.at, self.receiving.rivals(client, scene), scene);
        } else if let Some(client) = moved {
            self.look_again(entry.at, vec![client], scene);
        }
    }
    fn expire(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        for (subject, at) in self.bounds.expired(now) {
            let limit = self.limit.as_secs();
            let what = match scene.roster.clients.get(subject as usize) {
                Some(client) => {
                    let why = self.clients[subject as usize].why;
                    format!("{} made no progress for {limit} s though it could: {why}", client.name)
                }
                None => self.receiving.silence(subject, limit, scene),
            };
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
    use crate::history::{Event, Power, Reason, SubscriptionMode};
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

    /// xyz works against hub-a, where the provisioning service has put it.
    fn placed() -> Story {
        let mut story = Story::of("recovers");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1).offer(0).send(0).confirm(0);
        story
    }

    fn full_disk(story: &mut Story, on: bool) -> &mut Story {
        story.tell("hub-a", Event::Fault { text: "disk full".into(), on })
    }

    /// `chaos`, seed 4270541371: a full disk, then a cut, and the provisioning service saw the hub up all the time.
    #[test]
    fn the_time_does_not_run_while_the_trouble_at_its_hub_is_seen_by_nobody_but_the_client() {
        let troubled = || {
            let mut story = placed();
            full_disk(&mut story, true).lost("xyz", "hub-a").offer(1).after(100).cut("field", "west");
            full_disk(&mut story, false).after(100).healed("field", "west");
            story
        };
        troubled().after(170).confirm(1).ends().held(4);
        troubled().after(181).ends().violated(STUCK);
    }

    /// `chaos`, seed 3756449685: the same, and the troubles overlap for longer than the limit.
    #[test]
    fn it_does_not_run_either_while_such_troubles_follow_one_another_without_a_gap() {
        let mut story = placed();
        full_disk(&mut story, true).lost("xyz", "hub-a").offer(1).after(100).cut("field", "west");
        full_disk(&mut story, false).after(100);
        full_disk(&mut story, true).healed("field", "west").after(100);
        full_disk(&mut story, false).after(170).confirm(1).ends().held(4);
    }

    #[test]
    fn another_hub_is_a_way_as_soon_as_the_provisioning_service_sees_its_own_down() {
        let mut lost = placed();
        lost.power("hub-a", Power::Lost).lost("xyz", "hub-a").offer(1).after(181).ends().violated(STUCK);
        let mut cut = placed();
        cut.cut("field", "west").lost("xyz", "hub-a").offer(1).after(300);
        cut.cut("dps", "hub-a").after(181).ends().violated(STUCK);
    }

    #[test]
    fn a_move_starts_the_time_again_for_its_new_hub() {
        let moved = || {
            let mut story = placed();
            story.lost("xyz", "hub-a").offer(1).after(100).allocate("hub-b", Reason::ManualFailover);
            story
        };
        moved().after(170).confirm(1).ends().held(4);
        moved().after(181).ends().violated(STUCK);
        let mut away = moved();
        away.power("hub-b", Power::Lost).cut("dps", "hub-a").after(600).ends().not_exercised_but_checked(3);
    }

    #[test]
    fn trouble_elsewhere_gives_no_more_time() {
        let mut story = placed();
        story.power("hub-b", Power::Frozen).lost("xyz", "hub-a").offer(1);
        story.after(100).power("hub-b", Power::Thawed).after(81);
        story.ends().violated(STUCK);
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

    fn exclusive() -> Story {
        let mut story = Story::sharing("recovers", SubscriptionMode::Exclusive);
        story.attach("consumer-1", 1).take(0, "consumer-1").refused("consumer-2", "broker-west");
        story
    }

    #[test]
    fn one_that_is_refused_owes_nothing_while_another_has_the_place() {
        let mut story = exclusive();
        story.after(100).refused("consumer-2", "broker-west").after(600);
        story.ends().not_exercised_but_checked(3);
    }

    #[test]
    fn its_time_starts_when_the_place_is_free_and_ends_when_it_is_taken_again() {
        let mut story = exclusive();
        story.after(300).detach("consumer-1", 1).after(179).attach("consumer-1", 2).after(600);
        story.ends().held(4);
        let mut gone = exclusive();
        gone.after(300).power("consumer-1", Power::Lost).after(182);
        gone.ends().violated("consumer-2 made no progress for 180 s though it could: its machine was booted");
    }

    #[test]
    fn of_other_modes_everybody_owes_progress() {
        let mut story = Story::sharing("recovers", SubscriptionMode::Failover);
        story.attach("consumer-1", 1).attach("consumer-2", 1).take(0, "consumer-1").detach("consumer-2", 1).after(182);
        story.ends().violated("consumer-2 made no progress for 180 s though it could: its session was lost");
    }

    #[test]
    fn a_program_that_nobody_lets_in_again_does_not_recover_from_its_own_dead_session() {
        let mut story = Story::sharing("recovers", SubscriptionMode::Exclusive);
        story.power("consumer-2", Power::Stopped).attach("consumer-1", 1).take(0, "consumer-1");
        story.lost("consumer-1", "broker-west").refused("consumer-1", "broker-west").after(182);
        story.ends().violated("consumer-1 made no progress for 180 s though it could: its session was lost");
    }
}
