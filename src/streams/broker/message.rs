//! What is published, as it is kept and sent on.
use super::topic::Topic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A message's content and all that its producer said with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The bytes in base64, as they were sent: consumers get the same text.
    pub payload: Arc<str>,
    /// The producer's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Of key-shared: messages of one key go to one consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The producer's own, not looked into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// The broker's wall clock when it came: milliseconds since 1970.
    pub publish_time: u64,
}

/// Some of what was published in one region, for another: in the order of its positions there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The region where it was published.
    pub origin: String,
    /// The stream, a global one. The other region creates it if it is absent.
    pub topic: Topic,
    /// Everything below this position was confirmed, or is passed over.
    pub from: u64,
    /// The position after the last one that this page tells of.
    pub upto: u64,
    /// What lies between, as far as it is for the other region. Empty: only that there is such a stream.
    pub replicas: Vec<Replica>,
}

/// One message on its way to another region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Its position where it was published.
    pub position: u64,
    /// The message.
    pub message: Message,
}
