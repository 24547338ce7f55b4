//! What the words of scenario files mean: faults, chaos and knobs, told from the schema that files are checked against.
use super::schema::schema;
use serde_json::Value;

/// One word and its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The word: `attack`, `on-session-loss`.
    pub word: String,
    /// `fault` or `knob`.
    pub kind: &'static str,
    /// Where it is written: `timeline`, `iot.devices.*`.
    pub place: String,
    /// What it means, its default, the public report of the behaviour.
    pub about: String,
    /// What may be written there: keys or words, each with its meaning.
    pub takes: Vec<(String, String)>,
}

/// Lists every fault of the timeline.
pub fn faults() -> Vec<Meaning> {
    let schema = schema().to_value();
    let item = &schema["$defs"]["TimelineItem"];
    let verbs = item["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["required"][0].as_str());
    verbs.map(|verb| meaning(&schema, verb, "fault", "timeline", &item["properties"][verb])).collect()
}

/// Lists every knob: the documented ways in which real software gets something wrong, off by default.
pub fn knobs() -> Vec<Meaning> {
    let schema = schema().to_value();
    let mut knobs = Vec::new();
    for (part, place) in
        [("Dps", "iot.dps"), ("Hub", "iot.hubs.*"), ("Central", "iot.central"), ("Device", "iot.devices.*")]
    {
        for (key, property) in schema["$defs"][part]["properties"].as_object().into_iter().flatten() {
            let about = property["description"].as_str().unwrap_or_default();
            if about.starts_with("Knob.") {
                knobs.push(meaning(&schema, key, "knob", place, property));
            }
        }
    }
    knobs
}

fn meaning(schema: &Value, word: &str, kind: &'static str, place: &str, property: &Value) -> Meaning {
    let about = property["description"].as_str().unwrap_or_default();
    let about = unwrapped(about.trim_start_matches("Knob. ")).replace(['<', '>'], "");
    let reference = property["$ref"].as_str().or_else(|| property["anyOf"][0]["$ref"].as_str());
    let inner = reference.and_then(|path| path.rsplit('/').next()).map_or(property, |name| &schema["$defs"][name]);
    let words = inner["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one["const"].as_str()?, &one["description"])));
    let keys = inner["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, property)| (key.as_str(), &property["description"]));
    let takes = words
        .chain(keys)
        .map(|(word, about)| (word.to_owned(), unwrapped(about.as_str().unwrap_or_default())))
        .collect();
    Meaning { word: word.to_owned(), kind, place: place.to_owned(), about, takes }
}

/// Doc comments break their lines where the source does.
fn unwrapped(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_and_knob_says_what_it_is_and_every_knob_cites_a_public_issue() {
        let (faults, knobs) = (faults(), knobs());
        assert!(
            faults.iter().any(|fault| fault.word == "attack") && faults.iter().any(|fault| fault.word == "skew-clock")
        );
        assert!(faults.iter().chain(&knobs).all(|meaning| meaning.about.len() > 20), "{faults:?} {knobs:?}");
        for word in ["confirms", "on-session-loss", "send-time-out"] {
            assert!(knobs.iter().any(|knob| knob.word == word), "{word}");
        }
        assert!(knobs.iter().all(|knob| knob.about.contains("https://github.com/") && knob.about.contains("Default")));
        assert!(knobs.iter().all(|knob| knob.takes.len() == 2), "{knobs:?}");
    }
}
