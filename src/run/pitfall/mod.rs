//! A pitfall is run three ways: with its knobs on, the flaw is caught, and nothing else is; with them off, everything
//! holds on the same seeds; with them on and no fault, everything holds too.
//!
//! - [`matrix`]: which pitfall is caught by which invariant. [`proof`]: many pitfalls on many seeds.
mod matrix;
mod proof;

pub use matrix::Matrix;
pub use proof::{Claim, Proof, ProveError, Shown, prove};

use crate::report::{InvariantReport, PitfallWay, Report, Verdict};
use crate::scenario::{Loaded, Pitfall, Plan, Scenario, plan};
use std::fmt;

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Knobs on: `violates` is violated, and nothing outside `also`.
    Treatment,
    /// Knobs off: everything holds, and that invariant was exercised.
    Control,
    /// Knobs on, no faults: everything holds.
    Calm,
}

impl Way {
    /// The ways that a pitfall is run: calm is skipped when the flaw needs no fault.
    pub fn of(pitfall: &Pitfall) -> &'static [Way] {
        if pitfall.needs_fault { &[Way::Treatment, Way::Control, Way::Calm] } else { &[Way::Treatment, Way::Control] }
    }

    /// Makes the plan that this way runs.
    ///
    /// # Errors
    /// When a knob's value does not fit: loading has refused such a file.
    pub fn plan(self, loaded: &Loaded, seed: u64) -> Result<Plan, serde_json::Error> {
        Ok(plan(&self.scenario(&loaded.scenario)?, &loaded.file, seed))
    }

    /// Makes the scenario that this way runs.
    ///
    /// # Errors
    /// As [`Way::plan`].
    pub fn scenario(self, scenario: &Scenario) -> Result<Scenario, serde_json::Error> {
        Ok(match self {
            Way::Treatment => scenario.turned_on()?,
            Way::Control => scenario.clone(),
            Way::Calm => scenario.turned_on()?.calm(),
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Treatment => "treatment",
            Way::Control => "control",
            Way::Calm => "calm",
        })
    }
}

/// What one way of one seed showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// What should have been seen was seen.
    AsItShould,
    /// Treatment: the flaw did its harm on this seed unseen. A few of a hundred may.
    Escaped,
    /// Anything else.
    Wrong(String),
}

/// At least this many of a hundred seeds must be caught.
pub const CAUGHT_OF_HUNDRED: u64 = 95;

/// How many seeds of so many may escape.
pub fn may_escape(seeds: u64) -> u64 {
    seeds * (100 - CAUGHT_OF_HUNDRED) / 100
}

/// Judges one way from its report.
pub fn judge(pitfall: &Pitfall, way: Way, report: &Report) -> Finding {
    let verdict = |name: &str| {
        report.invariants.iter().find(|invariant| invariant.name == name).map(|invariant| invariant.verdict)
    };
    let violates = &*pitfall.violates;
    let broken: Vec<&InvariantReport> =
        report.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Violated).collect();
    match way {
        Way::Treatment => {
            let allowed = |name: &str| name == violates || pitfall.also.iter().any(|also| **also == *name);
            if let Some(other) = broken.iter().find(|invariant| !allowed(&invariant.name)) {
                return Finding::Wrong(format!(
                    "{} is violated too, and stands neither in `violates` nor in `also`",
                    other.name
                ));
            }
            if verdict(violates) == Some(Verdict::Violated) { Finding::AsItShould } else { Finding::Escaped }
        }
        Way::Control | Way::Calm => {
            if let Some(first) = broken.first() {
                return Finding::Wrong(format!("{} is violated", first.name));
            }
            if way == Way::Control {
                if let Some(unmet) = report.expectations.iter().find(|expectation| !expectation.met) {
                    return Finding::Wrong(format!("expected, and not met: {}", unmet.text));
                }
                if verdict(violates) != Some(Verdict::Held) {
                    return Finding::Wrong(format!("{violates} was not exercised: that it holds says nothing"));
                }
            }
            Finding::AsItShould
        }
    }
}

/// Says for a report what was wanted of a run, and whether it was shown.
pub fn told(pitfall: &Pitfall, way: Way, finding: &Finding) -> PitfallWay {
    let wanted = match way {
        Way::Treatment => [&pitfall.violates].into_iter().chain(&pitfall.also).map(ToString::to_string).collect(),
        Way::Control | Way::Calm => Vec::new(),
    };
    let wrong = match finding {
        Finding::AsItShould => None,
        Finding::Escaped => Some("the flaw escaped: it did its harm unseen".to_owned()),
        Finding::Wrong(why) => Some(why.clone()),
    };
    PitfallWay { name: way.to_string(), wanted, expecting: way == Way::Control, wrong }
}

/// What the three ways of one seed showed.
#[derive(Debug)]
pub struct ThreeWays {
    /// Each way with its report and what it showed.
    pub ways: Vec<(Way, Report, Finding)>,
}

