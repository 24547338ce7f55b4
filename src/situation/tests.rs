use super::*;
use crate::history::{
    Client, Delivery, Destination, DestinationId, Entry, Event, Machine, MessageId, Operation, OperationId, Owes,
    Power, Producer, ProducerId, Roster, Route, SubscriptionMode, Witness,
};
use std::time::Duration;

const CENTRAL: DestinationId = DestinationId(0);
const WORKERS: DestinationId = DestinationId(1);

/// A device, two hubs and central; a broker with two consumers of one subscription.
pub(crate) fn roster() -> Roster {
    let machine = |name: &str, site: &str| Machine { name: name.into(), site: site.into() };
    let destination = |name: &str, hosts: &[&str], via: &[&str], mode: Option<SubscriptionMode>| Destination {
        name: name.into(),
        hosts: hosts.iter().map(|name| (*name).into()).collect(),
        via: via.iter().map(|name| (*name).into()).collect(),
        standing: mode.is_none(),
        mode,
    };
    let client = |name: &str| Client {
        name: name.into(),
        host: name.into(),
        keep_alive: Duration::from_secs(20),
        needs: Vec::new(),
        producers: Vec::new(),
        placed: false,
        receives: None,
        room: None,
        rank: 0,
    };
    let route = |producer, destination| Route {
        producer: ProducerId(producer),
        destination,
        ordered: true,
        delivery: Delivery::AtLeastOnce,
    };
    Roster {
        machines: ["xyz", "one", "two", "till"]
            .map(|name| machine(name, "field"))
            .into_iter()
            .chain(["hub-a", "hub-b", "central", "broker"].map(|name| machine(name, "west")))
            .collect(),
        producers: vec![
            Producer { name: "xyz/telemetry".into(), host: "xyz".into() },
            Producer { name: "till/orders".into(), host: "till".into() },
        ],
        destinations: vec![
            destination("central", &["central"], &["hub-a", "hub-b"], None),
            destination("workers", &["one", "two"], &["broker"], Some(SubscriptionMode::Failover)),
        ],
        routes: vec![route(0, CENTRAL), route(1, WORKERS)],
        clients: ["xyz", "one", "two", "till"].map(client).to_vec(),
        operations: vec![Operation {
            name: "command blink".into(),
            verb: "command",
            client: "xyz".into(),
            host: "operator".into(),
            service: "central".into(),
            owes: Owes::Nothing,
        }],
    }
}

/// A situation with everything powered on.
struct World(Situation, u64);

impl World {
    fn new() -> Self {
        let mut world = Self(Situation::new(&roster()), 0);
        for machine in roster().machines {
            world.see(&machine.name, Event::Power { state: Power::On });
        }
        world
    }
    fn see(&mut self, host: &str, event: Event) -> &mut Self {
        self.1 += 1;
        self.0.see(&Entry { at: Duration::from_secs(self.1), host: host.into(), event });
        self
    }
    fn power(&mut self, host: &str, state: Power) -> &mut Self {
        self.see(host, Event::Power { state })
    }
    fn host(&self, name: &str) -> &HostState {
        self.0.hosts().iter().find(|state| &*state.name == name).expect("it takes part")
    }
    fn stored(&self, host: &str) -> Vec<(u64, Option<&str>)> {
        let all = self.host(host).shelf.by_destination().flat_map(|(_, these)| these);
        all.map(|(message, to)| (message.number, to.as_deref())).collect()
    }
}

fn telemetry(number: u64) -> MessageId {
    MessageId { producer: ProducerId(0), number }
}
fn order(number: u64) -> MessageId {
    MessageId { producer: ProducerId(1), number }
}
fn received(message: MessageId, destination: DestinationId) -> Event {
    Event::Received { message, destination, digest: 0 }
}

