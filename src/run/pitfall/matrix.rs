//! Which pitfall is caught by which invariant.
use crate::invariant::ALL;
use crate::report::{Report, Verdict};
use std::collections::BTreeMap;
use std::fmt;

/// What each pitfall should violate, and what it did violate while its knobs were on.
#[derive(Clone, Debug, Default)]
pub struct Matrix(BTreeMap<String, Row>);

#[derive(Clone, Debug, Default)]
struct Row {
    violates: String,
    runs: u64,
    caught: BTreeMap<String, u64>,
}

impl Matrix {
    /// Enters a pitfall and the invariant that its file says it violates.
    pub fn enter(&mut self, pitfall: &str, violates: &str) {
        self.0.entry(pitfall.to_owned()).or_default().violates = violates.to_owned();
    }

    /// Notes what one run with the knobs on has violated.
    pub fn caught(&mut self, pitfall: &str, report: &Report) {
        let row = self.0.entry(pitfall.to_owned()).or_default();
        row.runs += 1;
        for invariant in report.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Violated) {
            *row.caught.entry(invariant.name.clone()).or_default() += 1;
        }
    }

    /// Lists the invariants of which no pitfall shows that they can fail, by what the files say.
    pub fn unproven(&self) -> Vec<&'static str> {
        let names = ALL.iter().map(|registration| registration.name);
        names.filter(|name| !self.0.values().any(|row| row.violates == *name)).collect()
    }
}

impl fmt::Display for Matrix {
    /// Invariants down, pitfalls across by their numbers: on how many seeds each was violated.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<(&String, &Row)> = self.0.iter().filter(|(_, row)| row.runs > 0).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::failing;

    #[test]
    fn an_invariant_that_no_file_claims_to_violate_is_unproven() {
        let mut matrix = Matrix::default();
        assert_eq!(matrix.unproven().len(), ALL.len());
        matrix.enter("a", ALL[0].name);
        assert!(!matrix.unproven().contains(&ALL[0].name) && matrix.unproven().len() == ALL.len() - 1);
    }

    #[test]
    fn only_pitfalls_that_were_run_are_shown_and_what_they_should_violate_is_marked() {
        let mut matrix = Matrix::default();
        matrix.enter("never-run", "order");
        assert_eq!(matrix.to_string(), "");
        let report = failing();
        let broken = report.invariants.iter().find(|invariant| invariant.verdict == Verdict::Violated);
        let broken = broken.expect("it fails").name.clone();
        matrix.enter("caught", &broken);
        matrix.caught("caught", &report);
        matrix.enter("missed", "order");
        matrix.caught("missed", &report);
        let told = matrix.to_string();
        let row = told.lines().find(|line| line.starts_with(&broken)).expect("a row each");
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), [&broken, "*1", "1"]);
        assert!(told.contains("1  caught, 1 seeds") && !told.contains("never-run"), "{told}");
    }
}
