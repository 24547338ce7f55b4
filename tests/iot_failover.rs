//! Seed 004's story in the simulated world: a device, two hubs, the provisioning service, the application, and a giant
//! lizard. Judged here by plain counting, from what was offered, confirmed and received.
use giant_lizard::engines::{Curtain, Judge, Part, Production};
use giant_lizard::history::{
    Delivery, Destination, DestinationId, Entry, Event, Machine, MessageId, Name, Producer, ProducerId, Reason, Roster,
    Route, Witness,
};
use giant_lizard::host::{Host, Software};
use giant_lizard::iot::plan::{CONTROL_PORT, CentralPlan, DevicePlan, DpsPlan, HubPlan};
use giant_lizard::iot::{central, device, dps, hub};
use giant_lizard::wire::http::Client;
use lizard_sim::{Fault, Path};
use rand::RngExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const SCOPE: &str = "0ne00000001";
const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";
const CENTRAL: DestinationId = DestinationId(0);
const NAMES: [&str; 2] = ["hub-a", "hub-b"];

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What happened, as far as these tests ask.
#[derive(Default)]
struct Notes {
    offered: BTreeMap<MessageId, u64>,
    confirmed: BTreeSet<MessageId>,
    received: BTreeMap<MessageId, Vec<(Duration, u64)>>,
    allocated: Vec<(Duration, Name, Name, Reason)>,
    settled: Vec<(Duration, Name, Name)>,
    reported: BTreeMap<Name, u64>,
    known: BTreeMap<Name, u64>,
    health: Vec<(Duration, Name, bool)>,
    unrecognised: u64,
    notes: Vec<String>,
    settling: bool,
}

impl Witness for Notes {
    fn see(&mut self, entry: &Entry) {
        match entry.event.clone() {
            Event::Offered { message, digest } => {
                self.offered.insert(message, digest);
            }
            Event::Confirmed { message } => {
                self.confirmed.insert(message);
            }
            Event::Received { message, digest, .. } => {
                self.received.entry(message).or_default().push((entry.at, digest));
            }
            Event::Unrecognised { .. } => self.unrecognised += 1,
            Event::Allocated { client, to, reason } => self.allocated.push((entry.at, client, to, reason)),
            Event::Settled { client, at } => self.settled.push((entry.at, client, at)),
            Event::HealthSeen { service, up } => self.health.push((entry.at, service, up)),
            Event::Reported { client, number } => {
                self.reported.insert(client, number);
            }
            Event::ReportedKnown { client, number } => {
                let before = self.known.insert(client, number);
                assert!(before.is_none_or(|before| before < number), "central forgot what it knew");
            }
            Event::Note { text } => self.notes.push(text),
            Event::Settling => self.settling = true,
            _ => {}
        }
    }
}

impl Judge for Notes {
    fn tick(&mut self, _: Duration) {}
    fn next_deadline(&self) -> Option<Duration> {
        None
    }
    fn is_settled(&self) -> bool {
        self.settling && self.offered.len() == self.received.len() && self.reported == self.known
    }
}

impl Notes {
    /// Where a device was allocated, in order, without repetitions.
    fn places(&self, device: &str) -> Vec<&str> {
        let mut places: Vec<&str> =
            self.allocated.iter().filter(|(_, client, ..)| **client == *device).map(|(_, _, to, _)| &**to).collect();
        places.dedup();
        places
    }
    /// Where a device worked, in order, without repetitions.
    fn stays(&self, device: &str) -> Vec<&str> {
        let mut stays: Vec<&str> =
            self.settled.iter().filter(|(_, client, _)| **client == *device).map(|(_, _, at)| &**at).collect();
        stays.dedup();
        stays
    }
    /// Everything that was offered was received, once, as it was.
    fn nothing_was_lost(&self, why: &str) {
        let lost: Vec<_> = self.offered.keys().filter(|message| !self.received.contains_key(message)).collect();
        assert!(lost.is_empty(), "{why}: lost {lost:?}");
        for (message, receipts) in &self.received {
            assert_eq!(receipts.len(), 1, "{why}: {message:?} received more than once: {receipts:?}");
            assert_eq!(self.offered.get(message), Some(&receipts[0].1), "{why}: {message:?} has other bytes");
        }
        assert!(self.confirmed.iter().all(|message| self.offered.contains_key(message)));
        assert_eq!(self.unrecognised, 0, "{why}");
        assert_eq!(self.reported, self.known, "{why}: reported properties");
    }
}

