//! Faults drawn from the seed instead of written down.
use super::duration::DurationRange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `chaos: { faults: [crash, partition], every: 20s..2m, lasting: 1s..90s, at-most: 2 }`
///
/// Faults are drawn inside the envelope that each system declares, so that nothing is asked of it that it never promised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Chaos {
    /// Which faults are drawn from. Each seed draws some kinds of them first, so that runs differ more, and then from
    /// those, all alike.
    pub faults: Vec<ChaosFault>,
    /// The gap between the beginnings of two faults, drawn anew each time.
    pub every: DurationRange,
    /// How long each lasts, drawn anew each time.
    pub lasting: DurationRange,
    /// How many may be on at one time. Default 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub at_most: u32,
}

fn one() -> u32 {
    1
}

fn is_one(at_most: &u32) -> bool {
    *at_most == 1
}

/// What chaos can draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChaosFault {
    /// A host loses its power.
    PowerLoss,
    /// A host's software is killed.
    Crash,
    /// A host is not scheduled.
    Freeze,
    /// A host is asked to stop.
    Stop,
    /// Two sites cannot reach each other, in one direction or both.
    Partition,
    /// A site's paths get slow.
    Slow,
    /// A site's paths lose segments.
    Lossy,
    /// A host's wall clock jumps, under half of a token's life.
    SkewClock,
    /// A host's disk is full.
    DiskFull,
    /// A host's disk answers errors.
    DiskError,
    /// What two sites send each other is kept, in one direction or both, and arrives in order afterwards.
    Hold,
}

impl ChaosFault {
    /// The verb of the timeline that does the same, as files spell it.
    pub fn verb(&self) -> String {
        serde_json::to_value(self).ok().and_then(|verb| verb.as_str().map(str::to_owned)).unwrap_or_default()
    }
}
