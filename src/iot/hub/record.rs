//! What a hub writes to its disk.
use super::feed::{MESSAGE_SOURCE, TWIN_CHANGE, TelemetryEvent};
use super::topic::Properties;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One fact. Their order in the ledger is the order in which they became true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Kept apart from the others' form, so that readers of the hub get its bytes as they lie on the disk.
    #[serde(skip)]
    Telemetry(Telemetry),
    /// A device may connect.
    Registered {
        /// The device id.
        device: String,
        /// Of the provisioning service's assignments of this device; `None`: the asker counts none.
        generation: Option<u64>,
    },
    /// A device may not connect any more; its twin and session are gone.
    Removed {
        /// The device id.
        device: String,
        /// Of the provisioning service's assignments of this device; `None`: the asker counts none.
        generation: Option<u64>,
    },
    /// A device reported.
    Reported {
        /// The device id.
        device: String,
        /// The hub's wall clock when it came, RFC 3339.
        enqueued: String,
        /// Members to merge in; `null` removes one.
        patch: Map<String, Value>,
    },
    /// The persistent session of a device now has these filters; `None`: it is forgotten.
    Session {
        /// The device id.
        device: String,
        /// In their order.
        filters: Option<Vec<String>>,
    },
}

/// One message from a device, as readers of the hub get it (they get an `offset` besides).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telemetry {
    /// The device id.
    pub device: String,
    /// The hub's wall clock when it came, RFC 3339.
    pub enqueued: String,
    /// System properties and the application's.
    pub properties: Properties,
    /// The payload in base64, byte for byte.
    pub body: String,
}

/// Begins the bytes of telemetry; the others begin with `{`.
const TELEMETRY: u8 = b'T';

impl Record {
    /// Writes the record.
    pub fn to_bytes(&self) -> Vec<u8> {
        let written = match self {
            Self::Telemetry(telemetry) => {
                let mut bytes = vec![TELEMETRY];
                serde_json::to_writer(&mut bytes, telemetry).map(|()| bytes)
            }
            other => serde_json::to_vec(other),
        };
        written.expect("maps with text keys are always JSON")
    }

    /// Reads a record. `None`: no version of this hub wrote it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&TELEMETRY, json) => serde_json::from_slice(json).ok().map(Self::Telemetry),
            _ => serde_json::from_slice(bytes).ok(),
        }
    }
}

/// Writes a stored record as an event of the feed: telemetry's own JSON with the offset put in front, a change of a
/// twin as the real hub's twin notifications (Microsoft docs, iot-hub-devguide-device-twins#back-end-operations).
/// `None`: readers do not get such a record.
pub fn feed_json(record: &[u8], offset: u64, out: &mut Vec<u8>) -> Option<()> {
    if let Some(members) = record.strip_prefix(&[TELEMETRY, b'{']) {
        out.extend_from_slice(format!("{{\"offset\":{offset},").as_bytes());
        out.extend_from_slice(members);
        return Some(());
    }
    let Record::Reported { device, enqueued, patch } = Record::read(record)? else { return None };
    let source = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
    let properties = [source(MESSAGE_SOURCE, TWIN_CHANGE), source("opType", "updateTwin")].into_iter().collect();
    let body = BASE64.encode(json!({ "properties": { "reported": patch } }).to_string());
    serde_json::to_writer(out, &TelemetryEvent { offset, device, enqueued, properties, body }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn telemetry() -> Telemetry {
        let properties = [("$.mid".to_owned(), Some("1".to_owned())), ("k".to_owned(), None)].into_iter().collect();
        Telemetry { device: "xyz".into(), enqueued: "2021-04-19T20:00:00Z".into(), properties, body: "aGk=".into() }
    }

    fn reported() -> Record {
        let patch = serde_json::from_str(r#"{"fan":{"on":true}}"#).unwrap();
        Record::Reported { device: "xyz".into(), enqueued: "2021-04-19T20:00:00Z".into(), patch }
    }

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        let device = || "xyz".to_owned();
        for record in [
            Record::Telemetry(telemetry()),
            Record::Registered { device: device(), generation: Some(1) },
            Record::Removed { device: device(), generation: None },
            reported(),
            Record::Session { device: device(), filters: Some(vec!["$iothub/twin/res/#".into()]) },
            Record::Session { device: device(), filters: None },
        ] {
            assert_eq!(Record::read(&record.to_bytes()), Some(record));
        }
    }

    #[test]
    fn the_feed_has_the_stored_bytes_and_an_offset() {
        let mut json = Vec::new();
        feed_json(&Record::Telemetry(telemetry()).to_bytes(), 7, &mut json).unwrap();
        let expected = r#"{"offset":7,"device":"xyz","enqueued":"2021-04-19T20:00:00Z","properties":{"$.mid":"1","k":null},"body":"aGk="}"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
        let mut json = Vec::new();
        feed_json(&reported().to_bytes(), 8, &mut json).unwrap();
        let event: TelemetryEvent = serde_json::from_slice(&json).unwrap();
        assert_eq!((event.offset, event.device.as_str()), (8, "xyz"));
        assert_eq!(event.reported().unwrap()["fan"]["on"], true);
        let other = Record::Removed { device: "x".into(), generation: None };
        assert_eq!(feed_json(&other.to_bytes(), 7, &mut Vec::new()), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Record::read(&bytes);
            let _ = feed_json(&bytes, 0, &mut Vec::new());
        }
    }
}