#[test]
fn what_a_device_offered_is_queued_then_sent_and_gone_when_it_is_confirmed() {
    let mut world = World::new();
    for number in 1..=3 {
        world.see("xyz", Event::Offered { message: telemetry(number), digest: 0 });
    }
    world.see("xyz", Event::Sent { message: telemetry(1), session: 1, again: false });
    world.see("xyz", Event::Sent { message: telemetry(2), session: 1, again: false });
    world.see("xyz", Event::Confirmed { message: telemetry(1) });
    let outbox = &world.host("xyz").outbox;
    assert_eq!(outbox.sent, [telemetry(2)].into());
    assert_eq!(outbox.queued, [telemetry(3)].into());
    world.power("xyz", Power::Crashed);
    assert_eq!(world.host("xyz").outbox.uncertain, [telemetry(2), telemetry(3)].into());
    world.power("xyz", Power::On).see("xyz", Event::Sent { message: telemetry(2), session: 2, again: true });
    let outbox = &world.host("xyz").outbox;
    assert_eq!((&outbox.sent, &outbox.uncertain), (&[telemetry(2)].into(), &[telemetry(3)].into()));
}

#[test]
fn a_hub_holds_what_central_has_not_handled_through_a_loss_of_power_and_wherever_else_it_lies() {
    let mut world = World::new();
    world.see("hub-a", Event::Stored { message: telemetry(1) });
    world.see("hub-a", Event::Stored { message: telemetry(2) });
    world.see("hub-a", Event::Dispatched { message: telemetry(1), to: "central".into(), again: false });
    world.power("hub-a", Power::Lost);
    assert_eq!(world.stored("hub-a"), [(1, Some("central")), (2, None)], "it is on its disk");
    world.see("hub-b", Event::Stored { message: telemetry(1) });
    world.see("central", received(telemetry(1), CENTRAL));
    assert_eq!((world.stored("hub-a"), world.stored("hub-b")), (vec![(2, None)], Vec::new()));
    world.see("hub-b", Event::Stored { message: telemetry(1) });
    assert!(world.host("hub-b").shelf.is_empty(), "central has it");
}

#[test]
fn a_broker_holds_what_is_owed_to_a_subscription_until_it_is_acknowledged() {
    let mut world = World::new();
    world.see("broker", Event::Stored { message: order(0) });
    assert!(world.host("broker").shelf.is_empty(), "nobody has subscribed");
    world.see("one", Event::SubscribeStarted { destination: WORKERS });
    world.see("broker", Event::Stored { message: order(1) });
    world.see("broker", Event::Dispatched { message: order(1), to: "one".into(), again: false });
    world.see("one", Event::Delivered { message: order(1), destination: WORKERS });
    assert_eq!(world.host("one").inbox.unhandled, [(WORKERS, order(1))].into());
    world.see("one", received(order(1), WORKERS));
    assert_eq!(world.host("one").inbox.unacked, [(WORKERS, order(1))].into());
    assert_eq!(world.stored("broker"), [(1, Some("one"))]);
    world.see("one", Event::Acked { message: order(1), destination: WORKERS });
    assert!(world.host("one").is_idle() && world.host("broker").is_idle());
}

#[test]
fn what_was_confirmed_and_not_stored_is_nowhere_until_it_is_stored_or_handled() {
    let mut world = World::new();
    for number in 1..=4 {
        world.see("xyz", Event::Offered { message: telemetry(number), digest: 0 });
    }
    world.see("hub-a", Event::Stored { message: telemetry(1) });
    for number in 1..=3 {
        world.see("xyz", Event::Confirmed { message: telemetry(number) });
    }
    assert_eq!(*world.0.nowhere(), [telemetry(2), telemetry(3)].into());
    world.see("hub-a", Event::Stored { message: telemetry(2) }).see("central", received(telemetry(3), CENTRAL));
    assert!(world.0.nowhere().is_empty());
    world.see("till", Event::Confirmed { message: order(1) });
    assert!(world.0.nowhere().is_empty(), "nobody has subscribed");
}

