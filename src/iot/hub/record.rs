//! What a hub writes to its disk.
use super::feed::{
    CREATED, DELETED, FEEDBACK, Feedback, FeedbackStatus, LIFECYCLE, Lifecycle, MESSAGE_SOURCE, OPERATION, TWIN_CHANGE,
    UPDATED,
};
use super::properties::Properties;
use super::queue::Message;
use crate::history::Name;
use crate::wire::json;
use base64_simd::STANDARD as BASE64;
use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;

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
        /// The hub's wall clock when it was asked, RFC 3339.
        enqueued: String,
    },
    /// A device may not connect any more; its twin, session and queue are gone.
    Removed {
        /// The device id.
        device: String,
        /// Of the provisioning service's assignments of this device; `None`: the asker counts none.
        generation: Option<u64>,
        /// The hub's wall clock when it was asked, RFC 3339.
        enqueued: String,
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
    /// Something else is desired of a device.
    Desired {
        /// The device id.
        device: String,
        /// Only if its desired properties are in this state; `None`: whatever it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_match: Option<String>,
        /// Members to merge in; `null` removes one.
        patch: Map<String, Value>,
    },
    /// A message for a device.
    Queued {
        /// The device id.
        device: String,
        /// Taken if there is room, and none of its id waits.
        message: Message,
    },
    /// A message for a device is done with.
    Settled {
        /// The device id.
        device: String,
        /// The message's.
        id: String,
        /// How it ended.
        status: FeedbackStatus,
        /// The hub's wall clock then, RFC 3339.
        enqueued: String,
    },
    /// The persistent session of a device now has these filters; `None`: it is forgotten, and with it what was queued.
    Session {
        /// The device id.
        device: String,
        /// In their order.
        filters: Option<Vec<String>>,
    },
}

/// One message from a device, as readers of the hub get it (they get an `offset` besides).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Telemetry {
    /// The device id.
    pub device: Name,
    /// The hub's wall clock when it came, RFC 3339.
    pub enqueued: String,
    /// System properties and the application's.
    pub properties: Properties,
    /// Byte for byte; in JSON it is the `body`, in base64.
    #[serde(rename = "body", deserialize_with = "from_base64")]
    pub payload: Bytes,
}

/// Room for all of an event but its body, with a few short properties.
const SMALL: usize = 256;

/// Begins the bytes of telemetry; the others begin with `{`.
const TELEMETRY: u8 = b'T';

impl Record {
    /// Writes the record.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Telemetry(telemetry) => {
                let Telemetry { device, enqueued, properties, payload } = telemetry;
                let mut bytes = Vec::with_capacity(SMALL + BASE64.encoded_length(payload.len()));
                bytes.extend_from_slice(&[TELEMETRY, b'{']);
                write_members(&mut bytes, device, enqueued, properties.iter(), payload);
                bytes
            }
            other => serde_json::to_vec(other).expect("maps with text keys are always JSON"),
        }
    }

    /// Reads a record. `None`: no version of this hub wrote it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&TELEMETRY, json) => json::read(json).ok().map(Self::Telemetry),
            _ => json::read(bytes).ok(),
        }
    }
}

