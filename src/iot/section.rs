//! The `iot:` section of a scenario file: its parts, their options, their knobs.
use super::knobs::{
    AcksCommands, Clients, Confirms, DeDuplicates, DesiredVersions, DeviceKnobs, DpsRetry, MethodsAfterReconnect,
    MovedDevice, OldClient, OnBadCredentials, OnSessionLoss, ReadsTwin, Remembers, Resends, SendBuffer, SendTimeOut,
    Subscribes, TokenRenewal, WhenDpsFails,
};
use super::plan::{ModelForm, Policy};
use crate::scenario::{DurationRange, Rate, SiteName, members};
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
    /// Most registrations, and as many other requests; beyond it the answer is 429. Default 1000/min, the service's own.
    #[serde(default = "a_thousand_a_minute")]
    pub limit: Rate,
}

/// One IoT hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hub {
    /// Where it runs.
    pub site: SiteName,
    /// Knob. When telemetry is confirmed: after it is stored, or before, as brokers do that store in the background.
    /// Default after-storing. <https://github.com/eclipse-mosquitto/mosquitto/issues/1855>
    #[serde(default)]
    pub confirms: Confirms,
    /// Knob. What it does when a device is removed because it was moved elsewhere. Default close-and-refuse.
    /// <https://github.com/Azure/iotedge/issues/7422>
    #[serde(default)]
    pub moved_device: MovedDevice,
    /// Most new connections, and as many messages from devices: what comes beyond waits, and is disconnected when it
    /// has waited too long. Default 6000/s, of one S3 unit.
    #[serde(default = "of_one_s3_unit")]
    pub limit: Rate,
}

/// The application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Central {
    /// Where it runs.
    pub site: SiteName,
    /// Knob. What it does with a message that it has received before: hubs store what devices send twice.
    /// Default by-number. <https://github.com/Azure/azure-iot-sdk-node/issues/609>
    #[serde(default)]
    pub de_duplicates: DeDuplicates,
    /// Knob. Where it keeps how far it has read and what it has received. Default on-disk.
    /// <https://github.com/Azure/azure-sdk-for-python/issues/10109>
    #[serde(default)]
    pub remembers: Remembers,
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
    /// How long its tokens are good; it changes a token for a fresh one two minutes before. Default 1h, as the SDKs'.
    #[serde(default = "an_hour")]
    pub token_life: DurationRange,
    /// How long its application takes for a command or a method. Default 50ms.
    #[serde(default = "fifty_milliseconds")]
    pub handles_in: DurationRange,
    /// Its model, such as `dtmi:sample:failover;1`, sent when it registers. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// In which form the model is sent. Default object.
    #[serde(default)]
    pub model_form: ModelForm,
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
    /// Knob. What it does when a session is lost: asks DPS, or tries the same hub for ever. Default ask-dps.
    /// <https://github.com/Azure/azure-sphere-samples/issues/206>
    #[serde(default)]
    pub on_session_loss: OnSessionLoss,
    /// Knob. What becomes of the client of a hub that it has left. Default shut-down.
    /// <https://github.com/Azure/azure-iot-sdk-python/issues/1037>
    #[serde(default)]
    pub old_client: OldClient,
    /// Knob. What it does when DPS cannot be reached or refuses it. Default retries.
    /// <https://github.com/Azure/iot-identity-service/pull/658>
    #[serde(default)]
    pub when_dps_fails: WhenDpsFails,
    /// Knob. How long a telemetry message waits to be acknowledged. Default waits.
    /// <https://github.com/Azure/azure-iot-sdk-node/issues/132>
    #[serde(default)]
    pub send_time_out: SendTimeOut,
    /// Knob. How often it subscribes. Default each-session.
    /// <https://github.com/Azure/iotedge/pull/5048>
    #[serde(default)]
    pub subscribes: Subscribes,
    /// Knob. When it acknowledges a command. Default after-handling.
    /// <https://github.com/Azure/azure-iot-sdk-c/issues/1422>
    #[serde(default)]
    pub acks_commands: AcksCommands,
    /// Knob. How often it reads its twin. Default each-session.
    /// <https://github.com/Azure/azure-iot-sdk-csharp/issues/3423>
    #[serde(default)]
    pub reads_twin: ReadsTwin,
    /// Knob. Which versions of desired properties it compares. Default per-session.
    /// <https://github.com/Azure/azure-iot-sdk-c/issues/775>
    #[serde(default)]
    pub desired_versions: DesiredVersions,
    /// Knob. How it tries DPS again. Default backs-off.
    /// <https://github.com/Azure/azure-iot-sdk-c/pull/1703>
    #[serde(default)]
    pub dps_retry: DpsRetry,
    /// Knob. How many clients use its identity. Default one.
    /// <https://github.com/Azure/azure-iot-sdk-c/issues/2287>
    #[serde(default)]
    pub clients: Clients,
    /// Knob. What it does before its token ends. Default before-it-ends.
    /// <https://github.com/Azure/azure-iot-sdk-java/issues/1164>
    #[serde(default)]
    pub token_renewal: TokenRenewal,
    /// Knob. What it does when a hub refuses its credentials. Default retries.
    /// <https://github.com/Azure/azure-iot-sdk-python/issues/700>
    #[serde(default)]
    pub on_bad_credentials: OnBadCredentials,
    /// Knob. What it does with method requests whose answer may not have arrived. Default forgets.
    /// <https://github.com/Azure/azure-iot-sdk-java/issues/1465>
    #[serde(default)]
    pub methods_after_reconnect: MethodsAfterReconnect,
    /// Knob. In which order it re-sends what was not acknowledged. Default in-order.
    /// <https://github.com/mqttjs/MQTT.js/issues/450>
    #[serde(default)]
    pub resends: Resends,
    /// Knob. What holds a message's bytes until it is acknowledged. Default owned.
    /// <https://github.com/eclipse-paho/paho.mqtt.c/issues/1592>
    #[serde(default)]
    pub send_buffer: SendBuffer,
}

impl Device {
    /// Names the hosts that `name: { count }` stands for.
    pub fn members(&self, name: &str) -> Vec<String> {
        members(name, self.count)
    }

    /// Gathers its knobs.
    pub(crate) fn knobs(&self) -> DeviceKnobs {
        DeviceKnobs {
            on_session_loss: self.on_session_loss,
            old_client: self.old_client,
            when_dps_fails: self.when_dps_fails,
            send_time_out: self.send_time_out,
            subscribes: self.subscribes,
            acks_commands: self.acks_commands,
            reads_twin: self.reads_twin,
            desired_versions: self.desired_versions,
            dps_retry: self.dps_retry,
            clients: self.clients,
            token_renewal: self.token_renewal,
            on_bad_credentials: self.on_bad_credentials,
            methods_after_reconnect: self.methods_after_reconnect,
            resends: self.resends,
            send_buffer: self.send_buffer,
        }
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
fn an_hour() -> DurationRange {
    DurationRange::seconds(3600)
}
fn fifty_milliseconds() -> DurationRange {
    DurationRange::fixed(Duration::from_millis(50))
}
fn a_thousand_a_minute() -> Rate {
    Rate::a_minute(1000)
}
fn of_one_s3_unit() -> Rate {
    Rate::a_second(6000)
}
