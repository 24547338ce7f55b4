//! `lizard run`: one seed of each file, judged to the end.
use super::output::{Exit, Failure, palette, print, refuse};
use crate::report::{Recorder, Report, render, to_json};
use crate::run::pitfall::{Finding, Way, three_ways};
use crate::run::{Mode, Watch, run_watched};
use crate::scenario::{Loaded, Plan, load};
use clap::{Args, ValueEnum};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Run one seed of each scenario, judged to the end
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The seed: the same seed is the same run [default: the file's own, else 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The world to run in
    #[arg(long, value_enum, default_value = "sim")]
    world: World,
    /// How to report: a story for people, or one JSON object a line
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Also write report.json and history.jsonl into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum World {
    /// Virtual time, virtual network
    Sim,
    /// The same hosts as turmoil hosts
    Turmoil,
    /// Real time on loopback
    Live,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

impl Run {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        if self.world != World::Sim {
            let name = self.world.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
            super::output::complain(&format!("the world `{name}` is not built yet; this version has `sim`"));
            return Ok(Exit::Mistaken);
        }
        // Every file is checked before the first is run.
        let loaded: Vec<_> = self.files.iter().map(|file| load(file)).collect();
        let mistaken: Vec<_> = loaded.iter().filter_map(|loaded| loaded.as_ref().err()).collect();
        if !mistaken.is_empty() {
            mistaken.into_iter().for_each(refuse);
            return Ok(Exit::Mistaken);
        }
        let mut exit = Exit::AllHeld;
        for loaded in loaded.into_iter().flatten() {
            exit = exit.max(self.file(&loaded)?);
        }
        Ok(exit)
    }

    fn file(&self, loaded: &Loaded) -> Result<Exit, Failure> {
        let seed = self.seed.or(loaded.scenario.seed).unwrap_or(0);
        let Some(pitfall) = &loaded.scenario.pitfall else {
            let report = self.one(&loaded.plan(seed), &loaded.file, None)?;
            self.show(&report, None)?;
            return Ok(if report.passed() { Exit::AllHeld } else { Exit::Failed });
        };
        let shown = three_ways(pitfall, |way| {
            let mut report = self.one(&way.plan(loaded, seed)?, &loaded.file, Some(way))?;
            if way != Way::Treatment {
                report.replay = report.replay.replacen("  #", &format!(" --way {way}  #"), 1);
            }
            Ok::<_, Failure>(report)
        })?;
        for (way, report, finding) in &shown.ways {
            self.show(report, Some((*way, finding)))?;
        }
        Ok(if shown.as_they_should() { Exit::AllHeld } else { Exit::Failed })
    }

    /// Runs a plan and leaves its files behind.
    fn one(&self, plan: &Plan, file: &Path, way: Option<Way>) -> Result<Report, Failure> {
        let recorder = self.report.as_ref().map(|_| Arc::new(Mutex::new(Recorder::default())));
        let (report, _) = timed(plan, recorder.clone(), None)?;
        if let (Some(folder), Some(recorder)) = (&self.report, recorder) {
            let folder = self.folder(folder, file, way);
            let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
            keep(&folder, &report, &recorder, plan)
                .map_err(|why| Failure::Write { what: folder.display().to_string(), why })?;
        }
        Ok(report)
    }

    /// One folder for one run; with several files or ways, one below it for each.
    fn folder(&self, folder: &Path, file: &Path, way: Option<Way>) -> PathBuf {
        let mut folder = folder.to_owned();
        if self.files.len() > 1 {
            folder.push(file.file_stem().unwrap_or_default());
        }
        folder.extend(way.map(|way| way.to_string()));
        folder
    }

    fn show(&self, report: &Report, way: Option<(Way, &Finding)>) -> Result<(), Failure> {
        if self.format == Format::Json {
            return print(&format!("{}\n", to_json(report)));
        }
        let palette = palette();
        let heading = way.map(|(way, finding)| {
            let words = match finding {
                Finding::AsItShould => "as it should be".to_owned(),
                Finding::Escaped => palette.bad("the flaw escaped: it did its harm unseen"),
                Finding::Wrong(why) => palette.bad(why),
            };
            format!("{way}: {words}\n")
        });
        print(&format!("{}{}\n", heading.unwrap_or_default(), render(report, palette)))
    }
}

/// Runs a plan and measures how long that took in real time.
pub(super) fn timed(
    plan: &Plan,
    recorder: Option<Arc<Mutex<Recorder>>>,
    until: Option<std::time::Duration>,
) -> Result<(Report, f64), Failure> {
    #[expect(clippy::disallowed_methods, reason = "the command line lives in real time")]
    let began = Instant::now();
    let watch = Watch { witness: recorder.map(|recorder| recorder as _), until };
    let mut report = run_watched(plan, Mode::ToTheEnd, watch)?.report;
    report.wall_seconds = crate::report::seconds(began.elapsed());
    let wall = report.wall_seconds;
    Ok((report, wall))
}

fn keep(folder: &Path, report: &Report, recorder: &Recorder, plan: &Plan) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("report.json"), to_json(report) + "\n")?;
    let mut history = BufWriter::new(fs::File::create(folder.join("history.jsonl"))?);
    recorder.write(&plan.roster, &mut history)?;
    history.flush()
}
