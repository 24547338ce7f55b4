//! What a hub writes to its disk.
use super::feed::{
    CREATED, Changed, DELETED, FEEDBACK, Feedback, FeedbackStatus, LIFECYCLE, Lifecycle, MESSAGE_SOURCE, OPERATION,
    TWIN_CHANGE, TwinChange, UPDATED,
};
use super::properties::Properties;
use super::queue::Message;
use crate::wire::json;
use base64_simd::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::io::Write;

/// One fact. Their order in the ledger is the order in which they became true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Its bytes, made by [`Telemetry::to_bytes`]: readers of the hub get them as they lie on the disk.
    #[serde(skip)]
    Telemetry(Vec<u8>),
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
pub struct Telemetry<'a> {
    /// The device id.
    pub device: &'a str,
    /// The hub's wall clock when it came, RFC 3339.
    pub enqueued: &'a dyn fmt::Display,
    /// System properties and the application's.
    pub properties: &'a Properties,
    /// The payload; readers get it in base64, byte for byte.
    pub body: &'a [u8],
}

/// Room for all of a telemetry's record but its body, with a few short properties.
const SMALL: usize = 256;

/// Begins the bytes of telemetry; the others begin with `{`.
const TELEMETRY: u8 = b'T';

impl Record {
    /// Writes the record.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Telemetry(bytes) => bytes.clone(),
            other => to_json(other),
        }
    }

    /// Reads a record. `None`: no version of this hub wrote it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&TELEMETRY, _) => Some(Self::Telemetry(bytes.to_vec())),
            _ => json::read(bytes).ok(),
        }
    }
}

impl Telemetry<'_> {
    /// Writes its JSON by hand, in serde's order: of all records these are the many.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SMALL + 2 * self.body.len());
        out.push(TELEMETRY);
        out.extend_from_slice(br#"{"device":"#);
        json::write_text(&mut out, self.device);
        out.extend_from_slice(br#","enqueued":""#);
        write!(out, "{}", self.enqueued).expect("memory takes everything");
        out.extend_from_slice(br#"","properties":{"#);
        for (place, (key, value)) in self.properties.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json::write_text(&mut out, key);
            out.push(b':');
            match value {
                Some(value) => json::write_text(&mut out, value),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.extend_from_slice(br#"},"body":""#);
        BASE64.encode_append(self.body, &mut out);
        out.extend_from_slice(br#""}"#);
        out
    }
}

/// Writes a stored record as an event of the feed: telemetry's own JSON with the offset put in front, the others as the
/// real hub's notifications (Microsoft docs, iot-hub-devguide-messages-d2c#non-telemetry-events and
/// iot-hub-devguide-messages-c2d#message-feedback). `None`: readers do not get such a record.
pub fn feed_json(record: &[u8], offset: u64, out: &mut Vec<u8>) -> Option<()> {
    let Some(members) = record.strip_prefix(&[TELEMETRY, b'{']) else {
        return feed_json(&notification(Record::read(record)?)?, offset, out);
    };
    out.extend_from_slice(br#"{"offset":"#);
    serde_json::to_writer(&mut *out, &offset).ok()?;
    out.push(b',');
    out.extend_from_slice(members);
    Some(())
}

/// Writes what the hub has to tell of its own accord as if a device had sent it. `None`: it has nothing to tell.
fn notification(record: Record) -> Option<Vec<u8>> {
    let (device, enqueued, source, operation, body) = match record {
        Record::Reported { device, enqueued, patch } => {
            let body = to_json(&TwinChange { properties: Changed { reported: patch } });
            (device, enqueued, TWIN_CHANGE, Some(UPDATED), body)
        }
        Record::Registered { device, generation, enqueued } => {
            let body = to_json(&Lifecycle { device_id: device.clone(), created: true, generation });
            (device, enqueued, LIFECYCLE, Some(CREATED), body)
        }
        Record::Removed { device, generation, enqueued } => {
            let body = to_json(&Lifecycle { device_id: device.clone(), created: false, generation });
            (device, enqueued, LIFECYCLE, Some(DELETED), body)
        }
        Record::Settled { device, id, status, enqueued } => {
            let body = to_json(&Feedback { original_message_id: id, device_id: device.clone(), status_code: status });
            (device, enqueued, FEEDBACK, None, body)
        }
        Record::Telemetry(_) | Record::Desired { .. } | Record::Queued { .. } | Record::Session { .. } => return None,
    };
    let named = [(MESSAGE_SOURCE, Some(source)), (OPERATION, operation)];
    let properties = named.into_iter().filter_map(|(key, value)| Some((key, Some(value?)))).collect();
    Some(Telemetry { device: &device, enqueued: &enqueued, properties: &properties, body: &body }.to_bytes())
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("maps with text keys are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iot::hub::feed::TelemetryEvent;
    use proptest::prelude::*;
    use std::time::Duration;

    fn telemetry() -> Record {
        let properties = [("$.mid", Some("1")), ("k", None)].into_iter().collect();
        let enqueued = &"2021-04-19T20:00:00Z";
        Record::Telemetry(Telemetry { device: "xyz", enqueued, properties: &properties, body: b"hi" }.to_bytes())
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
            telemetry(),
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
        feed_json(&telemetry().to_bytes(), 7, &mut json).unwrap();
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
            body in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let (properties, enqueued) = (properties.into_iter().collect(), "2021-04-19T20:00:00Z");
            let telemetry = Telemetry { device: &device, enqueued: &enqueued, properties: &properties, body: &body };
            let mut written = Vec::new();
            feed_json(&telemetry.to_bytes(), 7, &mut written).unwrap();
            let event: TelemetryEvent = serde_json::from_slice(&written).unwrap();
            prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&event).unwrap());
            prop_assert_eq!(event.payload().unwrap(), body);
            prop_assert_eq!((event.device, event.properties), (device, properties));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Record::read(&bytes);
            let _ = feed_json(&bytes, 0, &mut Vec::new());
        }
    }
}
