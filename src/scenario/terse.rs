//! A scenario with nothing in it that goes without saying.
use super::schema::Scenario;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Makes the least JSON that is read as the same scenario: keys that have their default are left out, whatever system
/// they belong to. The order of keys is the schema's.
pub(crate) fn terse(scenario: &Scenario) -> Value {
    // Lines are many, and each can be told by itself whether it is the same.
    let lines: Vec<Value> = scenario.timeline.iter().map(pruned).collect();
    let mut whole = pruned(&Scenario { timeline: Vec::new(), ..scenario.clone() });
    if lines.is_empty() {
        return whole;
    }
    // The timeline goes where the schema has it.
    let full = serde_json::to_value(scenario).expect("a scenario has string keys and finite numbers only");
    if let (Some(whole), Some(full)) = (whole.as_object_mut(), full.as_object()) {
        let mut left = std::mem::take(whole);
        for key in full.keys() {
            let value = if key == "timeline" { Some(lines.clone().into()) } else { left.remove(key) };
            whole.extend(value.map(|value| (key.clone(), value)));
        }
    }
    whole
}

fn pruned<T: Serialize + DeserializeOwned + PartialEq>(thing: &T) -> Value {
    let mut value = serde_json::to_value(thing).expect("what is read from files can be written");
    let says_the_same = |value: &Value| serde_json::from_value::<T>(value.clone()).is_ok_and(|read| read == *thing);
    prune(&mut value, "", &says_the_same);
    value
}

/// Removes every key below `pointer` without which the value says the same.
fn prune(whole: &mut Value, pointer: &str, says_the_same: &dyn Fn(&Value) -> bool) {
    let inner: Vec<String> = match whole.pointer(pointer) {
        Some(Value::Object(members)) => members.keys().cloned().collect(),
        Some(Value::Array(items)) => (0..items.len()).map(|index| index.to_string()).collect(),
        _ => return,
    };
    for key in inner {
        let place = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        let mut without = whole.clone();
        let removed = without.pointer_mut(pointer).and_then(Value::as_object_mut).and_then(|it| it.shift_remove(&key));
        if removed.is_some() && says_the_same(&without) {
            *whole = without;
        } else {
            prune(whole, &place, says_the_same);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn what_has_its_default_is_left_out_and_nothing_else() {
        let loaded = load(Path::new("scenarios/giant-lizard.yaml")).expect("it is sound");
        let said = terse(&loaded.scenario);
        assert_eq!(said["iot"]["dps"], json!({ "site": "east" }));
        assert_eq!(said["iot"]["devices"]["xyz"], json!({ "site": "field", "telemetry": "1s", "reported": "10s" }));
        assert_eq!(said["timeline"][0], json!({ "at": "1m50s..2m10s", "attack": { "site": "west", "for": "5m" } }));
        let keys: Vec<&String> = said.as_object().expect("a map").keys().collect();
        assert_eq!(
            keys,
            ["name", "story", "duration", "sites", "links", "iot", "timeline", "invariants", "expect"],
            "`settle: 5m` is the default"
        );
        assert_eq!(serde_json::from_value::<Scenario>(said).expect("it is read"), loaded.scenario);
    }
}
