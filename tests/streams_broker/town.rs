//! Brokers and whoever visits them.
use giant_lizard::engines::sim;
use giant_lizard::history::{Entry, Event, History, Name, Producer, Roster, Witness};
use giant_lizard::host::Host;
use giant_lizard::streams::broker::broker;
use giant_lizard::streams::knobs::BrokerKnobs;
use giant_lizard::streams::plan::{BrokerPlan, HalfOpen, UnknownStream};
use lizard_sim::{Fault, Run, Stage, World};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const KEY: &str = "acme.lizard.secret";

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
    /// What was picked of each event.
    pub(crate) fn pick<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.0.lock().unwrap().iter().filter_map(|entry| pick(&entry.event)).collect()
    }
}

/// The hand on a world with brokers in it.
#[derive(Clone)]
pub(crate) struct Town {
    pub(crate) stage: Stage,
    pub(crate) chronicle: Chronicle,
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
        .run(move |stage| async move {
            let producers = vec![Producer { name: "till".into(), host: "till".into() }];
            let roster = Arc::new(Roster { producers, ..Roster::default() });
            let chronicle = Chronicle::default();
            let history = History::new(roster, Arc::new(Mutex::new(chronicle.clone())));
            let town = Town { stage, chronicle, history };
            story(town).await
        })
        .unwrap();
    assert!(run.panics.is_empty(), "{:?}", run.panics);
    run
}

impl Town {
    /// Puts a broker into a region, with its defaults as the scenario files have them.
    pub(crate) fn broker(&self, region: &str, others: &[&str], change: impl FnOnce(&mut BrokerPlan)) {
        let host: Name = format!("broker-{region}").into();
        let mut plan = BrokerPlan {
            host: host.clone(),
            site: region.into(),
            region: region.to_owned(),
            others: others.iter().map(|other| format!("broker-{other}").into()).collect(),
            subscriptions: Vec::new(),
            unknown_stream: UnknownStream::Creates,
            half_open: HalfOpen::Probed,
            ping: seconds(30),
            time_to_live: seconds(72 * 3600),
            knobs: BrokerKnobs::default(),
        };
        change(&mut plan);
        let history = self.history.clone();
        self.stage.host(&host, region, move |machine| {
            broker(sim::host(machine, history.clone()), plan.clone(), KEY.to_owned())
        });
    }

    /// Puts somebody into the field and lets it act, once per boot.
    pub(crate) fn somebody<F, Fut>(&self, name: &str, act: F)
    where
        F: Fn(Host) -> Fut + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let history = self.history.clone();
        self.stage.host(name, "field", move |machine| act(sim::host(machine, history.clone())));
    }

    /// Runs something on a host of its own, once, and waits until it is done.
    pub(crate) async fn visit<F, Fut, T>(&self, name: &str, act: F) -> T
    where
        F: Fn(Host) -> Fut + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (done, value) = tokio::sync::oneshot::channel();
        let done = Arc::new(Mutex::new(Some(done)));
        let history = self.history.clone();
        self.stage.host(name, "field", move |machine| {
            // Taken before anything happens: when the visitor panics, whoever waits learns of it.
            let (act, done) = (act(sim::host(machine, history.clone())), done.lock().unwrap().take());
            async move {
                let value = act.await;
                if let Some(done) = done {
                    let _ = done.send(value);
                }
            }
        });
        value.await.expect("the visitor came to its end")
    }

    pub(crate) fn power_loss(&self, host: &str) {
        self.stage.apply(Fault::PowerLoss { host: host.into() });
    }

    pub(crate) fn boot(&self, host: &str) {
        self.stage.apply(Fault::Boot { host: host.into() });
    }
}
