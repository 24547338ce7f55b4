//! `lizard replay` around a moment, and `lizard diverge`.
use super::{Lair, err, lizard, out};

#[test]
fn a_replay_that_is_stopped_early_loses_nothing_that_is_on_its_way() {
    // Just after the lizard came: messages are in flight, and the move has not happened yet.
    let output = lizard(&["replay", "scenarios/giant-lizard.yaml", "--seed", "3", "--until", "2m15s"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    let shown = out(&output);
    assert!(shown.contains("stopped at 2:15.") && shown.contains(" 0 lost") && shown.contains("open   "), "{shown}");
    assert!(!shown.contains("NOT MET") && !shown.contains("VIOLATED"), "{shown}");
    assert!(shown.contains("lizard replay scenarios/giant-lizard.yaml --seed 3 --until 2m15s  #"), "{shown}");
}

#[test]
fn replay_shows_where_the_custody_of_a_message_ended_whose_loss_is_certain_only_at_the_end() {
    let output = lizard(&["replay", "scenarios/pitfalls/hub-confirms-before-it-stores.yaml", "--seed", "5"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let shown = out(&output);
    let (heading, history) =
        shown.split_once("\n  around ").and_then(|(_, around)| around.split_once('\n')).expect("it is told");
    assert_eq!(heading, "1:10.873 (no-confirmed-loss, certain at 10:00.000):");
    assert!(history.contains("1:10.873  hub-a        loses its power"), "{history}");
}

#[test]
fn diverge_answers_as_diff_does_and_tells_what_differs() {
    let file = "scenarios/pitfalls/hub-confirms-before-it-stores.yaml";
    let same = lizard(&["diverge", file, "--seed", "5", "--seed", "5"]);
    assert_eq!(same.status.code(), Some(0), "{}", err(&same));
    assert!(out(&same).contains("the same run") && out(&same).contains("fingerprint "), "{}", out(&same));

    let differ = lizard(&["diverge", file, "--seed", "5", "--turn-on"]);
    assert_eq!(differ.status.code(), Some(1), "{}", err(&differ));
    let shown = out(&differ);
    assert!(shown.contains("  a  control  passed\n") && shown.contains("  b  treatment  FAILED\n"), "{shown}");
    assert!(shown.contains("the plans differ in one line:\n    iot.hubs[hub-a].knobs.confirms\n"), "{shown}");
    assert!(shown.contains("at hub-a, only in a:") && shown.contains("no-confirmed-loss"), "{shown}");

    let ways = lizard(&["diverge", file, "--way", "control", "--way", "treatment", "--seed", "5", "--format", "json"]);
    assert_eq!(ways.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_str(&out(&ways)).expect("one object");
    assert_eq!((&json["schema"], &json["verdict"]), (&"giant-lizard/diverge@1".into(), &"different".into()));
    assert_eq!((&json["a"]["name"], &json["deed"]["kind"]), (&"control".into(), &"only-a".into()));
}

#[test]
fn two_versions_of_a_file_are_compared_with_one_seed() {
    let lair = Lair::with("versions", "scenarios/quiet.yaml");
    let text = std::fs::read_to_string(lair.path("it.yaml")).expect("it is there");
    std::fs::write(lair.path("new.yaml"), format!("# another comment\n{text}")).expect("a file");
    let (old, new) = (lair.path("it.yaml"), lair.path("new.yaml"));
    let output = lizard(&["diverge", &old, &new, "--seed", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    assert!(out(&output).contains("new.yaml  passed") && out(&output).contains("the plans are the same"));
}

#[test]
fn diverge_refuses_what_cannot_be_compared() {
    let refused = |arguments: &[&str], why: &str| {
        let output = lizard(&[&["diverge"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err(&output).contains(why) && out(&output).is_empty(), "{why}: {}", err(&output));
    };
    let file = "scenarios/quiet.yaml";
    refused(&[file], "nothing to compare it with");
    refused(&[file, "--seed", "3"], "nothing to compare it with");
    refused(&[file, "--seed", "1", "--seed", "2", "--seed", "3"], "`--seed` was given 3 times");
    refused(&[file, "--turn-on"], "no `pitfall:` section");
    refused(&[file, "tests/bad_scenarios/three_mistakes.yaml"], "3 mistakes, nothing was run");
    refused(&[file, file, file, "--seed", "1"], "no more were expected");
}

#[test]
fn diverge_leaves_both_runs_and_a_page_of_both_behind() {
    let lair = Lair::with("side-by-side", "scenarios/quiet.yaml");
    let report = lair.path("report");
    let output = lizard(&["diverge", &lair.path("it.yaml"), "--seed", "1", "--seed", "2", "--report", &report]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    for file in ["a/report.json", "a/history.jsonl", "b/report.json", "diverge.json", "index.html", "junit.xml"] {
        assert!(std::path::Path::new(&report).join(file).exists(), "{file}");
    }
    let page = std::fs::read_to_string(format!("{report}/side-by-side.html")).expect("the page is there");
    assert!(page.contains("./b/history.jsonl") && !page.contains("http:") && !page.contains("https:"), "{page}");
    let index = std::fs::read_to_string(format!("{report}/index.html")).expect("the index is there");
    assert!(index.contains("./side-by-side.html"), "{index}");
}

#[test]
fn replay_tells_the_history_around_a_moment_and_the_situation_then() {
    let around = ["replay", "scenarios/giant-lizard.yaml", "--seed", "3", "--around", "2:28.5", "--within", "1s"];
    let output = lizard(&around);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let (_, shown) =
        out(&output).split_once("\n  around 2:28.500:\n").map(|(a, b)| (a.len(), b.to_owned())).expect("it is told");
    let (history, situation) = shown.split_once("\n  the situation at 2:28.500:\n").expect("it is told");
    let times: Vec<&str> = history.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(times.len() > 5 && times.iter().all(|at| ("2:27.500"..="2:29.500").contains(at)), "{history}");
    assert!(situation.contains("hub-a    without power since 2:06.160\n"), "{situation}");
    assert!(situation.contains("6 accepted and not sent yet: xyz/telemetry #143 to #148\n"), "{situation}");

    let output = lizard(&[&around[..], &["--host", "hub-a", "--kind", "power"]].concat());
    let shown = out(&output);
    assert!(shown.contains("nothing of what was asked for\n"), "{shown}");
    assert_eq!(shown.split("the situation at").nth(1).map(|situation| situation.lines().count()), Some(2), "{shown}");
}

#[test]
fn replay_shows_the_history_of_one_message_and_the_situation_where_it_was_stopped() {
    let arguments = ["replay", "scenarios/giant-lizard.yaml", "--seed", "3", "--until", "2m15s", "--log"];
    let output = lizard(&[&arguments[..], &["--message", "xyz/telemetry#126"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let shown = out(&output);
    let log: Vec<&str> = shown.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(log.len(), 6, "{log:?}");
    assert!(log.iter().all(|line| line.contains("xyz/telemetry #126")), "{log:?}");
    assert!(shown.contains(" 0 lost, 8 on their way") && shown.contains("the situation at 2:15.000"), "{shown}");
}

#[test]
fn replay_refuses_a_name_that_nobody_has_and_says_which_was_meant() {
    for (option, name, why) in [
        ("--host", "hub-z", "no host or site `hub-z`: did you mean `hub-a`?"),
        ("--message", "xzy/telemetry #3", "no producer `xzy/telemetry`: did you mean `xyz/telemetry`?"),
        ("--kind", "storde", "no kind of event `storde`: did you mean `stored`?"),
    ] {
        let output = lizard(&["replay", "scenarios/giant-lizard.yaml", "--seed", "3", "--log", option, name]);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(2), ""));
        assert!(err(&output).contains(why), "{}", err(&output));
    }
}
