//! `lizard list`: the scenarios below a folder, and what each is about.
use super::files;
use super::output::{Exit, Failure, print, refuse, wrapped};
use crate::scenario::{LoadError, Loaded, load};
use clap::Args;
use std::path::PathBuf;

/// List the scenarios below a folder
#[derive(Debug, Args)]
pub(super) struct List {
    /// A folder
    #[arg(default_value = "scenarios", value_name = "DIR")]
    folder: PathBuf,
}

impl List {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let found = match files::below(&self.folder) {
            Ok(found) => found,
            Err(error) => {
                refuse(&LoadError::Unreadable { file: self.folder.clone(), why: error.to_string() });
                return Ok(Exit::Mistaken);
            }
        };
        let mut exit = Exit::AllHeld;
        for file in found {
            match load(&file) {
                Ok(loaded) => print(&about(&loaded))?,
                Err(LoadError::Mistaken(mistakes)) => {
                    print(&format!("{}\n  has mistakes: {}\n\n", file.display(), mistakes.mistakes.len()))?;
                    exit = Exit::Mistaken;
                }
                Err(error) => {
                    refuse(&error);
                    exit = Exit::Mistaken;
                }
            }
        }
        Ok(exit)
    }
}

fn about(Loaded { file, scenario, .. }: &Loaded) -> String {
    let mut lines = vec![format!("{}: {}", file.display(), scenario.name)];
    if let Some(story) = &scenario.story {
        lines.extend(wrapped(story).into_iter().map(|line| format!("  {line}")));
    }
    lines.push(format!("  lasts {}, settles within {}", scenario.duration, scenario.settle));
    if let Some(pitfall) = &scenario.pitfall {
        lines.push(format!("  pitfall: violates {} ({})", pitfall.violates, pitfall.issue));
    }
    let plan = crate::scenario::plan(scenario, file, scenario.seed.unwrap_or(0));
    lines.extend(plan.expectations.iter().map(|expectation| format!("  expects: {}", expectation.text)));
    lines.join("\n") + "\n\n"
}
