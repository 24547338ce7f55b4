//! The folder of `--report`: what lies in it, for one run or many.
//!
//! ```text
//! DIR/index.html  junit.xml  summary.md  [hunt.json]  [diverge.json  side-by-side.html]     of all runs
//! DIR/[PLACE/]report.html  report.json  history.jsonl  trace.json     of one run; several runs have a place each
//! DIR/[PLACE/]shrunk.yaml                                            of a hunt's shortest seed: what else fails like it
//! ```
use super::chapter::{Chapter, PitfallWay};
use super::draft::Draft;
use super::side_by_side::to_side_by_side;
use super::{DivergeReport, HistoryLines, HuntReport, Page, Report, Trace, to_index, to_json, to_junit, to_markdown};
use crate::history::{Entry, Witness};
use crate::scenario::Plan;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What lies in the place of each run, those first that a person opens.
pub(super) const FILES_OF_A_RUN: [&str; 5] = ["report.html", SHRUNK_FILE, "report.json", "history.jsonl", "trace.json"];

/// The smallest scenario that fails like the run, where a hunt has looked for it.
const SHRUNK_FILE: &str = "shrunk.yaml";

/// What tells of all runs, beside the index.
pub(super) const FILES_OF_ALL: [&str; 2] = ["summary.md", "junit.xml"];

/// A hunt's own object.
pub(super) const HUNT_FILE: &str = "hunt.json";

/// Two runs side by side: the page, and the comparison's own object.
const COMPARED_FILES: [&str; 2] = ["side-by-side.html", "diverge.json"];

/// How long a summary may be when nobody says.
const ROOM: usize = 1 << 20;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("no report can be written into {}: {why}", folder.display())]
pub struct FolderError {
    folder: PathBuf,
    why: io::Error,
}

/// A folder that reports are written into.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    chapters: Vec<Chapter>,
    hunt: Option<HuntReport>,
    compared: Option<DivergeReport>,
}

impl Folder {
    /// Makes the folder and the places of its runs where they are not there yet, and writes a file to see that it can.
    ///
    /// # Errors
    /// When it cannot.
    pub fn prepare(root: &Path, places: &[PathBuf]) -> Result<Self, FolderError> {
        let here = [PathBuf::new()];
        for place in places.iter().chain(&here) {
            let folder = root.join(place);
            let prepared = fs::create_dir_all(&folder).and_then(|()| Draft::begin(&folder, "probe").map(drop));
            prepared.map_err(|why| FolderError { folder, why })?;
        }
        Ok(Self { root: root.to_owned(), chapters: Vec::new(), hunt: None, compared: None })
    }

    /// Begins the files of a run that are written while it goes.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn begin(&self, place: &Path, plan: &Plan) -> Result<RunFiles, FolderError> {
        let folder = self.root.join(place);
        let begun = fs::create_dir_all(&folder)
            .and_then(|()| Draft::begin(&folder, "history.jsonl"))
            .and_then(|draft| HistoryLines::begin(draft, plan))
            .and_then(|history| Ok((history, Trace::begin(Draft::begin(&folder, "trace.json")?, plan)?)));
        match begun {
            Ok((history, trace)) => Ok(RunFiles { folder, history, trace, page: Page::begin(plan) }),
            Err(why) => Err(FolderError { folder, why }),
        }
    }

    /// Puts the smallest scenario that fails like a run into that run's place, or takes that of an earlier hunt away.
    /// Tells where it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn shrunk(&self, place: &Path, text: Option<&str>) -> Result<PathBuf, FolderError> {
        let folder = self.root.join(place);
        let file = folder.join(SHRUNK_FILE);
        let put = match text {
            Some(text) => fs::create_dir_all(&folder).and_then(|()| Draft::write(&folder, SHRUNK_FILE, text)),
            None => remove(&file),
        };
        put.map(|()| file).map_err(|why| FolderError { folder, why })
    }

    /// Adds a run to what tells of all.
    pub fn add(&mut self, chapter: Chapter) {
        self.chapters.push(chapter);
    }

    /// Makes the report one of a hunt: the runs are those of its shortest seeds.
    pub fn hunted(&mut self, hunt: HuntReport) {
        self.hunt = Some(hunt);
    }

    /// Makes the report one of two runs, which lie in the places `a` and `b`.
    pub fn compared(&mut self, report: DivergeReport) {
        self.compared = Some(report);
    }

    /// Writes what tells of all runs.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn close(&self) -> Result<(), FolderError> {
        self.write_all().map_err(|why| FolderError { folder: self.root.clone(), why })
    }

    /// The summary in Markdown, in at most about so many bytes.
    pub fn summary(&self, room: usize) -> String {
        to_markdown(&self.chapters, self.hunt.as_ref(), room)
    }

    fn write_all(&self) -> io::Result<()> {
        let there = |place: &Path| -> Vec<String> {
            let names = FILES_OF_A_RUN.iter().filter(|name| self.root.join(place).join(name).exists());
            names.map(|name| (*name).to_owned()).collect()
        };
        let hunt = self.hunt.as_ref();
        let mut others = Vec::new();
        if let Some(hunt) = hunt {
            Draft::write(&self.root, HUNT_FILE, &(serde_json::to_string(hunt)? + "\n"))?;
            others.push(HUNT_FILE);
        }
        if let Some(compared) = &self.compared {
            let page = to_side_by_side(compared, |place| there(Path::new(place))).map_err(io::Error::other)?;
            let [page_file, object_file] = COMPARED_FILES;
            Draft::write(&self.root, page_file, &page)?;
            Draft::write(&self.root, object_file, &(serde_json::to_string(compared)? + "\n"))?;
            others.extend(COMPARED_FILES);
        }
        Draft::write(&self.root, "junit.xml", &to_junit(&self.chapters, hunt).map_err(io::Error::other)?)?;
        Draft::write(&self.root, "summary.md", &self.summary(ROOM))?;
        Draft::write(
            &self.root,
            "index.html",
            &to_index(&self.chapters, hunt, &others, there).map_err(io::Error::other)?,
        )
    }
}

