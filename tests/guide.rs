//! The guide for people who write scenarios shows nothing that does not work.
use giant_lizard::scenario::parse;
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
  devices: { xyz: { site: field, telemetry: 1s } }
";

#[test]
fn every_example_of_the_guide_is_sound() {
    let guide = std::fs::read_to_string("docs/writing-scenarios.md").expect("the guide is there");
    let examples: Vec<&str> = guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 5);
    for example in examples {
        let fault =
            if example.starts_with("pitfall") { "timeline: [{ at: 1m, crash: { host: hub-a } }]\n" } else { "" };
        let text = if example.starts_with("name:") { example.to_owned() } else { format!("{FRAME}{fault}{example}") };
        if let Err(mistakes) = parse(Path::new("docs/writing-scenarios.md"), &text) {
            panic!("{mistakes}");
        }
    }
}
