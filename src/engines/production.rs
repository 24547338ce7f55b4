//! Playing a cast of hosts, with a timeline of faults, in the simulated world, before a judge.

use super::sim;
use crate::history::{Entry, Event, History, Name, Power, Roster, Witness};
use crate::host::Software;
use lizard_sim::{Fault, Fingerprint, Panic, Path, Stage, World, WorldError};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// How often a judge is asked whether it is done, while nothing else is due: bounds are tens of seconds.
const GLANCE: Duration = Duration::from_secs(5);
/// The same while settling, when the answer is expected to be yes soon.
const SETTLING_GLANCE: Duration = Duration::from_millis(500);

/// One host.
#[derive(Clone)]
pub struct Part {
    /// Its name, by which others connect to it.
    pub name: Name,
    /// The data centre it stands in.
    pub site: Name,
    /// When it is first powered on.
    pub starts: Duration,
    /// What it runs.
    pub software: Software,
}

/// Everything that is played.
#[derive(Clone, Default)]
pub struct Production {
    /// The seed of the world's chance.
    pub seed: u64,
    /// Who takes part, for the judge.
    pub roster: Arc<Roster>,
    /// Every host.
    pub parts: Vec<Part>,
    /// Each site's own path.
    pub sites: Vec<(Name, Path)>,
    /// Paths between sites.
    pub links: Vec<(Name, Name, Path)>,
    /// What is done to the world, and when; in any order.
    pub faults: Vec<(Duration, Fault)>,
    /// Hosts that nobody starts again when it is over.
    pub for_good: BTreeSet<Name>,
    /// When every fault has ended and settling begins.
    pub duration: Duration,
    /// The longest time after that.
    pub settle: Duration,
    /// Every host's software waits through its [`Host`](crate::host::Host) alone, as all of this house does: the world
    /// does without a tokio runtime, which takes a seventh of a run. Default: no.
    pub needs_no_tokio: bool,
    /// Nobody will compare it with another: nothing that happens is hashed, which takes some 4 % of a run. Default: no.
    pub needs_no_fingerprint: bool,
}

/// Watches a production, and says when it has seen enough.
pub trait Judge: Witness {
    /// Takes note of the time: bounds that end by now have ended.
    fn tick(&mut self, now: Duration);
    /// When the next bound ends; `None`: none is running.
    fn next_deadline(&self) -> Option<Duration>;
    /// Whether nothing is owed any more: a settling production may end.
    fn is_settled(&self) -> bool;
    /// Whether there is no need to go on at all.
    fn has_seen_enough(&self) -> bool {
        false
    }
}

/// What is left of a production, but for what its judge knows.
#[derive(Clone, Debug)]
pub struct Curtain {
    /// The hash of everything that happened, engine and history; `None`: the production needed none.
    pub fingerprint: Option<Fingerprint>,
    /// Virtual time from the beginning to the end.
    pub virtual_time: Duration,
    /// Engine events, history entries among them.
    pub events: u64,
    /// Software that panicked.
    pub panics: Vec<Panic>,
}

impl Production {
    /// Plays it to its end on a thread of its own.
    ///
    /// # Errors
    /// As [`World::run`] says.
    pub fn play<J: Judge + 'static>(self, judge: Arc<Mutex<J>>) -> Result<Curtain, WorldError> {
        let world = World::new(self.seed).refuse_strays();
        let world = if self.needs_no_tokio { world.without_tokio() } else { world };
        let world = if self.needs_no_fingerprint { world.without_fingerprint() } else { world };
        let run = world.run(move |stage| Director::new(stage, self, judge).direct())?;
        Ok(Curtain { fingerprint: run.fingerprint, virtual_time: run.now, events: run.events, panics: run.panics })
    }
}

/// Carries a production out.
struct Director<J> {
    stage: Stage,
    production: Production,
    judge: Arc<Mutex<J>>,
    history: History,
}

/// What the director does at a moment.
enum Cue {
    Start(Name),
    Fault(Fault),
}