/// The files of one run, while it goes.
#[derive(Debug)]
pub struct RunFiles {
    folder: PathBuf,
    history: HistoryLines<Draft>,
    trace: Trace<Draft>,
    page: Page,
}

impl RunFiles {
    /// Puts the files in their place. `report`: none of a run that ended in an error, whose history is kept as far as it
    /// went. `way`: which of a pitfall's runs it is.
    ///
    /// # Errors
    /// When one cannot be written, or could not be while the run went.
    pub fn close(self, report: Option<&Report>, way: Option<&PitfallWay>) -> Result<(), FolderError> {
        let Self { folder, history, trace, page } = self;
        let keep = || {
            history.finish()?.keep()?;
            trace.finish(report)?.keep()?;
            match report {
                Some(report) => {
                    Draft::write(&folder, "report.html", &page.finish(report, way).map_err(io::Error::other)?)?;
                    Draft::write(&folder, "report.json", &(to_json(report) + "\n"))
                }
                // Those of an earlier run would tell of another history.
                None => ["report.html", "report.json"].iter().try_for_each(|name| remove(&folder.join(name))),
            }
        };
        keep().map_err(|why| FolderError { folder: folder.clone(), why })
    }
}

/// Takes a file away, if it is there.
fn remove(file: &Path) -> io::Result<()> {
    fs::remove_file(file).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

impl Witness for RunFiles {
    fn see(&mut self, entry: &Entry) {
        self.history.see(entry);
        self.trace.see(entry);
        self.page.see(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{chapter, entry, failing, hostile_plan};
    use super::*;
    use crate::history::Event;

    #[test]
    fn a_folder_has_every_file_when_it_is_closed_and_none_that_is_not_whole() {
        let root = std::env::temp_dir().join(format!("lizard-folder-{}", std::process::id()));
        let place = PathBuf::from("west/treatment");
        let mut folder = Folder::prepare(&root, std::slice::from_ref(&place)).expect("it is ours");
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).expect("it is there");
            let mut names: Vec<String> =
                entries.map(|entry| entry.expect("it is there").file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&root), ["west"], "trying it out leaves nothing");
        let mut files = folder.begin(&place, &hostile_plan()).expect("it is ours");
        files.see(&entry(1, "the world", Event::Settling));
        assert!(names(&root.join(&place)).iter().all(|name| name.ends_with(".partial")));
        files.close(Some(&failing()), None).expect("it is ours");
        assert_eq!(names(&root.join(&place)), ["history.jsonl", "report.html", "report.json", "trace.json"]);
        folder.add(Chapter { place: place.clone(), ..chapter(failing()) });
        folder.close().expect("it is ours");
        assert_eq!(names(&root), ["index.html", "junit.xml", "summary.md", "west"]);
        let index = fs::read_to_string(root.join("index.html")).expect("it is there");
        assert!(index.contains("./west/treatment/report.html"), "{index}");

        let files = folder.begin(&place, &hostile_plan()).expect("it is ours");
        files.close(None, None).expect("it is ours");
        assert_eq!(names(&root.join(&place)), ["history.jsonl", "trace.json"], "no report of another run");
        fs::remove_dir_all(&root).expect("it is ours");
    }

    #[test]
    fn a_folder_that_cannot_be_is_named_with_its_reason() {
        let file = std::env::temp_dir().join(format!("lizard-no-folder-{}", std::process::id()));
        fs::write(&file, "a file").expect("a file");
        let why = Folder::prepare(&file.join("below"), &[]).expect_err("a file has no folders").to_string();
        assert!(why.starts_with(&format!("no report can be written into {}", file.display())), "{why}");
        fs::remove_file(&file).expect("it is ours");
    }
}
