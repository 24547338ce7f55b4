//! The world of a stream: a broker, a producer, two consumers of one subscription; how it is played and judged.
use giant_lizard::engines::{self, Part, Production};
use giant_lizard::history::{
    Client, Delivery, Destination, DestinationId, Entry, Event, Machine, Name, Producer, ProducerId, Roster, Route,
    SubscriptionMode, Witness,
};
use giant_lizard::host::{Host, Software};
use giant_lizard::invariant::{Rules, Verdict};
use giant_lizard::judge::{Findings, Judge};
use giant_lizard::streams::knobs::{Acks, AfterGivingBack, OnClose, OnRefusal, ReadsAnswers};
use giant_lizard::streams::plan::{Connecting, ConsumerPlan, Creates, ProducerPlan, Scope, StreamPlan};
use lizard_sim::{Fault, Fingerprint};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const API_KEY: &str = "xxxxxx";
/// Messages are made for this long.
pub(crate) const TRAFFIC: Duration = Duration::from_secs(240);
/// Enough for a broker to notice a dead session, for a client to come back, and to catch up.
const SETTLE: Duration = Duration::from_secs(300);
pub(crate) const BROKER: &str = "broker-west";
pub(crate) const CONSUMERS: [&str; 2] = ["consumer-1", "consumer-2"];

/// What is left of a world.
pub(crate) struct Played {
    pub(crate) findings: Findings,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) history: Vec<Entry>,
}

impl Played {
    pub(crate) fn verdict(&self, invariant: &str) -> Verdict {
        self.findings.finding(invariant).expect("the invariant is in the registry").verdict
    }

    /// Violations, in words.
    pub(crate) fn violations(&self) -> Vec<String> {
        let findings = self.findings.invariants.iter();
        let told = findings.flat_map(|finding| finding.violations.iter().map(|found| (finding.name, found)));
        told.map(|(name, found)| format!("{name} at {:?}: {}", found.at, found.what)).collect()
    }

    pub(crate) fn count(&self, what: impl Fn(&Event) -> bool) -> usize {
        self.history.iter().filter(|entry| what(&entry.event)).count()
    }
}

/// Judges, and keeps the whole history.
struct Scribe {
    judge: Judge,
    history: Vec<Entry>,
}

impl Witness for Scribe {
    fn see(&mut self, entry: &Entry) {
        self.history.push(entry.clone());
        self.judge.see(entry);
    }
}

impl engines::Judge for Scribe {
    fn tick(&mut self, now: Duration) {
        self.judge.tick(now);
    }
    fn next_deadline(&self) -> Option<Duration> {
        self.judge.next_deadline()
    }
    fn is_settled(&self) -> bool {
        self.judge.is_settled()
    }
}

/// Plays one world and judges it.
pub(crate) fn play(seed: u64, mode: SubscriptionMode, parts: Vec<Part>, faults: Vec<(Duration, Fault)>) -> Played {
    let roster = Arc::new(roster(mode, &parts));
    let judge = Judge::new(roster.clone(), &Rules::default());
    let scribe = Arc::new(Mutex::new(Scribe { judge, history: Vec::new() }));
    let production =
        Production { seed, roster, parts, faults, duration: TRAFFIC, settle: SETTLE, ..Default::default() };
    let curtain = production.play(scribe.clone()).expect("the world runs");
    assert_eq!(curtain.panics.len(), 0, "seed {seed}: {:?}", curtain.panics);
    let mut scribe = scribe.lock().unwrap_or_else(PoisonError::into_inner);
    let findings = scribe.judge.finish(curtain.virtual_time);
    Played {
        findings,
        fingerprint: curtain.fingerprint.expect("nobody left it out"),
        history: std::mem::take(&mut scribe.history),
    }
}

pub(crate) fn part<F>(name: &str, site: &str, software: impl Fn(Host) -> F + Send + Sync + 'static) -> Part
where
    F: Future<Output = ()> + Send + 'static,
{
    let software: Software = Arc::new(move |host| Box::pin(software(host)));
    Part { name: name.into(), site: site.into(), starts: Duration::ZERO, software }
}

/// A producer that publishes every second.
pub(crate) fn till(plan: ProducerPlan) -> Part {
    part("till", "field", move |host| giant_lizard::streams::producer(host, plan.clone(), API_KEY.to_owned()))
}

pub(crate) fn consumer(plan: ConsumerPlan) -> Part {
    let (name, site) = (plan.host.clone(), plan.site.clone());
    part(&name, &site, move |host| giant_lizard::streams::consumer(host, plan.clone(), API_KEY.to_owned()))
}

fn connecting() -> Connecting {
    Connecting {
        brokers: vec![BROKER.into()],
        creates: Creates::First,
        time_out: 10 * SECOND,
        keep_alive: 20 * SECOND,
        back_off: (SECOND, 30 * SECOND),
        on_close: OnClose::Reconnects,
        on_refusal: OnRefusal::Retries,
    }
}

fn stream() -> StreamPlan {
    StreamPlan { name: "orders".into(), scope: Scope::Global }
}

pub(crate) fn producer_plan() -> ProducerPlan {
    ProducerPlan {
        host: "till".into(),
        site: "field".into(),
        starts: Duration::ZERO,
        until: TRAFFIC,
        stream: stream(),
        producer: ProducerId(0),
        every: SECOND,
        keys: 0,
        in_flight: 100,
        buffer: 1000,
        send_time_out: 30 * SECOND,
        connecting: connecting(),
        reads_answers: ReadsAnswers::Each,
    }
}

pub(crate) fn consumer_plan(name: &str, mode: SubscriptionMode) -> ConsumerPlan {
    ConsumerPlan {
        host: name.into(),
        site: "field".into(),
        starts: Duration::ZERO,
        stream: stream(),
        subscription: "workers".into(),
        mode,
        destination: DestinationId(0),
        handles_in: (Duration::from_millis(5), Duration::from_millis(50)),
        queue: 1000,
        priority: 0,
        ack_time_out: None,
        gives_back_ppm: 0,
        give_back_delay: 10 * SECOND,
        connecting: connecting(),
        acks: Acks::AfterHandling,
        after_giving_back: AfterGivingBack::Waits,
    }
}

/// The parts as the judge knows them: the subscription is the consumers'.
fn roster(mode: SubscriptionMode, parts: &[Part]) -> Roster {
    let consumers = CONSUMERS.into_iter().filter(|name| parts.iter().any(|part| *part.name == **name));
    let consumers: Vec<Name> = consumers.map(Name::from).collect();
    let client = |name: &str, producers, receives| Client {
        name: name.into(),
        host: name.into(),
        keep_alive: 30 * SECOND,
        needs: vec![vec![BROKER.into()]],
        producers,
        placed: false,
        receives,
        room: Some(1000),
        rank: 0,
    };
    let receiving = consumers.iter().map(|name| client(name, vec![], Some(DestinationId(0))));
    Roster {
        machines: parts.iter().map(|part| Machine { name: part.name.clone(), site: part.site.clone() }).collect(),
        producers: vec![Producer { name: "till".into(), host: "till".into() }],
        clients: [client("till", vec![ProducerId(0)], None)].into_iter().chain(receiving).collect(),
        destinations: vec![Destination {
            name: "workers".into(),
            hosts: consumers,
            via: vec![BROKER.into()],
            standing: false,
            mode: Some(mode),
        }],
        routes: vec![Route {
            producer: ProducerId(0),
            destination: DestinationId(0),
            ordered: mode.has_one_active(),
            delivery: Delivery::AtLeastOnce,
        }],
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
