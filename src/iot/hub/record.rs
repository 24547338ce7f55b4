//! What a hub writes to its disk.
use super::event::{Members, ROOM, read_members, write_members};
use super::feed::FeedbackStatus;
use super::properties::Properties;
use super::queue::Message;
use crate::history::Name;
use crate::wire::json::{self, Form};
use base64_simd::STANDARD as BASE64;
use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

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

/// Begins the bytes of telemetry; the others begin with `{`.
pub(super) const TELEMETRY: u8 = b'T';

impl Record {
    /// Writes the record.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Telemetry(telemetry) => {
                let Telemetry { device, enqueued, properties, payload } = telemetry;
                let mut bytes = Vec::with_capacity(ROOM + BASE64.encoded_length(payload.len()));
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
            (&TELEMETRY, json) => Telemetry::read(json).map(Self::Telemetry),
            _ => json::read(bytes).ok(),
        }
    }
}

impl Telemetry {
    fn read(json: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(json).ok()?;
        Self::as_written(text).or_else(|| serde_json::from_str(text).ok())
    }

    fn as_written(text: &str) -> Option<Self> {
        let (mut form, mut properties) = (Form::of(text), Properties::new());
        form.skip("{")?;
        let Members { device, enqueued, body } = read_members(&mut form, |key, value| properties.insert(key, value))?;
        let payload = BASE64.decode_to_vec(body).ok()?.into();
        form.is_over().then(|| Self { device: device.into(), enqueued: enqueued.to_owned(), properties, payload })
    }
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let json::Text(body) = Deserialize::deserialize(deserializer)?;
    BASE64.decode_to_vec(body.as_bytes()).map(Bytes::from).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
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
    fn telemetry_goes_by_its_form_and_in_another_form_it_is_the_same() {
        let written = String::from_utf8(Record::Telemetry(telemetry()).to_bytes()).unwrap().split_off(1);
        assert_eq!(Telemetry::as_written(&written), Some(telemetry()));
        for form in [written.replace(',', ", "), written.replace("xyz", "\\u0078yz"), format!("{written} ")] {
            assert_eq!(Telemetry::as_written(&form), None, "{form}");
            assert_eq!(Telemetry::read(form.as_bytes()), Some(telemetry()), "{form}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Record::read(&bytes);
        }
    }
}
