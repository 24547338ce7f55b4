//! A hunt as a report's folder tells of it: one JUnit suite a scenario, one case an invariant over all its seeds; in
//! Markdown, what a person is told. The runs of the shortest seeds give the custody.
use super::chapter::Chapter;
use super::hunt::{FailureGroup, HuntReport, HuntedScenario, InvariantTally};
use super::hunt_text::render_hunt;
use super::junit::{skipped, violations_of};
use super::markdown::fenced;
use super::summary::{Judgement, Report};
use super::text::{Palette, counted};
use super::visible::visible;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use std::path::Path;

/// Sums a hunt up in a line.
pub(super) fn heading(hunt: &HuntReport) -> String {
    let tried = counted(hunt.tried);
    match (hunt.verdict, hunt.failed) {
        (Judgement::Passed, _) => format!("no failure in {tried} seeds"),
        (Judgement::Failed, 0) => format!("not every one of {tried} seeds could be judged"),
        (Judgement::Failed, failed) => format!("{} of {tried} seeds FAILED", counted(failed)),
    }
}

/// What a person is told of a hunt, as a block of a Markdown page.
pub(super) fn block(hunt: &HuntReport) -> String {
    format!("\n{}\n", fenced("text", render_hunt(hunt, Palette::plain()).trim_end()))
}

/// One scenario's suite. `chapters` has the runs of its shortest seeds.
pub(super) fn suite(hunted: &HuntedScenario, chapters: &[Chapter]) -> TestSuite {
    let knobs = if hunted.turned_on { ", knobs turned on" } else { "" };
    let mut suite = TestSuite::new(visible(&format!("{}{knobs}", hunted.scenario)));
    let class = Path::new(&hunted.file).with_extension("").join("hunt").display().to_string().replace('.', "_");
    let mut add = |name: &str, status| {
        let mut case = TestCase::new(visible(name), status);
        case.set_classname(visible(&class));
        case.extra.insert("file".into(), visible(&hunted.file).into());
        suite.add_test_case(case);
    };
    for tally in &hunted.invariants {
        add(&tally.name, of_invariant(hunted, tally, chapters));
    }
    let known = |group: &&FailureGroup| hunted.invariants.iter().any(|tally| tally.name == group.cause.invariant);
    let unmet: Vec<&FailureGroup> = hunted.groups.iter().filter(|group| !known(group)).collect();
    let seeds = unmet.iter().map(|group| group.count).sum();
    let met = if unmet.is_empty() {
        TestCaseStatus::success()
    } else {
        failure(&format!("not met in {} of {} seeds", counted(seeds), counted(hunted.tried)), &unmet, hunted, chapters)
    };
    add("every expectation is met", met);
    let judged = if hunted.errors.count == 0 {
        TestCaseStatus::success()
    } else {
        let first: String = hunted
            .errors
            .first
            .iter()
            .map(|error| format!("seed {}: {}\n", error.seed, visible(&error.error)))
            .collect();
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("not-judged").set_message(format!("{} seeds", counted(hunted.errors.count)));
        status.set_description(first);
        status
    };
    add("every run is judged", judged);
    suite
}

fn of_invariant(hunted: &HuntedScenario, tally: &InvariantTally, chapters: &[Chapter]) -> TestCaseStatus {
    let groups: Vec<&FailureGroup> = hunted.groups.iter().filter(|group| group.cause.invariant == tally.name).collect();
    match (tally.violated, &tally.waived) {
        // A violation that the file expects is in no group.
        (_, Some(reason)) if groups.is_empty() => skipped(&format!("waived: {reason}")),
        (0, None) if tally.exercised == 0 => skipped("never exercised"),
        _ if groups.is_empty() => TestCaseStatus::success(),
        (violated, _) => {
            let message = format!("violated in {} of {} seeds", counted(violated), counted(hunted.tried));
            failure(&message, &groups, hunted, chapters)
        }
    }
}

