//! The `iot:` section of a scenario file: its parts, their options, their knobs.
use super::plan::{Confirms, OnSessionLoss, Policy};
use crate::scenario::{DurationRange, SiteName};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest keep-alive that a hub counts in full (Microsoft docs, iot-hub-mqtt-support).
pub(crate) const LONGEST_KEEP_ALIVE: Duration = Duration::from_secs(1177);

/// Devices, the hubs they talk to, the service that says to which, and the application behind the hubs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct IotSection {
    /// The device provisioning service. Its host is named `dps`.
    pub dps: Dps,
    /// IoT hubs by name; each is a host of that name.
    pub hubs: IndexMap<String, Hub>,
    /// The application that reads every hub. Its host is named `central`.
    pub central: Central,
    /// Devices by name, or groups of them (`count`).
    pub devices: IndexMap<String, Device>,
}

/// The device provisioning service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dps {
    /// Where it runs.
    pub site: SiteName,
    /// How often it asks each hub for its health; two misses are down, two answers up. Default 5s.
    #[serde(default = "five_seconds")]
    pub health_check: DurationRange,
    /// How a hub is chosen. Default even.
    #[serde(default = "even")]
    pub policy: Policy,
    /// How long after a hub has come back its devices are called home. Default 30s.
    #[serde(default = "thirty_seconds")]
    pub rebalance_after: DurationRange,
}

/// One IoT hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hub {
    /// Where it runs.
    pub site: SiteName,
    /// Knob. When telemetry is confirmed: after it is stored, or before, as brokers do that store in the background.
    /// Default after-storing. <https://github.com/eclipse-mosquitto/mosquitto/issues/1855>
    #[serde(default = "after_storing")]
    pub confirms: Confirms,
}

/// The application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Central {
    /// Where it runs.
    pub site: SiteName,
}

/// One device, or a group of equal ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Device {
    /// Where it is.
    pub site: SiteName,
    /// How many: `meter` with 1000 becomes meter-0001 to meter-1000. Default one, with the plain name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub count: Option<u32>,
    /// When it is powered on; a range is drawn for each device. Default 0s.
    #[serde(default = "at_once")]
    pub starts: DurationRange,
    /// Period of telemetry. Without it, none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<DurationRange>,
    /// Period of reported properties. Without it, none are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<DurationRange>,
    /// Longest wait for a connection. Default 10s.
    #[serde(default = "ten_seconds")]
    pub connect_time_out: DurationRange,
    /// MQTT keep-alive; the device calls a hub dead when no byte came for one and a half of it. Default 20s.
    #[serde(default = "twenty_seconds")]
    pub keep_alive: DurationRange,
    /// Longest wait for a PUBACK. Default 20s.
    #[serde(default = "twenty_seconds")]
    pub puback_time_out: DurationRange,
    /// First and longest step of the back-off, doubling, with full jitter. Default 1s..30s. Not drawn.
    #[serde(default = "one_to_thirty_seconds")]
    pub back_off: DurationRange,
    /// Most telemetry messages sent and not yet confirmed. Default 16.
    #[serde(default = "sixteen")]
    #[schemars(range(min = 1, max = 65_535))]
    pub in_flight: u32,
    /// Most telemetry messages kept; then the application waits (back-pressure). Default 1000.
    #[serde(default = "a_thousand")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub buffer: u32,
    /// Knob. What it does when a session is lost: asks DPS, or tries the same hub for ever. Default ask-dps.
    /// <https://github.com/Azure/azure-sphere-samples/issues/206>
    #[serde(default = "ask_dps")]
    pub on_session_loss: OnSessionLoss,
    /// Whether it follows desired properties. Default off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub desired: bool,
    /// Whether it answers direct methods. Default off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub methods: bool,
    /// Whether it takes commands sent from the cloud. Default off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub commands: bool,
    /// Whether it first tries the hub it was last assigned to. Default off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cache_hostname: bool,
}

impl Device {
    /// Names the hosts that `name: { count }` stands for.
    pub fn members(&self, name: &str) -> Vec<String> {
        match self.count {
            None => vec![name.to_owned()],
            Some(count) => (1..=count).map(|number| format!("{name}-{number:04}")).collect(),
        }
    }

    /// Lists what is asked for and not built yet.
    pub(crate) fn not_built(&self) -> impl Iterator<Item = &'static str> {
        let asked = [
            ("desired", self.desired),
            ("methods", self.methods),
            ("commands", self.commands),
            ("cache-hostname", self.cache_hostname),
        ];
        asked.into_iter().filter_map(|(key, on)| on.then_some(key))
    }

    /// The longest a device can need from the moment its path is good again until it works: it must notice that its
    /// session is dead, wait out its back-off, connect twice (DPS, then the hub), and see a PUBACK.
    pub(crate) fn longest_recovery(&self) -> Duration {
        self.keep_alive.most().min(LONGEST_KEEP_ALIVE) * 3 / 2
            + self.back_off.most()
            + self.connect_time_out.most() * 2
            + self.puback_time_out.most()
    }
}

impl Dps {
    /// The longest from the moment a hub is back until its devices are called home.
    pub(crate) fn longest_failback(&self) -> Duration {
        self.health_check.most() * 3 + self.rebalance_after.most()
    }
}

fn at_once() -> DurationRange {
    DurationRange::seconds(0)
}
fn five_seconds() -> DurationRange {
    DurationRange::seconds(5)
}
fn ten_seconds() -> DurationRange {
    DurationRange::seconds(10)
}
fn twenty_seconds() -> DurationRange {
    DurationRange::seconds(20)
}
fn thirty_seconds() -> DurationRange {
    DurationRange::seconds(30)
}
fn one_to_thirty_seconds() -> DurationRange {
    DurationRange::between(Duration::from_secs(1), Duration::from_secs(30))
}
fn sixteen() -> u32 {
    16
}
fn a_thousand() -> u32 {
    1000
}
fn even() -> Policy {
    Policy::Even
}
fn after_storing() -> Confirms {
    Confirms::AfterStoring
}
fn ask_dps() -> OnSessionLoss {
    OnSessionLoss::AskDps
}
