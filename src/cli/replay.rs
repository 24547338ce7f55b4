//! `lizard replay`: the same run again, with what happened around the violation.
use super::output::{Exit, Failure, complain, palette, print, refuse, remark};
use super::reporting::{Playing, Reporting};
use crate::history::{Entry, Roster, Witness};
use crate::report::{Filter, Recorder, Report, line, render, render_situation, stopwatch};
use crate::run::pitfall::Way;
use crate::scenario::{Loaded, Plan, load};
use crate::situation::Situation;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Run one seed again, with what happened around the violation or another moment
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The scenario file
    file: PathBuf,
    /// The seed of the replay line
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// End the run at this virtual time, such as 2m10s or 2:10.5, and tell the situation then
    #[arg(long, value_name = "T", value_parser = moment)]
    until: Option<Duration>,
    /// Print the history around this virtual time instead of around the violation, and tell the situation then
    #[arg(long, value_name = "T", value_parser = moment)]
    around: Option<Duration>,
    /// How far before and after
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "5s", requires = "around")]
    within: Duration,
    /// Print the whole history, one event a line
    #[arg(long, conflicts_with = "around")]
    log: bool,
    /// Print only what this host or site recorded, what names it, and what is done to it; may be repeated
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Print only what is about this message, such as "xyz/telemetry #63", or all of `xyz/telemetry`; may be repeated
    #[arg(long = "message", value_name = "MESSAGE")]
    messages: Vec<String>,
    /// Print only this kind of event, such as stored; may be repeated
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Also write into this folder: report.html, the same as JSON, history, trace, junit.xml, a summary, an index
    /// (docs/reports.md)
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
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
        let filter = match Filter::new(&plan.roster, &self.hosts, &self.messages, &self.kinds) {
            Ok(filter) => filter,
            Err(error) => {
                complain(&error.to_string());
                return Ok(Exit::Mistaken);
            }
        };
        let mut reporting = Reporting::prepare(self.report.as_deref(), &[])?;
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
        let witness: Arc<Mutex<dyn Witness>> = recorder.clone();
        let again = format!("--way {}", self.way.way());
        let named = loaded.scenario.pitfall.is_some() && self.way != Which::Treatment;
        let again = named.then_some(&*again);
        let playing = Playing { witness: Some(witness), until: self.until, again, ..Playing::default() };
        let shown = reporting.play(&plan, playing);
        reporting.tell(&loaded, plan.seed, PathBuf::new(), None, shown.as_ref());
        let closed = reporting.close();
        let report = shown?;
        closed?;
        let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        self.show(&report, &plan.roster, &recorder.entries, &filter)?;
        Ok(if report.passed() { Exit::AllHeld } else { Exit::Failed })
    }

    fn show(&self, report: &Report, roster: &Roster, entries: &[Entry], filter: &Filter) -> Result<(), Failure> {
        if self.log {
            print(&lines(roster, entries.iter().filter(|entry| filter.admits(entry))))?;
            print("\n")?;
        }
        print(&render(report, palette()))?;
        match self.around {
            Some(at) => print(&self.near(at, roster, entries, filter))?,
            None if !self.log => print(&around(report, roster, entries, filter))?,
            None => {}
        }
        let Some(asked) = self.around.or(self.until) else { return Ok(()) };
        // The world may have ended before.
        let over = Duration::try_from_secs_f64(report.virtual_seconds).unwrap_or_default();
        let at = asked.min(over);
        let situation = Situation::at(roster, entries, at);
        print(&render_situation(&situation, roster, at, |host| filter.is_about(host), palette()))
    }

    /// The history around the moment that was asked for.
    fn near(&self, at: Duration, roster: &Roster, entries: &[Entry], filter: &Filter) -> String {
        let is_near = |entry: &&Entry| entry.at + self.within >= at && entry.at <= at + self.within;
        let near = entries.iter().filter(is_near).filter(|entry| filter.admits(entry));
        let lines = lines(roster, near);
        let nothing = if lines.is_empty() { "    nothing of what was asked for\n" } else { "" };
        format!("\n  around {}:\n{lines}{nothing}", stopwatch(at))
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

/// The history around the first violation; of one that was certain only long after, such as a loss, around where its custody
/// ends.
fn around(report: &Report, roster: &Roster, entries: &[Entry], filter: &Filter) -> String {
    let violations = report
        .invariants
        .iter()
        .flat_map(|invariant| invariant.violations.iter().map(move |violation| (&invariant.name, violation)));
    let Some((name, violation)) = violations.min_by(|(_, a), (_, b)| a.at_seconds.total_cmp(&b.at_seconds)) else {
        return String::new();
    };
    let certain = Duration::try_from_secs_f64(violation.at_seconds).unwrap_or_default();
    let ended = violation.end_of_custody().filter(|ended| *ended + BEFORE < certain);
    let at = ended.unwrap_or(certain);
    let is_near = |entry: &&Entry| entry.at + BEFORE >= at && entry.at <= at + AFTER;
    let near: Vec<&Entry> = entries.iter().filter(is_near).filter(|entry| filter.admits(entry)).collect();
    let from = near.len().saturating_sub(MOST_LINES);
    let what = match ended {
        Some(ended) => format!("{} ({name}, certain at {})", stopwatch(ended), stopwatch(certain)),
        None => format!("the violation of {name}"),
    };
    format!("\n  around {what}:\n{}", lines(roster, near[from..].iter().copied()))
}

/// Reads a virtual time as files write it (`2m10s`) or as reports do (`2:10.500`).
fn moment(text: &str) -> Result<Duration, String> {
    if !text.contains(':') {
        return humantime::parse_duration(text).map_err(|error| error.to_string());
    }
    let wrong = || "expected a time such as 2m10s or 2:10.500".to_owned();
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 || !parts.iter().all(|part| plain(part)) {
        return Err(wrong());
    }
    let mut seconds = 0.0;
    for part in parts {
        seconds = seconds * 60.0 + part.parse::<f64>().map_err(|_| wrong())?;
    }
    // Times are written with milliseconds, and floating point is not exact to the last nanosecond.
    Duration::try_from_secs_f64(seconds).map(|at| Duration::from_micros(at.as_micros() as u64)).map_err(|_| wrong())
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
        Replay {
            file: "x.yaml".into(),
            seed: Some(3),
            until: None,
            around: None,
            within: Duration::from_secs(5),
            log: false,
            hosts: Vec::new(),
            messages: Vec::new(),
            kinds: Vec::new(),
            report: None,
            way: Which::Treatment,
            remark,
        }
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

    #[test]
    fn a_moment_is_written_as_in_files_or_as_in_reports() {
        let ms = |ms| Ok(Duration::from_millis(ms));
        for (text, meant) in [("2m10s", 130_000), ("2:06.160", 126_160), ("1:02:03.5", 3_723_500), ("0:00.001", 1)] {
            assert_eq!(moment(text), ms(meant), "{text}");
        }
        for wrong in ["", "2:", ":5", "1:2:3:4", "2:x", "2:-5", "2:1e3", "soon", "2:1.2.3"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
