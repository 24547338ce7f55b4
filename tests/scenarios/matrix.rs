//! Which pitfall is caught by which invariant.
use giant_lizard::invariant::ALL;
use giant_lizard::report::{Report, Verdict};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What each pitfall should violate, and what it did violate while its knobs were on.
#[derive(Default)]
pub(crate) struct Matrix(Mutex<BTreeMap<String, Row>>);

#[derive(Default)]
struct Row {
    violates: String,
    runs: u64,
    caught: BTreeMap<String, u64>,
}

impl Matrix {
    /// Enters a pitfall and the invariant that its file says it violates.
    pub(crate) fn enter(&self, pitfall: &str, violates: &str) {
        self.rows().entry(pitfall.to_owned()).or_default().violates = violates.to_owned();
    }

    /// Notes what one run with the knobs on has violated.
    pub(crate) fn caught(&self, pitfall: &str, report: &Report) {
        let mut rows = self.rows();
        let row = rows.entry(pitfall.to_owned()).or_default();
        row.runs += 1;
        for invariant in report.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Violated) {
            *row.caught.entry(invariant.name.clone()).or_default() += 1;
        }
    }

    /// Whether every invariant of the registry is violated by some pitfall, by what the files say.
    pub(crate) fn check(&self) -> Result<(), String> {
        let rows = self.rows();
        for invariant in ALL.iter().map(|registration| registration.name) {
            let has_one = rows.values().any(|row| row.violates == invariant);
            if !has_one {
                return Err(format!("no pitfall violates {invariant}: nothing shows that it can fail"));
            }
        }
        Ok(())
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Matrix {
    /// Invariants down, pitfalls across by their numbers: on how many seeds each was violated.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let shown: Vec<(&String, &Row)> = rows.iter().filter(|(_, row)| row.runs > 0).collect();
        if shown.is_empty() {
            return Ok(());
        }
        write!(f, "{:<24}", "invariant x pitfall")?;
        for number in 1..=shown.len() {
            write!(f, " {number:>5}")?;
        }
        writeln!(f)?;
        for invariant in ALL.iter().map(|registration| registration.name) {
            write!(f, "{invariant:<24}")?;
            for (_, row) in &shown {
                let cell = match (row.caught.get(invariant), row.violates == invariant) {
                    (Some(caught), true) => format!("*{caught}"),
                    (Some(caught), false) => caught.to_string(),
                    (None, true) => "*0".to_owned(),
                    (None, false) => ".".to_owned(),
                };
                write!(f, " {cell:>5}")?;
            }
            writeln!(f)?;
        }
        for (number, (pitfall, row)) in shown.iter().enumerate() {
            writeln!(f, "{:>3}  {pitfall}, {} seeds", number + 1, row.runs)?;
        }
        writeln!(f, "*: what its file says it violates\n")
    }
}
