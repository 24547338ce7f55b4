//! The bodies of built-in messages: who made this one, and which of its messages it is.
//!
//! JSON, because the IoT services and their tools expect telemetry to be JSON. Bodies of other people's clients are
//! foreign: they have a digest and no number.
use super::json::{self, Form};
use crate::history::{MessageId, Name, ProducerId, Roster};
use bytes::Bytes;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// One built-in message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The producer's name in the roster, such as `xyz/telemetry`.
    pub producer: String,
    /// The producer's count of its messages.
    pub number: u64,
}

/// Why a body is no built-in message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON, or without producer, number and checksum: somebody else's.
    #[error("not a built-in message")]
    Foreign,
    /// It says that it is one, but was changed on its way.
    #[error("checksum does not match")]
    Checksum,
}

/// What stands in a body between producer, number and checksum.
const PRODUCER: &str = r#"{"producer":"#;
const NUMBER: &str = r#","number":"#;
const CHECKSUM: &str = r#","checksum":"#;
const END: &str = "}";

/// Room for a body, but for its producer's name.
const SMALL: usize = 80;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    producer: Cow<'a, str>,
    number: u64,
    /// In hex: JSON numbers above 2^53 do not survive every reader.
    #[serde(borrow)]
    checksum: Cow<'a, str>,
}

impl Payload {
    /// Names a producer's message.
    pub fn new(producer: impl Into<String>, number: u64) -> Self {
        Self { producer: producer.into(), number }
    }

    /// Writes the body; the same message always has the same bytes.
    pub fn to_bytes(&self) -> Bytes {
        let Self { producer, number } = self;
        let mut bytes = Vec::with_capacity(SMALL + producer.len());
        bytes.extend_from_slice(PRODUCER.as_bytes());
        json::write_text(&mut bytes, producer);
        bytes.extend_from_slice(NUMBER.as_bytes());
        serde_json::to_writer(&mut bytes, number).expect("a number is always JSON");
        bytes.extend_from_slice(CHECKSUM.as_bytes());
        bytes.push(b'"');
        bytes.extend_from_slice(&checksum(producer, *number));
        bytes.push(b'"');
        bytes.extend_from_slice(END.as_bytes());
        bytes.into()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let (producer, number) = read(bytes)?;
        Ok(Self::new(producer, number))
    }
}

/// Reads a body's producer and number.
fn read(bytes: &[u8]) -> Result<(Cow<'_, str>, u64), PayloadError> {
    let text = std::str::from_utf8(bytes).map_err(|_| PayloadError::Foreign)?;
    match as_written(text) {
        Some((producer, number)) => Ok((producer.into(), number)),
        None => as_json(text),
    }
}

/// Reads what [`Payload::to_bytes`] writes and nobody has changed: that goes by its form alone. `None`: it may still be
/// the same JSON in another form.
fn as_written(text: &str) -> Option<(&str, u64)> {
    let mut form = Form::of(text);
    form.skip(PRODUCER)?;
    let producer = form.text()?;
    form.skip(NUMBER)?;
    let number = form.number()?;
    form.skip(CHECKSUM)?;
    let written = form.text()?;
    form.skip(END)?;
    (form.is_over() && written.as_bytes() == checksum(producer, number)).then_some((producer, number))
}

fn as_json(text: &str) -> Result<(Cow<'_, str>, u64), PayloadError> {
    let body: Body<'_> = serde_json::from_str(text).map_err(|_| PayloadError::Foreign)?;
    let sound = checksum(&body.producer, body.number) == body.checksum.as_bytes();
    if sound { Ok((body.producer, body.number)) } else { Err(PayloadError::Checksum) }
}

/// In 16 hex digits.
fn checksum(producer: &str, number: u64) -> [u8; 16] {
    let hash = xxh3_64_with_seed(producer.as_bytes(), number);
    std::array::from_fn(|place| b"0123456789abcdef"[(hash >> (60 - 4 * place)) as usize & 15])
}

