//! Writes a scenario the way people write them: keys in the schema's order, one line for each host, link and line of the
//! timeline.
//!
//! By hand, since which mappings stand on one line and how a switch is spelt hangs on where they are, which a serializer
//! is not told. What is written is read back by tests.
use super::schema::Scenario;
use super::terse::terse;
use serde_json::{Map, Value};

/// A line that would be longer is broken where that can be done.
const WIDTH: usize = 118;
/// Members whose insides are the author's own JSON, where `on` is a text.
const FREE: [&str; 2] = ["payload", "set"];
/// Switches that read better as an answer.
const ANSWERS: [&str; 2] = ["for-good", "needs-fault"];

/// Writes a scenario as a file. What has its default is left out.
pub fn to_yaml(scenario: &Scenario) -> String {
    yaml_of(&terse(scenario))
}

/// Writes a scenario that is JSON already.
pub(crate) fn yaml_of(scenario: &Value) -> String {
    let mut text = String::new();
    for (key, value) in scenario.as_object().into_iter().flatten() {
        match value {
            Value::String(story) if key == "story" => text.push_str(&told(story)),
            Value::Object(members) if !members.is_empty() => {
                text.push_str(&format!("\n{key}:\n"));
                members.iter().for_each(|(key, value)| block(&mut text, 1, key, value));
            }
            Value::Array(items) if !items.is_empty() => {
                text.push_str(&format!("\n{key}:\n"));
                items.iter().for_each(|item| text.push_str(&format!("  - {}\n", flow(item, key, false))));
            }
            value => text.push_str(&format!("{key}: {}\n", flow(value, key, false))),
        }
    }
    text
}

/// Writes a member of a mapping: on one line, unless it is a mapping of mappings (`hubs`, `devices`) or too long.
fn block(text: &mut String, depth: usize, key: &str, value: &Value) {
    let indent = "  ".repeat(depth);
    let line = format!("{indent}{}: {}", scalar(key), flow(value, key, false));
    let of_mappings = |members: &Map<String, Value>| depth == 1 && members.values().all(Value::is_object);
    match value {
        Value::Object(members) if !members.is_empty() && (of_mappings(members) || line.chars().count() > WIDTH) => {
            text.push_str(&format!("{indent}{}:\n", scalar(key)));
            members.iter().for_each(|(key, value)| block(text, depth + 1, key, value));
        }
        _ => text.push_str(&format!("{line}\n")),
    }
}

/// Writes a value on one line. `free`: inside the author's own JSON.
fn flow(value: &Value, key: &str, free: bool) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(on) if free => on.to_string(),
        Value::Bool(on) if ANSWERS.contains(&key) => if *on { "yes" } else { "no" }.into(),
        Value::Bool(on) => if *on { "on" } else { "off" }.into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| flow(item, key, free)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) if members.is_empty() => "{}".into(),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| {
                format!("{}: {}", scalar(key), flow(value, key, free || FREE.contains(&key.as_str())))
            };
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Writes a text, quoted only where it would be taken for something else.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn is_plain(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "_./%+-:; ()'!?=*<>".contains(c);
    let starts = |c: char| c.is_ascii_alphanumeric() || "_/.+-".contains(c);
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) && text.parse::<f64>().is_ok();
    text.starts_with(starts)
        && text.chars().all(word)
        && !["-", "--", "..."].iter().any(|mark| text == *mark || text.starts_with(&format!("{mark} ")))
        && !text.starts_with("---")
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && !matches!(text, "true" | "false" | "null")
        && !is_number
}

