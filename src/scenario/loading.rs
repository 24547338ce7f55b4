//! Reads a scenario file, or says everything that is wrong with it.
use super::checking;
use super::document;
use super::mistake::{Mistake, Mistakes, Place, Warnings};
use super::roll::Roll;
use super::schema::{Scenario, schema};
use super::shape::Shape;
use std::path::{Path, PathBuf};

/// Largest file that is read. A thousand lines of scenario are 60 KiB.
const LARGEST: u64 = 4 << 20;

/// A scenario and the file that it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file as it was named.
    pub file: PathBuf,
    /// What it says.
    pub scenario: Scenario,
    /// Where it leaves what the systems promise: it may, and some invariants are void then.
    pub warnings: Warnings,
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("{}: {why}", file.display())]
    Unreadable {
        /// The file as it was named.
        file: PathBuf,
        /// The reason.
        why: String,
    },
    /// It was read, and is wrong.
    #[error(transparent)]
    Mistaken(#[from] Mistakes),
}

/// Reads and checks a scenario file.
///
/// # Errors
/// [`LoadError::Unreadable`] when there is no such file, it is larger than 4 MiB or not UTF-8;
/// [`LoadError::Mistaken`] with every mistake in it.
pub fn load(file: &Path) -> Result<Loaded, LoadError> {
    let unreadable = |why: String| LoadError::Unreadable { file: file.to_owned(), why };
    let size = std::fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len();
    if size > LARGEST {
        return Err(unreadable(format!("{size} bytes are no scenario: at most {LARGEST} are read")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    Ok(parse(file, &text)?)
}

/// Checks the text of a scenario file.
///
/// # Errors
/// Every mistake in it, in the order of its lines.
pub fn parse(file: &Path, text: &str) -> Result<Loaded, Mistakes> {
    let mistaken = |mistakes| Mistakes::new(file.to_owned(), text.to_owned(), mistakes);
    let root = document::read(text).map_err(|mistake| mistaken(vec![mistake]))?;
    let roll = Roll::of(&root);
    let schema = schema();
    let mut shape = Shape::new(schema, &roll);
    let sound = shape.scenario(&root);
    let mut mistakes = shape.mistakes;
    let scenario = sound.map(|sound| (serde_json::from_value::<Scenario>(sound.value), sound.node));
    match scenario {
        Some((Ok(scenario), node)) => {
            mistakes.extend(checking::check(&scenario, &node, &root));
            if mistakes.is_empty() {
                let warnings = Warnings::new(file.to_owned(), text.to_owned(), checking::warn(&scenario, &node));
                return Ok(Loaded { file: file.to_owned(), scenario, warnings });
            }
        }
        // Shape and structs come from the same source; should they ever differ, the file is still refused.
        Some((Err(error), _)) if mistakes.is_empty() => mistakes.push(Mistake::new(Place::START, error.to_string())),
        _ => {}
    }
    Err(mistaken(mistakes))
}
