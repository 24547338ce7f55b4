//! Why a run failed, in words that are the same for every run that failed for the same reason.
use crate::history::Roster;
use crate::report::{Cause, Report, Verdict};
use crate::scenario::{Plan, PlannedFault};
use std::collections::BTreeMap;
use std::time::Duration;

/// What an unmet expectation is filed under, where others have their invariant.
pub const EXPECTATION: &str = "expectation";

/// A longer text is no cause but a dump.
const LONGEST: usize = 240;

/// How a run failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// In common with others.
    pub cause: Cause,
    /// When it was certain.
    pub at_seconds: f64,
    /// In full.
    pub message: String,
    /// Faults that had begun by then.
    pub faults: u64,
}

/// Finds the first thing that went wrong in a run that failed; `None`: it passed.
pub(in crate::run) fn failure(plan: &Plan, report: &Report) -> Option<Failure> {
    if report.passed() {
        return None;
    }
    let (invariant, at_seconds, message) = violations(report).into_iter().next().or_else(|| unmet(report))?;
    Some(told(plan, invariant, at_seconds, message))
}

/// Finds the first thing that went wrong in this way, whatever went wrong before.
pub(in crate::run) fn failure_like(plan: &Plan, report: &Report, wanted: impl Fn(&Cause) -> bool) -> Option<Failure> {
    let failures = violations(report).into_iter().map(|(invariant, at, message)| told(plan, invariant, at, message));
    { failures }.find(|failure| wanted(&failure.cause))
}

fn told(plan: &Plan, invariant: String, at_seconds: f64, message: String) -> Failure {
    let at = Duration::try_from_secs_f64(at_seconds).unwrap_or_default();
    let begun: Vec<&PlannedFault> = happening(plan).filter(|fault| fault.at <= at).collect();
    let cause = Cause {
        invariant,
        what: Names::of(&plan.roster).taken_out(&message),
        after: begun.iter().max_by_key(|fault| fault.at).map(|fault| fault.kind.clone()),
    };
    Failure { cause, at_seconds, message, faults: begun.len() as u64 }
}

/// The faults of a plan that do anything: one whose host is not there yet does not.
pub(super) fn happening(plan: &Plan) -> impl Iterator<Item = &PlannedFault> {
    plan.faults.iter().filter(|fault| !fault.steps.is_empty())
}

