//! `--report DIR` as the commands use it: runs that leave their files behind, or leave none.
use super::output::{Failure, remark};
use crate::history::Witness;
use crate::report::{Chapter, DivergeReport, Folder, HuntReport, Onlookers, PitfallWay, Report, RunFiles, seconds};
use crate::run::pitfall::{Way, judge, told};
use crate::run::{Mode, Watch, run_watched};
use crate::scenario::{Loaded, Pitfall, Plan, written_out};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The variable that names the file whose Markdown GitHub shows on a job's page (GitHub docs, "Workflow commands").
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// GitHub drops a step's summary that is longer.
const STEP_ROOM: usize = 1 << 20;

/// Plays plans, and writes what they showed where that is wanted.
#[derive(Debug, Default)]
pub(super) struct Reporting {
    folder: Option<Folder>,
}

/// How a plan is played.
#[derive(Default)]
pub(super) struct Playing<'a> {
    /// Where its files belong, below the report's folder.
    pub(super) place: PathBuf,
    /// Somebody else who looks on.
    pub(super) witness: Option<Arc<Mutex<dyn Witness>>>,
    /// Ends the run at this virtual time.
    pub(super) until: Option<Duration>,
    /// What the replay line needs beside file and seed, such as `--way control`.
    pub(super) again: Option<&'a str>,
    /// Of a pitfall: which of its runs this is, so that its page can say whether it shows what it should.
    pub(super) pitfall: Option<(&'a Pitfall, Way)>,
}

impl Reporting {
    /// Prepares the folder, if there is to be one, before anything runs.
    pub(super) fn prepare(folder: Option<&Path>, places: &[PathBuf]) -> Result<Self, Failure> {
        let folder = folder.map(|folder| Folder::prepare(folder, places)).transpose()?;
        Ok(Self { folder })
    }

    /// Plays a plan to its end, measures how long that took in real time, and leaves its files behind.
    pub(super) fn play(&self, plan: &Plan, playing: Playing) -> Result<Report, Failure> {
        let files = self.folder.as_ref().map(|folder| folder.begin(&playing.place, plan)).transpose()?;
        let files = files.map(|files| Arc::new(Mutex::new(files)));
        let mut onlookers: Vec<Arc<Mutex<dyn Witness>>> = playing.witness.into_iter().collect();
        onlookers.extend(files.clone().map(|files| files as _));
        let witness = (!onlookers.is_empty()).then(|| Arc::new(Mutex::new(Onlookers(onlookers))) as _);
        #[expect(clippy::disallowed_methods, reason = "the command line lives in real time")]
        let began = Instant::now();
        let mut outcome =
            run_watched(plan, Mode::ToTheEnd, Watch { witness, until: playing.until, ..Watch::default() });
        if let Ok(outcome) = &mut outcome {
            outcome.report.wall_seconds = seconds(began.elapsed());
            let until = playing.until.filter(|_| !outcome.report.complete);
            let until = until.map(|until| format!("--until {}", written_out(until)));
            for again in playing.again.into_iter().chain(until.as_deref()) {
                outcome.report.replay = outcome.report.replay.replacen("  #", &format!(" {again}  #"), 1);
            }
        }
        if let Some(files) = files.and_then(Arc::into_inner) {
            let files: RunFiles = files.into_inner().unwrap_or_else(PoisonError::into_inner);
            let report = outcome.as_ref().ok().map(|outcome| &outcome.report);
            let way = playing.pitfall.zip(report);
            let way = way.map(|((pitfall, way), report)| told(pitfall, way, &judge(pitfall, way, report)));
            files.close(report, way.as_ref())?;
        }
        Ok(outcome?.report)
    }

    /// Adds a run to what tells of all.
    pub(super) fn tell(
        &mut self,
        loaded: &Loaded,
        seed: u64,
        place: PathBuf,
        way: Option<PitfallWay>,
        shown: Result<&Report, &Failure>,
    ) {
        let Some(folder) = &mut self.folder else { return };
        folder.add(Chapter {
            scenario: loaded.scenario.name.clone(),
            file: loaded.file.display().to_string(),
            seed,
            place,
            way,
            shown: shown.cloned().map_err(ToString::to_string),
        });
    }

    /// Whether anything is written at all.
    pub(super) fn is_wanted(&self) -> bool {
        self.folder.is_some()
    }

    /// Puts the smallest scenario that fails like a run beside its files. `None`: there is no folder.
    pub(super) fn shrunk(&self, place: &Path, text: Option<&str>) -> Result<Option<PathBuf>, Failure> {
        Ok(self.folder.as_ref().map(|folder| folder.shrunk(place, text)).transpose()?)
    }

    /// Makes the report one of a hunt.
    pub(super) fn hunted(&mut self, hunt: &HuntReport) {
        if let Some(folder) = &mut self.folder {
            folder.hunted(hunt.clone());
        }
    }

    /// Makes the report one of two runs, side by side.
    pub(super) fn compared(&mut self, report: &DivergeReport) {
        if let Some(folder) = &mut self.folder {
            folder.compared(report.clone());
        }
    }

    /// Writes what tells of all runs, also onto the job's page where GitHub runs it.
    pub(super) fn close(self) -> Result<(), Failure> {
        let Some(folder) = self.folder else { return Ok(()) };
        folder.close()?;
        if let Some(page) = std::env::var_os(STEP_SUMMARY).filter(|page| !page.is_empty()) {
            let page = Path::new(&page);
            // A job's page is a courtesy: the report itself is written.
            if let Err(error) = append(page, &folder) {
                remark(&format!("warning: {}, which {STEP_SUMMARY} names: {error}", page.display()));
            }
        }
        Ok(())
    }
}

fn append(page: &Path, folder: &Folder) -> std::io::Result<()> {
    let there = fs::metadata(page).map_or(0, |data| data.len() as usize);
    // A little less than what is left: the last words come beside.
    let room = STEP_ROOM.saturating_sub(there).saturating_sub(1024);
    let summary = folder.summary(room);
    OpenOptions::new().append(true).create(true).open(page)?.write_all(format!("{summary}\n").as_bytes())
}

/// A place for each file, named as it is: one file needs none, and of those of one name the second is `NAME-2`.
pub(super) fn places(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.len() == 1 {
        return vec![PathBuf::new()];
    }
    let mut taken = BTreeSet::new();
    let place = |file: &PathBuf| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let mut names = std::iter::once(stem.clone()).chain(numbered);
        names.find(|name| taken.insert(name.clone())).map(PathBuf::from).unwrap_or_default()
    };
    files.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_have_places_of_their_own() {
        let places = |files: &[&str]| places(&files.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(places(&["a/x.yaml"]), [PathBuf::new()]);
        let several = places(&["a/x.yaml", "b/x.yaml", "x-2.yaml", "c/x.yml", "y.yaml"]);
        assert_eq!(several, ["x", "x-2", "x-2-2", "x-3", "y"].map(PathBuf::from));
    }
}
