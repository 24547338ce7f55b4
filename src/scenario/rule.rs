//! What a scenario changes about an invariant.
use super::duration::DurationRange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How one invariant is judged in this scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// A tighter or wider bound than the invariant's own (`recovers`, `comes-home`, `one-connection`,
    /// `command-arrives`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<DurationRange>,
    /// How many messages clients may give up (`no-loss`). Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<u64>,
    /// Not judged here, for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<String>,
}
