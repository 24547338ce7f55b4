//! What the IoT system is made of, every choice made: what a seed makes of the `iot:` section.
use super::knobs::{CentralKnobs, DeviceKnobs, HubKnobs};
use crate::history::{DestinationId, Name, OperationId, ProducerId};
use crate::scenario::Rate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// MQTT in the simulated network (as the real services': 8883; TLS is the live world's).
pub const MQTT_PORT: u16 = 8883;
/// The control plane's HTTP.
pub const CONTROL_PORT: u16 = 80;

/// One enrolment group and its services. Absent parts are not run.
#[derive(Clone, Debug, Serialize)]
pub struct IotPlan {
    /// The scope at the provisioning service, `0ne...`.
    pub id_scope: String,
    /// Base64 of the group's symmetric key.
    pub group_key: String,
    /// The provisioning service.
    pub dps: DpsPlan,
    /// The hubs, in the order of the file.
    pub hubs: Vec<HubPlan>,
    /// The application.
    pub central: CentralPlan,
    /// The devices, groups written out.
    pub devices: Vec<DevicePlan>,
    /// `None`: nothing is asked of central.
    pub operator: Option<OperatorPlan>,
}

/// The provisioning service.
#[derive(Clone, Debug, Serialize)]
pub struct DpsPlan {
    /// Its name.
    pub host: Name,
    /// Where it is.
    pub site: Name,
    /// How often it asks each hub for its health. Default 5 s.
    pub health_check: Duration,
    /// How long after a hub has come back its devices are called home. Default 30 s.
    pub rebalance_after: Duration,
    /// How a hub is chosen. Default even.
    pub policy: Policy,
    /// Most registrations, and as many other requests; beyond it 429. Default 1000/min, the service's own.
    pub limit: Rate,
}

/// How the provisioning service chooses a hub.
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

/// One hub.
#[derive(Clone, Debug, Serialize)]
pub struct HubPlan {
    /// Its name.
    pub host: Name,
    /// Where it is.
    pub site: Name,
    /// Most new connections, and as many messages from devices. Default 6000/s, of one S3 unit.
    pub limit: Rate,
    /// Times at which it takes less, by the timeline.
    pub throttles: Vec<Throttle>,
    /// What it gets wrong. Default nothing.
    pub knobs: HubKnobs,
}

/// A hub takes no more than this for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Throttle {
    /// It begins.
    pub from: Duration,
    /// It ends.
    pub until: Duration,
    /// Most new connections, and as many messages.
    pub limit: Rate,
}

/// The application behind the hubs.
#[derive(Clone, Debug, Serialize)]
pub struct CentralPlan {
    /// Its name.
    pub host: Name,
    /// Where it is.
    pub site: Name,
    /// What it is in the roster.
    pub destination: DestinationId,
    /// What it gets wrong. Default nothing.
    pub knobs: CentralKnobs,
}

/// One device.
#[derive(Clone, Debug, Serialize)]
pub struct DevicePlan {
    /// The device id, and the name of its host.
    pub host: Name,
    /// Where it is.
    pub site: Name,
    /// When its host is powered on.
    pub starts: Duration,
    /// Its telemetry's producer (`xyz/telemetry`) and period; `None`: off.
    pub telemetry: Option<(ProducerId, Duration)>,
    /// Period of reported properties; `None`: off.
    pub reported: Option<Duration>,
    /// Longest wait for a connection. Default 10 s.
    pub connect_time_out: Duration,
    /// MQTT keep-alive. Default 20 s; the hub is dead when no byte came for one and a half of it.
    pub keep_alive: Duration,
    /// Longest wait for a PUBACK; then the session is lost. Default 20 s.
    pub puback_time_out: Duration,
    /// Full jitter between 0 and the current step; default 1 s doubling to 30 s.
    pub back_off: (Duration, Duration),
    /// Most telemetry messages sent and not yet confirmed. Default 16.
    pub in_flight: usize,
    /// Most telemetry messages kept; then the application waits. Default 1000.
    pub buffer: usize,
    /// How long its tokens are good. Default 1 h, as the SDKs'.
    pub token_life: Duration,
    /// How long its application takes for a command or a method. Default 50 ms.
    pub handles_in: Duration,
    /// What it can do besides sending. Default nothing.
    pub abilities: Abilities,
    /// What it gets wrong. Default nothing.
    pub knobs: DeviceKnobs,
    /// When telemetry and reported properties stop (the scenario's duration).
    pub until: Duration,
}

