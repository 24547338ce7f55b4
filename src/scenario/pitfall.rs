//! A real client bug as a scenario.
use super::name::InvariantName;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A known flaw of real software, and the invariant that must catch it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pitfall {
    /// The public report of the real bug.
    pub issue: String,
    /// The knobs that make our software behave like it.
    pub turn_on: TurnOn,
    /// The invariant that must be violated while the knobs are on.
    pub violates: InvariantName,
    /// Other invariants that may be violated then, and nothing else may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<InvariantName>,
    /// Whether everything holds as long as nothing fails. Default yes; with no, the calm run is skipped.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub needs_fault: bool,
}

fn yes() -> bool {
    true
}

fn is_yes(needs_fault: &bool) -> bool {
    *needs_fault
}

/// Knobs by part: `{ devices.xyz: { on-session-loss: same-hub } }`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TurnOn(pub IndexMap<String, serde_json::Map<String, serde_json::Value>>);

impl TurnOn {
    pub(crate) const FORMAT: &str = "knobs";

    /// Sets each knob in the section that its path leads into: the first that has such a part.
    pub(crate) fn apply(&self, sections: &mut serde_json::Value) {
        for (path, knobs) in &self.0 {
            let sections = sections.as_object_mut().into_iter().flat_map(|sections| sections.values_mut());
            let mut parts =
                sections.filter_map(|section| path.split('.').try_fold(section, |part, key| part.get_mut(key)));
            if let Some(part) = parts.next().and_then(serde_json::Value::as_object_mut) {
                part.extend(knobs.clone());
            }
        }
    }
}

impl JsonSchema for TurnOn {
    fn schema_name() -> Cow<'static, str> {
        "TurnOn".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "format": Self::FORMAT,
            "description": "Knobs by part, such as `devices.xyz: { on-session-loss: same-hub }`",
            "additionalProperties": { "type": "object" },
        })
    }
}
