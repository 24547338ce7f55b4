//! What a client asks a broker over HTTP on the way to its socket.
use crate::streams::plan::{FABRIC, Scope, StreamPlan};
use crate::streams::wire::answer::in_words;
use crate::streams::wire::asked::ONE_TIME_PASSWORD;
use crate::wire::http::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// All but what stands unchanged in a path.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One of the questions on the way to a socket; of each at most one is open at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Which streams are there?
    Streams,
    /// Create mine.
    Creation,
    /// A one-time password, please.
    Password,
}

/// A request without a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub ask: Ask,
    /// As on the wire.
    pub method: &'static str,
    /// Path and query, as on the wire.
    pub target: String,
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In words; a broker's begin with the HTTP status.
    pub why: String,
    /// The broker said no; otherwise nothing was heard from it.
    pub by_broker: bool,
}

impl Failure {
    /// Reads a broker's no.
    pub fn refusal(answer: &Response) -> Self {
        Self { why: in_words(answer), by_broker: true }
    }

    /// Says why nothing was heard.
    pub fn silence(why: impl Into<String>) -> Self {
        Self { why: why.into(), by_broker: false }
    }
}

/// Asks for the streams: there is no request that asks for one (Macrometa docs, streams; jsC8's `hasStream` does so).
pub fn streams(stream: &StreamPlan) -> Request {
    let global = stream.scope == Scope::Global;
    let target = format!("/_fabric/{FABRIC}/_api/streams?global={global}");
    Request { ask: Ask::Streams, method: "GET", target }
}

/// Asks to create a stream, by its bare name.
pub fn creation(stream: &StreamPlan) -> Request {
    let (name, global) = (utf8_percent_encode(&stream.name, ENCODED), stream.scope == Scope::Global);
    let target = format!("/_fabric/{FABRIC}/_api/streams/{name}?global={global}");
    Request { ask: Ask::Creation, method: "POST", target }
}

/// Asks for the password with which one socket is opened.
pub fn password() -> Request {
    Request { ask: Ask::Password, method: "POST", target: ONE_TIME_PASSWORD.to_owned() }
}

/// Says whether an answer to [`streams`] lists this one. `None`: it is no such answer.
pub fn lists(answer: &Response, stream: &StreamPlan) -> Option<bool> {
    #[derive(Deserialize)]
    struct Listed {
        topic: String,
    }
    #[derive(Deserialize)]
    struct Body {
        result: Vec<Listed>,
    }
    let topic = stream.topic();
    Some(answer.read::<Body>().ok()?.result.iter().any(|listed| listed.topic == topic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn orders() -> StreamPlan {
        StreamPlan { name: "orders".into(), scope: Scope::Global }
    }

    fn notes() -> StreamPlan {
        StreamPlan { name: "my notes".into(), scope: Scope::Local }
    }

    #[test]
    fn requests_are_those_of_the_public_programs() {
        assert_eq!(streams(&orders()).target, "/_fabric/_system/_api/streams?global=true");
        assert_eq!(creation(&orders()).target, "/_fabric/_system/_api/streams/orders?global=true");
        assert_eq!(creation(&notes()).target, "/_fabric/_system/_api/streams/my%20notes?global=false");
        assert_eq!((password().method, password().target.as_str()), ("POST", "/apid/otp"));
    }

    #[test]
    fn a_stream_is_found_in_the_list_by_its_whole_name() {
        let listed = |topic: &str| {
            Response::json(200, &json!({"error": false, "code": 200, "result": [{"topic": topic, "type": 4}]}))
        };
        assert_eq!(lists(&listed("c8globals.orders"), &orders()), Some(true));
        assert_eq!(lists(&listed("c8locals.orders"), &orders()), Some(false));
        assert_eq!(lists(&Response::json(200, &json!({"result": "none"})), &orders()), None);
    }
}
