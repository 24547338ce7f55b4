//! The `lizard` command as a person or a CI job meets it: what it prints where, and what it answers.
use std::process::{Command, Output};

fn lizard(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lizard")).args(arguments).output().expect("the binary runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn check_shows_three_mistakes_with_place_and_suggestion_and_answers_two() {
    let output = lizard(&["check", "tests/bad_scenarios/three_mistakes.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = out(&output);
    for place in ["three_mistakes.yaml:3:39: ", "three_mistakes.yaml:6:26: ", "three_mistakes.yaml:10:11: "] {
        assert!(shown.contains(place), "{shown}");
    }
    assert!(shown.contains("did you mean `latency`?") && shown.contains("did you mean `west`?"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "colours in a pipe");
}

#[test]
fn check_of_a_folder_says_that_its_files_are_sound() {
    let output = lizard(&["check", "scenarios"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    assert!(out(&output).contains("scenarios/giant-lizard.yaml: sound"));
    assert_eq!(err(&output), "");
}

#[test]
fn run_refuses_a_bad_file_before_anything_runs_and_keeps_stdout_clean() {
    let output = lizard(&["run", "scenarios/giant-lizard.yaml", "tests/bad_scenarios/three_mistakes.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(out(&output), "");
    assert!(err(&output).contains("3 mistakes, nothing was run"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = lizard(&["replay", "scenarios/no-such.yaml", "--seed", "3"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("scenarios/no-such.yaml: "), "{}", err(&output));
}

#[test]
fn a_world_that_is_not_built_is_refused_by_name() {
    let output = lizard(&["run", "scenarios/giant-lizard.yaml", "--world", "turmoil"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("`turmoil`"));
}

#[test]
fn a_misspelt_command_or_option_is_suggested_and_answers_two() {
    for (arguments, meant) in [(&["repaly", "x.yaml"][..], "replay"), (&["run", "x.yaml", "--sead", "3"], "--seed")] {
        let output = lizard(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(meant), "{}", err(&output));
    }
}

#[test]
fn list_tells_name_story_length_and_what_is_expected() {
    let output = lizard(&["list"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = out(&output);
    for words in [
        "The giant lizard attacks west",
        "lasts 12m",
        "expects: xyz moved from hub-a to hub-b",
        "pitfall: violates recovers",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn explain_knows_every_invariant_fault_verb_and_knob_and_suggests_for_others() {
    let output = lizard(&["explain"]);
    assert_eq!(output.status.code(), Some(0));
    let overview = out(&output);
    let words = giant_lizard::scenario::glossary().into_iter().map(|meaning| meaning.word);
    let words: Vec<String> =
        giant_lizard::invariant::ALL.iter().map(|invariant| invariant.name.to_owned()).chain(words).collect();
    assert!(words.len() > 80, "{words:?}");
    for word in &words {
        assert!(overview.contains(&format!("  {word} ")), "{word}: {overview}");
    }
    for (word, says) in [
        ("no-loss", "an invariant"),
        ("command-arrives", "`within`"),
        ("attack", "giant lizard"),
        ("command", "a verb (timeline)"),
        ("on-session-loss", "https://github.com/"),
        ("keep-alive", "an option (iot.devices.*)"),
        ("answered", "message-has"),
    ] {
        let output = lizard(&["explain", word]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains(says), "{}", out(&output));
    }
    let output = lizard(&["explain", "atack"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("did you mean `attack`?"));
}

#[test]
fn new_writes_a_scenario_that_passes_at_once_and_never_over_another_file() {
    let folder = std::env::temp_dir().join(format!("lizard-new-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("my-scenario.yaml");
    let path = file.to_str().expect("a plain path");
    assert_eq!(lizard(&["new", path]).status.code(), Some(0));
    let run = lizard(&["run", path]);
    assert_eq!(run.status.code(), Some(0), "{}", out(&run));
    std::fs::write(&file, "mine").expect("it is there");
    let again = lizard(&["new", path]);
    assert_eq!(again.status.code(), Some(2));
    assert!(err(&again).contains("is left alone"), "{}", err(&again));
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
    std::fs::remove_dir_all(&folder).expect("it is ours");
}

#[test]
fn schema_prints_what_lies_beside_the_scenarios() {
    let output = lizard(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let kept = std::fs::read_to_string("scenarios/schema.json").unwrap_or_default();
    assert!(out(&output) == kept, "scenarios/schema.json is out of date: lizard schema > scenarios/schema.json");
}

#[test]
fn run_takes_the_seed_of_the_file_unless_another_is_named() {
    let text = std::fs::read_to_string("scenarios/giant-lizard.yaml").expect("the scenario is there");
    let file = std::env::temp_dir().join(format!("lizard-seed-{}.yaml", std::process::id()));
    std::fs::write(&file, format!("{text}\nseed: 5\n")).expect("a file");
    let path = file.to_str().expect("a plain path");
    let seed = |arguments: &[&str]| {
        let output = lizard(arguments);
        let report: serde_json::Value = serde_json::from_str(&out(&output)).expect("one object");
        report["seed"].as_u64()
    };
    assert_eq!(seed(&["run", "--format", "json", path]), Some(5));
    assert_eq!(seed(&["run", "--format", "json", "--seed", "2", path]), Some(2));
    std::fs::remove_file(&file).expect("it is ours");
}

#[test]
fn a_replay_that_is_stopped_early_loses_nothing_that_is_on_its_way() {
    // Just after the lizard came: messages are in flight, and the move has not happened yet.
    let output = lizard(&["replay", "scenarios/giant-lizard.yaml", "--seed", "3", "--until", "2m15s"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    let shown = out(&output);
    assert!(shown.contains("stopped at 2:15.") && shown.contains(" 0 lost") && shown.contains("open   "), "{shown}");
    assert!(!shown.contains("NOT MET") && !shown.contains("VIOLATED"), "{shown}");
}
