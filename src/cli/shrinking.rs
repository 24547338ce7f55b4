//! Shrinking at the end of a hunt: the shortest seed of each cause.
use super::output::{Failure, remark};
use super::progress::ProgressLine;
use super::stop::Stop;
use crate::report::{FailureGroup, HuntedScenario};
use crate::run::hunt::Prey;
use crate::run::shrink::{Effort, MOST_RUNS, Shrunk, shrink};
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Causes of each file whose shortest seed is shrunk: as many as are told, the most frequent first.
const SHRUNK: usize = 20;

/// How much is tried for each seed.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Limits {
    /// Shrinking a seed, begin no further run after this time, such as 60s: the result then hangs on how fast this
    /// machine is
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    budget: Option<Duration>,
    /// Shrinking a seed, try no more than so many runs
    #[arg(long, value_name = "N", default_value_t = MOST_RUNS)]
    pub(super) most_runs: u64,
}

impl Limits {
    /// Whether a shrinking that began then has no time left.
    pub(super) fn are_over(&self, began: Instant) -> bool {
        self.budget.is_some_and(|budget| began.elapsed() >= budget)
    }
}

/// Whether and how a hunt's shortest seeds are shrunk.
#[derive(Debug, Args)]
pub(super) struct Shrinking {
    /// Do not look for the smallest scenario that fails like each cause's shortest seed
    #[arg(long)]
    no_shrink: bool,
    #[command(flatten)]
    limits: Limits,
}

/// Puts what a seed was shrunk to somewhere, and tells where; `None`: nowhere.
pub(super) type Keep<'a> = dyn FnMut(u64, &str) -> Result<Option<PathBuf>, Failure> + 'a;

impl Shrinking {
    pub(super) fn is_wanted(&self) -> bool {
        !self.no_shrink
    }

    /// Shrinks the shortest seed of each cause that has not been shrunk yet, until somebody stops it.
    pub(super) fn shrink(
        &self,
        prey: &Prey,
        hunted: &mut HuntedScenario,
        jobs: Option<NonZeroUsize>,
        stop: &Stop,
        keep: &mut Keep<'_>,
    ) -> Result<(), Failure> {
        let groups = hunted.groups.iter_mut().take(SHRUNK).filter(|group| group.shrunk.is_none());
        let groups: Vec<&mut FailureGroup> = groups.collect();
        if !self.is_wanted() || groups.is_empty() || stop.is_asked() {
            return Ok(());
        }
        let count = groups.len() as u64;
        let mut progress = ProgressLine::new(Some(count), None);
        let seeds = if count == 1 { "seed" } else { "seeds" };
        progress.say(&format!("shrinking {count} {seeds} of {}", hunted.file));
        for (done, group) in groups.into_iter().enumerate() {
            // What was said to be begun has a result, if only the plan written out.
            if done > 0 && stop.is_asked() {
                break;
            }
            let seed = group.shortest.seed;
            if let Some(shrunk) = self.shrunk(prey, seed, jobs, stop, done, &mut progress) {
                progress.say(&format!("seed {seed} {}", shrunk.sentence()));
                let file = keep(seed, &shrunk.file())?;
                group.shrunk = Some(shrunk.summary(file.map(|file| file.display().to_string())));
            }
        }
        progress.end();
        Ok(())
    }

    /// Shrinks one seed. `None`: it could not be, which has been said.
    fn shrunk(
        &self,
        prey: &Prey,
        seed: u64,
        jobs: Option<NonZeroUsize>,
        stop: &Stop,
        done: usize,
        progress: &mut ProgressLine,
    ) -> Option<Shrunk> {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let effort = Effort { jobs: jobs.unwrap_or(cores), most_runs: self.limits.most_runs };
        #[expect(clippy::disallowed_methods, reason = "the command line lives in real time")]
        let began = Instant::now();
        let is_over = || stop.is_asked() || self.limits.are_over(began);
        let mut tell = |words: &str| progress.show(done as u64, || format!("seed {seed}: {words}"));
        match shrink(prey.loaded(), seed, effort, &is_over, &mut tell) {
            Ok(shrunk) => Some(shrunk),
            Err(error) => {
                progress.aside(|| remark(&format!("warning: seed {seed} could not be shrunk: {error}")));
                None
            }
        }
    }
}
