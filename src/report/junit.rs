//! The report as `junit.xml`, which every CI shows: one test suite a run, one test case an invariant and expectation.
use super::chapter::{Chapter, Standing};
use super::hunt::HuntReport;
use super::hunted;
use super::summary::{InvariantReport, Report};
use super::text::stopwatch;
use super::visible::visible;
use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

/// Violations of one invariant that are told with their custody.
const SHOWN: usize = 3;

/// Writes all runs as one JUnit document; of a hunt, all that it tried.
///
/// # Errors
/// None that a document in memory has; the library does not say so.
pub fn to_junit(chapters: &[Chapter], hunt: Option<&HuntReport>) -> Result<String, SerializeError> {
    let mut document = quick_junit::Report::new("giant-lizard");
    match hunt {
        None => document.add_test_suites(chapters.iter().map(suite)),
        Some(hunt) => document.add_test_suites(hunt.scenarios.iter().map(|hunted| hunted::suite(hunted, chapters))),
    };
    document.to_string()
}

fn suite(chapter: &Chapter) -> TestSuite {
    let mut suite = TestSuite::new(visible(&chapter.title()));
    let seed = chapter.seed.to_string();
    let mut properties = vec![("file", chapter.file.as_str()), ("seed", &seed)];
    if let Ok(report) = &chapter.shown {
        properties.extend([
            ("version", report.version),
            ("plan", &report.plan_hash),
            ("fingerprint", report.fingerprint.as_deref().unwrap_or_default()),
            ("replay", &report.replay),
        ]);
        suite.set_time(Duration::try_from_secs_f64(report.wall_seconds).unwrap_or_default());
    }
    suite.add_properties(properties.into_iter().map(|(name, value)| (Cow::Borrowed(name), visible(value))));
    let mut add = |name: &str, status| {
        let mut case = TestCase::new(visible(name), status);
        case.set_classname(visible(&class(chapter)));
        case.extra.insert("file".into(), visible(&chapter.file).into());
        suite.add_test_case(case);
    };
    match &chapter.shown {
        Err(why) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("not-judged").set_message(visible(why));
            add("the run is judged", status);
        }
        Ok(report) => {
            if let Some(way) = &chapter.way {
                let why = way.wrong.as_ref().map(|why| failure("pitfall", why, &report.replay));
                add(&format!("{} shows what it should", way.name), why.unwrap_or_else(TestCaseStatus::success));
            }
            for invariant in &report.invariants {
                add(&invariant.name, of_invariant(chapter, report, invariant));
            }
            for expectation in &report.expectations {
                let status = match chapter.lens(report).expectation(expectation) {
                    Standing::Good | Standing::Wanted => TestCaseStatus::success(),
                    Standing::Idle(why) => skipped(&why),
                    Standing::Bad => failure("not-met", &format!("not met: {}", expectation.text), &report.replay),
                };
                add(&expectation.text, status);
            }
        }
    }
    suite
}

/// Names what a case is about, the same in every job, and another name for each run: CI servers follow a case by its class
/// and name, and take a class apart at its dots.
fn class(chapter: &Chapter) -> String {
    let mut class = Path::new(&chapter.file).with_extension("");
    class.extend(chapter.way.as_ref().map(|way| &way.name));
    class.display().to_string().replace('.', "_")
}

fn of_invariant(chapter: &Chapter, report: &Report, invariant: &InvariantReport) -> TestCaseStatus {
    match chapter.lens(report).invariant(invariant) {
        Standing::Good | Standing::Wanted => TestCaseStatus::success(),
        Standing::Idle(why) => skipped(&why),
        Standing::Bad => {
            let first = invariant.violations.first().map_or("violated", |violation| &violation.message);
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("violated").set_message(visible(first)).set_description(violations_of(report, invariant));
            status
        }
    }
}

/// The line that runs it again, and what broke an invariant, with custody.
pub(super) fn violations_of(report: &Report, invariant: &InvariantReport) -> String {
    let mut text = format!("{}\n", visible(&report.replay));
    for violation in invariant.violations.iter().take(SHOWN) {
        let at = stopwatch(Duration::try_from_secs_f64(violation.at_seconds).unwrap_or_default());
        text += &format!("\nat {at}: {}\n", visible(&violation.message));
        for line in &violation.custody {
            text += &format!("  {}\n", visible(line));
        }
    }
    let more = invariant.violations.len().saturating_sub(SHOWN) as u64 + invariant.more_violations;
    if more > 0 {
        text += &format!("\nand {more} more\n");
    }
    text
}

fn failure(kind: &str, message: &str, replay: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(visible(message)).set_description(format!("{}\n", visible(replay)));
    status
}

pub(super) fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(visible(why));
    status
}

#[cfg(test)]
mod tests {
    use super::super::tests::{chapter, failing, hostile, passing};
    use super::*;

    fn junit(chapters: &[Chapter]) -> String {
        to_junit(chapters, None).expect("memory takes all")
    }

    #[test]
    fn a_failure_has_its_replay_line_and_custody_and_what_was_not_exercised_is_skipped() {
        let broken = Chapter { shown: Err("hub-a panicked at 3s: no".into()), ..chapter(passing()) };
        insta::assert_snapshot!(junit(&[chapter(failing()), broken]));
    }

    #[test]
    fn hostile_names_and_payloads_stay_text() {
        let xml = junit(&[chapter(hostile())]);
        assert!(!xml.contains("<script") && !xml.contains("]]>") && !xml.contains('\u{202e}'), "{xml}");
        assert!(xml.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && xml.contains("]]&gt;"), "{xml}");
        // One start and one end of each suite and document, whatever the names say.
        for tag in ["testsuites", "testsuite"] {
            assert_eq!(xml.matches(&format!("<{tag} ")).count(), 1, "{tag}: {xml}");
            assert_eq!(xml.matches(&format!("</{tag}>")).count(), 1, "{tag}: {xml}");
        }
        let hidden = |c: char| c.is_control() && c != '\n';
        assert!(!xml.contains(hidden), "{xml:?}");
    }
}
