//! Scenario files below a folder.
use super::shrunk;
use std::io;
use std::path::{Path, PathBuf};

/// Lists the file itself, or every `.yaml` below a folder, in the order of their names. What hunts have shrunk is passed
/// over: it belongs to another file.
pub(super) fn below(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() && shrunk::is_folder(&entry) {
            continue;
        } else if entry.is_dir() {
            found.extend(below(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            found.push(entry);
        }
    }
    Ok(found)
}
