//! Whether a machine runs, and what troubles it.
use crate::history::{Entry, Event, Name, Power};
use std::collections::BTreeMap;
use std::time::Duration;

/// A machine's power.
///
/// ```text
/// NotYet --On--> Up <--Thawed-- Frozen
///                |  '--Frozen------^
///                '--Lost, Crashed, Stopped--> Down --On--> Up
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// Its time to start has not come.
    NotYet,
    /// Since when it runs.
    Up(Duration),
    /// Not scheduled since then.
    Frozen(Duration),
    /// Without power, crashed or stopped, since then.
    Down(Power, Duration),
}

/// A machine with what is done to it and to its site.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Whether it runs.
    pub running: Running,
    /// Faults in words, with how many of the same are on: at the machine or its site.
    faults: BTreeMap<String, u32>,
    /// Cuts from one host or site to another, with how many of the same.
    cuts: BTreeMap<(Name, Name), u32>,
    /// Holds, the same.
    holds: BTreeMap<(Name, Name), u32>,
}

impl Condition {
    /// Begins before the first start.
    pub(super) fn new() -> Self {
        Self { running: Running::NotYet, faults: BTreeMap::new(), cuts: BTreeMap::new(), holds: BTreeMap::new() }
    }

    /// Folds an event of the world that is about this machine or its site. Says whether its software died.
    pub(super) fn see(&mut self, entry: &Entry) -> bool {
        match &entry.event {
            Event::Power { state } => return self.power(*state, entry.at),
            Event::Fault { text, on } => count(&mut self.faults, text.clone(), *on),
            Event::Cut { from, to } => count(&mut self.cuts, (from.clone(), to.clone()), true),
            Event::Healed { from, to } => count(&mut self.cuts, (from.clone(), to.clone()), false),
            Event::Held { from, to } => count(&mut self.holds, (from.clone(), to.clone()), true),
            Event::Released { from, to } => count(&mut self.holds, (from.clone(), to.clone()), false),
            _ => {}
        }
        false
    }

    fn power(&mut self, power: Power, at: Duration) -> bool {
        self.running = match (power, self.running) {
            (Power::On, _) | (Power::Thawed, Running::Frozen(_)) => Running::Up(at),
            (Power::Frozen, Running::Up(_)) => Running::Frozen(at),
            (Power::Lost | Power::Crashed | Power::Stopped, _) => Running::Down(power, at),
            (Power::Frozen | Power::Thawed, running) => running,
        };
        matches!(self.running, Running::Down(..))
    }

    /// Whether it runs and nothing is done to it.
    pub fn is_plain(&self) -> bool {
        matches!(self.running, Running::Up(_)) && !self.is_troubled()
    }
    /// Whether a fault, a cut or a hold is on at it or its site.
    pub fn is_troubled(&self) -> bool {
        !self.faults.is_empty() || !self.cuts.is_empty() || !self.holds.is_empty()
    }
    /// The faults that are on, in words.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.faults.keys().map(String::as_str)
    }
    /// From where to where nothing comes through.
    pub fn cuts(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.cuts.keys().map(|(from, to)| (from, to))
    }
    /// From where to where everything is held.
    pub fn holds(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.holds.keys().map(|(from, to)| (from, to))
    }
}

fn count<K: Ord>(of: &mut BTreeMap<K, u32>, key: K, begins: bool) {
    if begins {
        *of.entry(key).or_default() += 1;
    } else if let Some(count) = of.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            of.remove(&key);
        }
    }
}
