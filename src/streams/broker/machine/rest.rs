//! What is asked over REST.
use super::Broker;
use crate::history::SubscriptionMode;
use crate::streams::broker::call::{Answer, Call, Refusal};
use crate::streams::broker::commit::{Effect, Fact, Published, key};
use crate::streams::broker::input::Ticket;
use crate::streams::broker::message::Message;
use crate::streams::broker::output::Output;
use crate::streams::broker::stream::Stream;
use crate::streams::broker::subscription::Subscription;
use crate::streams::broker::topic::Topic;
use crate::streams::plan::{FABRIC, Scope, TENANT};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What the service calls a persistent stream in its lists.
const STREAM_TYPE: u8 = 4;

pub(super) fn refusal(status: u16, number: u32, message: impl Into<String>) -> Refusal {
    Refusal { status, number, message: message.into() }
}

/// As the service answers (a recorded answer; pyC8's tests).
pub(super) fn stream_not_found() -> Refusal {
    refusal(404, 100_016, "stream not found")
}

fn done(status: u16, result: Option<Value>) -> Answer {
    Answer::Done { status, result }
}

/// The service documents these results as JSON within a string.
fn written(result: &Value) -> Answer {
    done(200, Some(Value::String(result.to_string())))
}

impl Broker {
    pub(super) fn reply(&mut self, ticket: Ticket, answer: Answer) {
        self.outputs.push(Output::Reply(ticket, answer));
    }

    pub(super) fn rest(&mut self, now: Duration, ticket: Ticket, call: Call) {
        let answered = match call {
            Call::List { scope } => Ok(Some(self.list(scope))),
            Call::Ttl => Ok(Some(done(200, Some(Value::String(self.time_to_live.as_secs().to_string()))))),
            Call::Subscriptions { topic } => self.stream(&topic).map(|stream| {
                let names: Vec<_> = stream.subscriptions.keys().map(|name| name.to_string()).collect();
                Some(written(&json!(names)))
            }),
            Call::Backlog { topic } => self.stream(&topic).map(|stream| Some(written(&backlog(&topic, stream)))),
            Call::Stats { topic } => self.stream(&topic).map(|stream| Some(written(&stats(stream)))),
            _ if self.stopping => Err(refusal(503, 503, "the broker stops")),
            Call::Create { topic } => self.create(ticket, topic),
            Call::Delete { topic, force } => self.delete(ticket, topic, force),
            Call::Publish { topic, message } => self.publish_for(now, ticket, topic, message),
            Call::DeleteSubscription { topic, subscription } => self.delete_subscription(ticket, &topic, &subscription),
            Call::DeleteSubscriptionEverywhere { subscription, scope } => {
                self.delete_subscriptions(ticket, &subscription, scope)
            }
            Call::ClearBacklog { subscription, scope } => {
                self.clear_backlog(now, ticket, subscription.as_deref(), scope)
            }
            Call::Expire { topic, age } => self.expire_now(now, ticket, &topic, age),
            Call::SetTtl { time_to_live } => {
                self.write_for(ticket, Fact::TimeToLive(time_to_live), done(200, Some(json!(""))))
            }
        };
        match answered {
            Ok(None) => {}
            Ok(Some(answer)) => self.reply(ticket, answer),
            Err(refusal) => self.reply(ticket, Answer::Refused(refusal)),
        }
    }

    fn stream(&self, topic: &Topic) -> Result<&Stream, Refusal> {
        self.streams.get(topic).ok_or_else(stream_not_found)
    }

    /// Writes something, and answers so when it is durable.
    fn write_for(&mut self, ticket: Ticket, fact: Fact, answer: Answer) -> Result<Option<Answer>, Refusal> {
        let (answer, otherwise) = (Box::new(answer.clone()), Box::new(answer));
        self.commits.push(fact, Effect::Reply { ticket, answer, otherwise });
        Ok(None)
    }

    fn list(&self, scope: Option<Scope>) -> Answer {
        let one = |(number, topic): (usize, &Topic)| {
            json!({
                "_key": topic.as_str(), "_id": format!("_streams/{topic}"), "_rev": format!("_{number}"), "db": FABRIC,
                "local": topic.scope() == Scope::Local, "tenant": TENANT, "topic": topic.as_str(), "type": STREAM_TYPE,
            })
        };
        let wanted = self.streams.keys().enumerate().filter(|(_, topic)| scope.is_none_or(|it| it == topic.scope()));
        done(200, Some(wanted.map(one).collect()))
    }

    fn create(&mut self, ticket: Ticket, topic: Topic) -> Result<Option<Answer>, Refusal> {
        let exists = refusal(409, 409, "stream already exists");
        if self.streams.contains_key(&topic) {
            return Err(exists);
        }
        let answer = Box::new(done(202, Some(json!({ "stream-id": topic.as_str() }))));
        // A socket may have come in between, and had it created.
        let otherwise = Box::new(Answer::Refused(exists));
        self.commits.push(Fact::Stream(topic), Effect::Reply { ticket, answer, otherwise });
        Ok(None)
    }

    fn delete(&mut self, ticket: Ticket, topic: Topic, force: bool) -> Result<Option<Answer>, Refusal> {
        if self.stream(&topic)?.is_in_use() && !force {
            return Err(refusal(412, 412, "stream has active producers or consumers"));
        }
        let (answer, otherwise) = (Box::new(done(202, None)), Box::new(Answer::Refused(stream_not_found())));
        self.commits.push(Fact::Deleted(topic), Effect::Reply { ticket, answer, otherwise });
        Ok(None)
    }