/// Writes the story: folded when it is a paragraph that does not fit on a line as it is.
fn told(story: &str) -> String {
    let line = format!("story: {}\n", scalar(story));
    let paragraph = story.strip_suffix('\n').unwrap_or(story);
    let folds = paragraph.split(' ').all(|word| !word.is_empty()) && !paragraph.contains(|c: char| c.is_control());
    let fits = is_plain(story) && line.chars().count() <= WIDTH;
    if fits || !folds || paragraph.contains(['\u{feff}', '\u{2028}', '\u{2029}', '\u{85}']) {
        return line;
    }
    let mut lines = vec![String::from(" ")];
    for word in paragraph.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH || line == " " => {
                *line += &format!(" {word}");
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    format!("story: {}\n{}\n", if paragraph == story { ">-" } else { ">" }, lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Loaded, load, parse, unrolled};
    use proptest::prelude::*;
    use serde_json::json;
    use std::path::{Path, PathBuf};

    fn shipped() -> Vec<Loaded> {
        let below = |folder: &str| {
            let entries = std::fs::read_dir(folder).expect("the folder is there");
            entries.map(|entry| entry.expect("it can be read").path()).collect::<Vec<PathBuf>>()
        };
        let mut files = [below("scenarios"), below("scenarios/pitfalls")].concat();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        files.iter().map(|file| load(file).unwrap_or_else(|error| panic!("{error}"))).collect()
    }

    fn read(text: &str) -> Scenario {
        parse(Path::new("written.yaml"), text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}")).scenario
    }

    #[test]
    fn every_shipped_scenario_is_read_back_as_it_was() {
        for loaded in shipped() {
            let text = to_yaml(&loaded.scenario);
            assert_eq!(read(&text), loaded.scenario, "{text}");
        }
    }

    #[test]
    fn a_file_looks_as_people_write_it() {
        let loaded = load(Path::new("scenarios/manual-failover.yaml")).expect("it is sound");
        let text = to_yaml(&loaded.scenario);
        for line in [
            "name: An operator moves a device by hand",
            "story: >",
            "  field: { latency: 30ms..80ms, loss: 0.5% }",
            "  - { between: [west, east], latency: 20ms..40ms }",
            "iot:",
            "  dps: { site: north }",
            "  hubs:",
            "    hub-a: { site: west }",
            "    xyz: { site: field, telemetry: 1s, reported: 10s, desired: on, commands: on }",
            "  - { at: 4m, desired: { device: xyz, set: { fan: on } } }",
            "  - { answered: { verb: manual-failover, device: xyz, message-has: failed over } }",
        ] {
            assert!(text.lines().any(|written| written == line), "{line}\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn what_would_be_taken_for_something_else_is_quoted() {
        for plain in ["2m", "0.5%", "-5m", "1000/min", "two hubs, no order", "https://example.org/1"] {
            assert_eq!(scalar(plain) == plain, !plain.contains(','), "{plain}");
        }
        for odd in
            ["", " a", "a ", "a: b", "a:", "true", "null", "~", "7", "-0.5", "1e3", "- a", "#", "{", "a\nb", "é,"]
        {
            assert!(scalar(odd).starts_with('"'), "{odd}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let text =
            prop_oneof!["[ -~]{0,8}", "\\PC{0,6}", "(on|off|yes|no|true|null|~|-|1|2m|0x1|1_0|\\.5|\\+1|-\\.inf)"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1000i32..1000).prop_map(|n| json!(f64::from(n) / 8.0 + 0.0625)),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[ -~]{1,6}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn whatever_a_seed_makes_of_a_shipped_scenario_is_read_back(number in 0usize..1000, seed in 0u64..1000) {
            let shipped = shipped();
            let mut scenario = shipped[number % shipped.len()].scenario.clone();
            scenario.timeline = unrolled(&scenario, seed);
            (scenario.chaos, scenario.seed) = (None, Some(seed));
            scenario.pitfall = None;
            prop_assert_eq!(read(&to_yaml(&scenario)), scenario);
        }

        #[test]
        fn stories_names_and_payloads_are_the_authors_own(
            name in "\\PC{1,20}", story in "(\\PC|\n){0,200}\n?", waived in "\\PC*[a-z]", payload in json(),
        ) {
            let mut scenario = load(Path::new("scenarios/giant-lizard.yaml")).expect("it is sound").scenario;
            let item = json!({ "at": "1m", "method": { "device": "xyz", "name": "echo", "payload": payload } });
            scenario.timeline = vec![serde_json::from_value(item).expect("an item")];
            for device in scenario.systems.iot.as_mut().into_iter().flat_map(|iot| iot.devices.values_mut()) {
                device.methods = true;
            }
            (scenario.name, scenario.story) = (name, Some(story));
            for rule in scenario.invariants.values_mut() {
                rule.waived = Some(waived.clone());
            }
            prop_assert_eq!(read(&to_yaml(&scenario)), scenario);
        }
    }
}