/// A scene: so many devices, two hubs, and what is done to them.
struct Scene {
    seed: u64,
    devices: usize,
    duration: Duration,
    faults: Vec<(Duration, Fault)>,
}

impl Scene {
    fn new(seed: u64, devices: usize, duration: Duration) -> Self {
        Self { seed, devices, duration, faults: Vec::new() }
    }

    fn at(mut self, at: Duration, fault: Fault) -> Self {
        self.faults.push((at, fault));
        self
    }

    /// The lizard: the host's power goes, and comes back.
    fn attack(self, host: &str, at: Duration, lasting: Duration) -> Self {
        let host = host.to_owned();
        self.at(at, Fault::PowerLoss { host: host.clone() }).at(at + lasting, Fault::Boot { host })
    }

    fn cut(mut self, a: &str, b: &str, at: Duration, lasting: Duration) -> Self {
        for (from, to) in [(a, b), (b, a)] {
            let (from, to) = (from.to_owned(), to.to_owned());
            self = self.at(at, Fault::Cut { from: from.clone(), to: to.clone() });
            self = self.at(at + lasting, Fault::Heal { from, to });
        }
        self
    }

    fn device_names(&self) -> Vec<Name> {
        match self.devices {
            1 => vec!["xyz".into()],
            many => (1..=many).map(|number| format!("meter-{number:02}").into()).collect(),
        }
    }

    fn roster(&self) -> Roster {
        let mut roster = Roster::default();
        let machine = |name: &str, site: &str| Machine { name: name.into(), site: site.into() };
        roster.machines = vec![machine("hub-a", "west")];
        roster.machines.extend(["hub-b", "dps", "central"].map(|name| machine(name, "east")));
        roster.destinations = vec![Destination {
            name: "central".into(),
            hosts: vec!["central".into()],
            via: NAMES.map(Name::from).to_vec(),
            standing: true,
            mode: None,
        }];
        for (number, device) in (0..).zip(self.device_names()) {
            roster.machines.push(machine(&device, "field"));
            roster.producers.push(Producer { name: format!("{device}/telemetry").into(), host: device });
            roster.routes.push(Route {
                producer: ProducerId(number),
                destination: CENTRAL,
                ordered: false,
                delivery: Delivery::ExactlyOnce,
            });
        }
        roster
    }

    fn parts(&self) -> Vec<Part> {
        let part = |name: &str, site: &str, software: Software| Part {
            name: name.into(),
            site: site.into(),
            starts: Duration::ZERO,
            software,
        };
        let hubs = NAMES.map(Name::from).to_vec();
        let dps_plan = DpsPlan::of("dps", "east");
        let central_plan = CentralPlan::of("central", "east", CENTRAL);
        let mut parts = Vec::new();
        let known = hubs.clone();
        parts.push(part(
            "dps",
            "east",
            Arc::new(move |host| {
                Box::pin(dps::dps(host, dps_plan.clone(), SCOPE.into(), GROUP_KEY.into(), known.clone()))
            }),
        ));
        for (name, site) in NAMES.into_iter().zip(["west", "east"]) {
            let plan = HubPlan::of(name, site);
            parts.push(part(
                name,
                site,
                Arc::new(move |host| Box::pin(hub::hub(host, plan.clone(), GROUP_KEY.into()))),
            ));
        }
        parts.push(part(
            "central",
            "east",
            Arc::new(move |host| Box::pin(central::central(host, central_plan.clone(), hubs.clone()))),
        ));
        for (number, name) in (0..).zip(self.device_names()) {
            let plan = DevicePlan {
                telemetry: Some((ProducerId(number), seconds(1))),
                reported: Some(seconds(10)),
                ..DevicePlan::of(&name, "field", self.duration)
            };
            parts.push(part(
                &name,
                "field",
                Arc::new(move |host| {
                    Box::pin(device::device(host, plan.clone(), "dps".into(), SCOPE.into(), GROUP_KEY.into()))
                }),
            ));
        }
        parts
    }

    fn play(self) -> (Notes, Curtain) {
        play(self.production())
    }

