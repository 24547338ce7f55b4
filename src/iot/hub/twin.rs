//! A device's twin: what is desired of it, and what it reports about itself
//! (Microsoft docs, iot-hub-devguide-device-twins).
use crate::iot::patch::merge;
use crate::wire::json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most bytes of each section, of a member's name and of a text, and the deepest nesting.
const MOST_BYTES: usize = 32 * 1024;
const LONGEST_NAME: usize = 1024;
const LONGEST_TEXT: usize = 4096;
const DEEPEST: usize = 10;

/// A new section's version.
const FIRST_VERSION: u64 = 1;

/// The member that shows a section's version.
pub const VERSION: &str = "$version";

/// Why a patch is refused: the answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// Not JSON, or an array, a text, a number.
    #[error("not a json object")]
    NotAnObject,
    /// The section would have more than 32 KiB with it, as JSON without blanks.
    #[error("properties over {MOST_BYTES} bytes")]
    TooLarge,
    /// Objects and arrays inside each other, the section itself not counted.
    #[error("nested deeper than {DEEPEST}")]
    TooDeep,
    /// Too long to be a name, or with characters that the service keeps to itself.
    #[error("a member's name is over {LONGEST_NAME} bytes, or has one of . $ space and control characters")]
    Name,
    /// Longer than 4 KiB.
    #[error("a text over {LONGEST_TEXT} bytes")]
    LongText,
}

/// Both halves of a twin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Twin {
    /// What the application wants of the device.
    pub desired: Section,
    /// What the device says about itself.
    pub reported: Section,
}

/// One half of a twin, with a version of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    members: Map<String, Value>,
    version: u64,
}

/// A twin as both the device and the control plane get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinView {
    /// Names this state of the desired properties; the control plane's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Members as desired, and `$version`.
    pub desired: Value,
    /// Members as reported, and `$version`.
    pub reported: Value,
}

impl Twin {
    /// Shows the twin with its versions.
    pub fn view(&self) -> TwinView {
        TwinView { etag: None, desired: self.desired.view(), reported: self.reported.view() }
    }
}

impl Default for Section {
    fn default() -> Self {
        Self { members: Map::new(), version: FIRST_VERSION }
    }
}

impl Section {
    /// Merges a patch in, member by member, `null` removing one; the version rises by one and is returned.
    ///
    /// # Errors
    /// [`PatchError::TooLarge`] when the whole would be; nothing is changed then.
    pub fn patch(&mut self, patch: &Map<String, Value>) -> Result<u64, PatchError> {
        let mut merged = self.members.clone();
        merge(&mut merged, patch);
        if size(&merged) > MOST_BYTES {
            return Err(PatchError::TooLarge);
        }
        self.members = merged;
        self.version += 1;
        Ok(self.version)
    }

    /// Counts its changes, from 1 for none.
    pub fn version(&self) -> u64 {
        self.version
    }

    fn view(&self) -> Value {
        Value::Object(versioned(self.members.clone(), self.version))
    }
}

/// Reads a patch of either section, without applying it.
///
/// # Errors
/// [`PatchError`].
pub fn read_patch(bytes: &[u8]) -> Result<Map<String, Value>, PatchError> {
    if bytes.len() > MOST_BYTES {
        return Err(PatchError::TooLarge);
    }
    match json::read(bytes) {
        Ok(Value::Object(patch)) => check(&patch).map(|()| patch),
        _ => Err(PatchError::NotAnObject),
    }
}

/// Says whether members may be a patch.
///
/// # Errors
/// [`PatchError`].
pub fn check(patch: &Map<String, Value>) -> Result<(), PatchError> {
    if size(patch) > MOST_BYTES {
        return Err(PatchError::TooLarge);
    }
    patch.iter().try_for_each(|(name, value)| check_member(name, value, 1))
}

/// Shows members with their section's version.
pub fn versioned(mut members: Map<String, Value>, version: u64) -> Map<String, Value> {
    members.insert(VERSION.into(), version.into());
    members
}

fn check_member(name: &str, value: &Value, level: usize) -> Result<(), PatchError> {
    let forbidden = |character: char| character.is_control() || ".$ ".contains(character);
    if name.len() > LONGEST_NAME || name.contains(forbidden) {
        return Err(PatchError::Name);
    }
    check_value(value, level)
}

