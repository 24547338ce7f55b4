//! `lizard diverge`: two runs side by side, and where they part.
use super::output::{Exit, Failure, complain, palette, print, refuse};
use super::replay::Which;
use super::reporting::{Playing, Reporting};
use super::run::Format;
use crate::history::{Entry, Witness};
use crate::report::{DivergeReport, Likeness, Recorder, Report, render_divergence};
use crate::run::diverge::{Played, compare};
use crate::run::pitfall::Way;
use crate::scenario::{Loaded, Plan, load};
use clap::Args;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Tell where two runs part: two seeds, two versions of a file, or a knob off and on
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct Diverge {
    /// The scenario file, or two versions of one
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The seed; twice: one for each run [default: the file's own, else 0]
    #[arg(long = "seed", value_name = "N")]
    seeds: Vec<u64>,
    /// Of a pitfall file: its knobs off and on, which is `--way control --way treatment`
    #[arg(long, conflicts_with = "ways")]
    turn_on: bool,
    /// Of a pitfall file: which of its runs; twice: one for each [default: treatment]
    #[arg(long = "way", value_enum, value_name = "WAY")]
    ways: Vec<Which>,
    /// Also write into this folder: a report.html of each run (a, b), and side-by-side.html (docs/reports.md)
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// How to report: for people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

const AFTER: &str = "Exit code 0: the runs are the same. 1: they differ. 2: a file or the command line is wrong. \
3: Giant Lizard itself failed; that one plan has two histories is such a failure.";

/// One of the two, before it runs.
struct Side {
    name: String,
    loaded: Loaded,
    way: Option<Way>,
    plan: Plan,
}

impl Diverge {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        if let Err(why) = self.asked() {
            complain(&why);
            return Ok(Exit::Mistaken);
        }
        let loaded: Vec<_> = self.files.iter().map(|file| load(file)).collect();
        let mistaken = loaded.iter().filter_map(|loaded| loaded.as_ref().err());
        if mistaken.inspect(|error| refuse(error)).count() > 0 {
            return Ok(Exit::Mistaken);
        }
        let loaded: Vec<Loaded> = loaded.into_iter().flatten().collect();
        if let Some(plain) = loaded.iter().find(|loaded| self.needs_knobs() && loaded.scenario.pitfall.is_none()) {
            complain(&format!("{}: there is no `pitfall:` section, and so no knob to turn on", plain.file.display()));
            return Ok(Exit::Mistaken);
        }
        let (a, b) = (self.side(&loaded, 0)?, self.side(&loaded, 1)?);
        let places = [PathBuf::from("a"), PathBuf::from("b")];
        let mut reporting = Reporting::prepare(self.report.as_deref(), &places)?;
        let shown = self.play(&a, &b, &mut reporting);
        let closed = reporting.close();
        let report = shown?;
        closed?;
        self.show(&report)?;
        answer(&report)
    }

    /// Whether there is something to compare.
    fn asked(&self) -> Result<(), String> {
        for (option, given) in [("--seed", self.seeds.len()), ("--way", self.ways.len())] {
            if given > 2 {
                return Err(format!("`{option}` was given {given} times: two runs are compared"));
            }
        }
        if !self.turn_on && [self.files.len(), self.seeds.len(), self.ways.len()].iter().all(|given| *given < 2) {
            let ways = "two seeds (`--seed 3 --seed 7`), two files, or the knobs of a pitfall file (`--turn-on`)";
            return Err(format!("there is one run only and nothing to compare it with: name {ways}"));
        }
        Ok(())
    }

    fn needs_knobs(&self) -> bool {
        self.turn_on || !self.ways.is_empty()
    }

    /// What was asked of the first run, or the second: what is given once is for both.
    fn side(&self, loaded: &[Loaded], which: usize) -> Result<Side, Failure> {
        let this = &loaded[which.min(loaded.len() - 1)];
        let seed = self.seeds.get(which).or(self.seeds.last()).copied().or(this.scenario.seed).unwrap_or(0);
        let asked = match self.turn_on {
            true => Some([Which::Control, Which::Treatment][which]),
            false => self.ways.get(which).or(self.ways.last()).copied(),
        };
        let way = this.scenario.pitfall.as_ref().map(|_| asked.unwrap_or(Which::Treatment).way());
        let plan = match way {
            Some(way) => way.plan(this, seed)?,
            None => this.plan(seed),
        };
        let mut names = Vec::new();
        if self.files.len() == 2 {
            names.push(this.file.display().to_string());
        }
        if let (Some(way), true) = (way, self.turn_on || self.ways.len() == 2) {
            names.push(way.to_string());
        }
        if self.seeds.len() == 2 || names.is_empty() {
            names.push(format!("seed {seed}"));
        }
        Ok(Side { name: names.join(", "), loaded: this.clone(), way, plan })
    }

    fn play(&self, a: &Side, b: &Side, reporting: &mut Reporting) -> Result<DivergeReport, Failure> {
        let (one, a_report) = play(a, "a", reporting)?;
        let (another, b_report) = play(b, "b", reporting)?;
        let one = Played { name: a.name.clone(), plan: &a.plan, entries: &one, report: &a_report };
        let another = Played { name: b.name.clone(), plan: &b.plan, entries: &another, report: &b_report };
        let report = compare(&one, &another);
        reporting.compared(&report);
        Ok(report)
    }

    fn show(&self, report: &DivergeReport) -> Result<(), Failure> {
        match self.format {
            Format::Text => print(&render_divergence(report, palette())),
            Format::Json => {
                let line = serde_json::to_string(report).expect("a comparison has string keys and finite numbers only");
                print(&(line + "\n"))
            }
        }
    }
}

/// Plays one side to its end with its whole history kept.
fn play(side: &Side, place: &str, reporting: &mut Reporting) -> Result<(Vec<Entry>, Report), Failure> {
    let recorder = Arc::new(Mutex::new(Recorder::default()));
    let witness: Arc<Mutex<dyn Witness>> = recorder.clone();
    let again = side.way.filter(|way| *way != Way::Treatment).map(|way| format!("--way {way}"));
    let playing =
        Playing { place: place.into(), witness: Some(witness), again: again.as_deref(), ..Playing::default() };
    let shown = reporting.play(&side.plan, playing);
    reporting.tell(&side.loaded, side.plan.seed, place.into(), None, shown.as_ref());
    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((std::mem::take(&mut recorder.entries), shown?))
}

/// What the process answers: as `diff` does.
fn answer(report: &DivergeReport) -> Result<Exit, Failure> {
    let (a, b) = (&report.a, &report.b);
    if a.plan_hash == b.plan_hash && a.fingerprint != b.fingerprint {
        let why = format!("{}, {}: determinism is broken", a.fingerprint, b.fingerprint);
        complain(&format!("the same plan had two histories, with the fingerprints {why}"));
        return Ok(Exit::OurFailure);
    }
    Ok(match report.verdict {
        Likeness::Same => Exit::AllHeld,
        Likeness::Different => Exit::Failed,
    })
}
