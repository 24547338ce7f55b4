//! The guide for people who write scenarios shows nothing that does not work, and leaves nothing out.
use giant_lizard::invariant::ALL;
use giant_lizard::scenario::{glossary, parse};
use std::path::Path;

/// What the guide's fragments stand in.
const FRAME: &str = "
name: frame
duration: 10m
sites: { west: {}, east: {}, field: {} }
iot:
  dps: { site: east }
  hubs: { hub-a: { site: west }, hub-b: { site: east } }
  central: { site: east }
  devices:
    xyz: { site: field, telemetry: 1s, commands: on, methods: on, desired: on }
    abc: { site: field, telemetry: 1s }
";

fn guide() -> String {
    std::fs::read_to_string("docs/writing-scenarios.md").expect("the guide is there")
}

#[test]
fn every_example_of_the_guide_is_sound() {
    let guide = guide();
    let examples: Vec<&str> = guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 7);
    for example in examples {
        let fault =
            if example.starts_with("pitfall") { "timeline: [{ at: 1m, crash: { host: hub-a } }]\n" } else { "" };
        let text = if example.starts_with("name:") { example.to_owned() } else { format!("{FRAME}{fault}{example}") };
        if let Err(mistakes) = parse(Path::new("docs/writing-scenarios.md"), &text) {
            panic!("{mistakes}");
        }
    }
}

#[test]
fn the_guide_has_every_fault_verb_option_knob_and_expectation() {
    let guide = guide();
    // Keys stand in examples (`moved: {`), beside one that takes the same keys, or in a table (`moved`).
    let has = |word: &str| {
        let spellings = [format!("`{word}`"), format!("{word}: "), format!(" {word}, "), format!(" {word} the same")];
        spellings.iter().any(|spelling| guide.contains(spelling))
    };
    let missing: Vec<String> =
        glossary().into_iter().filter(|m| !has(&m.word)).map(|m| format!("{} {}", m.kind, m.word)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_guide_names_every_invariant_whose_bound_may_be_set() {
    let guide = guide();
    for invariant in ALL.iter().filter(|invariant| invariant.bounded) {
        assert!(guide.contains(invariant.name), "{}", invariant.name);
    }
}
