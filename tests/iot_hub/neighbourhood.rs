//! A group of IoT services to play in: who lives there, and what was heard of them.
use crate::visiting::visit;
use giant_lizard::engines::sim;
use giant_lizard::history::{Entry, Event, History, MessageId, Name, Producer, ProducerId, Roster, Witness};
use giant_lizard::host::Host;
use giant_lizard::iot::device::device;
use giant_lizard::iot::dps::dps;
use giant_lizard::iot::hub::{Batch, TelemetryEvent, hub};
use giant_lizard::iot::knobs::{Confirms, HubKnobs};
use giant_lizard::iot::plan::{CONTROL_PORT, DevicePlan, DpsPlan, HubPlan};
use giant_lizard::wire::http::Client;
use giant_lizard::wire::payload::Payload;
use lizard_sim::{Fault, Run, Stage, World};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";
pub(crate) const ID_SCOPE: &str = "0ne00000001";

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Remembers everything.
#[derive(Clone, Default)]
pub(crate) struct Chronicle(Arc<Mutex<Vec<Entry>>>);

impl Witness for Chronicle {
    fn see(&mut self, entry: &Entry) {
        self.0.lock().unwrap().push(entry.clone());
    }
}

impl Chronicle {
    /// What was picked of each event, with when and where it happened.
    pub(crate) fn pick<T>(&self, pick: impl Fn(&Entry) -> Option<T>) -> Vec<T> {
        self.0.lock().unwrap().iter().filter_map(pick).collect()
    }

    pub(crate) fn has(&self, event: &Event) -> bool {
        self.0.lock().unwrap().iter().any(|entry| entry.event == *event)
    }

    pub(crate) fn confirmed(&self) -> Vec<u64> {
        self.pick(|entry| number(&entry.event, |event| matches!(event, Event::Confirmed { .. })))
    }

    pub(crate) fn offered(&self) -> Vec<u64> {
        self.pick(|entry| number(&entry.event, |event| matches!(event, Event::Offered { .. })))
    }

    /// Where a device settled, in order.
    pub(crate) fn settled(&self) -> Vec<String> {
        self.pick(|entry| match &entry.event {
            Event::Settled { at, .. } => Some(at.to_string()),
            _ => None,
        })
    }
}

fn number(event: &Event, wanted: impl Fn(&Event) -> bool) -> Option<u64> {
    match event {
        Event::Offered { message: MessageId { number, .. }, .. }
        | Event::Confirmed { message: MessageId { number, .. } }
            if wanted(event) =>
        {
            Some(*number)
        }
        _ => None,
    }
}

/// The hand on a world with this group in it.
#[derive(Clone)]
pub(crate) struct Neighbourhood {
    pub(crate) stage: Stage,
    pub(crate) chronicle: Chronicle,
    history: History,
}

/// Plays a story, and fails when any software panicked.
pub(crate) fn play<F, Fut, T>(seed: u64, story: F) -> Run<T>
where
    F: FnOnce(Neighbourhood) -> Fut + Send + 'static,
    Fut: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let run = World::new(seed)
        .run(move |stage| {
            let producers = vec![Producer { name: "xyz/telemetry".into(), host: "xyz".into() }];
            let roster = Arc::new(Roster { producers, ..Roster::default() });
            let chronicle = Chronicle::default();
            let history = History::new(roster, Arc::new(Mutex::new(chronicle.clone())));
            story(Neighbourhood { stage, chronicle, history })
        })
        .unwrap();
    assert!(run.panics.is_empty(), "{:?}", run.panics);
    run
}

impl Neighbourhood {
    pub(crate) fn hub(&self, name: &str, site: &str, confirms: Confirms) {
        let knobs = HubKnobs { confirms, ..HubKnobs::default() };
        let plan = HubPlan { knobs, ..HubPlan::of(name, site) };
        let history = self.history.clone();
        self.stage.host(name, site, move |machine| {
            hub(sim::host(machine, history.clone()), plan.clone(), GROUP_KEY.to_owned())
        });
    }

    pub(crate) fn dps(&self, hubs: &[&str]) {
        let plan = DpsPlan::of("dps", "north");
        let hubs: Vec<Name> = hubs.iter().map(|&hub| hub.into()).collect();
        let history = self.history.clone();
        self.stage.host("dps", "north", move |machine| {
            let host = sim::host(machine, history.clone());
            dps(host, plan.clone(), ID_SCOPE.to_owned(), GROUP_KEY.to_owned(), hubs.clone())
        });
    }

    pub(crate) fn device(&self, change: impl FnOnce(&mut DevicePlan)) {
        let mut plan = DevicePlan {
            telemetry: Some((ProducerId(0), seconds(1))),
            reported: Some(seconds(10)),
            ..DevicePlan::of("xyz", "field", seconds(120))
        };
        change(&mut plan);
        let history = self.history.clone();
        self.stage.host("xyz", "field", move |machine| {
            let host = sim::host(machine, history.clone());
            device(host, plan.clone(), "dps".into(), ID_SCOPE.to_owned(), GROUP_KEY.to_owned())
        });
    }

    /// Runs something on a host of its own, once, and waits until it is done.
    pub(crate) async fn visit<F, Fut, T>(&self, name: &str, act: F) -> T
    where
        F: Fn(Host) -> Fut + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        visit(self.stage, &self.history, name, act).await
    }

    pub(crate) fn power_loss(&self, host: &str) {
        self.stage.apply(Fault::PowerLoss { host: host.into() });
    }

    pub(crate) fn crash(&self, host: &str) {
        self.stage.apply(Fault::Crash { host: host.into() });
    }

    pub(crate) fn boot(&self, host: &str) {
        self.stage.apply(Fault::Boot { host: host.into() });
    }
}

/// Talks to a hub's control plane.
pub(crate) fn control(host: &Host, hub: &str) -> Client {
    Client::new(host.clone(), hub.into(), CONTROL_PORT, seconds(30))
}

/// Registers a device, as DPS does.
pub(crate) async fn register(host: &Host, hub: &str, device: &str) {
    let answer = control(host, hub).request("PUT", &format!("/devices/{device}"), "").await.unwrap();
    assert!(answer.is_success(), "{answer:?}");
}

/// Reads all telemetry that a hub has stored.
pub(crate) async fn read_all(host: &Host, hub: &str) -> Vec<TelemetryEvent> {
    let mut client = control(host, hub);
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let batch: Batch =
            client.request("GET", &format!("/messages/events?from={from}"), "").await.unwrap().read().unwrap();
        if batch.next == from {
            return all;
        }
        from = batch.next;
        all.extend(batch.events.into_iter().filter(|event| event.source().is_none()));
    }
}

/// The numbers of the messages among them, in order.
pub(crate) fn numbers(events: &[TelemetryEvent]) -> Vec<u64> {
    let payload = |event: &TelemetryEvent| Payload::parse(&event.payload().unwrap()).unwrap().number;
    events.iter().map(payload).collect()
}

/// The first of each, in order.
pub(crate) fn first_copies(numbers: &[u64]) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    numbers.iter().copied().filter(|number| seen.insert(*number)).collect()
}