/// Hashes a message's bytes, built-in or foreign: what `Offered` and `Received` carry.
pub fn digest(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// Finds producers by name; built once, since a roster can be long.
#[derive(Clone, Debug, Default)]
pub struct Producers(BTreeMap<Name, ProducerId>);

impl Producers {
    /// Indexes a roster.
    pub fn of(roster: &Roster) -> Self {
        let ids = (0..).map(ProducerId);
        Self(roster.producers.iter().map(|producer| producer.name.clone()).zip(ids).collect())
    }

    /// Reads which message of which known producer was sent: by the message id beside the body if there is one, since
    /// the body may be another message's by now. `None`: it is foreign or damaged.
    pub fn sent_as(&self, message_id: Option<&str>, body: &[u8]) -> Option<MessageId> {
        let message = self.message(body)?;
        let number = message_id.and_then(|id| id.parse().ok()).unwrap_or(message.number);
        Some(MessageId { number, ..message })
    }

    /// Reads which message of which known producer a body is; `None`: it is foreign or damaged.
    pub fn message(&self, body: &[u8]) -> Option<MessageId> {
        let (producer, number) = read(body).ok()?;
        let producer = *self.0.get(&*producer)?;
        Some(MessageId { producer, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Producer;
    use proptest::prelude::*;

    #[test]
    fn the_body_is_json_that_a_person_can_read() {
        let body = Payload::new("xyz/telemetry", 7).to_bytes();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.starts_with(r#"{"producer":"xyz/telemetry","number":7,"checksum":""#), "{text}");
    }

    #[test]
    fn a_changed_number_is_noticed() {
        let text = String::from_utf8(Payload::new("p", 41).to_bytes().to_vec()).unwrap();
        let changed = text.replace("41", "42");
        assert_eq!(Payload::parse(changed.as_bytes()), Err(PayloadError::Checksum));
    }

    #[test]
    fn the_same_json_in_another_form_is_the_same_message() {
        let written = String::from_utf8(Payload::new("p\"q", 7).to_bytes().to_vec()).unwrap();
        for form in [written.replace(',', ", "), written.replace("p\\\"", "\\u0070\\u0022"), format!(" {written}\n")] {
            assert_ne!(form, written);
            assert_eq!(Payload::parse(form.as_bytes()), Ok(Payload::new("p\"q", 7)), "{form}");
        }
    }

    #[test]
    fn other_peoples_bodies_are_foreign() {
        for body in [&b""[..], b"21.5", b"{\"temperature\":21}", b"\xff\x00", b"{\"producer\":\"p\",\"number\":-1}"] {
            assert_eq!(Payload::parse(body), Err(PayloadError::Foreign));
        }
    }

    #[test]
    fn a_message_is_found_by_its_producers_name() {
        let producer = |name: &str| Producer { name: name.into(), host: "h".into() };
        let roster = Roster { producers: vec![producer("a"), producer("b")], ..Roster::default() };
        let producers = Producers::of(&roster);
        let id = MessageId { producer: ProducerId(1), number: 3 };
        assert_eq!(producers.message(&Payload::new("b", 3).to_bytes()), Some(id));
        assert_eq!(producers.message(&Payload::new("c", 3).to_bytes()), None);
        let body = Payload::new("b", 3).to_bytes();
        assert_eq!(producers.sent_as(None, &body), Some(id));
        assert_eq!(producers.sent_as(Some("2"), &body).map(|sent| sent.number), Some(2), "the body is another one's");
        assert_eq!(producers.sent_as(Some("m-2"), &body), Some(id));
    }

    proptest! {
        #[test]
        fn every_message_is_read_as_it_was_written(producer in ".{0,30}", number: u64) {
            let payload = Payload::new(producer, number);
            prop_assert_eq!(Payload::parse(&payload.to_bytes()), Ok(payload));
        }
        #[test]
        fn what_is_read_by_its_form_is_that_in_json(
            producer in ".{0,9}", number in 0u64..20, place in any::<prop::sample::Index>(), byte: u8,
        ) {
            let mut bytes = Payload::new(producer, number).to_bytes().to_vec();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if let Ok(text) = std::str::from_utf8(&bytes)
                && let Some((producer, number)) = as_written(text)
            {
                prop_assert_eq!(as_json(text), Ok((producer.into(), number)));
            }
        }
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Payload::parse(&bytes);
        }
    }
}
