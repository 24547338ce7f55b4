//! Reads a hub's feed as arrivals.
use super::entry::Arrival;
use super::whereabouts::Stay;
use crate::history::{MessageId, Name, ProducerId, Roster};
use crate::iot::hub::feed::{FEEDBACK, LIFECYCLE, TWIN_CHANGE};
use crate::iot::hub::{Feedback, FeedbackStatus, Happening, Lifecycle, Told};
use crate::wire::json;
use crate::wire::payload::{Producers, digest};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a hub told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// In the hub's order.
    pub(super) arrivals: Vec<Arrival>,
    /// The offset from which to read on.
    pub(super) next: u64,
}

/// What a twin's change is to central: what else a device reports is its own affair.
#[derive(Deserialize)]
struct TwinChange {
    properties: Changed,
}

#[derive(Deserialize)]
struct Changed {
    reported: Report,
}

/// What central reads of a patch of reported properties: of whatever kind, since other people's devices report what they
/// like.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    /// Counts a built-in device's changes.
    number: Value,
    /// The acknowledgement of [`CHANGE`](super::desired::CHANGE).
    change: Value,
}

/// Tells whose message a body is.
#[derive(Debug, Default)]
pub(super) struct Recogniser {
    producers: Producers,
    names: Vec<Name>,
    ids: BTreeMap<Name, ProducerId>,
}

impl Recogniser {
    /// Knows the producers of a roster.
    pub(super) fn new(roster: &Roster) -> Self {
        let names: Vec<Name> = roster.producers.iter().map(|producer| producer.name.clone()).collect();
        let ids = names.iter().cloned().zip((0..).map(ProducerId)).collect();
        Self { producers: Producers::of(roster), names, ids }
    }

    /// Names a receipt's message in the history. `None`: this run has no such producer (the ledger is of another).
    pub(super) fn message(&self, producer: &str, number: u64) -> Option<MessageId> {
        Some(MessageId { producer: *self.ids.get(producer)?, number })
    }

    /// Reads what a hub told, a [`hub::Batch`](crate::iot::hub::Batch). Changes of twins that are not numbered are left
    /// out: other people's devices report what they like.
    ///
    /// # Errors
    /// serde's, when it is no batch.
    pub(super) fn read(&self, hub: &Name, text: &str) -> Result<Batch, serde_json::Error> {
        let told = Told::read(text)?;
        let mut arrivals = Vec::with_capacity(told.events.len());
        for event in &told.events {
            match &event.marks.source {
                None => arrivals.push(self.telemetry(event)),
                Some(source) => arrivals.extend(system(hub, source, event).unwrap_or_default()),
            }
        }
        Ok(Batch { arrivals, next: told.next })
    }

    fn telemetry(&self, event: &Happening<'_>) -> Arrival {
        let Some(body) = event.payload() else {
            return Arrival::Foreign { digest: digest(event.body.as_bytes()) };
        };
        let digest = digest(&body);
        let message_id = event.marks.message_id.as_deref();
        let message = self.producers.sent_as(message_id, &body);
        match message.and_then(|id| Some((self.names.get(id.producer.0 as usize)?, id.number))) {
            Some((producer, number)) => Arrival::Message { producer: producer.clone(), number, digest },
            None => Arrival::Foreign { digest },
        }
    }
}

/// Reads what a hub says of its own accord. What is of another kind, or cannot be read, says nothing.
fn system(hub: &Name, source: &str, event: &Happening<'_>) -> Option<Vec<Arrival>> {
    let payload = event.payload()?;
    match source {
        TWIN_CHANGE => {
            let change: TwinChange = json::read(&payload).ok()?;
            Some(reported((&*event.device).into(), &change.properties.reported))
        }
        LIFECYCLE => {
            let lifecycle = Lifecycle::read(event.marks.operation.as_deref()?, &payload)?;
            let stay = Stay { hub: hub.clone(), generation: lifecycle.generation.unwrap_or_default() };
            Some(vec![Arrival::Lifecycle { device: lifecycle.device_id.into(), stay, came: lifecycle.created }])
        }
        FEEDBACK => {
            let feedback: Feedback = json::read(&payload).ok()?;
            // Central's own clock tells it when a command's time is over, also when the hub is down.
            let succeeded = feedback.status_code == FeedbackStatus::Success;
            let (device, id) = (feedback.device_id.into(), feedback.original_message_id);
            succeeded.then(|| vec![Arrival::Completed { device, id }])
        }
        _ => None,
    }
}

