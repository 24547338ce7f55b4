//! What goes over a socket, one JSON text frame each (Apache Pulsar docs, client-libraries-websocket).
use super::message::Message;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// A producer's message. `publish_time` is the broker's to fill in.
    Publish {
        /// The message.
        message: Message,
        /// Comes back with the answer.
        context: Option<String>,
    },
    /// A consumer or reader is done with a message (any unknown or absent `type`). It gets no answer.
    Ack(String),
    /// A consumer gives a message back.
    Nack(String),
    /// In pull mode: this many more.
    Permit(u32),
    /// A consumer ends its subscription.
    Unsubscribe,
    /// Will there be more?
    IsEndOfTopic,
}

/// What a broker says. It serialises as it goes onto the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ServerFrame {
    /// To a producer: its message is the service's.
    #[serde(rename_all = "camelCase")]
    Confirmed {
        /// Always `ok`.
        result: &'static str,
        /// As consumers of this region will see it.
        message_id: String,
        /// The publisher's own, if it sent one.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<String>,
    },
    /// To a producer: its message is not.
    #[serde(rename_all = "camelCase")]
    Failed {
        /// `send-error:` and a number.
        result: SendError,
        /// In words.
        error_msg: String,
        /// The publisher's own, if it sent one.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<String>,
    },
    /// To a consumer or reader.
    #[serde(rename_all = "camelCase")]
    Message {
        /// To acknowledge it by.
        message_id: String,
        /// In base64, as it was sent.
        payload: Arc<str>,
        /// The producer's own.
        properties: BTreeMap<String, String>,
        /// RFC 3339, in milliseconds.
        publish_time: String,
        /// How often it was sent before; of exclusive and failover always 0.
        redelivery_count: u32,
        /// If the producer gave one.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// If the producer gave one.
        #[serde(skip_serializing_if = "Option::is_none")]
        event_time: Option<String>,
    },
    /// To a consumer or reader that asked.
    #[serde(rename_all = "camelCase")]
    EndOfTopic {
        /// Whether nothing more will ever come.
        end_of_topic: bool,
    },
}

/// Why a message was not taken (Apache Pulsar docs, client-libraries-websocket: error codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SendError {
    /// The frame was no JSON, or not a publisher's.
    #[serde(rename = "send-error:3")]
    Deserialize,
    /// The payload was not base64.
    #[serde(rename = "send-error:7")]
    PayloadEncoding,
    /// It could not be stored.
    #[serde(rename = "send-error:8")]
    Unknown,
}

/// With what a broker closes a socket whose frame it cannot read. The real one gives 3, which no WebSocket may carry
/// (RFC 6455, 7.4.2); this says the same.
pub const UNREADABLE: u16 = 1003;
/// With what it closes a socket that has nothing to be attached to any more.
pub const DONE: u16 = 1000;
/// With what it closes a producer's socket when it could not store what came from there (RFC 6455, 7.4.1).
pub const INTERNAL_ERROR: u16 = 1011;
/// With what it closes sockets when it stops, or thinks them dead.
pub const GOING_AWAY: u16 = 1001;
