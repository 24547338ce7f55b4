//! `one-connection`: a device is in one place, and it is the right one.
use super::bounds::Bounds;
use super::placement::{Placed, Placement, Step};
use super::{Invariant, Registration, Rules, Scene, Tally, Violation};
use crate::history::{Entry, HostId, Kinds, Outages, Roster};
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "one-connection",
    holds_when: "a device never has two counting sessions, and within 60 s of being able to learn it, it is at its assigned hub",
    exercised_by: "a move",
    explanation: "A session counts while both ends hold it open and each could reach the other within the last \
        keep-alive, judged from the world: a hub that lost its power holds nothing, and one behind a cut counts no \
        longer than the device's keep-alive. Two sessions that count, at hubs, are a split brain. And when the \
        provisioning service has decided where a device belongs, the device must be there within the limit \
        (`within`, default 60 s), counted from when it could learn of it: it, the provisioning service and that hub \
        reach one another, and whatever hub still holds it can be told to let go.",
    bounded: true,
    build: |roster, rules| Box::new(OneConnection::new(roster, rules)),
};

struct OneConnection {
    placement: Placement,
    keep_alive: Vec<Duration>,
    /// Until a device is at its assigned hub.
    bounds: Bounds,
    limit: Duration,
    /// Devices whose open obligation is a move.
    moving: BTreeSet<u32>,
    /// Devices found with two sessions, until they have at most one.
    split: BTreeSet<u32>,
}

impl OneConnection {
    fn new(roster: &Roster, rules: &Rules) -> Self {
        Self {
            placement: Placement::default(),
            keep_alive: roster.clients.iter().map(|client| client.keep_alive).collect(),
            bounds: Bounds::new(rules.one_connection),
            limit: rules.one_connection,
            moving: BTreeSet::new(),
            split: BTreeSet::new(),
        }
    }

    fn allocated(&mut self, now: Duration, client: u32, to: HostId, before: Option<HostId>, scene: &Scene<'_>) {
        if before.is_some_and(|before| before != to) {
            self.moving.insert(client);
        }
        let Some(placed) = self.placement.placed(client) else { return };
        if placed.sessions.services().any(|service| service == to) {
            self.bounds.stop(client);
            self.moving.remove(&client);
        } else if before != Some(to) || !self.bounds.is_open(client) {
            self.bounds.start(client, now, self.placement.can_go(client, to, scene.outages));
        }
    }

    fn arrived(&mut self, now: Duration, client: u32, at: HostId, scene: &Scene<'_>, tally: &mut Tally) {
        let Some(to) = self.placement.placed(client).and_then(|placed| placed.assigned) else { return };
        if at == to {
            if self.bounds.stop(client) {
                tally.check(1);
                tally.exercise(self.moving.remove(&client));
            }
        } else if self.placement.services.contains(&at) && !self.bounds.is_open(client) {
            self.bounds.start(client, now, self.placement.can_go(client, to, scene.outages));
        }
    }

    /// Notes who can reach whom no longer, or again.
    fn watch_paths(&mut self, now: Duration, client: u32, scene: &Scene<'_>) {
        if let Some(Placed { host: Some(host), sessions, .. }) = self.placement.clients.get_mut(&client) {
            sessions.watch_paths(now, *host, scene.outages);
        }
    }

    /// The services at which a device has sessions that count, one entry for each.
    fn counting(&self, now: Duration, client: u32) -> Vec<HostId> {
        let Some(placed) = self.placement.placed(client) else { return Vec::new() };
        let keep_alive = self.keep_alive[client as usize];
        let mut counting = Vec::new();
        for service in &self.placement.services {
            let here = placed.sessions.counting(*service, now, keep_alive);
            counting.extend(std::iter::repeat_n(*service, here));
        }
        counting
    }

    fn look_for_two(&mut self, now: Duration, client: u32, scene: &Scene<'_>, tally: &mut Tally) {
        let counting = self.counting(now, client);
        if counting.len() < 2 {
            self.split.remove(&client);
        } else if self.split.insert(client) {
            let name = |host: &HostId| &*scene.roster.machines[host.index()].name;
            let places: Vec<&str> = counting.iter().map(name).collect();
            let client = &scene.roster.clients[client as usize].name;
            let what = format!("{client} has {} sessions that count: at {}", places.len(), places.join(" and "));
            tally.violate(Violation { at: now, message: None, what, custody: Vec::new() });
        }
    }

    fn look_at_world(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        for client in self.bounds.subjects() {
            self.refresh(now, client, scene);
        }
        let clients: Vec<u32> = self.placement.clients.keys().copied().collect();
        for client in clients {
            self.watch_paths(now, client, scene);
            self.look_for_two(now, client, scene, tally);
        }
    }

    fn refresh(&mut self, now: Duration, client: u32, scene: &Scene<'_>) {
        if let Some(to) = self.placement.placed(client).and_then(|placed| placed.assigned) {
            let clear = self.placement.can_go(client, to, scene.outages);
            self.bounds.path(client, now, clear, false);
        }
    }
}