/// By their times; of several at one time, the first in the registry's order. One that the file expects is no failure.
fn violations(report: &Report) -> Vec<(String, f64, String)> {
    let expected = |name: &str| {
        report.expectations.iter().any(|expectation| expectation.met && expectation.violated.as_deref() == Some(name))
    };
    let broken = report
        .invariants
        .iter()
        .filter(|invariant| invariant.verdict == Verdict::Violated && !expected(&invariant.name));
    let told = broken.flat_map(|invariant| {
        let violations = invariant.violations.iter();
        violations.map(|it| (invariant.name.clone(), it.at_seconds, it.message.clone()))
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by(|(_, a, _), (_, b, _)| a.total_cmp(b));
    told
}

fn unmet(report: &Report) -> Option<(String, f64, String)> {
    let expectation = report.expectations.iter().find(|expectation| !expectation.met)?;
    Some((EXPECTATION.to_owned(), report.virtual_seconds, format!("not met: {}", expectation.text)))
}

/// The names of a roster, and the words that stand for them.
struct Names<'a>(BTreeMap<&'a str, &'static str>);

impl<'a> Names<'a> {
    fn of(roster: &'a Roster) -> Self {
        let mut names = BTreeMap::new();
        // A destination is the only one of its kind: taking its name out would make the sentence poorer, not shorter.
        names.extend(roster.machines.iter().map(|machine| (&*machine.name, "<service>")));
        roster.destinations.iter().for_each(|destination| {
            names.remove(&*destination.name);
        });
        names.extend(roster.clients.iter().map(|client| (&*client.name, "<client>")));
        names.extend(roster.producers.iter().map(|producer| (&*producer.name, "<producer>")));
        Self(names)
    }

    /// Takes the numbers and names out of a sentence.
    fn taken_out(&self, sentence: &str) -> String {
        let mut out = String::new();
        let in_name = |c: char| c.is_alphanumeric() || "-_/.".contains(c);
        let mut rest = sentence;
        while let Some(first) = rest.chars().next() {
            let end = if in_name(first) { rest.find(|c| !in_name(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
            let (token, after) = rest.split_at(end);
            out.push_str(&self.word(token));
            rest = after;
        }
        match out.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}...", &out[..end]),
            None => out,
        }
    }

    fn word(&self, token: &str) -> String {
        // A name may end a sentence.
        let bare = token.trim_end_matches(['.', '/']);
        if let Some(role) = self.0.get(bare) {
            return format!("{role}{}", &token[bare.len()..]);
        }
        let mut word = String::new();
        for c in token.chars() {
            match c {
                '0'..='9' if word.ends_with('N') => {}
                '0'..='9' => word.push('N'),
                _ => word.push(c),
            }
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::passing;
    use crate::report::{ExpectationReport, Judgement, ViolationReport};
    use crate::scenario::parse;
    use std::path::Path;

    const STORY: &str = "
name: two crashes
duration: 10m
sites: { west: {}, east: {} }
iot:
  dps: { site: east }
  hubs: { hub-a: { site: west }, hub-b: { site: east } }
  central: { site: east }
  devices: { xyz: { site: west, telemetry: 1s }, abc: { site: west, telemetry: 1s } }
timeline:
  - { at: 1m, crash: { host: hub-a, for: 10s } }
  - { at: 3m, partition: { between: [west, east], for: 10s } }
";

    fn plan() -> Plan {
        parse(Path::new("x.yaml"), STORY).expect("it is sound").plan(1)
    }

    fn failing(violations: &[(&str, f64, &str)]) -> Report {
        let mut report = passing();
        report.verdict = Judgement::Failed;
        let pattern = report.invariants[0].clone();
        report.invariants.clear();
        for (name, at_seconds, message) in violations {
            let mut invariant = pattern.clone();
            (invariant.name, invariant.verdict) = ((*name).to_owned(), Verdict::Violated);
            let violation = ViolationReport {
                at_seconds: *at_seconds,
                message: (*message).to_owned(),
                ..ViolationReport::default()
            };
            invariant.violations = vec![violation];
            report.invariants.push(invariant);
        }
        report
    }

    #[test]
    fn runs_that_differ_in_times_messages_and_devices_only_failed_for_one_cause() {
        let told = |at, message: &str| {
            failure(&plan(), &failing(&[("no-loss", at, message)])).expect("it failed").cause.to_string()
        };
        let first = told(70.5, "xyz/telemetry #17 was confirmed at 1:02.3 and never received");
        assert_eq!(first, "no-loss: <producer> #N was confirmed at N:N.N and never received, after crash");
        assert_eq!(first, told(99.0, "abc/telemetry #4 was confirmed at 1:30.123 and never received"));
        let other = told(200.0, "abc/telemetry #4 was confirmed at 1:30.123 and never received");
        assert_eq!(other, first.replace("crash", "partition"), "another fault came before it");
        assert!(told(10.0, "xyz is at hub-b.").ends_with("<client> is at <service>., before any fault"));
    }

    #[test]
    fn destinations_keep_their_names() {
        let message = "central received xyz/telemetry #17 more than once";
        let cause = failure(&plan(), &failing(&[("exactly-once", 70.0, message)])).expect("it failed").cause;
        assert_eq!(cause.what, "central received <producer> #N more than once");
    }

    #[test]
    fn the_first_violation_counts_and_the_registrys_order_between_equal_times() {
        let report = failing(&[("no-loss", 80.0, "later"), ("order", 70.0, "first"), ("paced", 70.0, "as early")]);
        let failure = failure(&plan(), &report).expect("it failed");
        assert_eq!((failure.message.as_str(), failure.faults), ("first", 1));
    }

    #[test]
    fn a_violation_that_the_file_expects_is_not_the_cause() {
        let mut report = failing(&[("no-loss", 70.0, "wanted"), ("order", 80.0, "not wanted")]);
        let expected =
            ExpectationReport { text: "no-loss violated".into(), met: true, violated: Some("no-loss".into()) };
        report.expectations = vec![expected];
        assert_eq!(failure(&plan(), &report).expect("it failed").cause.invariant, "order");
    }

    #[test]
    fn an_unmet_expectation_is_a_cause_of_its_own() {
        let mut report = failing(&[]);
        report.expectations = vec![ExpectationReport { text: "xyz moved".into(), met: false, violated: None }];
        let failure = failure(&plan(), &report).expect("it failed");
        assert_eq!(failure.cause.invariant, EXPECTATION);
        assert_eq!((failure.cause.what.as_str(), failure.faults), ("not met: <client> moved", 2));
    }

    #[test]
    fn a_run_that_passed_has_no_cause() {
        assert_eq!(failure(&plan(), &passing()), None);
    }
}
