//! A batch of a hub's feed, read where it lies.
use super::event::{Members, read_members};
use super::feed::{MESSAGE_SOURCE, OPERATION};
use super::topic::MESSAGE_ID;
use crate::wire::json::{Form, Text};
use base64_simd::STANDARD as BASE64;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// A [`Batch`](super::Batch), as far as an application needs it that takes in what it is told. Its texts are taken from
/// where they are read, unless something in them is escaped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Told<'a> {
    /// In the order of their offsets.
    #[serde(borrow)]
    pub events: Vec<Happening<'a>>,
    /// Where to read on.
    pub next: u64,
}

/// A [`TelemetryEvent`](super::TelemetryEvent) among what was told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Happening<'a> {
    /// The device id.
    #[serde(borrow)]
    pub device: Cow<'a, str>,
    /// What it is.
    #[serde(borrow, rename = "properties")]
    pub marks: Marks<'a>,
    /// The payload in base64, byte for byte.
    #[serde(borrow)]
    pub body: Cow<'a, str>,
}

/// The properties that say what an event is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks<'a> {
    /// What a system message is about; `None`: it is telemetry.
    pub source: Option<Cow<'a, str>>,
    /// What was done.
    pub operation: Option<Cow<'a, str>>,
    /// The message's id, as its device gave it.
    pub message_id: Option<Cow<'a, str>>,
}

impl<'a> Told<'a> {
    /// Reads a batch.
    ///
    /// # Errors
    /// serde's, when it is none.
    pub fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        as_written(text).map_or_else(|| serde_json::from_str(text), Ok)
    }
}

impl Happening<'_> {
    /// Decodes the payload. `None`: it is not base64, so no hub wrote it.
    pub fn payload(&self) -> Option<Vec<u8>> {
        BASE64.decode_to_vec(self.body.as_bytes()).ok()
    }
}

/// Reads what a hub writes and nobody has changed: that goes by its form alone. `None`: it may still be the same JSON in
/// another form.
fn as_written(text: &str) -> Option<Told<'_>> {
    let (mut form, mut events) = (Form::of(text), Vec::new());
    form.skip(r#"{"events":["#)?;
    form.items("]", |form| happening(form).map(|event| events.push(event)))?;
    form.skip(r#","next":"#)?;
    let next = form.number()?;
    form.skip("}")?;
    form.is_over().then_some(Told { events, next })
}

fn happening<'a>(form: &mut Form<'a>) -> Option<Happening<'a>> {
    form.skip(r#"{"offset":"#)?;
    form.number()?;
    form.skip(",")?;
    let mut marks = Marks::default();
    let Members { device, body, .. } = read_members(form, |key, value| marks.set(key, value.map(Cow::from)))?;
    Some(Happening { device: device.into(), marks, body: body.into() })
}

impl<'a> Marks<'a> {
    /// Takes a property: of two with the same key the last counts.
    fn set(&mut self, key: &str, value: Option<Cow<'a, str>>) {
        match key {
            MESSAGE_SOURCE => self.source = value,
            OPERATION => self.operation = value,
            MESSAGE_ID => self.message_id = value,
            _ => {}
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Marks<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Marks<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of properties")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Marks<'de>, A::Error> {
                let mut marks = Marks::default();
                while let Some((Text(key), value)) = members.next_entry::<_, Option<Text<'de>>>()? {
                    marks.set(&key, value.map(|Text(value)| value));
                }
                Ok(marks)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iot::hub::event::feed_json;
    use crate::iot::hub::record::{Record, Telemetry};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn telemetry(device: &str, properties: Vec<(String, Option<String>)>) -> Record {
        Record::Telemetry(Telemetry {
            device: device.into(),
            enqueued: "2021-04-19T20:00:00.000Z".into(),
            properties: properties.into_iter().collect(),
            payload: "21.5".into(),
        })
    }

    fn reported() -> Record {
        let patch = serde_json::from_str(r#"{"fan":"on"}"#).unwrap();
        Record::Reported { device: "xyz".into(), enqueued: String::new(), patch }
    }

    /// What a hub tells of records.
    fn batch(records: &[Record]) -> String {
        let (mut text, mut next) = (br#"{"events":["#.to_vec(), 0);
        for record in records {
            if next > 0 {
                text.push(b',');
            }
            feed_json(&record.to_bytes(), next, &mut text).unwrap();
            next += 1;
        }
        format!(r#"{}],"next":{next}}}"#, String::from_utf8(text).unwrap())
    }

    #[test]
    fn what_a_hub_writes_goes_by_its_form() {
        let properties = vec![(MESSAGE_ID.to_owned(), Some("7".to_owned())), ("alone".to_owned(), None)];
        let text = batch(&[telemetry("xyz", properties), reported(), telemetry("xyz", vec![])]);
        let told = as_written(&text).unwrap();
        assert_eq!(serde_json::from_str::<Told<'_>>(&text).unwrap(), told);
        let [message, report, plain] = &told.events[..] else { panic!("{told:?}") };
        assert_eq!(
            (&*message.device, message.marks.message_id.as_deref(), &*message.body),
            ("xyz", Some("7"), "MjEuNQ==")
        );
        let marks = &report.marks;
        assert_eq!(
            (marks.source.as_deref(), marks.operation.as_deref()),
            (Some("twinChangeEvents"), Some("updateTwin"))
        );
        assert_eq!((&plain.marks, told.next), (&Marks::default(), 3));
        assert_eq!(as_written(&batch(&[])), Some(Told { events: vec![], next: 0 }));
    }

    #[test]
    fn the_same_json_in_another_form_is_the_same_batch() {
        let text = batch(&[telemetry("xyz", vec![]), reported()]);
        let told = Told::read(&text).unwrap();
        for form in [text.replace(',', ", "), text.replace("xyz", "\\u0078yz"), format!(" {text}\n")] {
            assert_eq!(as_written(&form), None, "{form}");
            assert_eq!(Told::read(&form).unwrap(), told, "{form}");
        }
    }

    proptest! {
        /// A history is the same on every machine.
        #[test]
        fn a_payload_is_the_same_with_and_without_vectors(
            payload in prop::collection::vec(any::<u8>(), 0..300), place: usize,
        ) {
            let text = BASE64.encode_to_string(&payload);
            prop_assert_eq!(&text, &STANDARD.encode(&payload));
            prop_assert_eq!(&BASE64.decode_to_vec(&text).unwrap(), &payload);
            let mut damaged = text.into_bytes();
            if let Some(at) = place.checked_rem(damaged.len()) {
                damaged[at] = b'!';
                prop_assert!(BASE64.decode_to_vec(&damaged).is_err());
            }
        }

        #[test]
        fn what_goes_by_its_form_is_that_in_json(
            device in "\\PC{0,9}",
            properties in prop::collection::vec(("\\$\\.mid|opType|[a-z\"]{0,3}", prop::option::of("\\PC{0,9}")), 0..4),
            place in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let text = batch(&[telemetry(&device, properties), reported()]);
            prop_assert_eq!(Told::read(&text).unwrap(), serde_json::from_str(&text).unwrap());
            let mut changed = text.into_bytes();
            let place = place.index(changed.len());
            changed[place] = byte;
            if let Ok(text) = std::str::from_utf8(&changed)
                && let Some(told) = as_written(text)
            {
                prop_assert_eq!(serde_json::from_str::<Told<'_>>(text).unwrap(), told);
            }
        }
    }
}
