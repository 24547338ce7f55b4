//! What consumers and readers send, and what they are sent.
use super::{ACKS_WAIT, Alarm, Broker, Socket, Stage};
use crate::streams::broker::commit::{Effect, Fact, Published};
use crate::streams::broker::frame::UNREADABLE;
use crate::streams::broker::input::SocketId;
use crate::streams::broker::log::Log;
use crate::streams::broker::message_id::WireId;
use crate::streams::broker::output::Output;
use crate::streams::broker::stream::SubscriptionKey;
use crate::streams::broker::subscription::Subscription;
use crate::streams::broker::topic::Topic;
use std::time::Duration;

impl Broker {
    pub(super) fn subscription(&self, (topic, name): &SubscriptionKey) -> Option<&Subscription> {
        self.streams.get(topic)?.subscriptions.get(name)
    }

    /// Lets a subscription do something, and sees to what follows from it.
    pub(super) fn serve(
        &mut self,
        now: Duration,
        key: &SubscriptionKey,
        act: impl FnOnce(&mut Subscription, &mut Log, &mut Vec<Output>),
    ) {
        let Some(stream) = self.streams.get_mut(&key.0) else { return };
        let Some(subscription) = stream.subscriptions.get_mut(&key.1) else { return };
        let (before, was_written) = (subscription.deadline(), !subscription.is_unwritten());
        act(subscription, &mut stream.log, &mut self.outputs);
        let deadline = subscription.deadline();
        if deadline != before {
            self.alarms.set(Alarm::Subscription(key.clone()), deadline);
        }
        if was_written && subscription.is_unwritten() {
            self.unwritten.insert(key.clone());
            self.alarms.set_once(Alarm::Positions, now + ACKS_WAIT);
        }
        let buried: Vec<_> = subscription
            .take_dead()
            .into_iter()
            .filter_map(|(position, to)| {
                let entry = stream.log.get(position)?;
                Some((position, Published { topic: to, at: now, message: entry.message.clone(), made: None }))
            })
            .collect();
        for (position, published) in buried {
            self.commits.push(Fact::Stream(published.topic.clone()), Effect::Nothing);
            let effect = Effect::Buried { key: key.clone(), position };
            self.commits.push(Fact::Published(Box::new(published)), effect);
        }
    }

    pub(super) fn ack(&mut self, now: Duration, from: SocketId, id: &str) {
        let Some((position, key)) = self.meant(now, from, id) else { return };
        match key {
            Some(key) => self.serve(now, &key, |subscription, log, out| {
                if subscription.ack(from, position) {
                    log.release(position);
                }
                subscription.deal(now, log, out);
            }),
            None => self.read_on(from, position),
        }
    }

    pub(super) fn nack(&mut self, now: Duration, from: SocketId, id: &str) {
        if let Some((position, Some(key))) = self.meant(now, from, id) {
            self.serve(now, &key, |subscription, log, out| {
                subscription.nack(now, from, position);
                subscription.deal(now, log, out);
            });
        }
    }

    pub(super) fn permit(&mut self, now: Duration, from: SocketId, messages: u32) {
        if let Some(key) = self.consumes(from) {
            self.serve(now, &key, |subscription, log, out| {
                subscription.permit(from, messages);
                subscription.deal(now, log, out);
            });
        }
    }

    /// A subscription can be ended by its only consumer; with others attached nothing happens (Apache Pulsar,
    /// `PersistentSubscription::doUnsubscribe`). Either way there is no answer.
    pub(super) fn unsubscribe(&mut self, from: SocketId) {
        let Some(key) = self.consumes(from) else { return };
        if self.subscription(&key).is_some_and(|subscription| subscription.consumers().len() == 1) {
            self.commits.push(Fact::Unsubscribed(key), Effect::Nothing);
        }
    }

    fn consumes(&self, socket: SocketId) -> Option<SubscriptionKey> {
        match self.sockets.get(&socket) {
            Some(Socket { stage: Stage::Consumer(key), .. }) => Some(key.clone()),
            _ => None,
        }
    }

    /// Which position a consumer or reader means, and its subscription; `None`: none, or none of this stream's.
    fn meant(&mut self, now: Duration, from: SocketId, id: &str) -> Option<(u64, Option<SubscriptionKey>)> {
        let socket = self.sockets.get(&from)?;
        let key = match &socket.stage {
            Stage::Consumer(key) => Some(key.clone()),
            Stage::Reader => None,
            Stage::Arriving | Stage::Producer => return None,
        };
        let Some(id) = WireId::parse(id) else {
            self.close(now, from, UNREADABLE, "Failed to deserialize message id", "unreadable message id");
            return None;
        };
        let log = &self.streams.get(socket.attachment.topic())?.log;
        let is_another = log.get(id.entry).is_some_and(|entry| entry.id != id);
        (id.entry < log.end() && !is_another).then_some((id.entry, key))
    }

    fn read_on(&mut self, from: SocketId, position: u64) {
        let Some(socket) = self.sockets.get(&from) else { return };
        let Some(stream) = self.streams.get_mut(socket.attachment.topic()) else { return };
        if let Some(reader) = stream.readers.get_mut(&from) {
            reader.room.acked(position);
            stream.deal_to_readers(&mut self.outputs);
        }
    }

    /// Sends what a stream has for anybody, and sees to what follows from its change.
    pub(super) fn stream_changed(&mut self, now: Duration, topic: &Topic) {
        let Some(stream) = self.streams.get_mut(topic) else { return };
        stream.deal_to_readers(&mut self.outputs);
        if let Some((_, entry)) = stream.log.oldest() {
            self.alarms.set_once(Alarm::Expire(topic.clone()), entry.at + self.time_to_live);
        }
        let names: Vec<_> = stream.subscriptions.keys().cloned().collect();
        for name in names {
            let key = (topic.clone(), name);
            self.serve(now, &key, |subscription, log, out| subscription.deal(now, log, out));
        }
        self.offer_to_regions(now, topic);
    }

    /// Forgets what has lived its time, and looks when the next one will have.
    pub(super) fn expire(&mut self, now: Duration, topic: &Topic) {
        if let Some(until) = now.checked_sub(self.time_to_live) {
            self.forget_older(now, topic, until);
        }
        let oldest = self.streams.get(topic).and_then(|stream| Some(stream.log.oldest()?.1.at));
        self.alarms.set(Alarm::Expire(topic.clone()), oldest.map(|at| at + self.time_to_live));
    }

    pub(super) fn forget_older(&mut self, now: Duration, topic: &Topic, until: Duration) {
        let Some(stream) = self.streams.get_mut(topic) else { return };
        if stream.expire(until).is_empty() {
            return;
        }
        self.note_unwritten(now, topic);
    }

    /// Sees to it that what subscriptions have no need of any more gets to the disk.
    pub(super) fn note_unwritten(&mut self, now: Duration, topic: &Topic) {
        let Some(stream) = self.streams.get(topic) else { return };
        let unwritten = stream.subscriptions.iter().filter(|(_, each)| each.is_unwritten());
        self.unwritten.extend(unwritten.map(|(name, _)| (topic.clone(), name.clone())));
        self.alarms.set_once(Alarm::Positions, now + ACKS_WAIT);
    }
}
