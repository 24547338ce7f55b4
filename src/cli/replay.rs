//! `lizard replay`: the same run again, with what happened around the violation.
use super::output::{Exit, Failure, palette, print, refuse, remark};
use super::run::timed;
use crate::history::{Entry, Roster};
use crate::report::{Recorder, Report, line, render};
use crate::run::pitfall::Way;
use crate::scenario::{Loaded, Plan, load};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Run one seed again, with what happened around the violation
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The scenario file
    file: PathBuf,
    /// The seed of the replay line
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// End the run at this virtual time, such as 2m10s
    #[arg(long, value_name = "T", value_parser = humantime::parse_duration)]
    until: Option<Duration>,
    /// Print the whole history, one event a line
    #[arg(long)]
    log: bool,
    /// Of a pitfall file: which of its runs
    #[arg(long, value_enum, default_value = "treatment")]
    way: Which,
    /// The replay line's remark (`# giant-lizard X.Y.Z, plan 9f3c...`), where the shell passes it on: a difference is warned of
    #[arg(value_name = "REMARK", trailing_var_arg = true)]
    remark: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Which {
    /// With the knobs turned on
    Treatment,
    /// Without
    Control,
    /// With the knobs turned on and no faults
    Calm,
}

impl Which {
    pub(super) fn way(self) -> Way {
        match self {
            Which::Treatment => Way::Treatment,
            Which::Control => Way::Control,
            Which::Calm => Way::Calm,
        }
    }
}

/// How much is shown around a violation.
const BEFORE: Duration = Duration::from_secs(10);
const AFTER: Duration = Duration::from_secs(1);
const MOST_LINES: usize = 100;

impl Replay {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let loaded = match load(&self.file) {
            Ok(loaded) => loaded,
            Err(error) => {
                refuse(&error);
                return Ok(Exit::Mistaken);
            }
        };
        let plan = self.plan(&loaded)?;
        for difference in self.differences(&plan) {
            remark(&format!("warning: {difference}: this is not the run that the line was printed for"));
        }
        if self.log {
            remark("the plan:");
            for fault in &plan.faults {
                remark(&format!("  {fault}"));
            }
        }
        let recorder = Arc::new(Mutex::new(Recorder::default()));
        let (report, _) = timed(&plan, Some(recorder.clone()), self.until)?;
        let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        if self.log {
            print(&lines(&plan.roster, recorder.entries.iter()))?;
            print("\n")?;
        }
        print(&render(&report, palette()))?;
        if !self.log {
            print(&around(&report, &plan.roster, &recorder.entries))?;
        }
        Ok(if report.passed() { Exit::AllHeld } else { Exit::Failed })
    }

    fn plan(&self, loaded: &Loaded) -> Result<Plan, Failure> {
        let seed = self.seed.or(loaded.scenario.seed).unwrap_or(0);
        if loaded.scenario.pitfall.is_none() {
            return Ok(loaded.plan(seed));
        }
        Ok(self.way.way().plan(loaded, seed)?)
    }

    /// What the remark says that is not so here.
    fn differences(&self, plan: &Plan) -> Vec<String> {
        let words = self.remark.join(" ");
        let mut words = words.split([' ', ',', '#']).filter(|word| !word.is_empty());
        let mut differences = Vec::new();
        while let Some(word) = words.next() {
            let (what, here) = match word {
                "giant-lizard" => ("version", env!("CARGO_PKG_VERSION").to_owned()),
                "plan" => ("plan", plan.hash().to_string()),
                _ => continue,
            };
            let there = words.next().unwrap_or_default();
            // A shortened hash is as good as the whole one.
            if there.is_empty() || !here.starts_with(there.trim_end_matches('.')) {
                differences.push(format!("the {what} is {here} here and {there} there"));
            }
        }
        differences
    }
}

fn lines<'a>(roster: &Roster, entries: impl Iterator<Item = &'a Entry>) -> String {
    entries.map(|entry| line(roster, entry) + "\n").collect()
}

/// The history around the first violation.
fn around(report: &Report, roster: &Roster, entries: &[Entry]) -> String {
    let violations = report
        .invariants
        .iter()
        .flat_map(|invariant| invariant.violations.iter().map(move |violation| (&invariant.name, violation)));
    let Some((name, violation)) = violations.min_by(|(_, a), (_, b)| a.at_seconds.total_cmp(&b.at_seconds)) else {
        return String::new();
    };
    let at = Duration::try_from_secs_f64(violation.at_seconds).unwrap_or_default();
    let near: Vec<&Entry> = entries.iter().filter(|entry| entry.at + BEFORE >= at && entry.at <= at + AFTER).collect();
    let from = near.len().saturating_sub(MOST_LINES);
    format!("\n  around the violation of {name}:\n{}", lines(roster, near[from..].iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;
    use std::path::Path;

    fn replay(remark: &str) -> Vec<String> {
        let text = include_str!("../../scenarios/giant-lizard.yaml");
        let plan = parse(Path::new("x.yaml"), text).expect("a sound file").plan(3);
        let remark = remark.replace("HASH", &plan.hash().to_string()).replace("SHORT", &plan.hash().to_string()[..4]);
        let remark = remark.split(' ').map(str::to_owned).collect();
        Replay { file: "x.yaml".into(), seed: Some(3), until: None, log: false, way: Which::Treatment, remark }
            .differences(&plan)
    }

    #[test]
    fn the_remark_of_the_replay_line_is_compared_and_its_absence_is_fine() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(replay(""), [""; 0]);
        assert_eq!(replay(&format!("# giant-lizard {version}, plan HASH")), [""; 0]);
        assert_eq!(replay(&format!("# giant-lizard {version}, plan SHORT...")), [""; 0]);
        assert_eq!(replay("# giant-lizard 9.9.9, plan 0123456789abcdef").len(), 2);
    }
}
