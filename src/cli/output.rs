//! Where words go, in which colours, and what the process answers.
use crate::report::{FolderError, Palette};
use crate::run::RunError;
use crate::run::pitfall::ProveError;
use crate::scenario::LoadError;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// What the process answers. The greater number wins over several files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    AllHeld = 0,
    Failed = 1,
    Mistaken = 2,
    OurFailure = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command ended early: always Giant Lizard's own failure.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Prove(#[from] ProveError),
    #[error(transparent)]
    Report(#[from] FolderError),
    #[error("{what}: {why}")]
    Write { what: String, why: io::Error },
    #[error("a knob does not fit its part: {0}")]
    Knob(#[from] serde_json::Error),
}

/// Writes a result to stdout. A reader that has gone away (`| head`) is not a failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|why| Failure::Write { what: "stdout".into(), why }),
    }
}

/// Writes what is not a result to stderr. When even that cannot be written, there is nobody to tell.
pub(super) fn complain(text: &str) {
    let palette = palette_of(&io::stderr());
    let _ = writeln!(io::stderr().lock(), "{} {text}", palette.bad("error:"));
}

/// Says something on stderr that is neither result nor error.
pub(super) fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Shows a file's mistakes on stderr, each with its own place, as compilers do.
pub(super) fn refuse(error: &LoadError) {
    let _ = writeln!(io::stderr().lock(), "{error}");
}

/// Colours for stdout.
pub(super) fn palette() -> Palette {
    palette_of(&io::stdout())
}

fn palette_of(stream: &impl IsTerminal) -> Palette {
    // https://no-color.org: present and not empty.
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if stream.is_terminal() && !unwanted { Palette::colour() } else { Palette::plain() }
}

/// Breaks a text into lines that a person likes to read.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 100;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
