//! Sockets' paths and queries, read and written (Apache Pulsar docs, client-libraries-websocket; Pulsar's
//! `ProducerHandler`, `ConsumerHandler` and `ReaderHandler` for what they make of them):
//!
//! ```text
//! /_ws/ws/v2/producer/persistent/{tenant}/c8global.{fabric}/{stream}
//! /_ws/ws/v2/consumer/persistent/{tenant}/c8global.{fabric}/{stream}/{subscription}
//! /_ws/ws/v2/reader/persistent/{tenant}/c8global.{fabric}/{stream}
//! ```
use super::parameter::{Parameters, invalid, is_name};
use crate::history::SubscriptionMode;
use crate::streams::broker::call::Refusal;
use crate::streams::broker::input::{Attachment, ConsumerOptions, DeadLetter, ReadFrom};
use crate::streams::broker::topic::Topic;
use crate::streams::plan::{FABRIC, Scope, TENANT};
use crate::wire::http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;
use std::time::Duration;

/// Default and most of `receiverQueueSize` (Pulsar's `ConsumerHandler`).
pub const LARGEST_QUEUE: u32 = 1000;
/// Default of `negativeAckRedeliveryDelay`.
pub const NACK_DELAY: Duration = Duration::from_secs(60);

/// `subscriptionType`, in its own case.
const MODES: [(&str, SubscriptionMode); 4] = [
    ("Exclusive", SubscriptionMode::Exclusive),
    ("Shared", SubscriptionMode::Shared),
    ("Failover", SubscriptionMode::Failover),
    ("Key_Shared", SubscriptionMode::KeyShared),
];

/// Reads a socket from what follows `/_ws/ws/v2`. `name`: draws one for a consumer or reader that has none.
pub(super) fn read(
    request: &Request,
    path: &[&str],
    tenant: &str,
    name: impl FnOnce() -> String,
) -> Result<Attachment, Refusal> {
    let query = Parameters(request);
    match path {
        ["producer", "persistent", place @ .., stream] => {
            let topic = topic(place, stream, tenant)?;
            check_producer(query)?;
            Ok(Attachment::Producer { topic, name: query.name("producerName")? })
        }
        ["consumer", "persistent", place @ .., stream, subscription] => {
            let topic = topic(place, stream, tenant)?;
            if !is_name(subscription) {
                let message =
                    if subscription.is_empty() { "Empty subscription name" } else { "Invalid subscription name" };
                return Err(Refusal { status: 400, number: 400, message: message.into() });
            }
            Ok(Attachment::Consumer(consumer(query, topic, subscription, name)?))
        }
        ["reader", "persistent", place @ .., stream] => {
            let topic = topic(place, stream, tenant)?;
            let from = match query.text("messageId") {
                None | Some("latest") => ReadFrom::Latest,
                Some("earliest") => ReadFrom::Earliest,
                Some(id) => ReadFrom::After(id.to_owned()),
            };
            let queue = queue(query)?;
            Ok(Attachment::Reader { topic, name: query.name("readerName")?.unwrap_or_else(name), queue, from })
        }
        _ => Err(Refusal { status: 404, number: 404, message: format!("unknown path '{}'", request.path) }),
    }
}

/// Reads tenant, namespace and stream. The Python SDK leaves the tenant empty when it cannot learn it.
fn topic(place: &[&str], stream: &str, tenant: &str) -> Result<Topic, Refusal> {
    let unknown = || Refusal { status: 404, number: 100_016, message: "stream not found".into() };
    let [of, namespace] = place else { return Err(unknown()) };
    if !of.is_empty() && *of != tenant && *of != TENANT {
        return Err(Refusal { status: 403, number: 403, message: "forbidden".into() });
    }
    match Topic::parse(stream) {
        Ok(topic) if is_name(stream) && *namespace == self::namespace(topic.scope()) => Ok(topic),
        _ => Err(unknown()),
    }
}

fn namespace(scope: Scope) -> String {
    match scope {
        Scope::Global => format!("c8global.{FABRIC}"),
        Scope::Local => format!("c8local.{FABRIC}"),
    }
}

/// What a producer may say about batches, time-outs and routing is checked as Pulsar does, and changes nothing here:
/// over WebSocket each message is an entry of its own.
fn check_producer(query: Parameters<'_>) -> Result<(), Refusal> {
    for key in ["sendTimeoutMillis", "batchingMaxMessages", "batchingMaxPublishDelay", "maxPendingMessages"] {
        query.number::<u32>(key)?;
    }
    query.number::<i64>("initialSequenceId")?;
    query.switch("batchingEnabled")?;
    let routing = ["SinglePartition", "RoundRobinPartition", "CustomPartition"];
    query.word("messageRoutingMode", &routing.map(|word| (word, ())))?;
    query.word("hashingScheme", &["JavaStringHash", "Murmur3_32Hash"].map(|word| (word, ())))?;
    query.word("compressionType", &["NONE", "LZ4", "ZLIB", "ZSTD", "SNAPPY"].map(|word| (word, ())))?;
    Ok(())
}

