//! `lizard new`: a scenario to begin with.
use super::output::{Exit, Failure, complain, print};
use clap::Args;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Write a commented scenario that passes at once
#[derive(Debug, Args)]
pub(super) struct New {
    /// The file to write; one that is there is left alone
    file: PathBuf,
}

/// What is written, but for the name.
const TEMPLATE: &str = include_str!("new.yaml");
/// What stands for the name in it.
const NAME: &str = "A scenario to begin with";

impl New {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let file = self.file.display();
        match OpenOptions::new().write(true).create_new(true).open(&self.file) {
            Ok(mut opened) => {
                let written = opened.write_all(text(&self.file).as_bytes());
                written.map_err(|why| Failure::Write { what: file.to_string(), why })?;
                print(&format!("{file}: written\n\n  lizard check {file}\n  lizard run {file}\n"))?;
                Ok(Exit::AllHeld)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                complain(&format!("{file} is there already, and is left alone"));
                Ok(Exit::Mistaken)
            }
            Err(error) => {
                complain(&format!("{file}: {error}"));
                Ok(Exit::Mistaken)
            }
        }
    }
}

/// The template under the file's own name, with the schema if it lies beside.
fn text(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().replace(['-', '_'], " ");
    let is_plain = stem.chars().all(|c| c.is_alphanumeric() || c == ' ') && stem.starts_with(char::is_alphabetic);
    let name = if is_plain { &stem } else { NAME };
    let text = TEMPLATE.replacen(NAME, name, 1);
    match file.with_file_name("schema.json").exists() {
        true => format!("# yaml-language-server: $schema=schema.json\n{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Mode, run};
    use crate::scenario::parse;

    #[test]
    fn the_template_is_sound_and_passes_at_once() {
        for file in ["my-first-scenario.yaml", "17.yaml"] {
            let loaded = parse(Path::new(file), &text(Path::new(file))).unwrap_or_else(|mistakes| panic!("{mistakes}"));
            let report = run(&loaded.plan(0), Mode::ToTheEnd).expect("it runs").report;
            assert!(report.passed(), "{report:#?}");
        }
        assert!(text(Path::new("my-first-scenario.yaml")).contains("name: my first scenario\n"));
    }

    #[test]
    fn what_the_template_shows_in_comments_is_sound_too() {
        let uncommented = TEMPLATE.replace("#- ", "- ");
        let items = |text: &str| text.lines().filter(|line| line.trim_start().starts_with("- {")).count();
        assert_eq!(items(&uncommented), items(TEMPLATE) + 6);
        if let Err(mistakes) = parse(Path::new("new.yaml"), &uncommented) {
            panic!("{mistakes}");
        }
    }
}
