//! `command-arrives`: what was promised to the operator reaches the device's application.
use super::bounds::Bounds;
use super::ways::Ways;
use super::{Invariant, Registration, Rules, Scene, Tally, Violation};
use crate::history::{ClientId, Entry, Event, HostId, Kind, Kinds, OperationId, Outages, Owes, Power, Roster};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "command-arrives",
    holds_when: "each accepted command is handled by its device, or expires before it could be",
    exercised_by: "a command",
    explanation: "A command is accepted when the operator has seen a 2xx. From then on the device's application must \
        finish handling it within `within` (default 3 min), which runs only while the way is clear: while the device \
        works at a hub that it can reach, the way from the service that accepted through that hub; otherwise \
        a way from the service and the provisioning service through the hub that it was put at, or through any other \
        once the provisioning service cannot reach that one. The time starts again when the way \
        becomes clear, when a fault takes away a way that was open, and when the device has handled another command. \
        A command whose time to live ends first has expired, and nothing more is owed; that is counted from its \
        acceptance by the plan, and no service's word excuses. So a command can only expire without harm when its way \
        was never clear for a whole `within` of its life. Handled twice is no matter of this invariant.",
    bounded: true,
    build: |roster, rules| Box::new(CommandArrives::new(roster, rules)),
};

struct CommandArrives {
    /// The plan has a command.
    is_promised: bool,
    bounds: Bounds,
    limit: Duration,
    /// Operations accepted, and neither handled nor expired.
    open: BTreeMap<u32, Waiting>,
    /// When each of them expires.
    expiry: BTreeSet<(Duration, u32)>,
    /// By client: its sessions, in its own view.
    sessions: Vec<Sessions>,
    ways: Ways,
}

/// One client's latest session, and the one that it works in.
#[derive(Clone, Copy, Debug, Default)]
struct Sessions {
    latest: Option<(HostId, u64)>,
    settled: Option<(HostId, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    client: ClientId,
    expires: Duration,
    /// Which ways were clear when last looked at, one bit each.
    ways: u64,
}

impl CommandArrives {
    fn new(roster: &Roster, rules: &Rules) -> Self {
        Self {
            is_promised: roster.operations.iter().any(|planned| matches!(planned.owes, Owes::Handling { .. })),
            bounds: Bounds::new(rules.command_arrives),
            limit: rules.command_arrives,
            open: BTreeMap::new(),
            expiry: BTreeSet::new(),
            sessions: vec![Sessions::default(); roster.clients.len()],
            ways: Ways::new(roster),
        }
    }

    fn accepted(&mut self, now: Duration, operation: OperationId, scene: &Scene<'_>, tally: &mut Tally) {
        let Some(planned) = scene.roster.operations.get(operation.index()) else { return };
        let (Owes::Handling { ttl }, Some(client)) = (planned.owes, scene.directory.client(&planned.client)) else {
            return;
        };
        // It is owed once, and from its first acceptance.
        if self.open.contains_key(&operation.0) {
            return;
        }
        tally.exercise(true);
        if scene.custody.operations().of(operation).is_some_and(|asking| asking.handled > 0) {
            tally.check(1);
            return;
        }
        let ways = self.ways(operation, client, scene);
        let expires = now + ttl;
        self.open.insert(operation.0, Waiting { client, expires, ways });
        self.expiry.insert((expires, operation.0));
        self.bounds.start(operation.0, now, ways != 0);
    }

    /// The ways from who accepted it to the device that are clear, one bit each.
    fn ways(&self, operation: OperationId, client: ClientId, scene: &Scene<'_>) -> u64 {
        let service = scene.directory.host(&scene.roster.operations[operation.index()].service);
        let device = scene.directory.host_of_client(client);
        let (Some(service), Some(device)) = (service, device) else { return 0 };
        // A device stays where it is for as long as it can: no other hub helps then.
        let settled = self.sessions[client.index()].settled.map(|(hub, _)| hub);
        if let Some(hub) = settled.filter(|hub| scene.outages.is_reachable(device, *hub)) {
            let clear = scene.outages.is_clear_between(service, hub) && scene.outages.is_clear_between(hub, device);
            return u64::from(clear) << (hub.index() % 64);
        }
        self.ways.of(client, &[service], scene)
    }

    fn look_again(&mut self, now: Duration, only: Option<ClientId>, progress: bool, scene: &Scene<'_>) {
        let waiting = self.open.iter().filter(|(_, waiting)| only.is_none_or(|client| waiting.client == client));
        for (operation, waiting) in waiting.map(|(id, waiting)| (*id, *waiting)).collect::<Vec<_>>() {
            let ways = self.ways(OperationId(operation), waiting.client, scene);
            // Another session may have moved the way elsewhere; only a fault takes one away.
            let taken = only.is_none() && waiting.ways & !ways != 0;
            self.bounds.path(operation, now, ways != 0, taken || progress);
            self.open.insert(operation, Waiting { ways, ..waiting });
        }
    }

