//! Shrinking: from a seed that fails to the smallest scenario file that still fails in the same way.
//!
//! - [`materialise()`]: the seed's plan as a file: every choice a plain value. [`groups`]: a group as its members.
//! - [`draft`]: one version of the file, and how a part is taken out of it. [`lab`]: where drafts are tried.
//! - [`reduce`]: one pass after another until nothing helps any more. [`passes`]: what is tried.
//! - [`proof`]: that each line that is left must be there. [`telling`]: what came of it, in words and as a file.

mod draft;
mod groups;
mod lab;
mod materialise;
mod passes;
mod proof;
mod reduce;
mod telling;

pub use crate::report::Stopped;
pub use materialise::materialise;
pub use proof::{Need, Needed};

use super::{Mode, Prints, RunError, Watch, run, survey};
use crate::history::{Entry, Witness};
use crate::report::{Cause, Report, Smallest, Verdict};
use crate::run::hunt::EXPECTATION;
use crate::run::hunt::cause::failure;
use crate::scenario::{Expectation, Loaded, Mistakes, Scenario, plan};
use draft::Draft;
use lab::{Alike, Bench, Lab, Showing};
use reduce::Reducing;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// How much may be tried.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many worlds run at one time. It makes no difference to what comes of it.
    pub jobs: NonZeroUsize,
    /// The most runs. The result hangs on it and on nothing else.
    pub most_runs: u64,
}

/// The most runs, when nobody says: some seconds of the built-in stories.
pub const MOST_RUNS: u64 = 2000;

/// By how much the history of a smaller scenario may be longer than that of the first run.
const LEAST_ENTRIES: u64 = 10_000;

/// How many entries a history has.
struct Length(u64);

