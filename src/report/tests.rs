use super::*;
use crate::history::{self, Entry, Event};
use crate::scenario::{Plan, parse};
use std::path::Path;
use std::time::Duration;

fn invariant(name: &str, verdict: Verdict, checked: u64) -> InvariantReport {
    InvariantReport { name: name.into(), verdict, checked, violations: Vec::new(), more_violations: 0, waived: None }
}

fn line(at_ms: u64, who: &[&str], what: &str) -> StoryLine {
    let at = Duration::from_millis(at_ms);
    StoryLine {
        at,
        until: at,
        who: who.iter().map(|who| (*who).to_owned()).collect(),
        what: what.into(),
        fault: who.is_empty(),
    }
}

/// The giant lizard story as it should be told.
pub(crate) fn passing() -> Report {
    let ms = Duration::from_millis;
    Report {
        schema: SCHEMA,
        scenario: "The giant lizard attacks west".into(),
        file: "scenarios/giant-lizard.yaml".into(),
        seed: 7,
        version: "0.1.0",
        plan_hash: "9f3c0123456789ab".into(),
        world: "sim",
        verdict: Judgement::Passed,
        determinism: Determinism::Full,
        fingerprint: Some("00deadbeef00cafe".into()),
        virtual_seconds: 721.25,
        wall_seconds: 0.0125,
        events: 48_211,
        messages: MessageCounts {
            offered: 1078,
            confirmed: 1078,
            received: 1078,
            duplicates: 3,
            ..MessageCounts::default()
        },
        latency_ms: Percentiles::ranks(ms(83), ms(9_000), ms(31_250)),
        clients: vec![ClientReport {
            name: "xyz".into(),
            reconnects: 2,
            reconnect_ms: Percentiles::ranks(ms(850), ms(3_200), ms(3_200)),
            moves: vec![
                Move { at_seconds: 144.118, from: "hub-a".into(), to: "hub-b".into() },
                Move { at_seconds: 461.5, from: "hub-b".into(), to: "hub-a".into() },
            ],
        }],
        invariants: vec![
            invariant("no-confirmed-loss", Verdict::Held, 1078),
            invariant("no-loss", Verdict::Held, 1078),
            InvariantReport {
                waived: Some("two hubs in two data centres keep no common order".into()),
                ..invariant("order", Verdict::NotExercised, 0)
            },
            invariant("recovers", Verdict::Held, 4),
            invariant("paced", Verdict::NotExercised, 0),
        ],
        expectations: vec![ExpectationReport {
            text: "xyz moved from hub-a to hub-b between 1m50s and 3m50s".into(),
            met: true,
            violated: None,
        }],
        operations: vec![
            OperationReport {
                at_seconds: 540.0,
                verb: "command".into(),
                target: "xyz".into(),
                answer: r#"202 {"messageId":"op-0"}"#.into(),
            },
            OperationReport {
                at_seconds: 541.5,
                verb: "method".into(),
                target: "xyz".into(),
                answer: "no answer: no answer within 60s".into(),
            },
        ],
        complete: true,
        faults: vec![FaultReport {
            at_seconds: 118.204,
            text: "the giant lizard attacks west: hub-a loses its power".into(),
        }],
        replay: replay_line(Path::new("scenarios/giant-lizard.yaml"), 7, "9f3c0123456789ab")
            .replace(env!("CARGO_PKG_VERSION"), "0.1.0"),
        story: vec![
            line(412, &["xyz"], "assigned to hub-a"),
            line(655, &["xyz"], "working at hub-a"),
            line(118_204, &[], "the giant lizard attacks west: hub-a loses its power"),
            line(141_002, &["xyz"], "lost the session with hub-a: silence"),
            line(144_118, &["xyz"], "moved to hub-b"),
            line(418_204, &[], "power is back in west"),
            line(461_500, &["xyz"], "moved home to hub-a"),
            line(720_000, &[], "every fault has ended; nothing new is sent"),
        ],
    }
}

/// The same with a hub that confirms before it stores.
pub(crate) fn failing() -> Report {
    let mut report = passing();
    report.verdict = Judgement::Failed;
    report.messages = MessageCounts { received: 1076, lost: 2, ..report.messages };
    report.invariants[0].verdict = Verdict::Violated;
    report.invariants[0].violations = vec![ViolationReport {
        at_seconds: 1020.0,
        message: "xyz/telemetry #117 was confirmed and never received by central".into(),
        custody: vec![
            "1:58.100  xyz   offers xyz/telemetry #117".into(),
            "1:58.101  xyz   sends xyz/telemetry #117 in session 1".into(),
            "1:58.203  xyz   sees xyz/telemetry #117 confirmed".into(),
            "1:58.204  hub-a loses its power".into(),
        ],
        ..ViolationReport::default()
    }];
    report.expectations[0].met = false;
    report
}

