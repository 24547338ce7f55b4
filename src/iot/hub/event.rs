//! An event of a hub's feed: how a record is written for readers, and read again by its form.
use super::feed::{
    CREATED, DELETED, FEEDBACK, Feedback, LIFECYCLE, Lifecycle, MESSAGE_SOURCE, OPERATION, TWIN_CHANGE, UPDATED,
};
use super::record::{Record, TELEMETRY};
use crate::wire::json::{self, Form};
use base64_simd::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Room for all of an event but its body, with a few short properties.
pub(super) const ROOM: usize = 256;

/// The members of an event but its offset and its properties.
pub(super) struct Members<'a> {
    pub(super) device: &'a str,
    pub(super) enqueued: &'a str,
    pub(super) body: &'a str,
}

/// Reads by their form what [`write_members`] writes, and hands over each property.
pub(super) fn read_members<'a>(
    form: &mut Form<'a>,
    mut property: impl FnMut(&'a str, Option<&'a str>),
) -> Option<Members<'a>> {
    form.skip(r#""device":"#)?;
    let device = form.text()?;
    form.skip(r#","enqueued":"#)?;
    let enqueued = form.text()?;
    form.skip(r#","properties":{"#)?;
    form.items("}", |form| {
        let key = form.text()?;
        form.skip(":")?;
        let value = if form.skip("null").is_some() { None } else { Some(form.text()?) };
        property(key, value);
        Some(())
    })?;
    form.skip(r#","body":"#)?;
    let body = form.text()?;
    form.skip("}")?;
    Some(Members { device, enqueued, body })
}

/// Writes the members of an event but its offset, and the brace that ends it: by hand and in serde's order, since there is
/// one for every message.
pub(super) fn write_members<'a>(
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
    use crate::iot::hub::feed::FeedbackStatus;
    use crate::iot::hub::queue::Message;
    use crate::iot::hub::record::Telemetry;
    use crate::iot::hub::{Properties, TelemetryEvent};
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};
    use std::time::Duration;

    fn device() -> String {
        "xyz".to_owned()
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

    #[test]
    fn the_feed_has_the_stored_bytes_and_an_offset() {
        let mut json = Vec::new();
        let properties = [("$.mid", Some("1")), ("k", None)].into_iter().collect();
        let enqueued = "2021-04-19T20:00:00Z".to_owned();
        let telemetry = Telemetry { device: "xyz".into(), enqueued, properties, payload: "hi".into() };
        feed_json(&Record::Telemetry(telemetry).to_bytes(), 7, &mut json).unwrap();
        let expected = r#"{"offset":7,"device":"xyz","enqueued":"2021-04-19T20:00:00Z","properties":{"$.mid":"1","k":null},"body":"aGk="}"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn a_report_and_the_end_of_a_message_are_events_and_what_only_the_hub_needs_is_not() {
        let patch = serde_json::from_str(r#"{"fan":{"on":true}}"#).unwrap();
        let reported = Record::Reported { device: device(), enqueued: String::new(), patch };
        let event = read(&reported).unwrap();
        assert_eq!((event.offset, event.device.as_str()), (8, "xyz"));
        assert_eq!(event.reported().unwrap()["fan"]["on"], true);
        for status in [FeedbackStatus::Success, FeedbackStatus::Expired] {
            let feedback = read(&settled(status)).unwrap().feedback().unwrap();
            assert_eq!((feedback.original_message_id.as_str(), feedback.status_code), ("op-3", status));
        }
        let (id, properties, body) = ("op-3".into(), Properties::new(), "aGk=".into());
        let message = Message { id, properties, body, expires: Duration::from_millis(1500) };
        assert_eq!(read(&Record::Queued { device: device(), message }), None);
        assert_eq!(read(&Record::Session { device: device(), filters: None }), None);
    }

    #[test]
    fn a_coming_and_a_leaving_are_events_with_their_generation() {
        let created = Lifecycle { device_id: device(), created: true, generation: Some(1) };
        let enqueued = || "2021-04-19T20:00:00Z".to_owned();
        let registered = Record::Registered { device: device(), generation: Some(1), enqueued: enqueued() };
        let event = read(&registered).unwrap();
        assert_eq!((event.enqueued.as_str(), event.lifecycle()), ("2021-04-19T20:00:00Z", Some(created)));
        let deleted = Lifecycle { device_id: device(), created: false, generation: None };
        let removed = Record::Removed { device: device(), generation: None, enqueued: enqueued() };
        assert_eq!(read(&removed).unwrap().lifecycle(), Some(deleted));
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
            let Some(Record::Telemetry(telemetry)) = Record::read(&record) else { panic!("no telemetry") };
            prop_assert_eq!(telemetry, json::read(&record[1..]).unwrap());
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
            let _ = feed_json(&bytes, 0, &mut Vec::new());
        }
    }
}