impl Witness for Length {
    fn see(&mut self, _: &Entry) {
        self.0 += 1;
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest scenario that was found.
    pub scenario: Scenario,
    /// How the first run failed, as far as others can fail like it.
    pub cause: Cause,
    /// How the smallest one fails. The fault before it may be another one: the first may have played no part.
    pub shrunk_cause: Cause,
    /// Of every line of the timeline, whether it must be there.
    pub needed: Vec<Needed>,
    /// How many lines the timeline had, written out.
    pub lines_before: usize,
    /// Runs that it took.
    pub runs: u64,
    /// `None`: nothing can be taken away alone any more.
    pub stopped: Option<Stopped>,
    file: PathBuf,
    seed: u64,
}

impl Shrunk {
    /// Sums it up for the result of a hunt. `file`: where it was written.
    pub fn summary(&self, file: Option<String>) -> Smallest {
        let plan = plan(&self.scenario, &self.file, self.seed);
        Smallest {
            sentence: self.sentence(),
            lines: self.needed.len() as u64,
            faults: plan.faults.len() as u64,
            clients: plan.roster.clients.len() as u64,
            runs: self.runs,
            stopped: self.stopped,
            file,
        }
    }
}

/// Why there is nothing to shrink, or no way to.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// The seed does not fail.
    #[error("seed {seed} passes: there is nothing to shrink")]
    Passes {
        /// The seed.
        seed: u64,
    },
    /// Written out, the scenario does something else: our own mistake.
    #[error("written out as a plain file, seed {seed} {instead} instead of failing with {cause}")]
    AnotherRun {
        /// The seed.
        seed: u64,
        /// How it should fail.
        cause: Box<Cause>,
        /// What it does.
        instead: String,
    },
    /// What was written is no sound file: our own mistake.
    #[error("what was written is not sound: {0}")]
    Unsound(#[from] Mistakes),
    /// A run could not be judged.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Shrinks what a seed makes of a scenario. `is_over`: begin no further run; `tell`: hears how far it has come.
///
/// # Errors
/// When the seed passes or its run cannot be judged. The other errors are our own mistakes.
pub fn shrink(
    loaded: &Loaded,
    seed: u64,
    effort: Effort,
    is_over: &(dyn Fn() -> bool + Sync),
    tell: &mut dyn FnMut(&str),
) -> Result<Shrunk, ShrinkError> {
    let first = plan(&loaded.scenario, &loaded.file, seed);
    let length = Arc::new(Mutex::new(Length(0)));
    let watch = Watch { witness: Some(length.clone()), ..Watch::default() };
    let report = survey(&first, Mode::FirstViolation, watch, Prints::None)?.report;
    let Length(entries) = *length.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = failure(&first, &report).ok_or(ShrinkError::Passes { seed })?;
    tell(&format!("seed {seed} fails: {}", failed.cause));

    let bench = Bench { seed, cause: &failed.cause, most_entries: entries + LEAST_ENTRIES };
    let draft = Draft::of(&written_out(&loaded.scenario, seed, &failed.cause, &report));
    draft.loaded()?;
    let failed_plainly = match bench.show(&draft) {
        Some(Showing::Failed(again)) if Alike::ButForTheFaultBefore.holds(&again.cause, &failed.cause) => again,
        other => {
            let instead = match other {
                Some(Showing::Failed(again)) => format!("fails with {}", again.cause),
                Some(Showing::Passed) => "passes".to_owned(),
                Some(Showing::FailsCalm | Showing::Broken) | None => "cannot be judged".to_owned(),
            };
            return Err(ShrinkError::AnotherRun { seed, cause: Box::new(failed.cause), instead });
        }
    };
    let lines_before = draft.lines().len();
    tell(&format!("written out: {}", telling::size(&draft)));

    let needs_fault = !bench.fails_calm(&draft);
    let lab = Lab { bench, effort, is_over, needs_fault, runs: 3, stopped: None, known: BTreeMap::new() };
    let mut reducing = Reducing::new(lab, draft, failed_plainly, tell);
    reducing.reduce();
    let Reducing { draft, failure: shrunk, lab, .. } = reducing;

    let needed = proof::prove(&draft, bench, &shrunk.cause);
    let runs = lab.runs + needed.len() as u64;
    let mut scenario = draft.loaded()?.scenario;
    let names = violated(&scenario, seed, &shrunk.cause)?;
    scenario.expect.extend(
        names.iter().map(|name| Expectation { violated: Some(name.as_str().into()), ..Expectation::default() }),
    );
    scenario.name = format!("{} (shrunk)", loaded.scenario.name);
    let mut shrunk = Shrunk {
        scenario,
        cause: failed.cause.clone(),
        shrunk_cause: shrunk.cause,
        needed,
        lines_before,
        runs,
        stopped: lab.stopped,
        file: loaded.file.clone(),
        seed,
    };
    shrunk.scenario.story = Some(shrunk.sentence());
    Ok(shrunk)
}

/// The plain scenario, and of what is expected only what plays a part: the expectation that was not met, where that is
/// the failure.
fn written_out(scenario: &Scenario, seed: u64, cause: &Cause, report: &Report) -> Scenario {
    if cause.invariant != EXPECTATION {
        return materialise(&Scenario { expect: Vec::new(), ..scenario.clone() }, seed);
    }
    let mut plain = materialise(scenario, seed);
    let unmet = report.expectations.iter().position(|expectation| !expectation.met);
    plain.expect = unmet.and_then(|index| plain.expect.get(index)).cloned().into_iter().collect();
    plain
}

/// Every invariant that a run to the end violates, the one that it is about first: the file must expect them all.
fn violated(scenario: &Scenario, seed: u64, cause: &Cause) -> Result<Vec<String>, RunError> {
    let report = run(&plan(scenario, "shrunk.yaml".as_ref(), seed), Mode::ToTheEnd)?.report;
    let broken = report.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Violated);
    let mut names: Vec<String> = broken.map(|invariant| invariant.name.clone()).collect();
    names.sort_by_key(|name| *name != cause.invariant);
    Ok(names)
}
