//! The cast of an echo queue, and one run of it.
use crate::knobs::Knobs;
use crate::{chaos, consumer, producer, queue};
use giant_lizard::engines::{self, Curtain, Part, Production};
use giant_lizard::history::{
    Client, Delivery, Destination, DestinationId, Entry, Machine, MessageId, Name, Producer, ProducerId, Roster, Route,
    Witness,
};
use giant_lizard::host::{Host, Software};
use giant_lizard::invariant::{Rules, Verdict};
use giant_lizard::judge::{Findings, Judge};
use lizard_sim::Dice;
use rand::RngExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) const DURATION: Duration = Duration::from_secs(40);
const SETTLE: Duration = Duration::from_secs(240);
/// Clients by their role.
pub(crate) const CLIENTS: [&str; 3] = ["producer", "audit", "ledger"];

pub(crate) fn message(number: u64) -> MessageId {
    MessageId { producer: ProducerId(0), number }
}

pub(crate) fn back_off(dice: &mut Dice) -> Duration {
    Duration::from_millis(dice.random_range(1_000..3_000))
}

pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) findings: Findings,
    pub(crate) curtain: Curtain,
}

impl Run {
    pub(crate) fn verdict(&self, invariant: &str) -> Verdict {
        self.findings.finding(invariant).expect("it is registered").verdict
    }
}

pub(crate) fn run(seed: u64, knobs: Knobs, chaos: bool) -> Run {
    play(seed, knobs, chaos, |judge| judge)
}

/// The same run under chaos again, with the whole custody of one message.
pub(crate) fn run_following(seed: u64, knobs: Knobs, message: MessageId) -> Run {
    play(seed, knobs, true, |judge| judge.following(message))
}

fn play(seed: u64, knobs: Knobs, chaos: bool, instruct: impl FnOnce(Judge) -> Judge) -> Run {
    let roster = Arc::new(roster());
    let court = Court(instruct(Judge::new(roster.clone(), &Rules::default())));
    let judge = Arc::new(Mutex::new(court));
    let mut dice = lizard_sim::dice(seed, "chaos");
    let faults = if chaos { chaos::draw(&mut dice) } else { Vec::new() };
    let production = Production {
        seed,
        roster: roster.clone(),
        parts: roster.machines.iter().map(|machine| part(machine, knobs)).collect(),
        faults,
        duration: DURATION,
        settle: SETTLE,
        ..Production::default()
    };
    let curtain = production.play(judge.clone()).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let findings = judge.lock().unwrap_or_else(PoisonError::into_inner).0.finish(curtain.virtual_time);
    Run { seed, findings, curtain }
}

fn part(machine: &Machine, knobs: Knobs) -> Part {
    let software: Software = match &*machine.name {
        "queue" => Arc::new(move |host: Host| queue::software(host, knobs)),
        "producer" => Arc::new(move |host: Host| producer::software(host, knobs)),
        "audit" => Arc::new(|host: Host| consumer::software(host, 1)),
        _ => Arc::new(|host: Host| consumer::software(host, 2)),
    };
    Part { name: machine.name.clone(), site: machine.site.clone(), starts: Duration::ZERO, software }
}

fn roster() -> Roster {
    let queue: Name = "queue".into();
    let machine = |name: &str| Machine { name: name.into(), site: chaos::site(name) };
    let destination = |name: &str, standing| Destination {
        name: name.into(),
        hosts: vec![name.into()],
        via: vec![queue.clone()],
        standing,
    };
    let route = |destination, delivery| Route {
        producer: ProducerId(0),
        destination: DestinationId(destination),
        ordered: true,
        delivery,
    };
    let client = |name: &str| Client {
        name: name.into(),
        host: name.into(),
        keep_alive: Duration::from_secs(3),
        needs: vec![vec![queue.clone()]],
        producers: if name == "producer" { vec![ProducerId(0)] } else { Vec::new() },
        placed: false,
    };
    Roster {
        machines: ["queue", "producer", "audit", "ledger"].map(machine).into(),
        producers: vec![Producer { name: "till".into(), host: "producer".into() }],
        // The audit is owed what is offered after it has subscribed; the ledger everything.
        destinations: vec![destination("audit", false), destination("ledger", true)],
        routes: vec![route(0, Delivery::AtLeastOnce), route(1, Delivery::ExactlyOnce)],
        clients: CLIENTS.map(client).into(),
    }
}

/// The judge, as productions know judges.
struct Court(Judge);

impl Witness for Court {
    fn see(&mut self, entry: &Entry) {
        self.0.see(entry);
    }
}

impl engines::Judge for Court {
    fn tick(&mut self, now: Duration) {
        self.0.tick(now);
    }
    fn next_deadline(&self) -> Option<Duration> {
        self.0.next_deadline()
    }
    fn is_settled(&self) -> bool {
        self.0.is_settled()
    }
    fn has_seen_enough(&self) -> bool {
        self.0.has_seen_enough()
    }
}
