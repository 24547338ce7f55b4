//! What goes over an open socket, one JSON text frame each (Apache Pulsar docs, client-libraries-websocket).
//!
//! A broker reads with [`read_publish`] and [`read_command`] and writes by serialising a
//! [`ServerFrame`](crate::streams::broker::frame::ServerFrame); a program writes with [`to_text`] and reads with
//! [`read_heard`].
use crate::streams::broker::frame::{ClientFrame, SendError};
use crate::streams::broker::message::Message;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// As Java's decoder reads: padding may be missing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The answer to a producer's frame that is no message; the socket stays open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadPublish {
    /// The code of the answer.
    pub error: SendError,
    /// In words.
    pub message: String,
    /// The publisher's own, if it could be read.
    pub context: Option<String>,
}

/// Not a consumer's or reader's frame: it costs the socket (Pulsar's `ConsumerHandler`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a command: {0}")]
pub struct NotACommand(pub String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published<'a> {
    #[serde(borrow)]
    payload: Option<Cow<'a, str>>,
    #[serde(default)]
    properties: Option<BTreeMap<String, Scalar>>,
    context: Option<String>,
    key: Option<String>,
    event_time: Option<String>,
}

/// A property's value: what is no text becomes one, as Jackson does.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Switch(bool),
    Number(Number),
}

impl From<Scalar> for String {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => text,
            Scalar::Switch(switch) => switch.to_string(),
            Scalar::Number(number) => number.to_string(),
        }
    }
}

/// Reads a producer's frame. `publish_time`: the broker's wall clock, in milliseconds since 1970.
///
/// # Errors
/// [`BadPublish`]: code 3 for what is no JSON object of that shape, 7 for a payload that is missing or no base64.
pub fn read_publish(text: &str, publish_time: u64) -> Result<ClientFrame, BadPublish> {
    let published: Published<'_> =
        object(text).map_err(|why| BadPublish { error: SendError::Deserialize, message: why, context: None })?;
    let Published { payload, properties, context, key, event_time } = published;
    let Some(payload) = payload.as_deref().and_then(canonical) else {
        let message = "Invalid Base64 message-payload".to_owned();
        return Err(BadPublish { error: SendError::PayloadEncoding, message, context });
    };
    let properties = properties.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into())).collect();
    let message = Message { payload: payload.into(), properties, key, event_time, publish_time };
    Ok(ClientFrame::Publish { message, context })
}

/// The payload as consumers get it: the same text, unless it was written in a way that not every decoder reads.
fn canonical(payload: &str) -> Option<Cow<'_, str>> {
    if BASE64.decode(payload).is_ok() {
        return Some(payload.into());
    }
    Some(BASE64.encode(LENIENT.decode(payload).ok()?).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Command {
    r#type: Option<String>,
    message_id: Option<String>,
    permit_messages: Option<u32>,
}

/// Reads a consumer's or reader's frame: what has no `type`, or one that nobody knows, acknowledges.
///
/// # Errors
/// [`NotACommand`]: no JSON object of that shape, or without what its type needs.
pub fn read_command(text: &str) -> Result<ClientFrame, NotACommand> {
    let Command { r#type, message_id, permit_messages } = object(text).map_err(NotACommand)?;
    let id = || message_id.ok_or_else(|| NotACommand("without a messageId".into()));
    match r#type.as_deref() {
        Some("negativeAcknowledge") => Ok(ClientFrame::Nack(id()?)),
        Some("permit") => {
            permit_messages.map(ClientFrame::Permit).ok_or_else(|| NotACommand("without permitMessages".into()))
        }
        Some("unsubscribe") => Ok(ClientFrame::Unsubscribe),
        Some("isEndOfTopic") => Ok(ClientFrame::IsEndOfTopic),
        _ => Ok(ClientFrame::Ack(id()?)),
    }
}

/// Reads a JSON object; serde would take an array of its members in their order, too.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    if !text.trim_ascii_start().starts_with('{') {
        return Err("not a json object".into());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// What a program's frame looks like on the wire.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permit_messages: Option<u32>,
}

