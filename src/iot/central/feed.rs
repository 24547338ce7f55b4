//! Reads a hub's feed as arrivals.
use super::desired::CHANGE;
use super::entry::Arrival;
use super::whereabouts::Stay;
use crate::history::{MessageId, Name, ProducerId, Roster};
use crate::iot::hub::{Batch, FeedbackStatus, MESSAGE_ID, TelemetryEvent};
use crate::wire::payload::{Producers, digest};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The reported property that counts a built-in device's changes.
const NUMBER: &str = "number";

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

    /// Reads a hub's batch, in its order. Changes of twins that are not numbered are left out: other people's
    /// devices report what they like.
    pub(super) fn arrivals(&self, hub: &Name, batch: &Batch) -> Vec<Arrival> {
        let mut arrivals = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            match event.source() {
                None => arrivals.push(self.telemetry(event)),
                Some(_) => arrivals.extend(system(hub, event)),
            }
        }
        arrivals
    }

    fn telemetry(&self, event: &TelemetryEvent) -> Arrival {
        let Some(body) = event.payload() else {
            return Arrival::Foreign { digest: digest(event.body.as_bytes()) };
        };
        let digest = digest(&body);
        let message_id = event.properties.get(MESSAGE_ID).flatten();
        let message = self.producers.sent_as(message_id, &body);
        match message.and_then(|id| Some((self.names.get(id.producer.0 as usize)?, id.number))) {
            Some((producer, number)) => Arrival::Message { producer: producer.clone(), number, digest },
            None => Arrival::Foreign { digest },
        }
    }
}

/// Reads what a hub says of its own accord. What is of another kind, or cannot be read, says nothing.
fn system(hub: &Name, event: &TelemetryEvent) -> Vec<Arrival> {
    if let Some(patch) = event.reported() {
        return reported(event.device.as_str().into(), &patch);
    }
    if let Some(lifecycle) = event.lifecycle() {
        let stay = Stay { hub: hub.clone(), generation: lifecycle.generation.unwrap_or_default() };
        return vec![Arrival::Lifecycle { device: lifecycle.device_id.into(), stay, came: lifecycle.created }];
    }
    match event.feedback() {
        Some(feedback) if feedback.status_code == FeedbackStatus::Success => {
            let (device, id) = (feedback.device_id.into(), feedback.original_message_id);
            vec![Arrival::Completed { device, id }]
        }
        // Central's own clock tells it when a command's time is over, also when the hub is down.
        _ => Vec::new(),
    }
}

/// Reads a patch of reported properties: its number, and which change of desired ones the device follows. A device
/// acknowledges each desired member with value and status (Microsoft docs, IoT Plug and Play conventions,
/// "Writable properties"): `{"change":{"value":3,"ac":200,"av":7}}`.
fn reported(device: Name, patch: &Map<String, Value>) -> Vec<Arrival> {
    let number = patch.get(NUMBER).and_then(Value::as_u64);
    let acknowledged = patch.get(CHANGE).and_then(|change| {
        let succeeded = change.get("ac")?.as_u64().is_some_and(|code| (200..300).contains(&code));
        change.get("value")?.as_u64().filter(|_| succeeded)
    });
    let reported = number.map(|number| Arrival::Reported { device: device.clone(), number });
    let acknowledged = acknowledged.map(|number| Arrival::Acknowledged { device, number });
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

    fn batch(body: &str, properties: Value) -> Batch {
        let event = json!({ "offset": 0, "device": "xyz", "enqueued": "", "properties": properties, "body": body });
        serde_json::from_value(json!({ "events": [event], "next": 1 })).unwrap()
    }

    #[test]
    fn a_built_in_message_is_known_by_producer_and_number() {
        let body = Payload::new("xyz/telemetry", 41).to_bytes();
        let arrivals = recogniser().arrivals(&hub(), &batch(&BASE64.encode(&body), json!({})));
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
            let arrivals = recogniser().arrivals(&hub(), &batch(&BASE64.encode(body), json!({})));
            assert_eq!(arrivals, [Arrival::Foreign { digest: digest(body) }]);
        }
        let arrivals = recogniser().arrivals(&hub(), &batch("not base64!", json!({})));
        assert_eq!(arrivals, [Arrival::Foreign { digest: digest(b"not base64!") }]);
    }

    #[test]
    fn a_changed_twin_is_known_by_the_number_it_reports() {
        let properties = json!({ "iothub-message-source": "twinChangeEvents", "opType": "updateTwin" });
        let body = BASE64.encode(r#"{"properties":{"reported":{"number":7,"fan":"on"}}}"#);
        let arrivals = recogniser().arrivals(&hub(), &batch(&body, properties.clone()));
        assert_eq!(arrivals, [Arrival::Reported { device: "xyz".into(), number: 7 }]);
        let other = BASE64.encode(r#"{"properties":{"reported":{"fan":"on"}}}"#);
        assert_eq!(recogniser().arrivals(&hub(), &batch(&other, properties)), []);
    }

    #[test]
    fn an_acknowledgement_of_desired_properties_tells_which_change_the_device_follows() {
        let properties = json!({ "iothub-message-source": "twinChangeEvents", "opType": "updateTwin" });
        let arrivals = |reported: Value| {
            let body = json!({ "properties": { "reported": reported } }).to_string();
            recogniser().arrivals(&hub(), &batch(&BASE64.encode(body), properties.clone()))
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
            assert_eq!(recogniser().arrivals(&hub(), &batch(&body, properties(kind))), [expected]);
        }
    }

    #[test]
    fn a_command_is_completed_by_success_alone() {
        let properties = json!({ "iothub-message-source": "feedback" });
        let arrivals = |status: &str| {
            let body = json!({ "originalMessageId": "op-3", "deviceId": "xyz", "statusCode": status }).to_string();
            recogniser().arrivals(&hub(), &batch(&BASE64.encode(body), properties.clone()))
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
            recogniser().arrivals(&hub(), &batch(&body, json!({ "iothub-message-source": source })));
        }
    }
}