/// Reads a patch of reported properties: its number, and which change of desired ones the device follows. A device
/// acknowledges each desired member with value and status (Microsoft docs, IoT Plug and Play conventions,
/// "Writable properties"): `{"change":{"value":3,"ac":200,"av":7}}`.
fn reported(device: Name, Report { number, change }: &Report) -> Vec<Arrival> {
    let reported = number.as_u64().map(|number| Arrival::Reported { device: device.clone(), number });
    let status = change.get("ac").and_then(Value::as_u64);
    let followed = status.filter(|code| (200..300).contains(code)).and_then(|_| change.get("value")?.as_u64());
    let acknowledged = followed.map(|number| Arrival::Acknowledged { device, number });
    reported.into_iter().chain(acknowledged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Producer;
    use crate::wire::payload::Payload;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use proptest::prelude::*;
    use serde_json::json;

    fn recogniser() -> Recogniser {
        let producer = |name: &str| Producer { name: name.into(), host: "xyz".into() };
        Recogniser::new(&Roster {
            producers: vec![producer("abc/telemetry"), producer("xyz/telemetry")],
            ..Roster::default()
        })
    }

    fn hub() -> Name {
        "hub-a".into()
    }

    fn arrivals(body: &str, properties: Value) -> Vec<Arrival> {
        let event = json!({ "offset": 0, "device": "xyz", "enqueued": "", "properties": properties, "body": body });
        let batch = json!({ "events": [event], "next": 1 }).to_string();
        recogniser().read(&hub(), &batch).unwrap().arrivals
    }

    #[test]
    fn a_built_in_message_is_known_by_producer_and_number() {
        let body = Payload::new("xyz/telemetry", 41).to_bytes();
        let arrivals = arrivals(&BASE64.encode(&body), json!({}));
        let expected = Arrival::Message { producer: "xyz/telemetry".into(), number: 41, digest: digest(&body) };
        assert_eq!(arrivals, [expected]);
        let id = MessageId { producer: ProducerId(1), number: 41 };
        assert_eq!(recogniser().message("xyz/telemetry", 41), Some(id));
        assert_eq!(recogniser().message("somebody/else", 41), None);
    }

    #[test]
    fn everything_else_is_foreign() {
        let unknown = Payload::new("somebody/else", 41).to_bytes();
        for body in [&unknown[..], b"21.5", b""] {
            let arrivals = arrivals(&BASE64.encode(body), json!({}));
            assert_eq!(arrivals, [Arrival::Foreign { digest: digest(body) }]);
        }
        let arrivals = arrivals("not base64!", json!({}));
        assert_eq!(arrivals, [Arrival::Foreign { digest: digest(b"not base64!") }]);
    }

    #[test]
    fn what_is_no_batch_is_an_error() {
        for text in ["", "{}", "[]", r#"{"events":[],"next":-1}"#, r#"{"events":[{"device":"xyz"}],"next":1}"#] {
            assert!(recogniser().read(&hub(), text).is_err(), "{text}");
        }
        for (properties, is_read) in [(r#"{"a":null}"#, true), (r#"{"a":1}"#, false), ("[]", false)] {
            let text = format!(r#"{{"events":[{{"device":"xyz","properties":{properties},"body":""}}],"next":1}}"#);
            assert_eq!(recogniser().read(&hub(), &text).is_ok(), is_read, "{text}");
        }
    }

    #[test]
    fn a_changed_twin_is_known_by_the_number_it_reports() {
        let properties = json!({ "iothub-message-source": "twinChangeEvents", "opType": "updateTwin" });
        let body = BASE64.encode(r#"{"properties":{"reported":{"number":7,"fan":"on"}}}"#);
        let known = arrivals(&body, properties.clone());
        assert_eq!(known, [Arrival::Reported { device: "xyz".into(), number: 7 }]);
        let other = BASE64.encode(r#"{"properties":{"reported":{"fan":"on"}}}"#);
        assert_eq!(arrivals(&other, properties), []);
    }

    #[test]
    fn an_acknowledgement_of_desired_properties_tells_which_change_the_device_follows() {
        let properties = json!({ "iothub-message-source": "twinChangeEvents", "opType": "updateTwin" });
        let arrivals = |reported: Value| {
            let body = json!({ "properties": { "reported": reported } }).to_string();
            arrivals(&BASE64.encode(body), properties.clone())
        };
        let device = || Name::from("xyz");
        let fan = json!({ "value": "on", "ac": 200, "av": 4 });
        let both = json!({ "number": 7, "fan": fan, "change": { "value": 3, "ac": 200, "av": 4, "ad": "completed" } });
        let expected =
            [Arrival::Reported { device: device(), number: 7 }, Arrival::Acknowledged { device: device(), number: 3 }];
        assert_eq!(arrivals(both), expected);
        for refused in [json!({ "value": 3, "ac": 400 }), json!({ "value": 3 }), json!({ "value": "x", "ac": 200 })] {
            assert_eq!(arrivals(json!({ "change": refused })), []);
        }
        assert_eq!(arrivals(json!({ "change": 3 })), []);
    }

    #[test]
    fn a_device_that_comes_or_leaves_is_known_with_its_assignment() {
        let properties = |kind: &str| json!({ "iothub-message-source": "deviceLifecycleEvents", "opType": kind });
        let body = BASE64.encode(r#"{"deviceId":"xyz","generation":3}"#);
        for (kind, came) in [("createDeviceIdentity", true), ("deleteDeviceIdentity", false)] {
            let stay = Stay { hub: hub(), generation: 3 };
            let expected = Arrival::Lifecycle { device: "xyz".into(), stay, came };
            assert_eq!(arrivals(&body, properties(kind)), [expected]);
        }
    }

    #[test]
    fn a_command_is_completed_by_success_alone() {
        let properties = json!({ "iothub-message-source": "feedback" });
        let arrivals = |status: &str| {
            let body = json!({ "originalMessageId": "op-3", "deviceId": "xyz", "statusCode": status }).to_string();
            arrivals(&BASE64.encode(body), properties.clone())
        };
        assert_eq!(arrivals("Success"), [Arrival::Completed { device: "xyz".into(), id: "op-3".into() }]);
        assert_eq!(arrivals("Expired"), []);
        assert_eq!(arrivals("Purged"), []);
    }

    proptest! {
        #[test]
        fn whatever_a_hub_passes_on_is_read_without_a_panic(
            source in "twinChangeEvents|deviceLifecycleEvents|feedback|\\PC{0,9}",
            text in r#"\PC{0,40}|\{"properties":\{"reported":\{"change":\PC{0,20}\}\}\}|\{"deviceId":"x"\}"#,
            encoded in any::<bool>(),
        ) {
            let body = if encoded { BASE64.encode(&text) } else { text };
            arrivals(&body, json!({ "iothub-message-source": source }));
        }
    }
}