/// What a device can do besides sending. Everything off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// It follows desired properties, and acknowledges them in reported ones.
    pub desired: bool,
    /// It answers direct methods.
    pub methods: bool,
    /// It takes commands.
    pub commands: bool,
    /// It first tries the hub it was last assigned to.
    pub cache_hostname: bool,
    /// Its model, sent when it registers.
    pub model: Option<Model>,
}

/// A device's model, as it goes into the payload of its registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Model {
    /// `dtmi:...;1`
    pub id: String,
    /// How it is written. Default as an object.
    pub form: ModelForm,
}

/// Forms in which the official samples send their model (Azure-Samples, iot-central-high-availability-clients).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelForm {
    /// `{"modelId": ...}`, as IoT Plug and Play has it.
    #[default]
    Object,
    /// `{"iotcModelId": ...}`, as IoT Central had it before.
    Legacy,
    /// The legacy object as a JSON string, as the Python sample sends it.
    Text,
}

/// The person who operates the application: a host at central's site.
#[derive(Clone, Debug, Serialize)]
pub struct OperatorPlan {
    /// Its name.
    pub host: Name,
    /// Where it is.
    pub site: Name,
    /// In the order of their times.
    pub operations: Vec<PlannedOperation>,
}

/// One request of the operator to central.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedOperation {
    /// Its place in [`Roster::operations`](crate::history::Roster::operations).
    pub id: OperationId,
    /// When it is asked for.
    pub at: Duration,
    /// The device.
    pub device: Name,
    /// What is asked for.
    pub call: Call,
}

/// What the operator asks for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "as the verbs of the timeline call them")]
pub enum Call {
    /// A cloud-to-device message.
    Command { name: String, payload: Value, ttl: Duration },
    /// A direct method.
    Method { name: String, payload: Value, time_out: Duration },
    /// A patch of desired properties.
    Desired { set: Map<String, Value> },
    /// To another hub, and back after `ttl` (whole minutes).
    ManualFailover { ttl: Duration },
    /// Back from there.
    ManualFailback,
    /// Where the device belongs.
    RegistrationInfo,
}

impl DpsPlan {
    /// A provisioning service with every default.
    pub fn of(host: &str, site: &str) -> Self {
        Self {
            host: host.into(),
            site: site.into(),
            health_check: Duration::from_secs(5),
            rebalance_after: Duration::from_secs(30),
            policy: Policy::Even,
            limit: Rate::a_minute(1000),
        }
    }
}

impl HubPlan {
    /// A hub with every default.
    pub fn of(host: &str, site: &str) -> Self {
        let (limit, knobs) = (Rate::a_second(6000), HubKnobs::default());
        Self { host: host.into(), site: site.into(), limit, throttles: Vec::new(), knobs }
    }
}

impl CentralPlan {
    /// An application with every default.
    pub fn of(host: &str, site: &str, destination: DestinationId) -> Self {
        Self { host: host.into(), site: site.into(), destination, knobs: CentralKnobs::default() }
    }
}

impl DevicePlan {
    /// A device with every default, that sends nothing.
    pub fn of(host: &str, site: &str, until: Duration) -> Self {
        Self {
            host: host.into(),
            site: site.into(),
            starts: Duration::ZERO,
            telemetry: None,
            reported: None,
            connect_time_out: Duration::from_secs(10),
            keep_alive: Duration::from_secs(20),
            puback_time_out: Duration::from_secs(20),
            back_off: (Duration::from_secs(1), Duration::from_secs(30)),
            in_flight: 16,
            buffer: 1000,
            token_life: Duration::from_secs(3600),
            handles_in: Duration::from_millis(50),
            abilities: Abilities::default(),
            knobs: DeviceKnobs::default(),
            until,
        }
    }
}