impl Invariant for OneConnection {
    fn wants(&self) -> Kinds {
        Placement::KINDS.and(Outages::KINDS)
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        match self.placement.see(entry, scene) {
            Some(Step::Allocated { client, to, before, .. }) => {
                self.allocated(entry.at, client, to, before, scene);
            }
            Some(Step::Arrived { client, at }) => {
                self.arrived(entry.at, client, at, scene, tally);
                self.watch_paths(entry.at, client, scene);
                self.refresh(entry.at, client, scene);
                self.look_for_two(entry.at, client, scene, tally);
            }
            Some(Step::Sessions { client }) => {
                self.refresh(entry.at, client, scene);
                self.look_for_two(entry.at, client, scene, tally);
            }
            None => {}
        }
        if scene.disturbance.is_some() {
            self.look_at_world(entry.at, scene, tally);
        }
    }
    fn expire(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        for (client, at) in self.bounds.expired(now) {
            self.moving.remove(&client);
            let placed = self.placement.placed(client);
            let name = |host: HostId| &*scene.roster.machines[host.index()].name;
            let to = placed.and_then(|placed| placed.assigned).map_or("its hub", name);
            let held = placed.and_then(|placed| placed.sessions.services().next()).map_or("nowhere", name);
            let client = &scene.roster.clients[client as usize].name;
            let limit = self.limit.as_secs();
            let what = format!("{client} could have known for {limit} s that it belongs at {to}, and is at {held}");
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
    use crate::history::{Power, Reason};
    use crate::invariant::story::Story;

    /// xyz is at hub-a, and hub-a has just lost its power.
    fn attacked() -> Story {
        let mut story = Story::of("one-connection");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1).power("hub-a", Power::Lost);
        story
    }

    #[test]
    fn held_when_a_device_is_at_its_new_hub_in_time() {
        let mut story = attacked();
        story.after(30).lost("xyz", "hub-a").allocate("hub-b", Reason::Failover).after(59).session("hub-b", 2);
        story.ends().held(2);
    }

    #[test]
    fn violated_when_it_is_not() {
        let mut story = attacked();
        story.after(30).lost("xyz", "hub-a").allocate("hub-b", Reason::Failover).after(62);
        story.ends().violated("xyz could have known for 60 s that it belongs at hub-b, and is at nowhere");
    }

    #[test]
    fn violated_when_it_comes_too_late_even_if_nobody_looked_before() {
        let mut story = attacked();
        story.lost("xyz", "hub-a").allocate("hub-b", Reason::Failover).after(61).session("hub-b", 2);
        story.ends().violated("xyz could have known for 60 s that it belongs at hub-b, and is at nowhere");
    }

    #[test]
    fn asking_again_and_again_gives_no_more_time() {
        let mut story = attacked();
        story.lost("xyz", "hub-a").allocate("hub-b", Reason::Failover);
        story.after(40).allocate("hub-b", Reason::Failover).after(40);
        story.ends().violated("xyz could have known for 60 s that it belongs at hub-b, and is at nowhere");
    }

    #[test]
    fn the_time_does_not_run_while_the_device_cannot_learn_it_and_starts_again_after() {
        let mut story = attacked();
        story.lost("xyz", "hub-a").allocate("hub-b", Reason::Failover);
        story.after(50).cut("field", "east").after(300).healed("field", "east").after(59).session("hub-b", 2);
        story.ends().held(2);
    }

    #[test]
    fn a_device_whose_hub_cannot_be_told_to_let_go_cannot_learn_it() {
        let mut story = Story::of("one-connection");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1).cut("east", "west");
        story.allocate("hub-b", Reason::Rebalance).after(400).healed("east", "west").lost("xyz", "hub-a");
        story.session("hub-b", 2);
        story.ends().held(2);
    }

    #[test]
    fn violated_by_two_sessions_that_count() {
        let mut story = Story::of("one-connection");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1).allocate("hub-b", Reason::Rebalance);
        story.session("hub-b", 2);
        story.ends().violated("xyz has 2 sessions that count: at hub-a and hub-b");
    }

    #[test]
    fn violated_by_two_sessions_at_one_hub() {
        let mut story = Story::of("one-connection");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1).session("hub-a", 2);
        story.ends().violated("xyz has 2 sessions that count: at hub-a and hub-a");
    }

    #[test]
    fn a_session_that_only_one_end_holds_open_does_not_count() {
        let mut story = Story::of("one-connection");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1);
        story.service_ends("hub-a", 1).allocate("hub-b", Reason::Rebalance).session("hub-b", 2);
        story.ends().held(2);
    }

    #[test]
    fn a_session_at_a_hub_that_lost_its_power_does_not_count() {
        let mut story = attacked();
        story.allocate("hub-b", Reason::Failover).session("hub-b", 2);
        story.ends().held(2);
    }

    #[test]
    fn a_session_behind_a_cut_counts_for_one_keep_alive() {
        let story = || {
            let mut story = Story::of("one-connection");
            story.allocate("hub-a", Reason::Initial).session("hub-a", 1).cut("field", "west");
            story.allocate("hub-b", Reason::Failover);
            story
        };
        let mut early = story();
        early.after(10).session("hub-b", 2);
        early.ends().violated("xyz has 2 sessions that count: at hub-a and hub-b");
        let mut late = story();
        late.after(30).session("hub-b", 2);
        late.ends().held(2);
        late.healed("field", "west");
        late.ends().violated("xyz has 2 sessions that count: at hub-a and hub-b");
    }

    #[test]
    fn sessions_with_services_that_place_nobody_do_not_count() {
        let mut story = Story::of("one-connection");
        story.session("dps", 1).allocate("hub-a", Reason::Initial).session("hub-a", 2);
        story.ends().not_exercised_but_checked(1);
    }

    #[test]
    fn a_device_that_appears_at_the_wrong_hub_must_go_to_the_right_one() {
        let mut story = Story::of("one-connection");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1).allocate("hub-b", Reason::Rebalance);
        story.lost("xyz", "hub-a").session("hub-b", 2).lost("xyz", "hub-b").session("hub-a", 3).after(61);
        story.ends().violated("xyz could have known for 60 s that it belongs at hub-b, and is at hub-a");
    }

    #[test]
    fn not_exercised_without_a_move() {
        let mut story = Story::of("one-connection");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1);
        story.ends().not_exercised_but_checked(1);
    }
}