    fn close(&mut self, operation: u32) -> Option<Waiting> {
        let waiting = self.open.remove(&operation)?;
        self.bounds.stop(operation);
        self.expiry.remove(&(waiting.expires, operation));
        Some(waiting)
    }

    /// Folds sessions; says whose changed.
    fn session(&mut self, entry: &Entry, scene: &Scene<'_>) -> Option<ClientId> {
        match &entry.event {
            Event::Connected { client, service, session } => {
                let (client, service) = (scene.directory.client(client)?, scene.directory.host(service)?);
                self.sessions[client.index()].latest = Some((service, *session));
                None
            }
            Event::Settled { client, at } => {
                let (client, hub) = (scene.directory.client(client)?, scene.directory.host(at)?);
                let sessions = &mut self.sessions[client.index()];
                sessions.settled = sessions.latest.filter(|(service, _)| *service == hub);
                Some(client)
            }
            Event::SessionLost { client, service, session, .. } | Event::SessionClosed { client, service, session } => {
                let (client, service) = (scene.directory.client(client)?, scene.directory.host(service)?);
                let sessions = &mut self.sessions[client.index()];
                sessions.settled = sessions.settled.filter(|settled| *settled != (service, *session));
                Some(client)
            }
            Event::Power { state: Power::Lost | Power::Crashed | Power::Stopped | Power::On } => {
                let place = scene.directory.place(&entry.host)?;
                for (index, sessions) in self.sessions.iter_mut().enumerate() {
                    let host = scene.directory.host_of_client(ClientId(index as u32));
                    if host.is_some_and(|host| scene.directory.is_at(host, place)) {
                        *sessions = Sessions::default();
                    }
                }
                None
            }
            _ => None,
        }
    }
}

impl Invariant for CommandArrives {
    fn wants(&self) -> Kinds {
        if !self.is_promised {
            return Kinds::NONE;
        }
        let operations = Kinds::of(&[Kind::Answered, Kind::CommandHandled]);
        let sessions = Kinds::of(&[Kind::Connected, Kind::Settled, Kind::SessionLost, Kind::SessionClosed]);
        operations.and(sessions).and(Ways::KINDS).and(Outages::KINDS)
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let moved = self.ways.see(entry, scene);
        if let Some(client) = self.session(entry, scene).or(moved) {
            self.look_again(entry.at, Some(client), false, scene);
        }
        match &entry.event {
            Event::Answered { operation, status: 200..300, .. } => self.accepted(entry.at, *operation, scene, tally),
            Event::CommandHandled { operation } => {
                tally.check(u64::from(self.close(operation.0).is_some()));
                let planned = scene.roster.operations.get(operation.index());
                let client = planned.and_then(|planned| scene.directory.client(&planned.client));
                if client.is_some() {
                    self.look_again(entry.at, client, true, scene);
                }
            }
            _ => {}
        }
        if scene.disturbance.is_some() {
            self.look_again(entry.at, None, false, scene);
        }
    }

    fn expire(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        for (operation, at) in self.bounds.expired(now) {
            let Some(waiting) = self.close(operation) else { continue };
            if waiting.expires < at {
                tally.check(1);
                continue;
            }
            let planned = &scene.roster.operations[operation as usize];
            let (name, client, limit) = (&planned.name, &planned.client, self.limit.as_secs());
            let what = format!("{name} was accepted, and {client} did not handle it in {limit} s though it could");
            let asking = scene.custody.operations().of(OperationId(operation));
            let custody = asking.map(|asking| asking.entries().to_vec()).unwrap_or_default();
            tally.violate(Violation { at, message: None, what, custody });
        }
        while let Some((_, operation)) = self.expiry.first().copied().filter(|(expires, _)| *expires < now) {
            self.close(operation);
            tally.check(1);
        }
    }
    fn next_deadline(&self) -> Option<Duration> {
        let expiry = self.expiry.first().map(|(expires, _)| *expires + Duration::from_nanos(1));
        self.bounds.next_deadline().into_iter().chain(expiry).min()
    }
    fn is_settled(&self, _scene: &Scene<'_>) -> bool {
        self.bounds.is_settled()
    }
}

#[cfg(test)]
mod tests {
    use crate::history::{Event, Power, Reason};
    use crate::invariant::Rules;
    use crate::invariant::story::{ANOTHER, COMMAND, Story};
    use std::time::Duration;

    const LOST: &str = "command blink was accepted, and xyz did not handle it in 180 s though it could";

    fn handled() -> Event {
        Event::CommandHandled { operation: COMMAND }
    }
    /// xyz works against hub-a, and a command for it (10 minutes to live) is accepted.
    fn commanded() -> Story {
        let mut story = Story::of("command-arrives");
        story.session("hub-a", 1).settle("hub-a").ask(COMMAND).answer(COMMAND, 202);
        story
    }

