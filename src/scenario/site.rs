//! Sites and the links between them.
use super::duration::DurationRange;
use super::measure::{Bandwidth, Share};
use super::name::SiteName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A data centre, or the field where devices are: what a lizard attacks. Its own latency and loss are one way
/// and are added to every path in or out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Site {
    /// One-way latency of every path in or out, drawn for each segment. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<DurationRange>,
    /// Share of segments lost on every path in or out, each way. Lost bytes come late, never not at all. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Share>,
}

/// The path between two sites, the same in both directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Link {
    /// The two sites.
    pub between: [SiteName; 2],
    /// One-way latency, drawn for each segment. Default 1 ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<DurationRange>,
    /// Share of segments lost. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Share>,
    /// Default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Bandwidth>,
}
