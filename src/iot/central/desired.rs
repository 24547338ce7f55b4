//! What is desired of devices: central's own documents, which it brings to whichever hub has the device.
use crate::history::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most bytes of a device's desired properties, the deepest nesting, the longest member name and text (Microsoft
/// docs, iot-hub-devguide-device-twins).
const MOST_BYTES: usize = 32 * 1024;
const DEEPEST: usize = 10;
const LONGEST_KEY: usize = 1024;
const LONGEST_TEXT: usize = 4 * 1024;

/// The member that counts a device's changes, so that an acknowledgement tells of which it is whatever the hub calls
/// its version: each hub numbers the versions of a twin by itself.
pub(super) const CHANGE: &str = "change";

/// Why a patch is refused: the answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatchError {
    #[error("not a json object")]
    NotAnObject,
    #[error("desired properties over {MOST_BYTES} bytes")]
    TooLarge,
    #[error("nested deeper than {DEEPEST}")]
    TooDeep,
    #[error("a member's name is empty, over {LONGEST_KEY} bytes, or has a `.`, `$`, blank or control character")]
    BadName,
    #[error("a text over {LONGEST_TEXT} bytes")]
    TextTooLong,
    #[error("the member `{CHANGE}` is central's own")]
    Reserved,
}

/// What is desired of every device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Desired {
    devices: BTreeMap<Name, Wishes>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Wishes {
    /// Counts the changes, from 1.
    number: u64,
    /// Every member ever set: one that was removed is `null`, so that it is removed at every hub that still has it.
    document: Map<String, Value>,
    /// The device follows the change of this number.
    known: u64,
}

impl Desired {
    /// Reads a patch of a device's desired properties.
    ///
    /// # Errors
    /// [`PatchError`].
    pub(super) fn read_patch(&self, device: &str, bytes: &[u8]) -> Result<Map<String, Value>, PatchError> {
        if bytes.len() > MOST_BYTES {
            return Err(PatchError::TooLarge);
        }
        let Ok(Value::Object(patch)) = serde_json::from_slice(bytes) else {
            return Err(PatchError::NotAnObject);
        };
        if patch.contains_key(CHANGE) {
            return Err(PatchError::Reserved);
        }
        check(&patch, 1)?;
        let mut whole = self.devices.get(device).map(|wishes| wishes.document.clone()).unwrap_or_default();
        merge(&mut whole, &patch);
        match serde_json::to_vec(&whole) {
            Ok(bytes) if bytes.len() <= MOST_BYTES => Ok(patch),
            _ => Err(PatchError::TooLarge),
        }
    }

    /// Counts a device's changes so far.
    pub(super) fn number(&self, device: &str) -> u64 {
        self.devices.get(device).map_or(0, |wishes| wishes.number)
    }

    /// The devices of which anything is desired.
    pub(super) fn devices(&self) -> impl Iterator<Item = &Name> {
        self.devices.keys()
    }

    /// Merges a patch in, as the change of this number.
    pub(super) fn change(&mut self, device: &Name, number: u64, patch: &Map<String, Value>) {
        let wishes = self.devices.entry(device.clone()).or_default();
        merge(&mut wishes.document, patch);
        wishes.number = number;
    }

    /// What a hub is to be told: the whole document, with the number of its last change. `None`: nothing is desired.
    pub(super) fn document(&self, device: &str) -> Option<Map<String, Value>> {
        let wishes = self.devices.get(device)?;
        let mut document = wishes.document.clone();
        document.insert(CHANGE.into(), wishes.number.into());
        Some(document)
    }

    /// Says whether it is news that the device follows this change. A number that was never given is not.
    pub(super) fn is_news(&self, device: &str, number: u64) -> bool {
        self.devices.get(device).is_some_and(|wishes| wishes.known < number && number <= wishes.number)
    }

    /// Learns that the device follows this change.
    pub(super) fn acknowledge(&mut self, device: &str, number: u64) {
        if let Some(wishes) = self.devices.get_mut(device) {
            wishes.known = wishes.known.max(number);
        }
    }
}

fn check(object: &Map<String, Value>, depth: usize) -> Result<(), PatchError> {
    if depth > DEEPEST {
        return Err(PatchError::TooDeep);
    }
    for (key, value) in object {
        let bad = |c: char| c.is_control() || matches!(c, '.' | '$' | ' ');
        if key.is_empty() || key.len() > LONGEST_KEY || key.contains(bad) {
            return Err(PatchError::BadName);
        }
        check_value(value, depth)?;
    }
    Ok(())
}

