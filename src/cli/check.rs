//! `lizard check`: whether files would be run, and everything that is wrong with them.
use super::files;
use super::output::{Exit, Failure, print, refuse, remark};
use crate::scenario::{LoadError, load};
use clap::Args;
use std::path::PathBuf;

/// Say everything that is wrong with scenario files, without running them
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Scenario files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Check {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let mut exit = Exit::AllHeld;
        for path in &self.files {
            let found = match files::below(path) {
                Ok(found) => found,
                Err(error) => {
                    refuse(&LoadError::Unreadable { file: path.clone(), why: error.to_string() });
                    exit = Exit::Mistaken;
                    continue;
                }
            };
            for file in found {
                match load(&file) {
                    Ok(loaded) => {
                        if !loaded.warnings.warnings.is_empty() {
                            remark(loaded.warnings.to_string().trim_end());
                        }
                        let plan = loaded.plan(loaded.scenario.seed.unwrap_or(0));
                        let count = |number: usize, word: &str| {
                            format!("{number} {word}{}", if number == 1 { "" } else { "s" })
                        };
                        print(&format!(
                            "{}: sound: {}, {}, {}\n",
                            file.display(),
                            count(plan.hosts.len(), "host"),
                            count(plan.faults.len(), "fault"),
                            count(plan.expectations.len(), "expectation"),
                        ))?;
                    }
                    // What is wrong is this command's result.
                    Err(LoadError::Mistaken(mistakes)) => {
                        print(&format!("{mistakes}\n"))?;
                        exit = Exit::Mistaken;
                    }
                    Err(error) => {
                        refuse(&error);
                        exit = Exit::Mistaken;
                    }
                }
            }
        }
        Ok(exit)
    }
}