/// Writes a program's frame.
pub fn to_text(frame: &ClientFrame) -> String {
    let written = match frame {
        ClientFrame::Publish { message, context } => Written {
            payload: Some(&message.payload),
            properties: (!message.properties.is_empty()).then_some(&message.properties),
            context: context.as_deref(),
            key: message.key.as_deref(),
            event_time: message.event_time.as_deref(),
            ..Written::default()
        },
        ClientFrame::Ack(id) => Written { message_id: Some(id), ..Written::default() },
        ClientFrame::Nack(id) => {
            Written { r#type: Some("negativeAcknowledge"), message_id: Some(id), ..Written::default() }
        }
        ClientFrame::Permit(messages) => {
            Written { r#type: Some("permit"), permit_messages: Some(*messages), ..Written::default() }
        }
        ClientFrame::Unsubscribe => Written { r#type: Some("unsubscribe"), ..Written::default() },
        ClientFrame::IsEndOfTopic => Written { r#type: Some("isEndOfTopic"), ..Written::default() },
    };
    serde_json::to_string(&written).expect("texts and numbers are always JSON")
}

/// What a program hears from a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The message with this context is the service's.
    Confirmed {
        /// As consumers of this region will see it.
        message_id: String,
        /// The publisher's own, if it sent one.
        context: Option<String>,
    },
    /// It is not.
    Failed {
        /// As it was written: `send-error:3`.
        result: String,
        /// In words.
        message: String,
        /// The publisher's own, if it sent one.
        context: Option<String>,
    },
    /// A message for a consumer or reader.
    Message(Delivered),
    /// Whether nothing more will ever come.
    EndOfTopic(bool),
}

/// A message as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// To acknowledge it by.
    pub message_id: String,
    /// The bytes, decoded.
    pub payload: Vec<u8>,
    /// The producer's own.
    pub properties: BTreeMap<String, String>,
    /// How often it was sent before.
    pub redelivery_count: u32,
    /// If the producer gave one.
    pub key: Option<String>,
}

/// Not a broker's frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a broker's frame: {0}")]
pub struct NotHeard(pub String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    result: Option<String>,
    message_id: Option<String>,
    error_msg: Option<String>,
    context: Option<String>,
    #[serde(borrow)]
    payload: Option<Cow<'a, str>>,
    properties: Option<BTreeMap<String, String>>,
    redelivery_count: Option<u32>,
    key: Option<String>,
    end_of_topic: Option<bool>,
}

/// Reads a broker's frame.
///
/// # Errors
/// [`NotHeard`].
pub fn read_heard(text: &str) -> Result<Heard, NotHeard> {
    let wire: Wire<'_> = object(text).map_err(NotHeard)?;
    match wire {
        Wire { end_of_topic: Some(end), .. } => Ok(Heard::EndOfTopic(end)),
        Wire { result: Some(result), message_id: Some(message_id), context, .. } if result == "ok" => {
            Ok(Heard::Confirmed { message_id, context })
        }
        Wire { result: Some(result), error_msg, context, .. } if result != "ok" => {
            Ok(Heard::Failed { result, message: error_msg.unwrap_or_default(), context })
        }
        Wire { message_id: Some(message_id), payload: Some(payload), properties, redelivery_count, key, .. } => {
            let payload = BASE64.decode(&*payload).map_err(|error| NotHeard(error.to_string()))?;
            let (properties, redelivery_count) = (properties.unwrap_or_default(), redelivery_count.unwrap_or(0));
            Ok(Heard::Message(Delivered { message_id, payload, properties, redelivery_count, key }))
        }
        _ => Err(NotHeard("neither an answer nor a message".into())),
    }
}

#[cfg(test)]
mod tests;
