//! `NAME.seeds` on disk.
use super::shrunk;
use crate::report::HuntedScenario;
use crate::run::hunt::{Kept, SeedBook};
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
    let is_kept = |line: &Kept| book.of(line.turned_on).any(|kept| kept.seed == line.seed);
    before.lines.iter().filter(|line| !is_kept(line)).for_each(|line| shrunk::forget(scenario, line));
    let file = SeedBook::beside(scenario);
    let fresh = file.with_extension(format!("seeds.{}", std::process::id()));
    fs::write(&fresh, book.to_string()).and_then(|()| fs::rename(&fresh, &file)).inspect_err(|_| {
        // What is half written is of no use to anybody.
        let _ = fs::remove_file(&fresh);
    })?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::hunt::tests_support::{group, nothing_found};

    #[test]
    fn with_a_seed_that_is_not_kept_any_more_its_shrunk_file_goes_unless_somebody_else_wrote_it() {
        let folder = std::env::temp_dir().join(format!("lizard-seeds-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let scenario = folder.join("it.yaml");
        let learn = |seed: u64, failed: Vec<u64>| {
            let mut hunted = nothing_found();
            (hunted.groups, hunted.kept.failed) = (vec![group("no-loss", seed, 1)], failed);
            let book = read(&scenario).expect("it is ours");
            keep(&scenario, book, &hunted).expect("it is ours");
        };
        let small = |seed: u64, text: &str| shrunk::keep(&scenario, seed, false, text).expect("it is ours");
        let (seven, mine) = (small(7, "# Shrunk by Giant Lizard 0.1.0"), small(9, "name: mine"));
        learn(7, vec![]);
        learn(9, vec![]);
        assert!(seven.exists() && mine.exists(), "both stay on guard");
        learn(3, vec![7, 9]);
        assert!(!seven.exists() && mine.exists());
        fs::remove_dir_all(&folder).expect("it is ours");
    }
}
