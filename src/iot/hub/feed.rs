//! What readers of a hub get: `GET /messages/events?from={offset}&wait=10s`.
use super::topic::Properties;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The property that says what an event is, and its value for a change of a twin (Microsoft docs,
/// iot-hub-devguide-messages-construct); telemetry has no such property here.
pub(super) const MESSAGE_SOURCE: &str = "iothub-message-source";
pub(super) const TWIN_CHANGE: &str = "twinChangeEvents";

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

impl TelemetryEvent {
    /// Decodes the payload. `None`: it is not base64, so no hub wrote it.
    pub fn payload(&self) -> Option<Bytes> {
        BASE64.decode(&self.body).ok().map(Bytes::from)
    }
    /// Reads the patch of a twin's reported properties. `None`: it is no change of a twin.
    pub fn reported(&self) -> Option<Map<String, Value>> {
        let source = self.properties.get(MESSAGE_SOURCE)?.as_deref()?;
        if source != TWIN_CHANGE {
            return None;
        }
        let mut body: Value = serde_json::from_slice(&self.payload()?).ok()?;
        match body.get_mut("properties")?.get_mut("reported")?.take() {
            Value::Object(patch) => Some(patch),
            _ => None,
        }
    }
}
