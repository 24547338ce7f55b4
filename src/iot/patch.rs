//! Patches of twins, as both ends of the wire read them.
use serde_json::{Map, Value};

/// Merges a patch in, member by member, objects inside too; `null` removes a member (Microsoft docs,
/// iot-hub-devguide-device-twins, after RFC 7396).
pub(super) fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                into.shift_remove(key);
            }
            Value::Object(patch) => {
                let member = into.entry(key).or_insert(Value::Null);
                let mut below = member.as_object().cloned().unwrap_or_default();
                merge(&mut below, patch);
                *member = Value::Object(below);
            }
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}
