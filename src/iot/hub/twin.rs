//! A device's twin: what it reports about itself. (What is desired of it comes with central's part.)
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The most bytes of reported properties, and the deepest nesting (Microsoft docs, iot-hub-devguide-device-twins).
const MOST_BYTES: usize = 32 * 1024;
const DEEPEST: usize = 10;

/// A new twin's version, and how it looks on the wire.
const FIRST_VERSION: u64 = 1;

/// Why a patch is refused: the answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "their messages say it")]
pub enum PatchError {
    #[error("not a json object")]
    NotAnObject,
    #[error("reported properties over {MOST_BYTES} bytes")]
    TooLarge,
    #[error("nested deeper than {DEEPEST}")]
    TooDeep,
    #[error("a member's name begins with $")]
    Reserved,
    #[error("device is no longer registered")]
    Gone,
}

/// The reported half of a twin; the desired one is empty yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    reported: Map<String, Value>,
    version: u64,
}

/// A twin as both the device and the control plane get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinView {
    /// Members as desired, and `$version`.
    pub desired: Value,
    /// Members as reported, and `$version`.
    pub reported: Value,
}

impl Default for Twin {
    fn default() -> Self {
        Self { reported: Map::new(), version: FIRST_VERSION }
    }
}

impl Twin {
    /// Reads a patch, without applying it.
    ///
    /// # Errors
    /// [`PatchError`].
    pub fn read_patch(bytes: &[u8]) -> Result<Map<String, Value>, PatchError> {
        if bytes.len() > MOST_BYTES {
            return Err(PatchError::TooLarge);
        }
        let Ok(Value::Object(patch)) = serde_json::from_slice(bytes) else {
            return Err(PatchError::NotAnObject);
        };
        if patch.keys().any(|key| key.starts_with('$')) {
            return Err(PatchError::Reserved);
        }
        if patch.values().any(|value| depth(value) >= DEEPEST) {
            return Err(PatchError::TooDeep);
        }
        Ok(patch)
    }

    /// Merges a patch in, member by member, `null` removing one; the version rises by one and is returned.
    ///
    /// # Errors
    /// [`PatchError::TooLarge`] when the whole would be; nothing is changed then.
    pub fn report(&mut self, patch: &Map<String, Value>) -> Result<u64, PatchError> {
        let mut merged = self.reported.clone();
        merge(&mut merged, patch);
        if serde_json::to_vec(&merged).map_or(usize::MAX, |bytes| bytes.len()) > MOST_BYTES {
            return Err(PatchError::TooLarge);
        }
        self.reported = merged;
        self.version += 1;
        Ok(self.version)
    }

    /// Shows the twin with its versions.
    pub fn view(&self) -> TwinView {
        let mut reported = self.reported.clone();
        reported.insert("$version".into(), self.version.into());
        TwinView { desired: json!({ "$version": FIRST_VERSION }), reported: Value::Object(reported) }
    }
}

fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
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

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(patches: &[&str]) -> Twin {
        let mut twin = Twin::default();
        for patch in patches {
            twin.report(&Twin::read_patch(patch.as_bytes()).unwrap()).unwrap();
        }
        twin
    }

    #[test]
    fn patches_are_merged_and_null_removes() {
        let twin = patched(&[r#"{"a":1,"b":{"c":1,"d":2}}"#, r#"{"a":null,"b":{"c":null,"e":3},"f":[1]}"#]);
        assert_eq!(twin.view().reported, json!({"b": {"d": 2, "e": 3}, "f": [1], "$version": 3}));
    }

    #[test]
    fn the_version_rises_with_every_patch_even_an_empty_one() {
        assert_eq!(patched(&[]).view().reported, json!({"$version": 1}));
        assert_eq!(patched(&["{}", "{}"]).view().reported, json!({"$version": 3}));
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(11), "}".repeat(11));
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(MOST_BYTES));
        for (patch, error) in [
            ("", PatchError::NotAnObject),
            ("[1]", PatchError::NotAnObject),
            ("{", PatchError::NotAnObject),
            (r#"{"$version":9}"#, PatchError::Reserved),
            (&deep, PatchError::TooDeep),
            (&long, PatchError::TooLarge),
        ] {
            assert_eq!(Twin::read_patch(patch.as_bytes()), Err(error));
        }
    }

    #[test]
    fn a_twin_that_would_grow_too_large_stays_as_it_was() {
        let half = |name: &str| format!(r#"{{"{name}":"{}"}}"#, "x".repeat(20_000));
        let mut twin = patched(&[&half("a")]);
        let before = twin.clone();
        let patch = Twin::read_patch(half("b").as_bytes()).unwrap();
        assert_eq!(twin.report(&patch), Err(PatchError::TooLarge));
        assert_eq!(twin, before);
    }
}
