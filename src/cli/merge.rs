//! `lizard merge`: what several machines found, as one machine would have.
use super::hunt::{exit_of, keep_shrunk, save, show};
use super::output::{Exit, Failure, complain, remark};
use super::run::Format;
use super::seeds;
use super::shrinking::Shrinking;
use super::stop::Stop;
use crate::report::{HUNT_SCHEMA, HuntReport, HuntedScenario};
use crate::run::hunt::{Merged, Prey, merge};
use crate::scenario::load;
use clap::Args;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufReader};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Join the results of a hunt that several machines shared
#[derive(Debug, Args)]
pub(super) struct Merge {
    /// What `lizard hunt --format json` printed, or folders with such files (.json, .jsonl)
    #[arg(required = true, value_name = "FILE_OR_DIR")]
    paths: Vec<PathBuf>,
    /// Keep the shortest seeds in NAME.seeds beside each scenario
    #[arg(long)]
    save: bool,
    /// How to report: a summary for people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// How many worlds run at one time while seeds are shrunk [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    shrinking: Shrinking,
}

impl Merge {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let Merged { mut report, missing } =
            match self.parts().and_then(|parts| merge(parts).map_err(|e| e.to_string())) {
                Ok(merged) => merged,
                Err(why) => {
                    complain(&why);
                    return Ok(Exit::Mistaken);
                }
            };
        if !missing.is_empty() {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            remark(&format!("warning: missing: shard {}", missing.join(", ")));
        }
        self.shrink(&mut report)?;
        show(&report, self.format)?;
        if self.save {
            for hunted in &report.scenarios {
                let file = Path::new(&hunted.file);
                match (file.exists(), seeds::read(file)) {
                    (false, _) => remark(&format!("{}: not here, so its seeds are not kept", file.display())),
                    (true, Ok(book)) => save(file, book, hunted)?,
                    (true, Err(why)) => {
                        complain(&why.to_string());
                        return Ok(Exit::Mistaken);
                    }
                }
            }
        }
        Ok(exit_of(&report))
    }

    /// Shrinks the shortest seeds of all, as a hunt on one machine does.
    fn shrink(&self, report: &mut HuntReport) -> Result<(), Failure> {
        if !self.shrinking.is_wanted() || report.scenarios.iter().all(|hunted| hunted.groups.is_empty()) {
            return Ok(());
        }
        let stop = Stop::on_signal();
        for hunted in &mut report.scenarios {
            match prey_of(hunted) {
                Ok(prey) => {
                    self.shrinking.shrink(&prey, hunted, self.jobs, &stop, &mut |seed, text| {
                        self.save.then(|| keep_shrunk(&prey, seed, text)).transpose()
                    })?;
                }
                Err(why) => remark(&format!("{}: {why}, so its seeds are not shrunk", hunted.file)),
            }
        }
        Ok(())
    }

    fn parts(&self) -> Result<Vec<(String, HuntReport)>, String> {
        let mut parts = Vec::new();
        for path in &self.paths {
            for file in results(path).map_err(|error| format!("{}: {error}", path.display()))? {
                let place = file.display().to_string();
                let found = read(&file).map_err(|why| format!("{place}: {why}"))?;
                if found.is_empty() {
                    remark(&format!("warning: {place}: no result of a hunt in it"));
                }
                parts.extend(found.into_iter().map(|part| (place.clone(), part)));
            }
        }
        Ok(parts)
    }
}

/// The scenario that was hunted, if it is here, and still the same.
fn prey_of(hunted: &HuntedScenario) -> Result<Prey, String> {
    let file = Path::new(&hunted.file);
    if !file.exists() {
        return Err("not here".to_owned());
    }
    let prey = Prey::new(load(file).map_err(|_| "it has mistakes now".to_owned())?);
    let prey = if hunted.turned_on { prey.turned_on().ok().flatten() } else { Some(prey) };
    let same = prey.filter(|prey| prey.loaded().scenario.hash() == hunted.scenario_hash);
    same.ok_or_else(|| "another scenario now".to_owned())
}

/// The file itself, or every `.json` and `.jsonl` below a folder, in the order of their names.
fn results(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            found.extend(results(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "json" || extension == "jsonl") {
            found.push(entry);
        }
    }
    Ok(found)
}

/// The results in a file, one object after the other; reports of single runs are passed over.
fn read(file: &Path) -> Result<Vec<HuntReport>, String> {
    let reader = BufReader::new(File::open(file).map_err(|error| error.to_string())?);
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_reader(reader).into_iter::<Value>() {
        let value = value.map_err(|error| format!("not JSON to its end: {error}"))?;
        if value["schema"] == HUNT_SCHEMA {
            found.push(serde_json::from_value(value).map_err(|error| format!("not a result of a hunt: {error}"))?);
        }
    }
    Ok(found)
}
