//! Hunts: one scenario, many seeds, every core busy. Each world runs to its first violation; what is learnt of it is
//! counted, and its report dropped.
//!
//! - [`queue`]: which seeds, in which order; [`shard`]: which of them are this machine's.
//! - [`trial`]: one seed. [`cause`]: why it failed. [`phases`]: which faults met which part of the run.
//! - [`tally`]: what all of them showed; [`bound`]: what that says of the others; [`merging`]: what several machines found.
//! - [`book`]: `NAME.seeds`, the seeds that failed. [`crew`]: the workers.

mod book;
mod bound;
pub(super) mod cause;
pub(super) mod crew;
mod merging;
mod phases;
mod queue;
mod shard;
mod tally;
mod trial;

pub use book::{Kept, NotABook, SeedBook};
pub use cause::EXPECTATION;
pub use merging::{MergeError, Merged, merge};
pub use shard::{ShardError, parse_shard, shard_of_array_job};
pub use trial::{Prey, Trial};

use crate::report::{HUNT_SCHEMA, HuntReport, HuntedScenario, Judgement, Report, SeedRange, ShardOf};
use queue::SeedQueue;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use tally::Tally;

/// One scenario's hunt.
#[derive(Clone, Debug)]
pub struct Hunt<'a> {
    /// What is hunted.
    pub prey: &'a Prey,
    /// The seeds that were asked for.
    pub asked: SeedRange,
    /// This machine's part; `None`: the whole.
    pub shard: Option<ShardOf>,
    /// The seeds that have failed before.
    pub book: &'a SeedBook,
    /// How many worlds run at one time.
    pub jobs: NonZeroUsize,
    /// Every seed's report is looked at, and has its fingerprint; else only seeds that are run twice have one.
    pub fingerprints: bool,
}

/// How a hunt ended.
#[derive(Clone, Debug)]
pub struct Hunted {
    /// What it showed.
    pub scenario: HuntedScenario,
    /// Every seed that was asked for was tried.
    pub exhausted: bool,
}

/// How far a hunt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Seeds tried.
    pub tried: u64,
    /// All seeds; `None`: there is no end.
    pub total: Option<u64>,
    /// Seeds that failed.
    pub failed: u64,
}

impl Hunt<'_> {
    /// Counts the seeds that are this machine's; `None`: there is no end.
    pub fn total(&self) -> Option<u64> {
        self.queue().total()
    }

    /// Tries seeds until all are tried or `stop` says so; worlds that run then are run to their end.
    ///
    /// `begin` is called before each seed, and what it returns sees the seed's report, both on the worker's thread.
    /// `seen` gets what that made of it, in the order of the seeds' turns; `None` for a run that ended in an error.
    pub fn run<L: Send, F: FnOnce(&mut Report) -> L>(
        &self,
        stop: impl Fn() -> bool + Sync,
        begin: impl Fn() -> F + Sync,
        mut seen: impl FnMut(&Trial, Option<L>, Progress),
    ) -> Hunted {
        let kept: BTreeMap<u64, &Kept> = self.book.of(self.prey.is_turned_on()).map(|line| (line.seed, line)).collect();
        let queue = Mutex::new(self.queue());
        let total = self.total();
        let mut tally = Tally::new(self.prey);
        let mut tried = 0;
        let next = || {
            if stop() {
                return None;
            }
            queue.lock().unwrap_or_else(PoisonError::into_inner).next()
        };
        let one = |turn| {
            let look = begin();
            let mut looked = None;
            let trial = trial::try_seed(self.prey, turn, self.fingerprints, |report| looked = Some(look(report)));
            (trial, looked)
        };
        crew::work(self.jobs, next, one, |(trial, looked)| {
            let stale = kept.get(&trial.turn.seed).is_some_and(|line| trial.turn.kept && line.is_stale(self.prey));
            tally.add(&trial, stale);
            tried += 1;
            seen(&trial, looked, Progress { tried, total, failed: tally.failed() });
        });
        let queue = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
        Hunted { scenario: tally.finish(&queue), exhausted: queue.is_empty() }
    }

    fn queue(&self) -> SeedQueue {
        let kept = self.book.of(self.prey.is_turned_on()).map(|line| line.seed);
        SeedQueue::new(kept, self.asked, self.shard)
    }
}

/// Joins the scenarios of one machine's hunt. `complete`: none of them was cut short.
pub fn report(
    asked: SeedRange,
    shard: Option<ShardOf>,
    complete: bool,
    scenarios: Vec<HuntedScenario>,
    wall_seconds: f64,
) -> HuntReport {
    let clean = scenarios.iter().all(|scenario| scenario.verdict == Judgement::Passed);
    let tried = scenarios.iter().map(|scenario| scenario.tried).sum();
    HuntReport {
        schema: HUNT_SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        world: "sim".to_owned(),
        verdict: if clean { Judgement::Passed } else { Judgement::Failed },
        shard,
        asked,
        complete,
        tried,
        failed: scenarios.iter().map(|scenario| scenario.failed).sum(),
        scenarios,
        wall_seconds,
        seeds_per_second: if wall_seconds > 0.0 { (tried as f64 / wall_seconds * 10.0).round() / 10.0 } else { 0.0 },
    }
}

/// What other folders' tests need to tell of a hunt without one.
#[cfg(test)]
pub(crate) mod tests_support {
    pub(crate) use super::bound::bound;
    pub(crate) use super::tally::tests::{group, nothing_found};
}

#[cfg(test)]
mod tests;