    fn production(self) -> Production {
        let path = |least, most, loss_ppm| Path { latency: (millis(least), millis(most)), loss_ppm, bandwidth: None };
        Production {
            seed: self.seed,
            roster: Arc::new(self.roster()),
            parts: self.parts(),
            sites: vec![("field".into(), path(30, 80, 5000))],
            links: vec![("west".into(), "east".into(), path(20, 40, 0))],
            faults: self.faults,
            duration: self.duration,
            settle: seconds(300),
            ..Production::default()
        }
    }
}

fn play(production: Production) -> (Notes, Curtain) {
    let notes = Arc::new(Mutex::new(Notes::default()));
    let curtain = production.play(notes.clone()).expect("the world can be made");
    assert!(curtain.panics.is_empty(), "{:?}", curtain.panics);
    let notes = std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner));
    (notes, curtain)
}

#[test]
fn the_device_moves_to_the_other_hub_comes_home_and_no_data_is_lost() {
    for seed in 0..20 {
        let (notes, _) = Scene::new(seed, 1, seconds(480)).attack("hub-a", seconds(120), seconds(150)).play();
        let story = format!("seed {seed}");
        notes.nothing_was_lost(&story);
        assert_eq!(notes.places("xyz"), ["hub-a", "hub-b", "hub-a"], "{story}");
        assert_eq!(notes.stays("xyz"), ["hub-a", "hub-b", "hub-a"], "{story}");
        let reasons: Vec<_> = notes.allocated.iter().map(|(.., reason)| *reason).collect();
        assert_eq!(reasons, [Reason::Initial, Reason::Failover, Reason::Rebalance], "{story}");
        let moved = notes.settled.iter().find(|(_, _, at)| **at == *"hub-b").unwrap().0;
        assert!(moved < seconds(120 + 90), "{story}: moved at {moved:?}");
        let home = notes.settled.iter().rfind(|(_, _, at)| **at == *"hub-a").unwrap().0;
        assert!(home < seconds(270 + 45 + 90), "{story}: home at {home:?}");
        assert!(notes.offered.len() > 400, "{story}: {} offered", notes.offered.len());
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    let run = |seed| Scene::new(seed, 3, seconds(300)).attack("hub-a", seconds(60), seconds(60)).play().1;
    assert_eq!(run(7).fingerprint, run(7).fingerprint);
    assert_ne!(run(7).fingerprint, run(8).fingerprint);
}

#[test]
fn a_fleet_is_spread_over_both_hubs_again_after_the_attack() {
    for seed in 0..5 {
        let (notes, _) = Scene::new(seed, 10, seconds(420)).attack("hub-a", seconds(90), seconds(120)).play();
        let story = format!("seed {seed}");
        notes.nothing_was_lost(&story);
        let mut last = BTreeMap::<&str, Vec<&Name>>::new();
        for (_, device, at) in &notes.settled {
            last.values_mut().for_each(|devices| devices.retain(|other| *other != device));
            last.entry(at).or_default().push(device);
        }
        assert_eq!(last.values().map(Vec::len).collect::<Vec<_>>(), [5, 5], "{story}: {last:?}");
    }
}

#[test]
fn a_hub_that_only_the_provisioning_service_cannot_see_keeps_its_device() {
    for seed in 0..5 {
        let (notes, _) = Scene::new(seed, 1, seconds(300)).cut("dps", "hub-a", seconds(60), seconds(120)).play();
        let story = format!("seed {seed}");
        notes.nothing_was_lost(&story);
        assert!(notes.health.iter().any(|(_, hub, up)| **hub == *"hub-a" && !up), "{story}");
        assert_eq!(notes.places("xyz"), ["hub-a"], "{story}");
    }
}

#[test]
fn a_crash_of_central_or_of_the_provisioning_service_loses_and_repeats_nothing() {
    for seed in 0..30 {
        let crash = |host: &str| Fault::Crash { host: host.to_owned() };
        let boot = |host: &str| Fault::Boot { host: host.to_owned() };
        let mut scene = Scene::new(seed, 4, seconds(400)).attack("hub-a", seconds(120), seconds(60));
        for host in ["hub-a", "hub-b", "dps", "central"] {
            // Most crashes find something written and not yet synced.
            scene = scene.at(Duration::ZERO, Fault::SlowSync { host: host.to_owned(), by: millis(400) });
        }
        for round in 0..8u64 {
            // Into the middle of whatever is going on then.
            let at = millis(20_000 + round * 41_003 + seed * 97);
            scene = scene.at(at, crash("central")).at(at + seconds(3), boot("central"));
        }
        scene = scene.at(seconds(150), crash("dps")).at(seconds(155), boot("dps"));
        scene = scene.attack("central", seconds(370), seconds(5)).attack("dps", seconds(200), seconds(20));
        let (notes, _) = scene.play();
        notes.nothing_was_lost(&format!("seed {seed}"));
    }
}

#[test]
fn both_hubs_dead_is_a_long_wait_and_no_loss() {
    for seed in 0..5 {
        let (notes, _) = Scene::new(seed, 2, seconds(400))
            .attack("hub-a", seconds(60), seconds(120))
            .attack("hub-b", seconds(90), seconds(120))
            .play();
        notes.nothing_was_lost(&format!("seed {seed}"));
    }
}

/// Whatever can be done to the services, drawn from the seed: several faults, one after the other and overlapping.
fn storm(seed: u64) -> Scene {
    let mut dice = lizard_sim::dice(seed, "storm");
    let mut below = |n: u32| dice.random_range(0..n);
    let mut scene = Scene::new(seed, 3, seconds(420));
    let mut at = seconds(20);
    while at < seconds(330) {
        let host = ["hub-a", "hub-b", "dps", "central"][below(4) as usize].to_owned();
        let lasting = millis(200 + u64::from(below(60_000)));
        let other = ["hub-a", "hub-b", "dps", "central", "field"][below(5) as usize];
        let (begin, end) = match below(9) {
            0 | 1 => (Fault::PowerLoss { host: host.clone() }, Fault::Boot { host }),
            2 | 3 => (Fault::Crash { host: host.clone() }, Fault::Boot { host }),
            4 => (Fault::Freeze { host: host.clone() }, Fault::Thaw { host }),
            5 => (Fault::DiskFull { host: host.clone(), on: true }, Fault::DiskFull { host, on: false }),
            6 => (Fault::DiskError { host: host.clone(), on: true }, Fault::DiskError { host, on: false }),
            7 => (
                Fault::SlowSync { host: host.clone(), by: millis(u64::from(below(2000))) },
                Fault::SlowSync { host, by: Duration::ZERO },
            ),
            _ if host == other => continue,
            _ => {
                scene = scene.cut(&host, other, at, lasting);
                at += millis(u64::from(below(40_000)));
                continue;
            }
        };
        scene = scene.at(at, begin).at(at + lasting, end);
        at += millis(u64::from(below(40_000)));
    }
    scene
}

#[test]
fn whatever_is_done_to_the_services_nothing_is_lost_and_nothing_received_twice() {
    let seeds = std::env::var("STORMS").map_or(25, |text| text.parse().expect("STORMS is a number"));
    for seed in 0..seeds {
        storm(seed).play().0.nothing_was_lost(&format!("seed {seed}"));
    }
}

#[test]
fn an_operator_can_ask_where_a_device_belongs() {
    let scene = Scene::new(3, 1, seconds(60));
    let ask: Software = Arc::new(|host: Host| {
        Box::pin(async move {
            host.sleep(seconds(30)).await;
            let mut client = Client::new(host.clone(), "dps".into(), CONTROL_PORT, seconds(5));
            for (method, target) in
                [("GET", "/registrations/xyz"), ("GET", "/registrations/abc"), ("PUT", "/registrations/xyz")]
            {
                let answer = client.request(method, target, "").await.expect("dps is there");
                let body = String::from_utf8_lossy(&answer.body);
                host.record(Event::Note { text: format!("{} {body}", answer.status) });
            }
        })
    });
    let mut production = scene.production();
    let operator = Part { name: "operator".into(), site: "east".into(), starts: Duration::ZERO, software: ask };
    production.parts.push(operator);
    let (notes, _) = play(production);
    let [known, unknown, refused] = &notes.notes[..] else { panic!("{:?}", notes.notes) };
    for part in ["200 ", r#""assignedHub":"hub-a""#, r#""status":"assigned""#, r#""substatus":"initialAssignment""#] {
        assert!(known.contains(part), "{known}");
    }
    assert!(unknown.starts_with("404 ") && unknown.contains("404201"), "{unknown}");
    assert!(refused.starts_with("405 "), "{refused}");
}
