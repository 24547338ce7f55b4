//! Every bad scenario is refused with every mistake at its place. The goldens are what an author sees.
use giant_lizard::scenario::{LoadError, load};
use std::path::{Path, PathBuf};

fn bad_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir("tests/bad_scenarios")
        .expect("the folder is there")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

fn refusal(file: &Path) -> String {
    match load(file) {
        Err(LoadError::Mistaken(mistakes)) => mistakes.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{} was accepted", file.display()),
    }
}

#[test]
fn every_bad_scenario_is_refused_as_its_golden_says() {
    let files = bad_files();
    assert!(files.len() >= 20);
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        insta::assert_snapshot!(name, refusal(&file));
    }
}

#[test]
fn three_mistakes_are_three_places_with_suggestions_in_the_order_of_their_lines() {
    let Err(LoadError::Mistaken(mistakes)) = load(Path::new("tests/bad_scenarios/three_mistakes.yaml")) else {
        panic!("it must be refused");
    };
    let places: Vec<(usize, usize)> =
        mistakes.mistakes.iter().map(|mistake| (mistake.place.line, mistake.place.column)).collect();
    assert_eq!(places, [(3, 39), (6, 26), (10, 11)]);
    let meant: Vec<Option<&str>> = mistakes.mistakes.iter().map(|mistake| mistake.suggestion.as_deref()).collect();
    assert_eq!(meant, [Some("latency"), Some("west"), None]);
}

#[test]
fn no_text_makes_loading_panic() {
    let good = std::fs::read_to_string("scenarios/giant-lizard.yaml").expect("the scenario is there");
    // Every beginning of a good file, and every line of it missing: mostly refused, never a panic.
    for end in (0..good.len()).filter(|end| good.is_char_boundary(*end)).step_by(7) {
        let _ = giant_lizard::scenario::parse(Path::new("x.yaml"), &good[..end]);
    }
    let lines: Vec<&str> = good.lines().collect();
    for missing in 0..lines.len() {
        let rest: Vec<&str> =
            lines.iter().enumerate().filter(|(number, _)| *number != missing).map(|(_, line)| *line).collect();
        let _ = giant_lizard::scenario::parse(Path::new("x.yaml"), &rest.join("\n"));
    }
}
