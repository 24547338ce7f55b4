//! What readers of a hub get: `GET /messages/events?from={offset}&wait=10s`.
use super::properties::Properties;
use crate::wire::json;
use base64_simd::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The property that says what an event is (Microsoft docs, iot-hub-devguide-messages-construct); telemetry has no such
/// property here.
pub const MESSAGE_SOURCE: &str = "iothub-message-source";
/// A twin's reported properties were changed.
pub const TWIN_CHANGE: &str = "twinChangeEvents";
pub(super) const UPDATED: &str = "updateTwin";
/// A device was registered or removed; which of both says `opType`.
pub const LIFECYCLE: &str = "deviceLifecycleEvents";
/// The property that says what was done.
pub const OPERATION: &str = "opType";
pub(super) const CREATED: &str = "createDeviceIdentity";
pub(super) const DELETED: &str = "deleteDeviceIdentity";
/// A cloud-to-device message is done with. The real hub has a queue of its own for it (Microsoft docs,
/// iot-hub-devguide-messages-c2d#message-feedback); here readers get it in the one feed.
pub const FEEDBACK: &str = "feedback";

/// Stored messages and changes of twins in the order of their offsets, none left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// At most some hundreds.
    pub events: Vec<TelemetryEvent>,
    /// Where to read on: the offset after the last event's, or the `from` of the request when there was none.
    pub next: u64,
}

/// One message from a device, or one change of its twin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemetryEvent {
    /// Its place among all that this hub ever stored for its readers, from 0.
    pub offset: u64,
    /// The device id.
    pub device: String,
    /// The hub's wall clock when it came, RFC 3339.
    pub enqueued: String,
    /// System properties and the application's.
    pub properties: Properties,
    /// The payload in base64, byte for byte.
    pub body: String,
}

/// A change of a twin, in the real hub's form.
#[derive(Deserialize)]
struct TwinChange {
    properties: Changed,
}

#[derive(Deserialize)]
struct Changed {
    /// The patch of the reported properties.
    reported: Map<String, Value>,
}

/// A device came to this hub's registry, or left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    /// The device id.
    pub device_id: String,
    /// It came; otherwise it left.
    #[serde(skip)]
    pub created: bool,
    /// Of the provisioning service's assignments of this device: the hub with the highest has it.
    pub generation: Option<u64>,
}

impl Lifecycle {
    /// Reads it from an event's `opType` and payload. `None`: they are of something else.
    pub fn read(operation: &str, payload: &[u8]) -> Option<Self> {
        let event: Self = json::read(payload).ok()?;
        Some(Self { created: operation == CREATED, ..event })
    }
}

/// What became of a cloud-to-device message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Feedback {
    /// The message's id, as its sender gave it.
    pub original_message_id: String,
    /// The device id.
    pub device_id: String,
    /// What became of it.
    pub status_code: FeedbackStatus,
}

/// How a cloud-to-device message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedbackStatus {
    /// The device acknowledged it.
    Success,
    /// Its time was over.
    Expired,
}

impl TelemetryEvent {
    /// Decodes the payload. `None`: it is not base64, so no hub wrote it.
    pub fn payload(&self) -> Option<Bytes> {
        BASE64.decode_to_vec(&self.body).ok().map(Bytes::from)
    }
    /// Says what a system message is about; `None`: it is telemetry.
    pub fn source(&self) -> Option<&str> {
        self.properties.get(MESSAGE_SOURCE)?
    }
    /// Reads the coming or leaving of a device. `None`: it is no such event.
    pub fn lifecycle(&self) -> Option<Lifecycle> {
        if self.source()? != LIFECYCLE {
            return None;
        }
        Lifecycle::read(self.properties.get(OPERATION)??, &self.payload()?)
    }
    /// Reads what became of a cloud-to-device message. `None`: it is no feedback.
    pub fn feedback(&self) -> Option<Feedback> {
        if self.source()? != FEEDBACK {
            return None;
        }
        json::read(&self.payload()?).ok()
    }
    /// Reads the patch of a twin's reported properties. `None`: it is no change of a twin.
    pub fn reported(&self) -> Option<Map<String, Value>> {
        if self.source()? != TWIN_CHANGE {
            return None;
        }
        let TwinChange { properties: Changed { reported } } = json::read(&self.payload()?).ok()?;
        Some(reported)
    }
}
