//! A town of IoT services: who lives there, and what was heard of them.
use crate::fake_hub::FakeHub;
use crate::visiting::visit;
use giant_lizard::engines::sim;
use giant_lizard::history::{DestinationId, Entry, Event, History, Roster, Witness};
use giant_lizard::host::Host;
use giant_lizard::iot::plan::{Abilities, CONTROL_PORT, CentralPlan, DevicePlan, DpsPlan, HubPlan};
use giant_lizard::iot::{central::central, device::device, dps::dps, hub::hub};
use giant_lizard::wire::http::{Client, HttpError, Response};
use lizard_sim::{Fault, Run, Stage, World};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";
pub(crate) const ID_SCOPE: &str = "0ne00000001";
pub(crate) const HUBS: [&str; 2] = ["hub-a", "hub-b"];

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Remembers everything.
#[derive(Clone, Default)]
struct Chronicle(Arc<Mutex<Vec<Entry>>>);

impl Witness for Chronicle {
    fn see(&mut self, entry: &Entry) {
        self.0.lock().unwrap().push(entry.clone());
    }
}

/// The hand on a world with these services in it.
#[derive(Clone)]
pub(crate) struct Town {
    pub(crate) stage: Stage,
    chronicle: Chronicle,
    history: History,
}

/// Plays a story, and fails when any software panicked.
pub(crate) fn play<F, Fut, T>(seed: u64, story: F) -> Run<T>
where
    F: FnOnce(Town) -> Fut + Send + 'static,
    Fut: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let run = World::new(seed)
        .run(move |stage| {
            let chronicle = Chronicle::default();
            let history = History::new(Arc::new(Roster::default()), Arc::new(Mutex::new(chronicle.clone())));
            story(Town { stage, chronicle, history })
        })
        .unwrap();
    assert!(run.panics.is_empty(), "{:?}", run.panics);
    run
}

impl Town {
    pub(crate) fn central(&self) {
        let (plan, history) = (CentralPlan::of("central", "east", DestinationId(0)), self.history.clone());
        self.stage.host("central", "east", move |machine| {
            central(sim::host(machine, history.clone()), plan.clone(), HUBS.map(Into::into).to_vec())
        });
    }

    pub(crate) fn dps(&self) {
        let (plan, history) = (DpsPlan::of("dps", "east"), self.history.clone());
        self.stage.host("dps", "east", move |machine| {
            let host = sim::host(machine, history.clone());
            dps(host, plan.clone(), ID_SCOPE.into(), GROUP_KEY.into(), HUBS.map(Into::into).to_vec())
        });
    }

    pub(crate) fn hubs(&self) {
        for name in HUBS {
            let (plan, history) = (HubPlan::of(name, "west"), self.history.clone());
            self.stage.host(name, "west", move |machine| {
                hub(sim::host(machine, history.clone()), plan.clone(), GROUP_KEY.into())
            });
        }
    }

    pub(crate) fn fake_hubs(&self) -> [FakeHub; 2] {
        HUBS.map(|name| {
            let (hub, history) = (FakeHub::default(), self.history.clone());
            let served = hub.clone();
            self.stage.host(name, "west", move |machine| served.clone().serve(sim::host(machine, history.clone())));
            hub
        })
    }

    pub(crate) fn device(&self, name: &str) {
        self.play_device(DevicePlan::of(name, "field", seconds(3600)));
    }

    /// A device that takes commands, follows desired properties and answers methods.
    pub(crate) fn able_device(&self, name: &str) {
        let abilities = Abilities { desired: true, methods: true, commands: true, ..Abilities::default() };
        self.play_device(DevicePlan { abilities, ..DevicePlan::of(name, "field", seconds(3600)) });
    }

    fn play_device(&self, plan: DevicePlan) {
        let (name, history) = (plan.host.to_string(), self.history.clone());
        self.stage.host(&name, "field", move |machine| {
            let host = sim::host(machine, history.clone());
            device(host, plan.clone(), "dps".into(), ID_SCOPE.into(), GROUP_KEY.into())
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

    /// Asks central for something, as an operator does, and gives status and body.
    pub(crate) async fn ask(
        &self,
        operator: &str,
        method: &'static str,
        target: &'static str,
        body: &'static str,
    ) -> (u16, String) {
        let answer = self
            .visit(operator, move |host| async move {
                Client::new(host.clone(), "central".into(), CONTROL_PORT, seconds(60))
                    .request(method, target, body)
                    .await
            })
            .await;
        let answer: Result<Response, HttpError> = answer;
        let answer = answer.unwrap();
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    }

    pub(crate) async fn sleep(&self, n: u64) {
        self.stage.sleep(seconds(n)).await;
    }

    pub(crate) fn restart(&self, host: &str) {
        self.stage.apply(Fault::PowerLoss { host: host.into() });
        self.stage.apply(Fault::Boot { host: host.into() });
    }

    pub(crate) fn power_loss(&self, host: &str) {
        self.stage.apply(Fault::PowerLoss { host: host.into() });
    }

    /// Every event, in order.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.chronicle.0.lock().unwrap().iter().map(|entry| entry.event.clone()).collect()
    }

    pub(crate) fn count(&self, event: &Event) -> usize {
        self.events().iter().filter(|seen| *seen == event).count()
    }
}