impl ThreeWays {
    /// Whether each showed what it should.
    pub fn as_they_should(&self) -> bool {
        self.ways.iter().all(|(.., finding)| *finding == Finding::AsItShould)
    }
}

/// Runs one seed all ways.
///
/// # Errors
/// The first error of `run_seed`.
pub fn three_ways<E>(pitfall: &Pitfall, mut run_seed: impl FnMut(Way) -> Result<Report, E>) -> Result<ThreeWays, E> {
    let mut ways = Vec::new();
    for way in Way::of(pitfall) {
        let report = run_seed(*way)?;
        let finding = judge(pitfall, *way, &report);
        ways.push((*way, report, finding));
    }
    Ok(ThreeWays { ways })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::passing;
    use crate::run::RunError;
    use crate::scenario::TurnOn;

    fn pitfall() -> Pitfall {
        Pitfall {
            issue: "https://example.org/1".into(),
            turn_on: TurnOn::default(),
            violates: "recovers".into(),
            also: vec!["comes-home".into()],
            needs_fault: true,
        }
    }

    fn report(verdicts: &[(&str, Verdict)]) -> Report {
        let mut report = passing();
        for (name, verdict) in verdicts {
            let mut invariant = report.invariants[0].clone();
            (invariant.name, invariant.verdict) = ((*name).to_owned(), *verdict);
            report.invariants.retain(|other| other.name != *name);
            report.invariants.push(invariant);
        }
        report
    }

    #[test]
    fn treatment_must_be_caught_and_only_by_what_the_file_names() {
        use Verdict::{Held, Violated};
        let judge = |verdicts: &[(&str, Verdict)]| judge(&pitfall(), Way::Treatment, &report(verdicts));
        assert_eq!(judge(&[("recovers", Violated)]), Finding::AsItShould);
        assert_eq!(judge(&[("recovers", Violated), ("comes-home", Violated)]), Finding::AsItShould);
        assert_eq!(judge(&[("recovers", Held)]), Finding::Escaped);
        assert!(matches!(judge(&[("recovers", Violated), ("order", Violated)]), Finding::Wrong(_)));
    }

    #[test]
    fn control_must_hold_and_must_have_been_exercised() {
        use Verdict::{Held, NotExercised, Violated};
        let judge = |verdicts: &[(&str, Verdict)]| judge(&pitfall(), Way::Control, &report(verdicts));
        assert_eq!(judge(&[("recovers", Held)]), Finding::AsItShould);
        assert!(matches!(judge(&[("recovers", NotExercised)]), Finding::Wrong(_)));
        assert!(matches!(judge(&[("recovers", Violated)]), Finding::Wrong(_)));
        assert!(matches!(judge(&[("recovers", Held), ("order", Violated)]), Finding::Wrong(_)));
    }

    #[test]
    fn calm_must_hold_and_need_not_be_exercised() {
        use Verdict::{NotExercised, Violated};
        let judge = |verdicts: &[(&str, Verdict)]| judge(&pitfall(), Way::Calm, &report(verdicts));
        assert_eq!(judge(&[("recovers", NotExercised)]), Finding::AsItShould);
        assert!(matches!(judge(&[("recovers", Violated)]), Finding::Wrong(_)));
    }

    #[test]
    fn a_report_is_told_what_is_wanted_of_each_way() {
        let treatment = told(&pitfall(), Way::Treatment, &Finding::Escaped);
        assert_eq!(treatment.wanted, ["recovers", "comes-home"]);
        assert!(!treatment.expecting && treatment.wrong.is_some_and(|why| why.contains("escaped")));
        let control = told(&pitfall(), Way::Control, &Finding::AsItShould);
        assert!(control.expecting && control.wanted.is_empty() && control.wrong.is_none());
        assert!(!told(&pitfall(), Way::Calm, &Finding::AsItShould).expecting);
    }

    #[test]
    fn each_way_is_run_once_and_calm_only_if_the_flaw_needs_a_fault() {
        let mut asked = Vec::new();
        let shown = three_ways(&pitfall(), |way| {
            asked.push(way);
            let verdict = if way == Way::Treatment { Verdict::Violated } else { Verdict::Held };
            Ok::<_, RunError>(report(&[("recovers", verdict)]))
        })
        .expect("every run succeeds");
        assert!(shown.as_they_should());
        assert_eq!(asked, [Way::Treatment, Way::Control, Way::Calm]);
        assert_eq!(Way::of(&Pitfall { needs_fault: false, ..pitfall() }).len(), 2);
    }

    #[test]
    fn five_of_a_hundred_seeds_may_escape_and_none_of_eight() {
        assert_eq!((may_escape(100), may_escape(8), may_escape(1000)), (5, 0, 50));
    }
}