#[test]
fn sessions_are_told_from_both_ends_and_end_with_either_boot() {
    let mut world = World::new();
    world.see("xyz", Event::Connecting { client: "xyz".into(), service: "hub-a".into() });
    assert!(world.host("xyz").connecting.contains_key("xyz"));
    world.see("hub-a", Event::SessionOpened { client: "xyz".into(), session: 1 });
    world.see("xyz", Event::Connected { client: "xyz".into(), service: "hub-a".into(), session: 1 });
    world.see("xyz", Event::Settled { client: "xyz".into(), at: "hub-a".into() });
    let xyz = world.host("xyz");
    assert!(xyz.connecting.is_empty() && &*xyz.works_at["xyz"] == "hub-a");
    assert_eq!(&*xyz.sessions[&("xyz".into(), 1)].service, "hub-a");
    world.power("hub-a", Power::Lost);
    assert!(world.host("hub-a").serves.is_empty());
    assert_eq!(world.host("xyz").sessions.len(), 1, "it has not noticed");
    let cause = crate::history::Cause::Silence;
    world.see("xyz", Event::SessionLost { client: "xyz".into(), service: "hub-a".into(), session: 1, cause });
    assert!(world.host("xyz").sessions.is_empty() && world.host("xyz").works_at.is_empty());
}

#[test]
fn the_active_consumer_is_nobody_once_its_session_has_ended() {
    let mut world = World::new();
    world.see("broker", Event::SessionOpened { client: "one".into(), session: 1 });
    world.see("broker", Event::Activated { destination: WORKERS, client: "one".into(), held: 0 });
    assert_eq!(&*world.host("broker").active[&WORKERS], "one");
    world.see("broker", Event::SessionEnded { client: "one".into(), session: 1, why: "eof" });
    assert!(world.host("broker").active.is_empty());
    world.see("broker", Event::Activated { destination: WORKERS, client: "two".into(), held: 2 });
    assert_eq!(&*world.host("broker").active[&WORKERS], "two");
}

#[test]
fn what_is_done_to_a_site_is_done_to_each_of_its_machines_until_it_is_undone_as_often() {
    let mut world = World::new();
    let cut = || Event::Cut { from: "field".into(), to: "west".into() };
    let healed = || Event::Healed { from: "field".into(), to: "west".into() };
    world.see("field", cut()).see("field", cut()).see("field", healed());
    for host in ["xyz", "hub-b"] {
        assert_eq!(world.host(host).condition.cuts().count(), 1, "{host}");
    }
    world.see("field", healed()).see("west", Event::Fault { text: "slow".into(), on: true });
    assert!(world.host("xyz").condition.is_plain());
    assert_eq!(world.host("hub-a").condition.faults().collect::<Vec<_>>(), ["slow"]);
    world.see("west", Event::Fault { text: "slow".into(), on: false }).power("hub-a", Power::Frozen);
    assert!(matches!(world.host("hub-a").condition.running, Running::Frozen(_)));
    world.power("hub-a", Power::Lost).power("hub-a", Power::Thawed);
    assert!(matches!(world.host("hub-a").condition.running, Running::Down(Power::Lost, _)));
}

#[test]
fn a_command_is_in_every_hand_that_has_it_until_the_device_acknowledges_it() {
    let (mut world, operation) = (World::new(), OperationId(0));
    world.see("central", Event::CommandQueued { operation }).see("hub-a", Event::CommandQueued { operation });
    world.see("hub-a", Event::CommandDispatched { operation, again: false });
    world.see("xyz", Event::CommandDelivered { operation });
    let errand = |world: &World, host: &str| world.host(host).errands.get(&operation).copied();
    assert_eq!(errand(&world, "central"), Some(Errand::Queued));
    assert_eq!(errand(&world, "hub-a"), Some(Errand::Dispatched));
    assert_eq!(errand(&world, "xyz"), Some(Errand::Delivered));
    world.power("xyz", Power::Crashed);
    assert_eq!(errand(&world, "xyz"), None, "it was in memory");
    world.see("xyz", Event::CommandAcked { operation });
    assert_eq!((errand(&world, "central"), errand(&world, "hub-a")), (None, None));
}

#[test]
fn a_situation_is_that_of_its_moment_and_of_nothing_later() {
    let on = |at: u64, host: &str| Entry {
        at: Duration::from_secs(at),
        host: host.into(),
        event: Event::Power { state: Power::On },
    };
    let entries = [on(1, "xyz"), on(2, "one"), on(3, "two")];
    let situation = Situation::at(&roster(), &entries, Duration::from_secs(2));
    let up = situation.hosts().iter().filter(|state| matches!(state.condition.running, Running::Up(_))).count();
    assert_eq!(up, 2);
}
