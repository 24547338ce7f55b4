//! `NAME.seeds` on disk.
use crate::report::HuntedScenario;
use crate::run::hunt::SeedBook;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no seed book.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub(super) struct Unreadable {
    file: PathBuf,
    why: String,
}

/// Reads the seeds that are kept beside a scenario; none when there is no such file.
pub(super) fn read(scenario: &Path) -> Result<SeedBook, Unreadable> {
    let file = SeedBook::beside(scenario);
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(SeedBook::default()),
        other => other.map_err(|error| error.to_string()),
    };
    let book = text.and_then(|text| SeedBook::parse(&text).map_err(|error| error.to_string()));
    book.map_err(|why| Unreadable { file, why })
}

/// Takes what was found into the seeds that are kept beside a scenario, and tells the file if that changed it.
///
/// The file is replaced at once, so that nobody ever reads half of it.
pub(super) fn keep(scenario: &Path, mut book: SeedBook, hunted: &HuntedScenario) -> io::Result<Option<PathBuf>> {
    let before = book.clone();
    book.learn(hunted, env!("CARGO_PKG_VERSION"));
    if book == before {
        return Ok(None);
    }
    let file = SeedBook::beside(scenario);
    let fresh = file.with_extension(format!("seeds.{}", std::process::id()));
    fs::write(&fresh, book.to_string()).and_then(|()| fs::rename(&fresh, &file)).inspect_err(|_| {
        // What is half written is of no use to anybody.
        let _ = fs::remove_file(&fresh);
    })?;
    Ok(Some(file))
}