/// Writes the members of an event but its offset, and the brace that ends it: by hand and in serde's order, since there is
/// one for every message.
fn write_members<'a>(
    out: &mut Vec<u8>,
    device: &str,
    enqueued: &str,
    properties: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    payload: &[u8],
) {
    out.extend_from_slice(br#""device":"#);
    json::write_text(out, device);
    out.extend_from_slice(br#","enqueued":"#);
    json::write_text(out, enqueued);
    out.extend_from_slice(br#","properties":{"#);
    for (place, (key, value)) in properties.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        json::write_text(out, key);
        out.push(b':');
        match value {
            Some(value) => json::write_text(out, value),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(br#"},"body":""#);
    BASE64.encode_append(payload, out);
    out.extend_from_slice(br#""}"#);
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let json::Text(body) = Deserialize::deserialize(deserializer)?;
    BASE64.decode_to_vec(body.as_bytes()).map(Bytes::from).map_err(D::Error::custom)
}

/// Writes a stored record as an event of the feed: telemetry's own JSON with the offset put in front, the others as the
/// real hub's notifications (Microsoft docs, iot-hub-devguide-messages-d2c#non-telemetry-events and
/// iot-hub-devguide-messages-c2d#message-feedback). `None`: readers do not get such a record.
pub fn feed_json(record: &[u8], offset: u64, out: &mut Vec<u8>) -> Option<()> {
    let begin = |out: &mut Vec<u8>| {
        out.extend_from_slice(br#"{"offset":"#);
        serde_json::to_writer(&mut *out, &offset).expect("a number is always JSON");
        out.push(b',');
    };
    if let Some(members) = record.strip_prefix(&[TELEMETRY, b'{']) {
        begin(out);
        out.extend_from_slice(members);
        return Some(());
    }
    let Notice { device, enqueued, source, operation, body } = Notice::of(record)?;
    let properties = [(MESSAGE_SOURCE, Some(source)), (OPERATION, operation)];
    begin(out);
    write_members(
        out,
        &device,
        &enqueued,
        properties.into_iter().filter(|(_, value)| value.is_some()),
        body.as_bytes(),
    );
    Some(())
}

/// What the hub tells readers of its own accord.
struct Notice<'a> {
    device: Cow<'a, str>,
    enqueued: Cow<'a, str>,
    source: &'static str,
    operation: Option<&'static str>,
    body: String,
}

/// A [`Record::Reported`], its texts and the patch taken from where they are read.
#[derive(Deserialize)]
struct Reported<'a> {
    #[serde(borrow)]
    device: Cow<'a, str>,
    #[serde(borrow)]
    enqueued: Cow<'a, str>,
    #[serde(borrow)]
    patch: &'a RawValue,
}

impl<'a> Notice<'a> {
    /// Reads what a record tells. `None`: nothing.
    fn of(record: &'a [u8]) -> Option<Self> {
        // Reports are many, the others few.
        if let Some(report) = record.strip_prefix(br#"{"Reported":"#).and_then(|rest| rest.strip_suffix(b"}")) {
            let Reported { device, enqueued, patch } = json::read(report).ok()?;
            let body = format!(r#"{{"properties":{{"reported":{patch}}}}}"#);
            return Some(Self { device, enqueued, source: TWIN_CHANGE, operation: Some(UPDATED), body });
        }
        match Record::read(record)? {
            Record::Registered { device, generation, enqueued } => {
                Some(Self::lifecycle(Lifecycle { device_id: device, created: true, generation }, enqueued))
            }
            Record::Removed { device, generation, enqueued } => {
                Some(Self::lifecycle(Lifecycle { device_id: device, created: false, generation }, enqueued))
            }
            Record::Settled { device, id, status, enqueued } => {
                let feedback = Feedback { original_message_id: id, device_id: device, status_code: status };
                let body = serde_json::to_string(&feedback).expect("texts are always JSON");
                let (device, enqueued) = (feedback.device_id.into(), enqueued.into());
                Some(Self { device, enqueued, source: FEEDBACK, operation: None, body })
            }
            Record::Telemetry(_)
            | Record::Reported { .. }
            | Record::Desired { .. }
            | Record::Queued { .. }
            | Record::Session { .. } => None,
        }
    }

    fn lifecycle(event: Lifecycle, enqueued: String) -> Self {
        let body = serde_json::to_string(&event).expect("texts and numbers are always JSON");
        let operation = if event.created { CREATED } else { DELETED };
        let (device, enqueued) = (event.device_id.into(), enqueued.into());
        Self { device, enqueued, source: LIFECYCLE, operation: Some(operation), body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iot::hub::TelemetryEvent;
    use proptest::prelude::*;
    use serde_json::json;
    use std::time::Duration;

    fn telemetry() -> Telemetry {
        let properties = [("$.mid".to_owned(), Some("1".to_owned())), ("k".to_owned(), None)].into_iter().collect();
        Telemetry { device: "xyz".into(), enqueued: "2021-04-19T20:00:00Z".into(), properties, payload: "hi".into() }
    }

    fn device() -> String {
        "xyz".to_owned()
    }

    fn registered() -> Record {
        Record::Registered { device: device(), generation: Some(1), enqueued: "2021-04-19T20:00:00Z".into() }
    }

    fn removed() -> Record {
        Record::Removed { device: device(), generation: None, enqueued: String::new() }
    }

    fn message() -> Message {
        let properties = [("k", None::<&str>)].into_iter().collect();
        Message { id: "op-3".into(), properties, body: "aGk=".into(), expires: Duration::from_millis(1500) }
    }

    fn settled(status: FeedbackStatus) -> Record {
        Record::Settled { device: device(), id: "op-3".into(), status, enqueued: String::new() }
    }

    /// What readers of the feed get of a record.
    fn read(record: &Record) -> Option<TelemetryEvent> {
        let mut json = Vec::new();
        feed_json(&record.to_bytes(), 8, &mut json)?;
        serde_json::from_slice(&json).unwrap()
    }

    fn reported() -> Record {
        let patch = serde_json::from_str(r#"{"fan":{"on":true}}"#).unwrap();
        Record::Reported { device: "xyz".into(), enqueued: "2021-04-19T20:00:00Z".into(), patch }
    }

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        for record in [
            Record::Telemetry(telemetry()),
            registered(),
            removed(),
            reported(),
            Record::Desired {
                device: device(),
                if_match: Some("3.1".into()),
                patch: serde_json::from_str(r#"{"fan":null}"#).unwrap(),
            },
            Record::Queued { device: device(), message: message() },
            settled(FeedbackStatus::Expired),
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
    }

    #[test]
    fn a_report_and_the_end_of_a_message_are_events_and_what_only_the_hub_needs_is_not() {
        let event = read(&reported()).unwrap();
        assert_eq!((event.offset, event.device.as_str()), (8, "xyz"));
        assert_eq!(event.reported().unwrap()["fan"]["on"], true);
        for status in [FeedbackStatus::Success, FeedbackStatus::Expired] {
            let feedback = read(&settled(status)).unwrap().feedback().unwrap();
            assert_eq!((feedback.original_message_id.as_str(), feedback.status_code), ("op-3", status));
        }
        assert_eq!(read(&Record::Queued { device: device(), message: message() }), None);
        assert_eq!(read(&Record::Session { device: device(), filters: None }), None);
    }

    #[test]
    fn a_coming_and_a_leaving_are_events_with_their_generation() {
        let created = Lifecycle { device_id: device(), created: true, generation: Some(1) };
        let event = read(&registered()).unwrap();
        assert_eq!((event.enqueued.as_str(), event.lifecycle()), ("2021-04-19T20:00:00Z", Some(created)));
        let deleted = Lifecycle { device_id: device(), created: false, generation: None };
        assert_eq!(read(&removed()).unwrap().lifecycle(), Some(deleted));
    }

    proptest! {
        #[test]
        fn telemetry_is_written_as_serde_writes_it(
            device in "\\PC{0,9}",
            properties in prop::collection::vec(("[a-z\"]{0,3}", prop::option::of("\\PC{0,9}")), 0..4),
            payload in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let properties: Properties = properties.into_iter().collect();
            let (enqueued, body) = ("2021-04-19T20:00:00Z".to_owned(), BASE64.encode_to_string(&payload));
            let event = TelemetryEvent { offset: 7, device, enqueued, properties, body };
            let TelemetryEvent { device, enqueued, properties, .. } = event.clone();
            let telemetry = Telemetry { device: device.into(), enqueued, properties, payload: payload.into() };
            let (record, mut written) = (Record::Telemetry(telemetry).to_bytes(), Vec::new());
            feed_json(&record, 7, &mut written).unwrap();
            prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&event).unwrap());
        }

        #[test]
        fn a_report_is_written_as_serde_writes_it(device in "\\PC{0,9}", text in "\\PC{0,9}", number: f64) {
            let patch: Map<String, Value> = serde_json::from_value(json!({ "fan": text, "number": number })).unwrap();
            let record = Record::Reported { device: device.clone(), enqueued: String::new(), patch: patch.clone() };
            let mut written = Vec::new();
            feed_json(&record.to_bytes(), 7, &mut written).unwrap();
            let event = TelemetryEvent {
                offset: 7,
                device,
                enqueued: String::new(),
                properties: [(MESSAGE_SOURCE, Some(TWIN_CHANGE)), (OPERATION, Some(UPDATED))].into_iter().collect(),
                body: BASE64.encode_to_string(json!({ "properties": { "reported": patch } }).to_string()),
            };
            prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&event).unwrap());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Record::read(&bytes);
            let _ = feed_json(&bytes, 0, &mut Vec::new());
        }
    }
}
