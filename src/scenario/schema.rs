//! The scenario file as plain structs, and the JSON schema made of them. Loading checks files against that schema.
use super::chaos::{Chaos, ChaosFault};
use super::duration::DurationRange;
use super::expectation::Expectation;
use super::operations;
use super::pitfall::Pitfall;
use super::rule::Rule;
use super::site::{Link, Site};
use super::timeline::TimelineItem;
use crate::systems::Sections;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::LazyLock;

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("additionalProperties" = false))]
pub struct Scenario {
    /// What it is called in reports.
    pub name: String,
    /// What happens, for a reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub story: Option<String>,
    /// Virtual time with traffic and faults. Then every fault ends and producers stop.
    pub duration: DurationRange,
    /// The longest time after it in which debts may still be paid. The run ends when none is open. Default 5m.
    #[serde(default = "five_minutes")]
    pub settle: DurationRange,
    /// The places where hosts are.
    pub sites: IndexMap<String, Site>,
    /// Paths between sites, where they differ from the default of 1 ms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// The systems. Flattened, since each is a key of the file; mistakes are found by the schema, not by serde.
    #[serde(flatten)]
    pub systems: Sections,
    /// What happens, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineItem>,
    /// Faults drawn from the seed, beside the timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chaos: Option<Chaos>,
    /// What this scenario changes about invariants. All of them are always judged.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(extend("propertyNames" = { "format": "invariant" }))]
    pub invariants: IndexMap<String, Rule>,
    /// What must have happened by the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
    /// A known bug of real software that must be caught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pitfall: Option<Pitfall>,
    /// The seed that is run when none is named; shrunk files carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Scenario {
    /// Hashes all that it says, sixteen hexadecimal digits: the same scenario on two machines, wherever its file lies.
    pub fn hash(&self) -> String {
        let canonical = serde_json::to_vec(self).expect("a scenario has string keys and finite numbers only");
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&canonical))
    }

    /// Lists the kinds of fault that a plan of it may have, as files spell them, each once, in their order.
    pub fn fault_kinds(&self) -> Vec<String> {
        let timeline = self.timeline.iter().filter(|item| !operations::is_operation(item)).map(TimelineItem::verb);
        let drawn = self.chaos.iter().flat_map(|chaos| &chaos.faults).map(ChaosFault::verb);
        let mut kinds: Vec<String> = Vec::new();
        for kind in timeline.chain(drawn) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }
}

fn five_minutes() -> DurationRange {
    DurationRange::seconds(300)
}

/// The JSON schema of scenario files. Made once: shrinking reads a file for every draft.
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Scenario).to_value());
    &SCHEMA
}

/// Writes the JSON schema for editors, with a line's end. Switches may be written `on`, `off`, `yes` and `no` there,
/// which YAML 1.2 takes for text.
pub fn published() -> String {
    let mut schema = schema().clone();
    let object = schema.as_object_mut().expect("the schema of a struct is an object");
    object.insert("title".into(), "A Giant Lizard scenario".into());
    widen_switches(&mut schema);
    serde_json::to_string_pretty(&schema).expect("a schema has string keys") + "\n"
}

fn widen_switches(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type") == Some(&"boolean".into()) {
                members.remove("type");
                members.insert("enum".into(), serde_json::json!([true, false, "on", "off", "yes", "no"]));
            }
            members.values_mut().for_each(widen_switches);
        }
        Value::Array(items) => items.iter_mut().for_each(widen_switches),
        _ => {}
    }
}

/// Says in the schema that exactly one of the properties must be there, leaving aside `others`.
/// `what` names them in messages.
pub(crate) fn exactly_one_of(schema: &mut Schema, what: &str, others: &[&str]) {
    let Some(properties) = schema.get("properties").and_then(|properties| properties.as_object()) else {
        return;
    };
    let keys = properties.keys().filter(|key| !others.contains(&key.as_str()));
    let choices: Vec<_> = keys.map(|key| serde_json::json!({ "required": [key] })).collect();
    schema.insert("oneOf".into(), choices.into());
    schema.insert("x-one".into(), what.into());
}