impl<J: Judge + 'static> Director<J> {
    fn new(stage: Stage, production: Production, judge: Arc<Mutex<J>>) -> Self {
        let fields = (!production.needs_no_fingerprint).then(Fields::default);
        let witness = Stamped { stage, judge: judge.clone(), fields };
        let history = History::new(production.roster.clone(), Arc::new(Mutex::new(witness)));
        Self { stage, production, judge, history }
    }

    async fn direct(self) {
        self.set_the_stage();
        for (at, cue) in self.cues() {
            if !self.wait_until(at).await {
                return;
            }
            match cue {
                Cue::Start(host) => self.boot(&host),
                Cue::Fault(fault) => self.apply(fault),
            }
        }
        if !self.wait_until(self.production.duration).await {
            return;
        }
        self.end_every_fault();
        self.settle().await;
    }

    fn set_the_stage(&self) {
        let stage = self.stage;
        for (site, path) in &self.production.sites {
            stage.site(site, path.clone());
        }
        for (a, b, path) in &self.production.links {
            stage.link(a, b, path.clone());
        }
        for part in &self.production.parts {
            let (software, history) = (part.software.clone(), self.history.clone());
            stage.add(&part.name, &part.site, move |machine| software(sim::host(machine, history.clone())));
        }
    }

    /// Everything that happens at a known time before settling, in its order.
    fn cues(&self) -> Vec<(Duration, Cue)> {
        let starts = self.production.parts.iter().map(|part| (part.starts, Cue::Start(part.name.clone())));
        let faults = self.production.faults.iter().map(|(at, fault)| (*at, Cue::Fault(fault.clone())));
        let mut cues: Vec<_> = starts.chain(faults).collect();
        // Stable: what stands first in the plan happens first.
        cues.sort_by_key(|(at, _)| *at);
        cues
    }

    /// Waits, with an eye on the judge. `false`: the judge has seen enough.
    async fn wait_until(&self, at: Duration) -> bool {
        while self.stage.now() < at {
            let now = self.stage.now();
            let deadline = self.judge().next_deadline().unwrap_or(Duration::MAX);
            let glance = (now + GLANCE).min(deadline.max(now + Duration::from_millis(1)));
            self.stage.sleep_until(at.min(glance)).await;
            let mut judge = self.judge();
            judge.tick(self.stage.now());
            if judge.has_seen_enough() {
                return false;
            }
        }
        true
    }

    /// Waits until nothing is owed, or the time is over.
    async fn settle(&self) {
        let end = self.production.duration + self.production.settle;
        loop {
            // Before the first look, too: what software does at this very moment is still to come.
            self.stage.sleep_until(end.min(self.stage.now() + SETTLING_GLANCE)).await;
            let now = self.stage.now();
            let mut judge = self.judge();
            judge.tick(now);
            if judge.is_settled() || judge.has_seen_enough() || now >= end {
                return;
            }
        }
    }

    fn judge(&self) -> MutexGuard<'_, J> {
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_every_fault(&self) {
        let heals = self.production.faults.iter().filter_map(|(_, fault)| undo(fault));
        for fault in heals.collect::<Vec<_>>() {
            self.apply(fault);
        }
        for part in &self.production.parts {
            if !self.production.for_good.contains(&part.name) {
                self.boot(&part.name);
            }
        }
        self.record("the world", Event::Settling);
    }

    fn boot(&self, host: &Name) {
        if !self.stage.is_up(host) || self.stage.is_stopping(host) {
            self.record(host, Event::Power { state: Power::On });
            self.stage.apply(Fault::Boot { host: host.to_string() });
        }
    }

    /// Applies a fault and tells the judge, in the order in which it matters: power comes back before software
    /// acts, and goes before anybody notices.
    fn apply(&self, fault: Fault) {
        if let Fault::Boot { host } = &fault {
            return self.boot(&host.as_str().into());
        }
        let told = match &fault {
            Fault::PowerLoss { host } => self.power(host, Power::Lost),
            Fault::Crash { host } => self.power(host, Power::Crashed),
            Fault::Stop { host } => self.power(host, Power::Stopped),
            Fault::Freeze { host } => self.power(host, Power::Frozen),
            Fault::Thaw { host } => self.power(host, Power::Thawed),
            Fault::Cut { from, to } => Some((from, Event::Cut { from: from.as_str().into(), to: to.as_str().into() })),
            Fault::Heal { from, to } => {
                Some((from, Event::Healed { from: from.as_str().into(), to: to.as_str().into() }))
            }
            Fault::Hold { from, to } => {
                Some((from, Event::Held { from: from.as_str().into(), to: to.as_str().into() }))
            }
            Fault::Release { from, to } => {
                Some((from, Event::Released { from: from.as_str().into(), to: to.as_str().into() }))
            }
            Fault::Impair { at, path } => Some((at, other("paths impaired", *path != Path::default()))),
            Fault::SkewClock { host, by_ns, drift_ppm } => {
                Some((host, other("clock skewed", *by_ns != 0 || *drift_ppm != 0)))
            }
            Fault::DiskFull { host, on } => Some((host, other("disk full", *on))),
            Fault::DiskError { host, on } => Some((host, other("disk failing", *on))),
            Fault::SlowSync { host, by } => Some((host, other("disk slow", !by.is_zero()))),
            Fault::Announce { host, text, on } => Some((host, other(text, *on))),
            Fault::Boot { .. } => None,
        };
        if let Some((place, event)) = told {
            self.record(place, event);
        }
        self.stage.apply(fault);
    }

    /// What to tell of a change of power; a host that is down already has nothing more to lose.
    fn power<'a>(&self, host: &'a String, state: Power) -> Option<(&'a String, Event)> {
        let runs = self.stage.is_up(host) && !self.stage.is_stopping(host);
        runs.then_some((host, Event::Power { state }))
    }

    fn record(&self, host: &str, event: Event) {
        self.history.record(self.stage.now(), &host.into(), event);
    }
}

fn other(text: &str, on: bool) -> Event {
    Event::Fault { text: text.to_owned(), on }
}

/// What puts a fault right again; doing it twice does no harm.
fn undo(fault: &Fault) -> Option<Fault> {
    match fault {
        Fault::Freeze { host } => Some(Fault::Thaw { host: host.clone() }),
        _ => None,
    }
}

/// Lets every entry into the world's fingerprint before the judge sees it.
struct Stamped<J> {
    stage: Stage,
    judge: Arc<Mutex<J>>,
    /// The entry that is being stamped; `None`: nothing is hashed, and entries are but counted as events.
    fields: Option<Fields>,
}

impl<J: Judge> Witness for Stamped<J> {
    fn see(&mut self, entry: &Entry) {
        let fields = self.fields.as_mut().map_or(&[][..], |fields| fields.of(entry));
        self.stage.note("history", fields);
        self.judge.lock().unwrap_or_else(PoisonError::into_inner).see(entry);
    }
}

/// Lays an entry's fields one behind the other, the same on every machine of 64 bits, to be hashed in one go. `Hash` says how
/// long texts and lists are, so that different entries have different bytes.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn of(&mut self, entry: &Entry) -> &[u8] {
        self.0.clear();
        entry.hash(self);
        &self.0
    }
}

impl Hasher for Fields {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn write_usize(&mut self, value: usize) {
        self.write(&(value as u64).to_le_bytes());
    }
    fn finish(&self) -> u64 {
        xxh3_64(&self.0)
    }
}
