//! What two runs differ in: the fields of `giant-lizard/diverge@1`, in their order.
use super::{Judgement, seconds};
use serde::{Serialize, Serializer};
use std::time::Duration;

/// The schema that the JSON names.
pub const DIVERGE_SCHEMA: &str = "giant-lizard/diverge@1";

/// Two runs, side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DivergeReport {
    /// [`DIVERGE_SCHEMA`].
    pub schema: &'static str,
    /// Giant Lizard's version.
    pub version: &'static str,
    /// Whether they are the same run: one history to the last event of the engine, and one judgement on it.
    pub verdict: Likeness,
    /// The one.
    pub a: RunSide,
    /// The other.
    pub b: RunSide,
    /// What differs before anything runs.
    pub plan: PlanDifferences,
    /// How many entries at the beginning of the histories are the same, times and all.
    pub alike: u64,
    /// The first entry that differs in anything, be it its time alone; `None`: the histories are the same.
    pub first: Option<Difference>,
    /// The first difference in what happens, whenever it happens: something that only one of them has, or that comes in
    /// another order among its like at one host. `None`: the same happens in both.
    pub deed: Option<Difference>,
    /// What the ends differ in: verdicts, counts, clients.
    pub ended: Vec<Pair>,
}

/// Whether two runs are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likeness {
    /// They are.
    Same,
    /// They are not.
    Different,
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunSide {
    /// By what it differs from the other one: `seed 3`, `old.yaml`, `treatment`.
    pub name: String,
    /// The scenario's name.
    pub scenario: String,
    /// Its file, as it was named.
    pub file: String,
    /// The seed.
    pub seed: u64,
    /// Sixteen hexadecimal digits.
    pub plan_hash: String,
    /// Sixteen hexadecimal digits.
    pub fingerprint: String,
    /// How it was judged.
    pub verdict: Judgement,
    /// Virtual time that passed.
    pub virtual_seconds: f64,
    /// Entries of its history.
    pub entries: u64,
    /// The command that runs it again.
    pub replay: String,
}

/// What two plans differ in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PlanDifferences {
    /// The first two hundred: faults first, in the order of their times, then all else by its place in the plan.
    pub differences: Vec<Pair>,
    /// How many more there are.
    pub more: u64,
}

/// Something that one or both have, and not alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// What: `timeline[0]`, `iot.devices[xyz].telemetry`, `no-loss`, `messages lost`.
    pub what: String,
    /// As the one has it; `None`: it has no such thing.
    pub a: Option<String>,
    /// As the other has it.
    pub b: Option<String>,
}

/// A place at which two histories differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What kind of difference.
    pub kind: DifferenceKind,
    /// When: the earlier of the two, where each side has its own.
    #[serde(rename = "at_seconds", serialize_with = "in_seconds")]
    pub at: Duration,
    /// The host that it is at.
    pub host: String,
    /// What led to it, itself, and what came next, each once with its time on either side.
    pub rows: Vec<Row>,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// The same, at another time.
    Time,
    /// The entries at that place of the histories are two different ones.
    Event,
    /// Only the one ever has it.
    OnlyA,
    /// Only the other ever has it.
    OnlyB,
    /// Both have it, and its host does it in another order among its like.
    Order,
}

/// Something that happened at a host, with its time on each side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// When in the one; `None`: never.
    #[serde(rename = "a_seconds", serialize_with = "maybe_in_seconds")]
    pub a: Option<Duration>,
    /// When in the other.
    #[serde(rename = "b_seconds", serialize_with = "maybe_in_seconds")]
    pub b: Option<Duration>,
    /// The host that recorded it.
    pub host: String,
    /// In words.
    pub text: String,
    /// It is the difference itself: who has this at the place where the other one has something else, or nothing.
    pub differs: Option<Whose>,
}

/// Of which run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// The one.
    A,
    /// The other.
    B,
    /// Both, at different times.
    Both,
}

fn in_seconds<S: Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(seconds(*at))
}

fn maybe_in_seconds<S: Serializer>(at: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(seconds).serialize(serializer)
}