fn consumer(
    query: Parameters<'_>,
    topic: Topic,
    subscription: &str,
    name: impl FnOnce() -> String,
) -> Result<ConsumerOptions, Refusal> {
    // Of the others a broker would forget where they are.
    query.word("subscriptionMode", &[("Durable", ())])?;
    let millis = |key| Ok(query.number::<u32>(key)?.map(|millis| Duration::from_millis(millis.into())));
    let ack_time_out = millis("ackTimeoutMillis")?.filter(|time| !time.is_zero());
    let nack_delay = millis("negativeAckRedeliveryDelay")?.unwrap_or(NACK_DELAY);
    let dead_letter = match query.number("maxRedeliverCount")? {
        None => None,
        Some(after) => Some(DeadLetter { after, topic: dead_letter_topic(query, &topic, subscription)? }),
    };
    Ok(ConsumerOptions {
        subscription: subscription.to_owned(),
        mode: query.word("subscriptionType", &MODES)?.unwrap_or(SubscriptionMode::Exclusive),
        name: query.name("consumerName")?.unwrap_or_else(name),
        priority: query.number("priorityLevel")?.unwrap_or(0),
        queue: queue(query)?,
        ack_time_out,
        nack_delay,
        pull: query.switch("pullMode")?.unwrap_or(false),
        dead_letter,
        topic,
    })
}

fn dead_letter_topic(query: Parameters<'_>, topic: &Topic, subscription: &str) -> Result<Topic, Refusal> {
    let Some(named) = query.text("deadLetterTopic") else {
        return Ok(Topic::new(topic.scope(), &format!("{}-{subscription}-DLQ", topic.name())));
    };
    // Pulsar's form names the whole way: `persistent://tenant/namespace/topic`.
    let last = named.rsplit_once('/').map_or(named, |(_, last)| last);
    match Topic::parse(last) {
        Ok(topic) if is_name(last) => Ok(topic),
        _ => Err(invalid("Invalid deadLetterTopic")),
    }
}

fn queue(query: Parameters<'_>) -> Result<u32, Refusal> {
    Ok(query.number("receiverQueueSize")?.unwrap_or(LARGEST_QUEUE).clamp(1, LARGEST_QUEUE))
}

/// All but what stands unchanged in a path and in a query.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// Writes where a program connects to: path and query, with the one-time password if it has one. What is at its
/// default is left out.
pub fn target(attachment: &Attachment, one_time_password: Option<&str>) -> String {
    let topic = attachment.topic();
    let (kind, end) = match attachment {
        Attachment::Producer { .. } => ("producer", String::new()),
        Attachment::Consumer(options) => ("consumer", format!("/{}", encoded(&options.subscription))),
        Attachment::Reader { .. } => ("reader", String::new()),
    };
    let (namespace, stream) = (namespace(topic.scope()), encoded(topic.as_str()));
    let mut target = format!("/_ws/ws/v2/{kind}/persistent/{TENANT}/{namespace}/{stream}{end}");
    let mut sign = '?';
    let query = one_time_password.map(|password| ("otp", password.to_owned())).into_iter();
    for (key, value) in query.chain(parameters(attachment)) {
        // A string takes whatever is written to it.
        let _ = write!(target, "{sign}{key}={}", encoded(&value));
        sign = '&';
    }
    target
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn parameters(attachment: &Attachment) -> Vec<(&'static str, String)> {
    match attachment {
        Attachment::Producer { name, .. } => name.iter().map(|name| ("producerName", name.clone())).collect(),
        Attachment::Consumer(options) => of_consumer(options),
        Attachment::Reader { name, queue, from, .. } => {
            let from = match from {
                ReadFrom::Latest => "latest",
                ReadFrom::Earliest => "earliest",
                ReadFrom::After(id) => id,
            };
            vec![("readerName", name.clone()), ("receiverQueueSize", queue.to_string()), ("messageId", from.to_owned())]
        }
    }
}

fn of_consumer(options: &ConsumerOptions) -> Vec<(&'static str, String)> {
    let mut query = Vec::new();
    if let Some((word, _)) =
        MODES.iter().find(|(_, mode)| *mode == options.mode && *mode != SubscriptionMode::Exclusive)
    {
        query.push(("subscriptionType", (*word).to_owned()));
    }
    query.push(("consumerName", options.name.clone()));
    if options.queue != LARGEST_QUEUE {
        query.push(("receiverQueueSize", options.queue.to_string()));
    }
    if options.priority != 0 {
        query.push(("priorityLevel", options.priority.to_string()));
    }
    if let Some(time) = options.ack_time_out {
        query.push(("ackTimeoutMillis", time.as_millis().to_string()));
    }
    if options.nack_delay != NACK_DELAY {
        query.push(("negativeAckRedeliveryDelay", options.nack_delay.as_millis().to_string()));
    }
    if options.pull {
        query.push(("pullMode", "true".to_owned()));
    }
    if let Some(DeadLetter { after, topic }) = &options.dead_letter {
        query.push(("maxRedeliverCount", after.to_string()));
        query.push(("deadLetterTopic", topic.to_string()));
    }
    query
}
