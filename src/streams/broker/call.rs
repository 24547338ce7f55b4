//! What is asked over REST, and what is answered.
use super::message::Message;
use super::topic::Topic;
use crate::streams::plan::Scope;
use serde_json::Value;
use std::time::Duration;

/// A request, below `/_fabric/{fabric}/_api` (Macrometa docs, OpenAPI).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `GET /streams[?global=]`.
    List {
        /// Of which; `None`: of both.
        scope: Option<Scope>,
    },
    /// `POST /streams/{name}?global=`.
    Create {
        /// The stream.
        topic: Topic,
    },
    /// `DELETE /streams/{topic}[?force=true]`.
    Delete {
        /// The stream.
        topic: Topic,
        /// Even while sockets are attached.
        force: bool,
    },
    /// `POST /streams/{topic}/publish`.
    Publish {
        /// The stream.
        topic: Topic,
        /// The body, in base64 as sockets send it.
        message: Message,
    },
    /// `GET /streams/{topic}/subscriptions`.
    Subscriptions {
        /// The stream.
        topic: Topic,
    },
    /// `GET /streams/{topic}/backlog`.
    Backlog {
        /// The stream.
        topic: Topic,
    },
    /// `GET /streams/{topic}/stats`.
    Stats {
        /// The stream.
        topic: Topic,
    },
    /// `DELETE /streams/{topic}/subscriptions/{subscription}`.
    DeleteSubscription {
        /// The stream.
        topic: Topic,
        /// The subscription.
        subscription: String,
    },
    /// `DELETE /streams/subscription/{subscription}?global=`.
    DeleteSubscriptionEverywhere {
        /// The subscription.
        subscription: String,
        /// Of which streams; `None`: of both.
        scope: Option<Scope>,
    },
    /// `POST /streams/clearbacklog[/{subscription}]?global=`.
    ClearBacklog {
        /// Of this subscription; `None`: of all.
        subscription: Option<String>,
        /// Of which streams; `None`: of both.
        scope: Option<Scope>,
    },
    /// `POST /streams/{topic}/expiry/{seconds}`: forgets what is older.
    Expire {
        /// The stream.
        topic: Topic,
        /// Older than this.
        age: Duration,
    },
    /// `GET /streams/ttl`.
    Ttl,
    /// `POST /streams/ttl/{seconds}`.
    SetTtl {
        /// How long a message is kept that is not acknowledged.
        time_to_live: Duration,
    },
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is done, and durable if it changed something.
    Done {
        /// 200 or 202: both the HTTP status and the body's `code`.
        status: u16,
        /// The body's `result`; `None`: it has none. Of `Replicate` it is the body's `upto`.
        result: Option<Value>,
    },
    /// It is not.
    Refused(Refusal),
}

/// Why something is not done: status, `errorNum` and `errorMessage` of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {message}")]
pub struct Refusal {
    /// The HTTP status and the body's `code`.
    pub status: u16,
    /// The service's own number for it.
    pub number: u32,
    /// In words.
    pub message: String,
}