fn check_value(value: &Value, level: usize) -> Result<(), PatchError> {
    match value {
        Value::Object(_) | Value::Array(_) if level >= DEEPEST => Err(PatchError::TooDeep),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| check_member(name, value, level + 1)),
        Value::Array(items) => items.iter().try_for_each(|item| check_value(item, level + 1)),
        Value::String(text) if text.len() > LONGEST_TEXT => Err(PatchError::LongText),
        _ => Ok(()),
    }
}

fn size(members: &Map<String, Value>) -> usize {
    serde_json::to_vec(members).map_or(usize::MAX, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn patched(patches: &[&str]) -> Section {
        let mut section = Section::default();
        for patch in patches {
            section.patch(&read_patch(patch.as_bytes()).unwrap()).unwrap();
        }
        section
    }

    /// Nested so many levels deep.
    fn nested(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn patches_are_merged_and_null_removes() {
        let section = patched(&[r#"{"a":1,"b":{"c":1,"d":2}}"#, r#"{"a":null,"b":{"c":null,"e":3},"f":[1]}"#]);
        assert_eq!(section.view(), json!({"b": {"d": 2, "e": 3}, "f": [1], "$version": 3}));
    }

    #[test]
    fn null_leaves_no_trace_in_what_was_not_there() {
        assert_eq!(patched(&[r#"{"a":{"b":null,"c":1}}"#]).view(), json!({"a": {"c": 1}, "$version": 2}));
    }

    #[test]
    fn each_section_has_a_version_that_rises_with_every_patch_even_an_empty_one() {
        let twin = Twin { desired: patched(&["{}", "{}"]), reported: Section::default() };
        let view = TwinView { etag: None, desired: json!({"$version": 3}), reported: json!({"$version": 1}) };
        assert_eq!(twin.view(), view);
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        let long_text = format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST_TEXT + 1));
        let long_name = format!(r#"{{"{}":1}}"#, "x".repeat(LONGEST_NAME + 1));
        let large = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(MOST_BYTES / 2));
        for (patch, error) in [
            ("", PatchError::NotAnObject),
            ("[1]", PatchError::NotAnObject),
            ("{", PatchError::NotAnObject),
            (r#"{"$version":9}"#, PatchError::Name),
            (r#"{"a":{"b.c":9}}"#, PatchError::Name),
            (r#"{"a":[{"b c":9}]}"#, PatchError::Name),
            (r#"{"a\u0001":9}"#, PatchError::Name),
            (&long_name, PatchError::Name),
            (&nested(11), PatchError::TooDeep),
            (&long_text, PatchError::LongText),
            (&large, PatchError::TooLarge),
        ] {
            assert_eq!(read_patch(patch.as_bytes()), Err(error), "{patch:.40}");
        }
    }

    #[test]
    fn what_is_just_within_the_limits_is_taken() {
        let text = format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST_TEXT));
        let name = format!(r#"{{"{}":1}}"#, "x".repeat(LONGEST_NAME));
        for patch in [nested(10), text, name] {
            assert!(read_patch(patch.as_bytes()).is_ok(), "{patch:.40}");
        }
    }

    #[test]
    fn a_section_that_would_grow_too_large_stays_as_it_was() {
        let half = |name: &str| format!(r#"{{"{name}":[{}0]}}"#, "0,".repeat(10_000));
        let mut section = patched(&[&half("a")]);
        let before = section.clone();
        let patch = read_patch(half("b").as_bytes()).unwrap();
        assert_eq!(section.patch(&patch), Err(PatchError::TooLarge));
        assert_eq!(section, before);
    }

    /// Any JSON, a little deeper and wider than may be.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(12, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-c.$ ]{1,2}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read_patch(&bytes);
        }
        #[test]
        fn whatever_is_patched_no_null_stays_outside_of_lists(values in prop::collection::vec(json(), 1..6)) {
            fn clean(value: &Value) -> bool {
                match value {
                    Value::Object(members) => members.values().all(|value| !value.is_null() && clean(value)),
                    _ => true,
                }
            }
            let mut section = Section::default();
            for value in values {
                if let Ok(patch) = read_patch(value.to_string().as_bytes()) {
                    section.patch(&patch).unwrap();
                }
            }
            prop_assert!(clean(&section.view()));
        }
    }
}