fn check_value(value: &Value, depth: usize) -> Result<(), PatchError> {
    match value {
        Value::Object(object) => check(object, depth + 1),
        Value::Array(_) if depth >= DEEPEST => Err(PatchError::TooDeep),
        Value::Array(values) => values.iter().try_for_each(|value| check_value(value, depth + 1)),
        Value::String(text) if text.len() > LONGEST_TEXT => Err(PatchError::TextTooLong),
        _ => Ok(()),
    }
}

/// Merges member by member. A `null` is kept: see [`Wishes`].
fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match (into.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(patch)) => merge(inner, patch),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn changed(desired: &mut Desired, patch: Value) -> u64 {
        let (device, number) = (Name::from("xyz"), desired.number("xyz") + 1);
        let patch = desired.read_patch("xyz", patch.to_string().as_bytes()).unwrap();
        desired.change(&device, number, &patch);
        number
    }

    #[test]
    fn changes_are_counted_and_merged_and_what_is_removed_stays_removed_everywhere() {
        let mut desired = Desired::default();
        assert_eq!(desired.document("xyz"), None);
        assert_eq!(changed(&mut desired, json!({ "fan": "on", "led": { "red": 1, "blue": 2 } })), 1);
        assert_eq!(changed(&mut desired, json!({ "fan": null, "led": { "red": 3 } })), 2);
        let whole = json!({ "fan": null, "led": { "red": 3, "blue": 2 }, "change": 2 });
        assert_eq!(desired.document("xyz").map(Value::Object), Some(whole));
    }

    #[test]
    fn an_acknowledgement_is_news_once_and_only_of_a_change_that_was_made() {
        let mut desired = Desired::default();
        changed(&mut desired, json!({ "fan": "on" }));
        changed(&mut desired, json!({ "fan": "off" }));
        assert!(desired.is_news("xyz", 2) && !desired.is_news("xyz", 3) && !desired.is_news("abc", 1));
        desired.acknowledge("xyz", 2);
        assert!(!desired.is_news("xyz", 1) && !desired.is_news("xyz", 2));
    }

    #[test]
    fn what_a_hub_would_refuse_is_refused_here() {
        let desired = Desired::default();
        let refused = |patch: Value| desired.read_patch("xyz", patch.to_string().as_bytes()).unwrap_err();
        let nested = |deep: usize| (0..deep).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert_eq!(refused(json!([1])), PatchError::NotAnObject);
        assert_eq!(refused(json!({ "change": 1 })), PatchError::Reserved);
        assert_eq!(refused(json!({ "$version": 1 })), PatchError::BadName);
        assert_eq!(refused(json!({ "a": { "b.c": 1 } })), PatchError::BadName);
        assert_eq!(refused(json!({ "": 1 })), PatchError::BadName);
        assert_eq!(refused(json!({ "a": "x".repeat(LONGEST_TEXT + 1) })), PatchError::TextTooLong);
        assert_eq!(refused(nested(DEEPEST + 1)), PatchError::TooDeep);
        assert!(desired.read_patch("xyz", nested(DEEPEST).to_string().as_bytes()).is_ok());
        assert_eq!(desired.read_patch("xyz", &[b'x'; MOST_BYTES + 1]), Err(PatchError::TooLarge));
    }

    #[test]
    fn the_whole_has_a_limit_too() {
        let mut desired = Desired::default();
        for member in 0..8 {
            changed(&mut desired, json!({ member.to_string(): "x".repeat(4000) }));
        }
        let last = json!({ "more": "x".repeat(4000) }).to_string();
        assert_eq!(desired.read_patch("xyz", last.as_bytes()), Err(PatchError::TooLarge));
        assert!(desired.read_patch("xyz", br#"{"0":null}"#).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_patch_comes_it_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Desired::default().read_patch("xyz", &bytes);
        }
        #[test]
        fn deep_nesting_is_refused_and_overflows_nothing(depth in 0usize..6000, array in any::<bool>()) {
            let (open, close) = if array { ("[", "]") } else { (r#"{"a":"#, "}") };
            let text = format!(r#"{{"a":{}1{}}}"#, open.repeat(depth), close.repeat(depth));
            let read = Desired::default().read_patch("xyz", text.as_bytes());
            prop_assert_eq!(read.is_ok(), depth < DEEPEST);
        }
    }
}
