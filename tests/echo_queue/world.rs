//! The world of the echo queue: who takes part, where, and who is owed what; and how it is played.
use crate::consumer::{book, mirror};
use crate::knobs::Knobs;
use crate::producer::produce;
use crate::queue::serve;
use crate::storm::storm;
use crate::wire::DEAD_AFTER;
use giant_lizard::engines::{Part, Production};
use giant_lizard::history::{
    Client, Delivery, Destination, DestinationId, Machine, MessageId, Name, Producer, ProducerId, Roster, Route,
};
use giant_lizard::host::{Host, Software};
use giant_lizard::invariant::{Rules, Verdict, Violation};
use giant_lizard::judge::{Findings, Judge};
use lizard_sim::Fingerprint;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Messages are made, and faults happen, for this long.
const TRAFFIC: Duration = Duration::from_secs(240);
/// Enough for a client to notice a dead session, to come back, and to catch up.
const SETTLE: Duration = Duration::from_secs(90);
const MIRROR: DestinationId = DestinationId(0);
const LEDGER: DestinationId = DestinationId(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Quiet,
    Storm,
}

/// What is left of a world.
pub(crate) struct Played {
    pub(crate) findings: Findings,
    pub(crate) fingerprint: Fingerprint,
}

impl Played {
    pub(crate) fn verdict(&self, invariant: &str) -> Verdict {
        self.findings.finding(invariant).expect("the invariant is in the registry").verdict
    }
    pub(crate) fn violations_of(&self, invariant: &str) -> Vec<Violation> {
        self.findings.finding(invariant).expect("the invariant is in the registry").violations.clone()
    }
    pub(crate) fn violated(&self) -> Vec<&'static str> {
        let violated = self.findings.invariants.iter().filter(|finding| finding.verdict == Verdict::Violated);
        violated.map(|finding| finding.name).collect()
    }
}

/// Plays one world and judges it.
pub(crate) fn play(seed: u64, weather: Weather, knobs: Knobs) -> Played {
    play_before(Judge::new(Arc::new(roster()), &Rules::default()), seed, weather, knobs)
}

/// The same, with the whole custody of one message.
pub(crate) fn play_following(message: MessageId, seed: u64, weather: Weather, knobs: Knobs) -> Played {
    play_before(Judge::new(Arc::new(roster()), &Rules::default()).following(message), seed, weather, knobs)
}

fn play_before(judge: Judge, seed: u64, weather: Weather, knobs: Knobs) -> Played {
    let (judge, roster) = (Arc::new(Mutex::new(judge)), Arc::new(roster()));
    let faults = match weather {
        Weather::Quiet => Vec::new(),
        Weather::Storm => storm(seed, TRAFFIC),
    };
    let production = Production {
        seed,
        roster,
        parts: parts(knobs),
        faults,
        duration: TRAFFIC,
        settle: SETTLE,
        ..Default::default()
    };
    let curtain = production.play(judge.clone()).expect("the world runs");
    assert_eq!(curtain.panics.len(), 0, "seed {seed}: {:?}", curtain.panics);
    let findings = judge.lock().unwrap_or_else(PoisonError::into_inner).finish(curtain.virtual_time);
    Played { findings, fingerprint: curtain.fingerprint.expect("nobody left it out") }
}

fn parts(knobs: Knobs) -> Vec<Part> {
    vec![
        part("queue", "west", move |host| serve(host, knobs)),
        part("mirror", "east", move |host| mirror(host, MIRROR)),
        part("ledger", "east", move |host| book(host, LEDGER, knobs)),
        part("producer", "field", move |host| produce(host, knobs, TRAFFIC)),
    ]
}

fn part<F>(name: &str, site: &str, software: impl Fn(Host) -> F + Send + Sync + 'static) -> Part
where
    F: Future<Output = ()> + Send + 'static,
{
    let software: Software = Arc::new(move |host| Box::pin(software(host)));
    Part { name: name.into(), site: site.into(), starts: Duration::ZERO, software }
}

fn roster() -> Roster {
    let machine = |(name, site): (&str, &str)| Machine { name: name.into(), site: site.into() };
    let queue: Name = "queue".into();
    let destination = |name: &str| {
        let (name, via): (Name, _) = (name.into(), vec![queue.clone()]);
        Destination { hosts: vec![name.clone()], name, via, standing: false, mode: None }
    };
    let route = |destination, delivery| Route { producer: ProducerId(0), destination, ordered: true, delivery };
    let client = |name: &str, producers| Client {
        name: name.into(),
        host: name.into(),
        keep_alive: DEAD_AFTER,
        needs: vec![vec![queue.clone()]],
        producers,
        placed: false,
        receives: None,
        room: None,
        rank: 0,
    };
    Roster {
        machines: [("queue", "west"), ("mirror", "east"), ("ledger", "east"), ("producer", "field")]
            .map(machine)
            .into(),
        producers: vec![Producer { name: "producer".into(), host: "producer".into() }],
        destinations: vec![destination("mirror"), destination("ledger")],
        routes: vec![route(MIRROR, Delivery::AtLeastOnce), route(LEDGER, Delivery::ExactlyOnce)],
        clients: vec![client("producer", vec![ProducerId(0)]), client("mirror", vec![]), client("ledger", vec![])],
        operations: Vec::new(),
    }
}

/// Plays every seed, on two threads, and returns what `look` says of each, in order.
pub(crate) fn over<T: Send>(seeds: std::ops::Range<u64>, look: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (look, seeds) = (&look, &seeds);
    let every_other = |first: u64| seeds.clone().filter(move |seed| seed % 2 == first).map(|seed| (seed, look(seed)));
    #[expect(clippy::disallowed_methods, reason = "it is the worlds, one after the other, that these threads start")]
    let mut all: Vec<(u64, T)> = std::thread::scope(|scope| {
        let threads = [0, 1].map(|first| scope.spawn(move || every_other(first).collect::<Vec<_>>()));
        threads.into_iter().flat_map(|thread| thread.join().expect("no world fails")).collect()
    });
    all.sort_by_key(|(seed, _)| *seed);
    all.into_iter().map(|(_, value)| value).collect()
}
