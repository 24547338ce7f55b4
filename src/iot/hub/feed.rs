//! What readers of a hub's telemetry get: `GET /messages/events?from={offset}&wait=10s`.
use super::topic::Properties;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Stored messages in the order of their offsets, none left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub events: Vec<TelemetryEvent>,
    /// Where to read on: the offset after the last event's, or the `from` of the request when there was none.
    pub next: u64,
}

/// One message from a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemetryEvent {
    /// Its place among all telemetry that this hub ever stored, from 0.
    pub offset: u64,
    pub device: String,
    /// The hub's wall clock when it came, RFC 3339.
    pub enqueued: String,
    pub properties: Properties,
    /// The payload in base64, byte for byte.
    pub body: String,
}

impl TelemetryEvent {
    /// Decodes the payload. `None`: it is not base64, so no hub wrote it.
    pub fn payload(&self) -> Option<Bytes> {
        BASE64.decode(&self.body).ok().map(Bytes::from)
    }
}
