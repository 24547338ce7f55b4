//! What the words of scenario files mean: faults, verbs, knobs, options, expectations, told from the schema that files
//! are checked against.
use super::expectation::OperatorVerb;
use super::schema::schema;
use crate::systems::PARTS;
use serde_json::Value;

/// One word and its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The word: `attack`, `on-session-loss`.
    pub word: String,
    /// `fault`, `verb`, `knob`, `option` or `expectation`.
    pub kind: &'static str,
    /// Where it is written: `timeline`, `iot.devices.*`.
    pub place: String,
    /// What it means, its default, the public report of the behaviour.
    pub about: String,
    /// What may be written there: keys or words, each with its meaning.
    pub takes: Vec<(String, String)>,
}

/// Everything that a file may say and that has a name, by kind, in the order in which people look.
pub fn glossary() -> Vec<Meaning> {
    [faults(), verbs(), knobs(), options(), expectations()].concat()
}

/// Lists every fault of the timeline.
pub fn faults() -> Vec<Meaning> {
    timeline("fault", |verb| OperatorVerb::named(verb).is_none())
}

/// Lists what the operator can ask for.
pub fn verbs() -> Vec<Meaning> {
    timeline("verb", |verb| OperatorVerb::named(verb).is_some())
}

fn timeline(kind: &'static str, is_one: impl Fn(&str) -> bool) -> Vec<Meaning> {
    let schema = schema();
    let item = &schema["$defs"]["TimelineItem"];
    let verbs = one_of(item).into_iter().filter(|verb| is_one(verb));
    verbs.map(|verb| meaning(schema, verb, kind, "timeline", &item["properties"][verb])).collect()
}

/// Lists what can be expected.
pub fn expectations() -> Vec<Meaning> {
    let schema = schema();
    let item = &schema["$defs"]["Expectation"];
    let kinds = one_of(item).into_iter();
    kinds.map(|kind| meaning(schema, kind, "expectation", "expect", &item["properties"][kind])).collect()
}

/// Lists every knob: the documented ways in which real software gets something wrong, off by default.
pub fn knobs() -> Vec<Meaning> {
    of_parts("knob", |about| about.starts_with(KNOB))
}

/// Lists every other option of the parts of the system.
pub fn options() -> Vec<Meaning> {
    of_parts("option", |about| !about.starts_with(KNOB))
}

/// How the description of a knob begins.
const KNOB: &str = "Knob. ";

fn of_parts(kind: &'static str, is_one: impl Fn(&str) -> bool) -> Vec<Meaning> {
    let schema = schema();
    let mut found = Vec::new();
    for (part, place) in PARTS.iter().copied().flatten() {
        for (key, property) in schema["$defs"][part]["properties"].as_object().into_iter().flatten() {
            if is_one(property["description"].as_str().unwrap_or_default()) {
                found.push(meaning(schema, key, kind, place, property));
            }
        }
    }
    found
}

fn one_of(item: &Value) -> Vec<&str> {
    item["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["required"][0].as_str()).collect()
}

fn meaning(schema: &Value, word: &str, kind: &'static str, place: &str, property: &Value) -> Meaning {
    let about = property["description"].as_str().unwrap_or_default();
    let about = unwrapped(about.trim_start_matches(KNOB)).replace(['<', '>'], "");
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

    #[test]
    fn every_word_says_what_it_means_and_every_verb_of_the_operator_is_one_of_the_timeline() {
        assert!(glossary().iter().all(|meaning| meaning.about.len() > 8), "{:?}", glossary());
        let verbs: Vec<String> = verbs().into_iter().map(|verb| verb.word).collect();
        assert_eq!(verbs, ["command", "method", "desired", "manual-failover", "manual-failback", "registration-info"]);
        assert!(faults().iter().all(|fault| !verbs.contains(&fault.word)));
        let all = options();
        assert!(all.iter().any(|option| option.word == "keep-alive" && option.place == "iot.devices.*"));
        assert!(expectations().iter().any(|expectation| expectation.word == "moved"));
    }
}
