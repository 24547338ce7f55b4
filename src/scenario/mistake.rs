//! What is wrong with a scenario file, and where.
use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a file. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// How many characters the caret underlines.
    pub width: usize,
}

impl Place {
    /// The first character of a file.
    pub(crate) const START: Place = Place { line: 1, column: 1, width: 1 };
}

/// One mistake: where, what, what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What was expected there.
    pub expected: Option<String>,
    /// What the author may have meant.
    pub suggestion: Option<String>,
}

impl Mistake {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), expected: None, suggestion: None }
    }
    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }
    /// Suggests the candidate that looks most like `written`, if one does.
    pub(crate) fn meant<'a>(mut self, written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        self.suggestion = closest(written, candidates);
        self
    }
}

/// Finds the candidate that a reader would take for a slip of the pen.
pub(crate) fn closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const ALIKE: f64 = 0.75;
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let slips = strsim::osa_distance(written, candidate);
        let likeness =
            strsim::jaro_winkler(written, candidate).max(strsim::normalized_damerau_levenshtein(written, candidate));
        // One slip is a slip in the shortest name too; likeness alone would miss `dsp` for `dps`.
        let alike = likeness >= ALIKE || slips == 1 && candidate.chars().count() >= 3;
        if alike && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate.to_owned())
}

/// Every mistake of one file, in the order of its lines. Its `Display` shows each with its line and a caret.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Mistakes {
    /// The file as it was named.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

impl Mistakes {
    pub(crate) fn new(file: PathBuf, text: String, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| mistake.place);
        mistakes.dedup();
        Self { file, text, mistakes }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.mistakes {
            show(f, &self.file, &self.text, mistake)?;
            writeln!(f)?;
        }
        let count = self.mistakes.len();
        write!(f, "{}: {count} mistake{}, nothing was run", self.file.display(), if count == 1 { "" } else { "s" })
    }
}

/// What a file may do, and should know: each place where it leaves what the systems promise, in the order of its lines.
/// Its `Display` shows each as a mistake is shown, after `warning:`; nothing if there are none.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    /// The file as it was named.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
    /// What would be mistakes if they were forbidden.
    pub warnings: Vec<Mistake>,
}

impl Warnings {
    pub(crate) fn new(file: PathBuf, text: String, mut warnings: Vec<Mistake>) -> Self {
        warnings.sort_by_key(|warning| warning.place);
        warnings.dedup();
        Self { file, text, warnings }
    }
}

impl fmt::Display for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            write!(f, "warning: ")?;
            show(f, &self.file, &self.text, warning)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Shows a mistake with its line and a caret below what is wrong.
fn show(f: &mut fmt::Formatter<'_>, file: &Path, text: &str, mistake: &Mistake) -> fmt::Result {
    let Place { line, column, width } = mistake.place;
    writeln!(f, "{}:{line}:{column}: {}", file.display(), mistake.message)?;
    let margin = line.to_string().len();
    if let Some(source) = text.lines().nth(line - 1) {
        writeln!(f, "{:margin$} |", "")?;
        writeln!(f, "{line} | {source}")?;
        // The underline never runs past the line: tabs and the line's end are kept as they are.
        let before: String = source.chars().take(column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
        let room = source.chars().count().saturating_sub(column - 1).max(1);
        write!(f, "{:margin$} | {before}{}", "", "^".repeat(width.min(room)))?;
        match &mistake.suggestion {
            Some(suggestion) => writeln!(f, " did you mean `{suggestion}`?")?,
            None => writeln!(f)?,
        }
    }
    if let Some(expected) = &mistake.expected {
        writeln!(f, "{:margin$} = expected {expected}", "")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        let verbs = ["attack", "crash", "power-loss"];
        assert_eq!(closest("atack", verbs).as_deref(), Some("attack"));
        assert_eq!(closest("powerloss", verbs).as_deref(), Some("power-loss"));
        assert_eq!(closest("dsp", ["dps", "hubs"]).as_deref(), Some("dps"));
        assert_eq!(closest("teleport", verbs), None);
    }

    #[test]
    fn the_caret_stands_under_what_is_wrong() {
        let mistake =
            Mistake::new(Place { line: 2, column: 3, width: 5 }, "unknown key `atack`").meant("atack", ["attack"]);
        let shown = Mistakes::new("x.yaml".into(), "a: 1\n- atack: 2\n".into(), vec![mistake]).to_string();
        assert_eq!(
            shown,
            "x.yaml:2:3: unknown key `atack`\n  |\n2 | - atack: 2\n  |   ^^^^^ did you mean `attack`?\n\nx.yaml: 1 mistake, nothing was run"
        );
    }
}
