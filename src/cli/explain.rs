//! `lizard explain`: what an invariant, a fault or a knob is.
use super::output::{Exit, Failure, complain, print, wrapped};
use crate::invariant::{self, Registration};
use crate::scenario::{Meaning, closest, faults, knobs};
use clap::Args;

/// Explain an invariant, a fault or a knob; without a name, list them all
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Such as no-loss, attack, on-session-loss
    #[arg(value_name = "INVARIANT|FAULT|KNOB")]
    word: Option<String>,
}

impl Explain {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let (faults, knobs) = (faults(), knobs());
        let Some(word) = &self.word else {
            print(&overview(&faults, &knobs))?;
            return Ok(Exit::AllHeld);
        };
        if let Some(registration) = invariant::find(word) {
            print(&judged(registration))?;
            return Ok(Exit::AllHeld);
        }
        let found: Vec<String> =
            faults.iter().chain(&knobs).filter(|meaning| meaning.word == *word).map(explained).collect();
        if !found.is_empty() {
            print(&found.join("\n"))?;
            return Ok(Exit::AllHeld);
        }
        let words = invariant::ALL
            .iter()
            .map(|registration| registration.name)
            .chain(faults.iter().chain(&knobs).map(|meaning| meaning.word.as_str()));
        let meant = closest(word, words).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        complain(&format!("nothing is called `{word}`{meant}"));
        Ok(Exit::Mistaken)
    }
}

fn overview(faults: &[Meaning], knobs: &[Meaning]) -> String {
    let list = |meanings: &[Meaning]| {
        let first = |text: &str| text.split_inclusive(". ").next().unwrap_or_default().trim().to_owned();
        meanings.iter().map(|meaning| format!("  {:<24} {}\n", meaning.word, first(&meaning.about))).collect::<String>()
    };
    let invariants: String = invariant::ALL
        .iter()
        .map(|Registration { name, holds_when, .. }| format!("  {name:<24} {holds_when}\n"))
        .collect();
    format!("invariants\n{invariants}\nfaults (timeline)\n{}\nknobs\n{}", list(faults), list(knobs))
}

fn judged(Registration { name, holds_when, exercised_by, explanation, .. }: &Registration) -> String {
    let explanation = wrapped(explanation).join("\n");
    format!("{name}: an invariant\n\nHolds when {holds_when}.\nExercised by {exercised_by}.\n\n{explanation}\n")
}

fn explained(meaning: &Meaning) -> String {
    let Meaning { word, kind, place, about, takes } = meaning;
    let takes: String = takes.iter().map(|(key, about)| format!("  {key:<20} {}\n", about)).collect();
    format!("{word}: a {kind} ({place})\n\n{}\n\n{takes}", wrapped(about).join("\n"))
}
