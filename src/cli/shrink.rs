//! `lizard shrink`: the smallest scenario file that still fails in the same way.
use super::output::{Exit, Failure, complain, print, refuse, remark};
use super::replay::Which;
use super::shrinking::Limits;
use crate::run::shrink::{Effort, ShrinkError, Shrunk, shrink};
use crate::scenario::{Loaded, load};
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Find the smallest scenario file that still fails in the same way as a seed
#[derive(Debug, Args)]
pub(super) struct Shrink {
    /// The scenario file
    file: PathBuf,
    /// The seed that fails [default: the file's own, else 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    limits: Limits,
    /// How many worlds run at one time; the result is the same [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Of a pitfall file: which of its runs
    #[arg(long, value_enum, default_value = "treatment")]
    way: Which,
    /// Write the smaller scenario here, and the sentence about it to stdout [default: the scenario to stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Shrink {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let loaded = match load(&self.file) {
            Ok(loaded) => loaded,
            Err(error) => {
                refuse(&error);
                return Ok(Exit::Mistaken);
            }
        };
        let seed = self.seed.or(loaded.scenario.seed).unwrap_or(0);
        let scenario = match loaded.scenario.pitfall {
            Some(_) => self.way.way().scenario(&loaded.scenario)?,
            None => loaded.scenario,
        };
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let effort = Effort { jobs: self.jobs.unwrap_or(cores), most_runs: self.limits.most_runs };
        #[expect(clippy::disallowed_methods, reason = "the command line lives in real time")]
        let began = Instant::now();
        let is_over = || self.limits.are_over(began);
        match shrink(&Loaded { scenario, ..loaded }, seed, effort, &is_over, &mut remark) {
            Ok(shrunk) => self.show(&shrunk, began.elapsed()),
            Err(ShrinkError::Run(error)) => Err(error.into()),
            Err(error @ ShrinkError::Passes { .. }) => {
                complain(&error.to_string());
                Ok(Exit::Mistaken)
            }
            Err(error @ (ShrinkError::AnotherRun { .. } | ShrinkError::Unsound(_))) => {
                complain(&error.to_string());
                Ok(Exit::OurFailure)
            }
        }
    }

    fn show(&self, shrunk: &Shrunk, took: Duration) -> Result<Exit, Failure> {
        shrunk.proof().iter().for_each(|line| remark(line));
        let lines = format!("{} lines of the timeline are {}", shrunk.lines_before, shrunk.needed.len());
        remark(&format!("{lines}, after {} runs in {:.1} s", shrunk.runs, took.as_secs_f64()));
        if let Some(stopped) = shrunk.stopped {
            remark(&format!("warning: {}: it may not be the smallest", stopped.in_words()));
        }
        let Some(out) = &self.out else {
            remark(&shrunk.sentence());
            print(&shrunk.file())?;
            return Ok(Exit::AllHeld);
        };
        std::fs::write(out, shrunk.file()).map_err(|why| Failure::Write { what: out.display().to_string(), why })?;
        print(&format!("{}\n", shrunk.sentence()))?;
        Ok(Exit::AllHeld)
    }
}