    #[test]
    fn held_when_the_device_handles_it_in_time() {
        commanded().after(179).tell("xyz", handled()).ends().held(1);
    }

    #[test]
    fn violated_with_the_custody_of_the_command_when_it_is_not_handled() {
        let mut story = commanded();
        story.tell("central", Event::CommandQueued { operation: COMMAND });
        story.tell("xyz", Event::CommandDelivered { operation: COMMAND }).after(181);
        story.ends().violated(LOST).custody(&["Asked", "Answered", "CommandQueued", "CommandDelivered"]);
    }

    #[test]
    fn one_that_is_accepted_twice_is_owed_once_and_from_the_first_time() {
        let mut story = commanded();
        story.after(100).answer(COMMAND, 202).after(79).tell("xyz", handled()).after(600).ends().held(1);
        commanded().after(100).answer(COMMAND, 202).after(81).ends().violated(LOST);
    }

    #[test]
    fn handled_before_the_operator_had_its_answer_is_handled() {
        let mut story = Story::of("command-arrives");
        story.session("hub-a", 1).settle("hub-a").ask(COMMAND).tell("xyz", handled()).answer(COMMAND, 202).after(600);
        story.ends().held(1);
    }

    #[test]
    fn nothing_is_owed_when_the_command_was_refused_or_nobody_answered() {
        for status in [0, 404, 503] {
            let mut story = Story::of("command-arrives");
            story.session("hub-a", 1).settle("hub-a").ask(COMMAND).answer(COMMAND, status).after(3600);
            story.ends().not_exercised();
        }
    }

    #[test]
    fn the_time_starts_when_the_way_is_clear_again() {
        let mut story = commanded();
        story.power("hub-a", Power::Lost).power("hub-b", Power::Lost).lost("xyz", "hub-a").after(300);
        story.power("hub-a", Power::On).after(170).tell("xyz", handled());
        story.ends().held(1);
        let mut late = commanded();
        late.cut("central", "hub-a").after(300).healed("central", "hub-a").after(181);
        late.ends().violated(LOST);
    }

    #[test]
    fn expiry_excuses_what_could_not_arrive_in_its_life() {
        let mut story = commanded();
        story.cut("xyz", "hub-a").cut("xyz", "hub-b").after(650).healed("xyz", "hub-a").after(600);
        story.ends().held(1);
    }

    #[test]
    fn a_services_word_that_it_has_expired_excuses_nothing() {
        let mut story = commanded();
        story.tell("hub-a", Event::CommandExpired { operation: COMMAND }).after(181);
        story.ends().violated(LOST);
    }

    #[test]
    fn while_the_device_can_stay_at_its_hub_another_hub_is_no_way() {
        let mut story = commanded();
        story.cut("central", "hub-a").after(400).tell("xyz", handled());
        story.ends().held(1);
        let mut moved = commanded();
        moved.power("hub-a", Power::Lost).lost("xyz", "hub-a").session("hub-b", 2).settle("hub-b").after(181);
        moved.ends().violated(LOST);
    }

    #[test]
    fn without_a_session_the_device_needs_the_provisioning_service_too() {
        let mut story = commanded();
        story.power("hub-a", Power::Lost).power("dps", Power::Lost).lost("xyz", "hub-a").after(400);
        story.power("dps", Power::On).after(170).tell("xyz", handled());
        story.ends().held(1);
    }

    #[test]
    fn trouble_at_its_hub_that_the_provisioning_service_cannot_see_makes_no_other_hub_a_way() {
        let mut story = commanded();
        story.allocate("hub-a", Reason::Initial).cut("field", "west").lost("xyz", "hub-a").after(400);
        story.healed("field", "west").after(170).tell("xyz", handled());
        story.ends().held(1);
        let mut seen = commanded();
        seen.allocate("hub-a", Reason::Initial).cut("field", "west").lost("xyz", "hub-a").after(300);
        seen.cut("dps", "hub-a").after(181).ends().violated(LOST);
    }

    #[test]
    fn handling_another_command_is_progress() {
        let mut story = commanded();
        story.after(170).tell("xyz", Event::CommandHandled { operation: ANOTHER });
        story.after(170).tell("xyz", handled());
        story.ends().held(1);
    }

    #[test]
    fn the_scenario_may_set_the_limit() {
        let rules = Rules { command_arrives: Duration::from_secs(30), ..Rules::default() };
        let mut story = Story::with("command-arrives", rules);
        story.session("hub-a", 1).settle("hub-a").ask(COMMAND).answer(COMMAND, 202).after(31);
        story.ends().violated("command blink was accepted, and xyz did not handle it in 30 s though it could");
    }
}
