//! One run among those of a report: what it showed, and how that is to be read.
use super::{ExpectationReport, InvariantReport, Report, Verdict};
use std::fmt;
use std::path::PathBuf;

/// A run, as junit, summaries and indices tell of it.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// The scenario's name.
    pub scenario: String,
    /// Its file, as it was named.
    pub file: String,
    /// The seed.
    pub seed: u64,
    /// Where its own files lie, below the report's folder; empty: in that folder itself.
    pub place: PathBuf,
    /// Of a pitfall: which of its runs this is.
    pub way: Option<PitfallWay>,
    /// What it showed, or why it could not be judged.
    pub shown: Result<Report, String>,
}

/// One of the runs of a pitfall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PitfallWay {
    /// `treatment`, `control`, `calm`.
    pub name: String,
    /// The invariants whose violation is what is wanted here.
    pub wanted: Vec<String>,
    /// Whether the file's expectations are judged here.
    pub expecting: bool,
    /// Why it did not show what it should; `None`: it did.
    pub wrong: Option<String>,
}

/// The verdict on a chapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As it should be.
    Passed,
    /// Something is not.
    Failed,
    /// Giant Lizard itself failed.
    NotJudged,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotJudged => "NOT JUDGED",
        })
    }
}

/// How one invariant or expectation stands, in words that fit a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It held, or was met.
    Good,
    /// It was violated, as is wanted here.
    Wanted,
    /// It was violated, or not met.
    Bad,
    /// It says nothing, for this reason.
    Idle(String),
}

/// How a report is to be read: by itself, or as one of the runs of a pitfall.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lens<'a> {
    pub(super) report: &'a Report,
    pub(super) way: Option<&'a PitfallWay>,
}

impl Lens<'_> {
    /// Whether the run is as it should be.
    pub(super) fn passed(&self) -> bool {
        self.way.map_or_else(|| self.report.passed(), |way| way.wrong.is_none())
    }

    /// Says how an invariant of the report stands.
    pub(super) fn invariant(&self, invariant: &InvariantReport) -> Standing {
        let name = &invariant.name;
        match (invariant.verdict, &invariant.waived) {
            (Verdict::Held, _) => Standing::Good,
            (Verdict::Violated, _) => {
                let by_file = |one: &ExpectationReport| one.met && one.violated.as_ref() == Some(name);
                let by_way = self.way.is_some_and(|way| way.wanted.contains(name));
                if by_way || self.report.expectations.iter().any(by_file) { Standing::Wanted } else { Standing::Bad }
            }
            (Verdict::NotExercised, Some(reason)) => Standing::Idle(format!("waived: {reason}")),
            (Verdict::NotExercised, None) => Standing::Idle("not exercised".to_owned()),
        }
    }

    /// Says how an expectation of the report stands.
    pub(super) fn expectation(&self, expectation: &ExpectationReport) -> Standing {
        let judged = self.way.is_none_or(|way| way.expecting);
        match (expectation.met, judged, self.report.complete) {
            (true, ..) => Standing::Good,
            (false, false, _) => Standing::Idle("not judged in this run of a pitfall".to_owned()),
            (false, true, false) => Standing::Idle("open: the run was stopped".to_owned()),
            (false, true, true) => Standing::Bad,
        }
    }
}

impl Chapter {
    /// Sums up.
    pub fn reading(&self) -> Reading {
        match &self.shown {
            Err(_) => Reading::NotJudged,
            Ok(report) if self.lens(report).passed() => Reading::Passed,
            Ok(_) => Reading::Failed,
        }
    }

    /// Names the run: the scenario, and which way of a pitfall.
    pub(super) fn title(&self) -> String {
        match &self.way {
            Some(way) => format!("{} ({})", self.scenario, way.name),
            None => self.scenario.clone(),
        }
    }

    /// How its report is to be read.
    pub(super) fn lens<'a>(&'a self, report: &'a Report) -> Lens<'a> {
        Lens { report, way: self.way.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{chapter, failing, passing};
    use super::*;

    fn treatment(wrong: Option<&str>) -> Option<PitfallWay> {
        let wanted = vec!["no-confirmed-loss".to_owned()];
        Some(PitfallWay { name: "treatment".into(), wanted, expecting: false, wrong: wrong.map(str::to_owned) })
    }

    #[test]
    fn a_pitfall_passes_when_it_shows_its_flaw_and_fails_when_that_escapes() {
        let shown = Chapter { way: treatment(None), ..chapter(failing()) };
        assert_eq!(shown.reading(), Reading::Passed);
        let escaped = Chapter { way: treatment(Some("the flaw escaped")), ..chapter(passing()) };
        assert_eq!(escaped.reading(), Reading::Failed);
        assert_eq!(chapter(failing()).reading(), Reading::Failed);
        let broken = Chapter { shown: Err("hub-a panicked".into()), ..chapter(passing()) };
        assert_eq!(broken.reading(), Reading::NotJudged);
    }

    #[test]
    fn what_is_wanted_what_is_not_judged_and_what_is_open_is_no_failure() {
        let report = failing();
        let (broken, unmet) = (&report.invariants[0], &report.expectations[0]);
        let plain = chapter(failing());
        assert_eq!(plain.lens(&report).invariant(broken), Standing::Bad);
        assert_eq!(plain.lens(&report).expectation(unmet), Standing::Bad);
        let way = Chapter { way: treatment(None), ..chapter(failing()) };
        assert_eq!(way.lens(&report).invariant(broken), Standing::Wanted);
        assert!(matches!(way.lens(&report).expectation(unmet), Standing::Idle(_)));
        let stopped = Report { complete: false, ..failing() };
        assert!(matches!(plain.lens(&stopped).expectation(unmet), Standing::Idle(_)));
        let mut expecting = failing();
        expecting.expectations[0] =
            ExpectationReport { text: "it breaks".into(), met: true, violated: Some(broken.name.clone()) };
        assert_eq!(plain.lens(&expecting).invariant(broken), Standing::Wanted);
    }
}
