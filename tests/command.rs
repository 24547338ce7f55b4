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
fn explain_knows_every_invariant_fault_and_knob_and_suggests_for_others() {
    for (word, says) in
        [("no-loss", "an invariant"), ("attack", "giant lizard"), ("on-session-loss", "https://github.com/")]
    {
        let output = lizard(&["explain", word]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains(says), "{}", out(&output));
    }
    let output = lizard(&["explain", "atack"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("did you mean `attack`?"));
}