    fn publish_for(
        &mut self,
        now: Duration,
        ticket: Ticket,
        topic: Topic,
        message: Message,
    ) -> Result<Option<Answer>, Refusal> {
        self.stream(&topic)?;
        let Ok(body) = BASE64.decode(message.payload.as_bytes()) else {
            return Err(refusal(400, 400, "Invalid base64 message payload"));
        };
        let made = self.settings.producers.message(&body);
        let answer = Box::new(done(200, None));
        let otherwise = Box::new(Answer::Refused(stream_not_found()));
        let published = Box::new(Published { topic, at: now, message, made });
        self.commits.push(Fact::Published(published), Effect::Reply { ticket, answer, otherwise });
        Ok(None)
    }

    fn delete_subscription(&mut self, ticket: Ticket, topic: &Topic, name: &str) -> Result<Option<Answer>, Refusal> {
        let subscription = self.stream(topic)?.subscriptions.get(name);
        let subscription = subscription.ok_or_else(|| refusal(404, 404, "subscription not found"))?;
        if subscription.consumers().len() > 0 {
            return Err(refusal(412, 412, "subscription has active consumers"));
        }
        self.write_for(ticket, Fact::Unsubscribed(key(topic, name)), done(200, None))
    }

    fn delete_subscriptions(
        &mut self,
        ticket: Ticket,
        name: &str,
        scope: Option<Scope>,
    ) -> Result<Option<Answer>, Refusal> {
        let found = self.subscriptions(Some(name), scope);
        let is_in_use = |(topic, name): &(Topic, Arc<str>)| {
            self.subscription(&(topic.clone(), name.clone())).is_some_and(|each| each.consumers().len() > 0)
        };
        if found.is_empty() {
            return Err(refusal(404, 404, "subscription not found"));
        }
        if found.iter().any(is_in_use) {
            return Err(refusal(412, 412, "subscription has active consumers"));
        }
        for key in found {
            self.commits.push(Fact::Unsubscribed(key), Effect::Nothing);
        }
        self.write_for(ticket, Fact::Nothing, done(200, None))
    }

    fn clear_backlog(
        &mut self,
        now: Duration,
        ticket: Ticket,
        name: Option<&str>,
        scope: Option<Scope>,
    ) -> Result<Option<Answer>, Refusal> {
        for key in self.subscriptions(name, scope) {
            self.serve(now, &key, |subscription, log, _| {
                let first = subscription.cursor().first();
                for position in first..log.end() {
                    if subscription.done_with(position) {
                        log.release(position);
                    }
                }
            });
        }
        self.positions_due = true;
        self.write_for(ticket, Fact::Nothing, done(200, None))
    }

    fn expire_now(
        &mut self,
        now: Duration,
        ticket: Ticket,
        topic: &Topic,
        age: Duration,
    ) -> Result<Option<Answer>, Refusal> {
        self.stream(topic)?;
        if let Some(until) = now.checked_sub(age) {
            self.forget_older(now, topic, until);
        }
        self.positions_due = true;
        self.write_for(ticket, Fact::Nothing, done(200, None))
    }

    fn subscriptions(&self, name: Option<&str>, scope: Option<Scope>) -> Vec<(Topic, Arc<str>)> {
        let of_scope = self.streams.iter().filter(|(topic, _)| scope.is_none_or(|it| it == topic.scope()));
        let keys =
            of_scope.flat_map(|(topic, stream)| stream.subscriptions.keys().map(|each| (topic.clone(), each.clone())));
        keys.filter(|(_, each)| name.is_none_or(|name| name == &**each)).collect()
    }
}

fn backlog(topic: &Topic, stream: &Stream) -> Value {
    let of_one = |(name, each): (&Arc<str>, &Subscription)| {
        (name.to_string(), json!({ "cursorBacklog": each.cursor().unacked_below(stream.log.end()) }))
    };
    json!({
        "topicName": topic.as_str(),
        "totalMessages": stream.log.len(),
        "cursorDetails": stream.subscriptions.iter().map(of_one).collect::<serde_json::Map<_, _>>(),
    })
}

fn stats(stream: &Stream) -> Value {
    let of_one = |(name, each): (&Arc<str>, &Subscription)| {
        let active = each.consumers().find(|consumer| Some(consumer.socket) == each.active());
        let consumers = each.consumers().map(|consumer| {
            json!({
                "consumerName": consumer.name,
                "availablePermits": consumer.room.left(),
                "unackedMessages": consumer.room.all().count(),
            })
        });
        let told = json!({
            "type": kind(each.mode()),
            "msgBacklog": each.cursor().unacked_below(stream.log.end()),
            "activeConsumerName": active.map(|consumer| consumer.name.as_str()),
            "consumers": consumers.collect::<Vec<_>>(),
        });
        (name.to_string(), told)
    };
    json!({
        "msgInCounter": stream.published,
        "publishers": stream.producers.values().map(|name| json!({ "producerName": name })).collect::<Vec<_>>(),
        "subscriptions": stream.subscriptions.iter().map(of_one).collect::<serde_json::Map<_, _>>(),
        "replication": stream.targets.iter().map(|(to, target)| {
            (to.to_string(), json!({ "replicationBacklog": stream.log.end() - target.next }))
        }).collect::<serde_json::Map<_, _>>(),
    })
}

/// As `subscriptionType` has it.
pub(super) fn kind(mode: SubscriptionMode) -> &'static str {
    match mode {
        SubscriptionMode::Exclusive => "Exclusive",
        SubscriptionMode::Failover => "Failover",
        SubscriptionMode::Shared => "Shared",
        SubscriptionMode::KeyShared => "Key_Shared",
    }
}