fn failure(message: &str, groups: &[&FailureGroup], hunted: &HuntedScenario, chapters: &[Chapter]) -> TestCaseStatus {
    let mut text = String::new();
    for FailureGroup { cause, count, shortest, shrunk } in groups {
        text += &format!("{}x  {}\n", counted(*count), visible(&cause.to_string()));
        if let Some(shrunk) = shrunk {
            text += &format!("{}\n", visible(&shrunk.sentence));
        }
        let run = chapters.iter().find(|run| run.file == hunted.file && run.seed == shortest.seed);
        let report: Option<&Report> = run.and_then(|run| run.shown.as_ref().ok());
        let broken = report.and_then(|report| {
            let broken = report.invariants.iter().find(|one| one.name == cause.invariant)?;
            Some(violations_of(report, broken))
        });
        text += &broken.unwrap_or_else(|| format!("{}\n{}\n", visible(&shortest.replay), visible(&shortest.message)));
        text.push('\n');
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type("violated").set_message(message).set_description(text);
    status
}

#[cfg(test)]
mod tests {
    use super::super::folder::HUNT_FILE;
    use super::super::tests::{HOSTILE, chapter, failing};
    use super::super::{ErrorSeed, SeedRange, to_index, to_junit, to_markdown};
    use super::*;
    use crate::run::hunt::{self, EXPECTATION, tests_support};

    fn found() -> HuntReport {
        let mut hunted = tests_support::nothing_found();
        hunted.groups = vec![tests_support::group("no-confirmed-loss", 7, 1), tests_support::group(EXPECTATION, 9, 1)];
        (hunted.tried, hunted.failed, hunted.verdict) = (148, 15, Judgement::Failed);
        for tally in hunted.invariants.iter_mut().filter(|tally| tally.name.ends_with("-loss")) {
            (tally.exercised, tally.violated) = (148, u64::from(tally.name == "no-confirmed-loss") * 14);
        }
        hunted.file = failing().file;
        let asked = SeedRange { from: 0, to: Some(148), for_seconds: None };
        hunt::report(asked, None, true, vec![hunted], 2.0)
    }

    #[test]
    fn an_invariant_fails_with_its_causes_and_the_custody_of_the_shortest_seed() {
        let xml = to_junit(&[chapter(failing())], Some(&found())).expect("memory takes all");
        assert!(xml.contains(r#"<failure message="violated in 14 of 148 seeds""#), "{xml}");
        assert!(xml.contains("--seed 7  # giant-lizard") && xml.contains("sees xyz/telemetry #117 confirmed"), "{xml}");
        assert!(xml.contains(r#"<failure message="not met in 1 of 148 seeds""#) && xml.contains("--seed 9"), "{xml}");
        assert!(xml.contains(r#"failures="2" errors="0""#) && xml.contains("never exercised"), "{xml}");
        assert!(xml.contains(r#"<testcase name="no-loss" classname="scenarios/giant-lizard/hunt""#), "{xml}");
    }

    #[test]
    fn hostile_names_and_errors_stay_text() {
        let mut hunt = found();
        let hunted = &mut hunt.scenarios[0];
        (hunted.scenario, hunted.file) = (HOSTILE.into(), HOSTILE.into());
        hunted.groups[0].cause.what = HOSTILE.into();
        hunted.groups[0].shortest.message = HOSTILE.into();
        hunted.errors.count = 1;
        hunted.errors.first = vec![ErrorSeed { seed: 3, error: HOSTILE.into() }];
        let xml = to_junit(&[], Some(&hunt)).expect("memory takes all");
        assert!(!xml.contains("<script") && !xml.contains("]]>") && !xml.contains('\u{202e}'), "{xml}");
        assert_eq!((xml.matches("<testsuite ").count(), xml.matches("</testsuite>").count()), (1, 1), "{xml}");
        let markdown = to_markdown(&[], Some(&hunt), 1 << 20);
        let fences = markdown.lines().filter(|line| line.starts_with("````")).count();
        assert_eq!(fences, 2, "all of it is in one fence, longer than any in it: {markdown}");
        assert!(markdown.ends_with("\n````\n") && !markdown.contains('\u{202e}'), "{markdown}");
        let page = to_index(&[], Some(&hunt), &[HUNT_FILE], |_| Vec::new()).expect("the template is sound");
        assert!(page.contains("15 of 148 seeds FAILED") && page.contains("./hunt.json"), "{page}");
    }
}
