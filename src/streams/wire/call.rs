//! REST calls, below `/_fabric/{fabric}/_api`.
use super::parameter::{Parameters, is_name};
use crate::streams::broker::call::{Call, Refusal};
use crate::streams::broker::message::Message;
use crate::streams::broker::topic::Topic;
use crate::streams::plan::Scope;
use crate::wire::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::BTreeMap;
use std::time::Duration;

/// Reads a call from what follows `_api`. `publish_time`: the wall clock's, in milliseconds since 1970.
pub(super) fn read(request: &Request, path: &[&str], publish_time: u64) -> Result<Call, Refusal> {
    let query = Parameters(request);
    let topic = |name: &str| topic(name, query);
    Ok(match (request.method.as_str(), path) {
        ("GET", ["streams"]) => Call::List { scope: query.scope()? },
        ("GET", ["streams", "ttl"]) => Call::Ttl,
        ("POST", ["streams", "ttl", ttl]) => Call::SetTtl { time_to_live: seconds(ttl)? },
        ("POST", ["streams", "clearbacklog"]) => Call::ClearBacklog { subscription: None, scope: query.scope()? },
        ("POST", ["streams", "clearbacklog", subscription]) => {
            Call::ClearBacklog { subscription: Some(name(subscription)?), scope: query.scope()? }
        }
        ("DELETE", ["streams", "subscription", subscription]) => {
            Call::DeleteSubscriptionEverywhere { subscription: name(subscription)?, scope: query.scope()? }
        }
        // Both SDKs create global streams unless told otherwise.
        ("POST", ["streams", bare]) => {
            Call::Create { topic: Topic::new(query.scope()?.unwrap_or(Scope::Global), &name(bare)?) }
        }
        ("DELETE", ["streams", stream]) => {
            Call::Delete { topic: topic(stream)?, force: query.switch("force")?.unwrap_or(false) }
        }
        ("POST", ["streams", stream, "publish"]) => {
            Call::Publish { topic: topic(stream)?, message: message(request, publish_time) }
        }
        ("GET", ["streams", stream, "subscriptions"]) => Call::Subscriptions { topic: topic(stream)? },
        ("DELETE", ["streams", stream, "subscriptions", subscription]) => {
            Call::DeleteSubscription { topic: topic(stream)?, subscription: name(subscription)? }
        }
        ("GET", ["streams", stream, "backlog"]) => Call::Backlog { topic: topic(stream)? },
        ("GET", ["streams", stream, "stats"]) => Call::Stats { topic: topic(stream)? },
        ("POST", ["streams", stream, "expiry", age]) => Call::Expire { topic: topic(stream)?, age: seconds(age)? },
        (
            _,
            ["streams"]
            | ["streams", _]
            | ["streams", _, "publish" | "subscriptions" | "backlog" | "stats"]
            | ["streams", "ttl" | "clearbacklog" | "subscription", _]
            | ["streams", _, "subscriptions" | "expiry", _],
        ) => return Err(Refusal { status: 405, number: 405, message: "method not supported".into() }),
        _ => return Err(unknown_path(request)),
    })
}

/// 404 for a path that leads nowhere.
pub(super) fn unknown_path(request: &Request) -> Refusal {
    Refusal { status: 404, number: 404, message: format!("unknown path '{}'", request.path) }
}

/// A stream is named in full; by its bare name only together with `?global=`.
fn topic(text: &str, query: Parameters<'_>) -> Result<Topic, Refusal> {
    let unknown = || Refusal { status: 404, number: 100_016, message: "stream not found".into() };
    match (Topic::parse(text), query.scope()?) {
        _ if !is_name(text) => Err(unknown()),
        (Ok(topic), _) => Ok(topic),
        (Err(_), Some(scope)) => Ok(Topic::new(scope, text)),
        (Err(_), None) => Err(unknown()),
    }
}

fn name(text: &str) -> Result<String, Refusal> {
    if is_name(text) { Ok(text.to_owned()) } else { Err(bad_parameter("not a name")) }
}

fn seconds(text: &str) -> Result<Duration, Refusal> {
    // A hundred years; more would not be a time at all.
    match text.parse() {
        Ok(seconds) if seconds <= 100 * 365 * 24 * 3600 => Ok(Duration::from_secs(seconds)),
        _ => Err(bad_parameter("not a number of seconds")),
    }
}

fn bad_parameter(message: &str) -> Refusal {
    Refusal { status: 400, number: 400, message: message.to_owned() }
}

/// The body is the message, whatever it is.
fn message(request: &Request, publish_time: u64) -> Message {
    let payload = BASE64.encode(&request.body).into();
    Message { payload, properties: BTreeMap::new(), key: None, event_time: None, publish_time }
}