/// A run of its own, in the report's folder itself.
pub(crate) fn chapter(report: Report) -> Chapter {
    Chapter {
        scenario: report.scenario.clone(),
        file: report.file.clone(),
        seed: report.seed,
        place: Default::default(),
        way: None,
        shown: Ok(report),
    }
}

/// What a name or a payload may be, to break out of every format at once.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>]]></failure></pre></details>|[a](javascript:alert(1))```\u{202e}\n\n# x\u{1b}[31m\u{0}\"'&";

/// The failing run with hostile names wherever files and networks bring names.
pub(crate) fn hostile() -> Report {
    let mut report = failing();
    report.scenario = HOSTILE.into();
    report.file = format!("{HOSTILE}.yaml");
    report.replay = replay_line(Path::new(&report.file), 7, "9f3c0123456789ab");
    report.invariants[0].violations[0].message = HOSTILE.into();
    report.invariants[0].violations[0].custody = vec![HOSTILE.into(), String::new(), "after".into()];
    report.invariants[2].waived = Some(HOSTILE.into());
    report.expectations[0].text = HOSTILE.into();
    report
}

/// A plan of few hosts, one of them with a hostile name.
pub(crate) fn hostile_plan() -> Plan {
    let text = include_str!("../../scenarios/quiet.yaml");
    let mut plan = parse(Path::new("quiet.yaml"), text).expect("a sound file").plan(3);
    let name: history::Name = "<script>alert(1)</script>".into();
    let machine = |name: &history::Name, site: &str| history::Machine { name: name.clone(), site: site.into() };
    plan.roster = history::Roster {
        machines: vec![machine(&name, "field"), machine(&"hub-a".into(), "west"), machine(&"central".into(), "west")],
        producers: vec![history::Producer { name: format!("{name}/telemetry").into(), host: name.clone() }],
        destinations: vec![history::Destination {
            name: "central".into(),
            hosts: vec!["central".into()],
            via: vec!["hub-a".into()],
            standing: true,
            mode: None,
        }],
        routes: vec![history::Route {
            producer: history::ProducerId(0),
            destination: history::DestinationId(0),
            ordered: true,
            delivery: history::Delivery::ExactlyOnce,
        }],
        ..history::Roster::default()
    };
    plan
}

pub(crate) fn entry(at_ns: u64, host: &str, event: Event) -> Entry {
    Entry { at: Duration::from_nanos(at_ns), host: host.into(), event }
}

#[test]
fn a_passing_run_is_told_as_a_story() {
    insta::assert_snapshot!(render(&passing(), Palette::plain()));
}

#[test]
fn a_failing_run_shows_the_whole_custody_of_what_was_lost() {
    insta::assert_snapshot!(render(&failing(), Palette::plain()));
}

#[test]
fn colours_add_nothing_but_colours() {
    let coloured = render(&failing(), Palette::colour());
    assert!(coloured.contains("\u{1b}["), "no colour at all");
    let mut plain = String::new();
    let mut escape = false;
    for c in coloured.chars() {
        match c {
            '\u{1b}' => escape = true,
            'm' if escape => escape = false,
            c if !escape => plain.push(c),
            _ => {}
        }
    }
    assert_eq!(plain, render(&failing(), Palette::plain()));
}

#[test]
fn json_has_every_field_of_the_contract_in_its_order() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&failing()).expect("a report is JSON"));
    let json = to_json(&passing());
    assert!(!json.contains('\n') && json.starts_with(r#"{"schema":"giant-lizard/report@1","scenario":"#));
}

#[test]
fn a_file_whose_name_a_shell_would_take_apart_is_quoted() {
    let line = replay_line(Path::new("my scenarios/it's.yaml"), 3, "ab");
    assert!(line.starts_with(r"lizard replay 'my scenarios/it'\''s.yaml' --seed 3  # giant-lizard "), "{line}");
}

#[test]
fn a_violation_that_was_expected_does_not_fail_the_run() {
    let broken = [invariant("no-loss", Verdict::Violated, 1)];
    let expected =
        |met| [ExpectationReport { text: "no-loss is violated".into(), met, violated: Some("no-loss".into()) }];
    assert_eq!(Report::verdict_of(&broken, &expected(true), true), Judgement::Passed);
    assert_eq!(Report::verdict_of(&broken, &[], true), Judgement::Failed);
    assert_eq!(Report::verdict_of(&[], &expected(false), true), Judgement::Failed);
    assert_eq!(Report::verdict_of(&[], &expected(false), false), Judgement::Passed, "it could still come");
}

#[test]
fn a_run_that_was_stopped_says_so_and_calls_nothing_lost() {
    let mut report = Report { complete: false, virtual_seconds: 130.0, ..passing() };
    report.expectations[0].met = false;
    let told = render(&report, Palette::plain());
    assert!(told.contains("stopped at 2:10.000: what was open then is not judged"), "{told}");
    assert!(told.contains("open      xyz moved") && !told.contains("NOT MET"), "{told}");
}
