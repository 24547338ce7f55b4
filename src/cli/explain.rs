//! `lizard explain`: what an invariant, a fault, a verb, a knob, an option or an expectation is.
use super::output::{Exit, Failure, complain, print, wrapped};
use crate::invariant::{self, Registration};
use crate::scenario::{Meaning, closest, glossary};
use clap::Args;

/// Explain an invariant, a fault, a verb, a knob, an option or an expectation; without a name, list them all
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Such as no-loss, attack, command, on-session-loss, keep-alive, moved
    #[arg(value_name = "INVARIANT|FAULT|VERB|KNOB")]
    word: Option<String>,
}

/// The kinds of words, and their headings in the overview.
const KINDS: [(&str, &str); 5] = [
    ("fault", "faults (timeline, chaos)"),
    ("verb", "what the operator asks for (timeline)"),
    ("knob", "knobs (pitfalls)"),
    ("option", "options (of systems)"),
    ("expectation", "expectations (expect)"),
];

impl Explain {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let glossary = glossary();
        let Some(word) = &self.word else {
            print(&overview(&glossary))?;
            return Ok(Exit::AllHeld);
        };
        let invariant = invariant::find(word).map(judged);
        let meanings = glossary.iter().filter(|meaning| meaning.word == *word).map(explained);
        let found: Vec<String> = invariant.into_iter().chain(meanings).collect();
        if !found.is_empty() {
            print(&found.join("\n"))?;
            return Ok(Exit::AllHeld);
        }
        let words = invariant::ALL
            .iter()
            .map(|registration| registration.name)
            .chain(glossary.iter().map(|meaning| meaning.word.as_str()));
        let meant = closest(word, words).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        complain(&format!("nothing is called `{word}`{meant}"));
        Ok(Exit::Mistaken)
    }
}

fn overview(glossary: &[Meaning]) -> String {
    let first = |text: &str| text.split_inclusive(". ").next().unwrap_or_default().trim().to_owned();
    let invariants =
        invariant::ALL.iter().map(|Registration { name, holds_when, .. }| (*name, (*holds_when).to_owned()));
    let mut sections = vec![("invariants", lines(invariants))];
    for (kind, heading) in KINDS {
        let mut told: Vec<&str> = Vec::new();
        let of_kind = glossary.iter().filter(|meaning| meaning.kind == kind);
        // `site` is an option of every part: one line is enough.
        let once = of_kind.filter(|meaning| {
            let news = !told.contains(&meaning.word.as_str());
            told.push(&meaning.word);
            news
        });
        let words: Vec<(&str, String)> = once.map(|meaning| (meaning.word.as_str(), first(&meaning.about))).collect();
        sections.push((heading, lines(words.into_iter())));
    }
    let sections: Vec<String> = sections.into_iter().map(|(heading, lines)| format!("{heading}\n{lines}")).collect();
    sections.join("\n")
}

fn lines<'a>(words: impl Iterator<Item = (&'a str, String)>) -> String {
    words.map(|(word, about)| format!("  {word:<24} {about}\n")).collect()
}

fn judged(registration: &Registration) -> String {
    let Registration { name, holds_when, exercised_by, explanation, bounded, .. } = registration;
    let explanation = wrapped(explanation).join("\n");
    let bound = if *bounded { "\n\nA scenario may set its bound with `within`." } else { "" };
    format!("{name}: an invariant\n\nHolds when {holds_when}.\nExercised by {exercised_by}.\n\n{explanation}{bound}\n")
}

fn explained(meaning: &Meaning) -> String {
    let Meaning { word, kind, place, about, takes } = meaning;
    let takes: String = takes.iter().map(|(key, about)| format!("  {key:<20} {}\n", about)).collect();
    let article = if *kind == "option" || *kind == "expectation" { "an" } else { "a" };
    format!("{word}: {article} {kind} ({place})\n\n{}\n\n{takes}", wrapped(about).join("\n"))
}
