//! Reads a hub's feed as arrivals.
use super::intake::Arrival;
use crate::history::{MessageId, Name, ProducerId, Roster};
use crate::iot::hub::{Batch, TelemetryEvent};
use crate::wire::payload::{Producers, digest};
use std::collections::BTreeMap;

/// The reported property that counts a built-in device's changes.
const NUMBER: &str = "number";

/// Tells whose message a body is.
#[derive(Debug, Default)]
pub struct Recogniser {
    producers: Producers,
    names: Vec<Name>,
    ids: BTreeMap<Name, ProducerId>,
}

impl Recogniser {
    /// Knows the producers of a roster.
    pub fn new(roster: &Roster) -> Self {
        let names: Vec<Name> = roster.producers.iter().map(|producer| producer.name.clone()).collect();
        let ids = names.iter().cloned().zip((0..).map(ProducerId)).collect();
        Self { producers: Producers::of(roster), names, ids }
    }

    /// Names a receipt's message in the history. `None`: this run has no such producer (the ledger is of another).
    pub fn message(&self, producer: &str, number: u64) -> Option<MessageId> {
        Some(MessageId { producer: *self.ids.get(producer)?, number })
    }

    /// Reads a batch, in its order. Changes of twins that are not numbered are left out: other people's
    /// devices report what they like.
    pub fn arrivals(&self, batch: &Batch) -> Vec<Arrival> {
        let arrival = |event: &TelemetryEvent| match event.reported() {
            Some(patch) => {
                let number = patch.get(NUMBER)?.as_u64()?;
                Some(Arrival::Reported { device: event.device.as_str().into(), number })
            }
            None => event.source().is_none().then(|| self.telemetry(event)),
        };
        batch.events.iter().filter_map(arrival).collect()
    }

    fn telemetry(&self, event: &TelemetryEvent) -> Arrival {
        let Some(body) = event.payload() else {
            return Arrival::Foreign { digest: digest(event.body.as_bytes()) };
        };
        let digest = digest(&body);
        let message = self.producers.message(&body);
        match message.and_then(|id| Some((self.names.get(id.producer.0 as usize)?, id.number))) {
            Some((producer, number)) => Arrival::Message { producer: producer.clone(), number, digest },
            None => Arrival::Foreign { digest },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Producer;
    use crate::wire::payload::Payload;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde_json::json;

    fn recogniser() -> Recogniser {
        let producer = |name: &str| Producer { name: name.into(), host: "xyz".into() };
        Recogniser::new(&Roster {
            producers: vec![producer("abc/telemetry"), producer("xyz/telemetry")],
            ..Roster::default()
        })
    }

    fn batch(body: &str, properties: serde_json::Value) -> Batch {
        let event = json!({ "offset": 0, "device": "xyz", "enqueued": "", "properties": properties, "body": body });
        serde_json::from_value(json!({ "events": [event], "next": 1 })).unwrap()
    }

    #[test]
    fn a_built_in_message_is_known_by_producer_and_number() {
        let body = Payload::new("xyz/telemetry", 41).to_bytes();
        let arrivals = recogniser().arrivals(&batch(&BASE64.encode(&body), json!({})));
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
            let arrivals = recogniser().arrivals(&batch(&BASE64.encode(body), json!({})));
            assert_eq!(arrivals, [Arrival::Foreign { digest: digest(body) }]);
        }
        let arrivals = recogniser().arrivals(&batch("not base64!", json!({})));
        assert_eq!(arrivals, [Arrival::Foreign { digest: digest(b"not base64!") }]);
    }

    #[test]
    fn a_changed_twin_is_known_by_the_number_it_reports() {
        let properties = json!({ "iothub-message-source": "twinChangeEvents", "opType": "updateTwin" });
        let body = BASE64.encode(r#"{"properties":{"reported":{"number":7,"fan":"on"}}}"#);
        let arrivals = recogniser().arrivals(&batch(&body, properties.clone()));
        assert_eq!(arrivals, [Arrival::Reported { device: "xyz".into(), number: 7 }]);
        let other = BASE64.encode(r#"{"properties":{"reported":{"fan":"on"}}}"#);
        assert_eq!(recogniser().arrivals(&batch(&other, properties)), []);
    }
}
