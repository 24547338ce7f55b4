//! `NAME.shrunk` beside a scenario: of each seed in `NAME.seeds` the smallest file that fails like it.
//!
//! A folder of its own, so that `lizard run scenarios/*.yaml` and whoever walks through the folder do not take for a
//! scenario of its own what fails with one seed only.
use crate::run::hunt::Kept;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const EXTENSION: &str = "shrunk";

/// With what a file begins that nobody else has written.
const HEAD: &str = "# Shrunk by Giant Lizard";

/// Whether this is such a folder.
pub(super) fn is_folder(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}

/// Names the file of a seed: `chaos.shrunk/seed-7.yaml` for `chaos.yaml`.
fn place(scenario: &Path, seed: u64, turned_on: bool) -> PathBuf {
    let knobs = if turned_on { "-turned-on" } else { "" };
    scenario.with_extension(EXTENSION).join(format!("seed-{seed}{knobs}.yaml"))
}

/// Writes the file of a seed, over what an earlier hunt has left there.
pub(super) fn keep(scenario: &Path, seed: u64, turned_on: bool, text: &str) -> io::Result<PathBuf> {
    let file = place(scenario, seed, turned_on);
    let fresh = file.with_extension(format!("yaml.{}", std::process::id()));
    fs::create_dir_all(scenario.with_extension(EXTENSION))?;
    fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &file)).inspect_err(|_| {
        // What is half written is of no use to anybody.
        let _ = fs::remove_file(&fresh);
    })?;
    Ok(file)
}

/// Takes away the file of a seed that is not kept any more, and the folder with the last one.
pub(super) fn forget(scenario: &Path, line: &Kept) {
    let file = place(scenario, line.seed, line.turned_on);
    if fs::read_to_string(&file).is_ok_and(|text| text.starts_with(HEAD)) {
        // What cannot be removed is only left lying about.
        let _ = fs::remove_file(&file);
        let _ = fs::remove_dir(scenario.with_extension(EXTENSION));
    }
}
