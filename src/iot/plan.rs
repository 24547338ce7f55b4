//! What the IoT system is made of, every choice made: what a seed makes of the `iot:` section.
use crate::history::{DestinationId, Name, ProducerId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// MQTT in the simulated network (as the real services': 8883; TLS is the live world's).
pub const MQTT_PORT: u16 = 8883;
/// The control plane's HTTP.
pub const CONTROL_PORT: u16 = 80;

/// One enrolment group and its services. Absent parts are not run.
#[derive(Clone, Debug, Serialize)]
pub struct IotPlan {
    pub id_scope: String,
    /// Base64 of the group's symmetric key.
    pub group_key: String,
    pub dps: DpsPlan,
    pub hubs: Vec<HubPlan>,
    pub central: CentralPlan,
    pub devices: Vec<DevicePlan>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DpsPlan {
    pub host: Name,
    pub site: Name,
    /// Default 5 s.
    pub health_check: Duration,
    /// Default 30 s.
    pub rebalance_after: Duration,
    pub policy: Policy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Fewest devices, ties in file order.
    Even,
    /// By a hash of the device's id.
    Hashed,
    /// The hub with the shortest path.
    LowestLatency,
    /// The first of the file.
    Static,
}

#[derive(Clone, Debug, Serialize)]
pub struct HubPlan {
    pub host: Name,
    pub site: Name,
    /// Knob `confirms: before-storing` (default `after-storing`).
    pub confirms: Confirms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confirms {
    /// PUBACK follows the sync of what was written.
    AfterStoring,
    /// PUBACK comes first: what was confirmed can be lost with the power.
    BeforeStoring,
}

#[derive(Clone, Debug, Serialize)]
pub struct CentralPlan {
    pub host: Name,
    pub site: Name,
    pub destination: DestinationId,
}

#[derive(Clone, Debug, Serialize)]
pub struct DevicePlan {
    /// The device id, and the name of its host.
    pub host: Name,
    pub site: Name,
    /// When its host is powered on.
    pub starts: Duration,
    /// Its telemetry's producer (`xyz/telemetry`) and period; `None`: off.
    pub telemetry: Option<(ProducerId, Duration)>,
    /// Period of reported properties; `None`: off.
    pub reported: Option<Duration>,
    /// Default 10 s.
    pub connect_time_out: Duration,
    /// Default 20 s; dead when no byte for 1.5 of it.
    pub keep_alive: Duration,
    /// Default 20 s.
    pub puback_time_out: Duration,
    /// Full jitter between 0 and the current step; default 1 s doubling to 30 s.
    pub back_off: (Duration, Duration),
    /// Default 16.
    pub in_flight: usize,
    /// Default 1000, with back-pressure.
    pub buffer: usize,
    /// Knob `on-session-loss: same-hub` (default `ask-dps`): never returns to DPS.
    pub on_session_loss: OnSessionLoss,
    /// When telemetry and reported properties stop (the scenario's duration).
    pub until: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnSessionLoss {
    /// Back to DPS, which knows where the device belongs now.
    AskDps,
    /// Back to the hub it knows, for ever.
    SameHub,
}
