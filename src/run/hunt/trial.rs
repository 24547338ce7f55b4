//! One seed of a hunt: run to its first violation, and everything that is learnt from it. The report is dropped at once.
use super::cause::{Failure, failure, happening};
use super::phases::Phases;
use super::queue::Turn;
use crate::report::{Phase, Report, Verdict};
use crate::run::pitfall::Way;
use crate::run::{Mode, Prints, RunError, Watch, survey};
use crate::scenario::{Loaded, Plan, plan};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// One seed in this many is run twice.
const ONE_IN: u64 = 20;

/// A scenario as it is hunted: with the knobs of its pitfall turned on, or as its file has them.
#[derive(Clone, Debug)]
pub struct Prey {
    loaded: Loaded,
    turned_on: bool,
}

impl Prey {
    /// Takes a scenario as its file has it.
    pub fn new(loaded: Loaded) -> Self {
        Self { loaded, turned_on: false }
    }

    /// Turns the knobs of its pitfall on. `None`: it is no pitfall.
    ///
    /// # Errors
    /// When a knob's value does not fit: loading has refused such a file.
    pub fn turned_on(mut self) -> Result<Option<Self>, serde_json::Error> {
        if self.loaded.scenario.pitfall.is_none() {
            return Ok(None);
        }
        self.loaded.scenario = self.loaded.scenario.turned_on()?;
        self.turned_on = true;
        Ok(Some(self))
    }

    /// The scenario, knobs as they are hunted.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// Whether the knobs are on.
    pub fn is_turned_on(&self) -> bool {
        self.turned_on
    }

    /// Makes the plan of one seed.
    pub fn plan(&self, seed: u64) -> Plan {
        plan(&self.loaded.scenario, &self.loaded.file, seed)
    }

    /// Makes the replay line of a report name the run that it is about: a pitfall's replay turns the knobs on.
    fn named(&self, report: &mut Report) {
        if self.loaded.scenario.pitfall.is_some() && !self.turned_on {
            report.replay = report.replay.replacen("  #", &format!(" --way {}  #", Way::Control), 1);
        }
    }
}

/// What one seed showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Whose turn it was.
    pub turn: Turn,
    /// Its plan's hash.
    pub plan_hash: String,
    /// It was run twice, with one fingerprint.
    pub run_twice: bool,
    /// What came of it.
    pub showing: Result<Showing, String>,
}

/// What is kept of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Showing {
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// The command that runs it again.
    pub replay: String,
    /// By the registry's order: exercised, violated, checked.
    pub invariants: Vec<(bool, bool, u64)>,
    /// Kinds of fault, and the phases that they met.
    pub met: BTreeSet<(Phase, String)>,
    /// Messages offered.
    pub offered: u64,
    /// Engine events.
    pub events: u64,
    /// Virtual time.
    pub virtual_micros: u64,
}

/// Whether a seed is one of those that are run twice: the same ones on any machine, and none more likely for a shard.
pub(super) fn is_run_twice(seed: u64) -> bool {
    xxh3_64(&seed.to_le_bytes()).is_multiple_of(ONE_IN)
}

/// Runs a seed, and a second time when it is one of those. Hands the report to `look` before it is dropped;
/// `fingerprints`: with its fingerprint.
pub(super) fn try_seed(prey: &Prey, turn: Turn, fingerprints: bool, look: impl FnOnce(&mut Report)) -> Trial {
    let plan = prey.plan(turn.seed);
    let run_twice = is_run_twice(turn.seed);
    let prints = match (run_twice, fingerprints) {
        (true, _) => Prints::Two,
        (false, true) => Prints::One,
        (false, false) => Prints::None,
    };
    let showing = showing(prey, &plan, prints, look).map_err(|error| error.to_string());
    Trial { turn, plan_hash: plan.hash().to_string(), run_twice: run_twice && showing.is_ok(), showing }
}

fn showing(prey: &Prey, plan: &Plan, prints: Prints, look: impl FnOnce(&mut Report)) -> Result<Showing, RunError> {
    let phases = Arc::new(Mutex::new(Phases::of(&plan.roster)));
    let watch = Watch { witness: Some(phases.clone()), ..Watch::default() };
    let mut report = survey(plan, Mode::FirstViolation, watch, prints)?.report;
    prey.named(&mut report);
    look(&mut report);
    let phases = phases.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Showing {
        failure: failure(plan, &report),
        invariants: report
            .invariants
            .iter()
            .map(|one| (one.verdict != Verdict::NotExercised, one.verdict == Verdict::Violated, one.checked))
            .collect(),
        met: met(plan, &report, &phases),
        offered: report.messages.offered,
        events: report.events,
        virtual_micros: (report.virtual_seconds * 1e6).round() as u64,
        replay: report.replay,
    })
}

/// The faults that began before the run was over, in their phases.
fn met(plan: &Plan, report: &Report, phases: &Phases) -> BTreeSet<(Phase, String)> {
    let begun = happening(plan).filter(|fault| fault.at.as_secs_f64() <= report.virtual_seconds);
    let phases_of = |fault: &crate::scenario::PlannedFault| {
        // `start` is over as soon as it is done; what else has no end lasts for good.
        let until = fault.until.or((fault.kind == "start").then_some(fault.at));
        phases.met(fault.at, until).into_iter().map(|phase| (phase, fault.kind.clone())).collect::<Vec<_>>()
    };
    begun.flat_map(phases_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_in_twenty_is_run_twice_whatever_the_shard() {
        let among = |seeds: &mut dyn Iterator<Item = u64>| seeds.filter(|seed| is_run_twice(*seed)).count();
        assert!((450..550).contains(&among(&mut (0..10_000))));
        for shard in 0..20 {
            let mine = among(&mut (0..10_000).map(|number| number * 20 + shard));
            assert!((400..600).contains(&mine), "shard {shard} of 20: {mine} of 10,000");
        }
    }
}
