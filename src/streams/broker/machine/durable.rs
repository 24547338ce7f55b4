//! What a broker writes, and what it does once that is on its disk, or could not be put there.
use super::remembering::{Applied, in_millis};
use super::{Alarm, Broker, DISK_RETRY, rest};
use crate::streams::broker::call::Answer;
use crate::streams::broker::commit::{Batch, Effect, Fact, Published};
use crate::streams::broker::frame::INTERNAL_ERROR;
use crate::streams::broker::input::SocketId;
use crate::streams::broker::message::Page;
use crate::streams::broker::record::{EntryRecord, Record};
use crate::streams::broker::stream::{SubscriptionKey, Target};
use crate::streams::broker::topic::Topic;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

impl Broker {
    /// Says whether [`begin_commit`](Self::begin_commit) has something to hand out.
    pub fn wants_disk(&self) -> bool {
        !self.commits.is_writing() && (self.commits.is_waiting() || self.positions_due && self.has_positions())
    }

    /// Says whether nothing waits for the disk: after [`Input::Stop`](super::Input::Stop) the host may end.
    pub fn is_idle(&self) -> bool {
        !self.commits.is_waiting() && !self.commits.is_writing() && self.lazy.is_empty() && !self.has_positions()
    }

    fn has_positions(&self) -> bool {
        !self.unwritten.is_empty() || !self.moved.is_empty()
    }

    /// Starts the next batch for the disk: its records are to be appended to the ledger and synced, then
    /// [`Input::Stored`](super::Input::Stored) or [`Input::StoreFailed`](super::Input::StoreFailed) handled. `None`:
    /// nothing waits, or a batch is being written. Empty: nothing of it is for the disk.
    pub fn begin_commit(&mut self) -> Option<Vec<Vec<u8>>> {
        if !self.wants_disk() {
            return None;
        }
        let mut batch = Batch::default();
        for write in self.commits.take() {
            match write.fact {
                Fact::Page { page, at } => self.begin_page(&mut batch, page, at),
                fact => {
                    let record = self.record_of(fact);
                    batch.steps.push((record, write.effect));
                    continue;
                }
            }
            batch.steps.push((None, write.effect));
        }
        if std::mem::take(&mut self.positions_due) {
            self.alarms.set(Alarm::Positions, None);
            self.begin_positions(&mut batch);
        }
        let records = batch.steps.iter().filter_map(|(record, _)| Some(record.as_ref()?.to_bytes())).collect();
        self.commits.begin(batch);
        Some(records)
    }

    fn record_of(&mut self, fact: Fact) -> Option<Record> {
        match fact {
            Fact::Nothing | Fact::Page { .. } => None,
            Fact::Stream(topic) if self.begins_at(&topic).is_some() => None,
            // Above whatever a stream of this name may have had before: other regions know it by that.
            Fact::Stream(topic) => {
                self.newborn.insert(topic.clone(), self.assigned);
                Some(Record::Stream { topic, next: self.assigned })
            }
            Fact::Deleted(topic) => Some(Record::Deleted { topic }),
            Fact::Subscribed((topic, name)) => {
                let at = self.begins_at(&topic)?;
                Some(Record::Subscribed { topic, subscription: name.as_ref().into(), at })
            }
            Fact::Unsubscribed((topic, name)) => {
                Some(Record::Unsubscribed { topic, subscription: name.as_ref().into() })
            }
            Fact::Published(published) => self.begin_entry(*published, None),
            Fact::TimeToLive(time) => Some(Record::TimeToLive { millis: in_millis(time) }),
        }
    }

    /// Where what comes next of a stream will lie; `None`: there is none.
    fn begins_at(&self, topic: &Topic) -> Option<u64> {
        let there = self.streams.get(topic).map(|stream| stream.assigned);
        there.or_else(|| self.newborn.get(topic).copied())
    }

    /// Gives a message its position; `None`: its stream was deleted.
    fn begin_entry(&mut self, published: Published, origin: Option<(String, u64)>) -> Option<Record> {
        let Published { topic, at, message, made } = published;
        let (serial, boot) = (self.assigned, self.settings.boot);
        // Nobody publishes to a stream before it is there.
        let stream = self.streams.get_mut(&topic)?;
        let position = stream.assigned;
        stream.assigned += 1;
        self.assigned += 1;
        let entry =
            EntryRecord { topic, position, ledger: boot.into(), serial, at: in_millis(at), origin, message, made };
        Some(Record::Entry(Box::new(entry)))
    }

    /// Takes from another region's page what is not here yet.
    fn begin_page(&mut self, batch: &mut Batch, page: Page, at: Duration) {
        for replica in page.replicas {
            let Some(stream) = self.streams.get_mut(&page.topic) else { return };
            let received = stream.received.get(&page.origin).copied().unwrap_or_default();
            let receiving = stream.receiving.entry(page.origin.clone()).or_default();
            *receiving = received.max(*receiving);
            if replica.position < *receiving {
                continue;
            }
            *receiving = replica.position + 1;
            let made = self.made(&replica.message);
            let published = Published { topic: page.topic.clone(), at, message: replica.message, made };
            let record = self.begin_entry(published, Some((page.origin.clone(), replica.position)));
            batch.steps.push((record, Effect::Nothing));
        }
    }

    fn begin_positions(&mut self, batch: &mut Batch) {
        for (topic, name) in std::mem::take(&mut self.unwritten) {
            let stream = self.streams.get_mut(&topic);
            if let Some(subscription) = stream.and_then(|stream| stream.subscriptions.get_mut(&name)) {
                let (subscription, ranges) = (name.as_ref().into(), subscription.take_unwritten());
                batch.steps.push((Some(Record::Acked { topic, subscription, ranges }), Effect::Nothing));
            }
        }
        for (topic, to) in std::mem::take(&mut self.moved) {
            let target = self.streams.get(&topic).and_then(|stream| stream.targets.get(&to));
            if let Some(Target { next, .. }) = target {
                batch.steps.push((Some(Record::Replicated { topic, to, upto: *next }), Effect::Nothing));
            }
        }
    }

    /// Ends the batch that is being written.
    pub(super) fn committed(&mut self, now: Duration, stored: bool) {
        let batch = self.commits.finish();
        self.newborn.clear();
        if !stored {
            return self.not_stored(now, batch);
        }
        let mut changed = BTreeSet::new();
        let (mut has_removed, mut lives_anew) = (false, false);
        for (record, effect) in batch.steps {
            let is_acked = matches!(record, Some(Record::Acked { .. } | Record::Replicated { .. }));
            has_removed |= matches!(record, Some(Record::Deleted { .. } | Record::Unsubscribed { .. }));
            lives_anew |= matches!(record, Some(Record::TimeToLive { .. }));
            let created = match &record {
                Some(Record::Stream { topic, .. }) => Some(topic.clone()),
                _ => None,
            };
            // What was acknowledged is so already.
            let applied = match record {
                Some(record) if !is_acked => self.apply(record),
                _ => Applied::Nothing,
            };
            if let Applied::At(_, topic) = &applied
                && !changed.contains(topic)
            {
                changed.insert(topic.clone());
            }
            changed.extend(created);
            self.done(now, effect, &applied);
        }
        if has_removed {
            self.close_orphans(now);
        }
        for topic in changed {
            self.stream_changed(now, &topic);
        }
        if lives_anew {
            let topics: Vec<_> = self.streams.keys().cloned().collect();
            topics.iter().for_each(|topic| self.expire(now, topic));
        }
    }

    fn done(&mut self, now: Duration, effect: Effect, applied: &Applied) {
        match effect {
            Effect::Nothing => {}
            Effect::Confirm { socket, context } => match applied {
                Applied::At(id, _) => self.confirm(socket, *id, context),
                _ => self.not_taken(socket, "the stream was deleted", context),
            },
            Effect::Attach(socket) => self.admit(now, socket),
            Effect::Reply { ticket, answer, otherwise } => {
                let answer = if matches!(applied, Applied::Nothing) { *otherwise } else { *answer };
                self.reply(ticket, answer);
            }
            Effect::Received { ticket, topic, origin, upto } => self.received(ticket, &topic, origin, upto),
            Effect::Take { ticket, page } => self.take_page(now, ticket, *page),
            Effect::Buried { key, position } => match applied {
                Applied::At(..) => self.serve(now, &key, |subscription, log, _| {
                    if subscription.done_with(position) {
                        log.release(position);
                    }
                }),
                // Its stream is created by now: the next time it is there.
                _ => self.buried_later(now, &key, position),
            },
        }
    }

    fn buried_later(&mut self, now: Duration, key: &SubscriptionKey, position: u64) {
        self.serve(now, key, |subscription, _, _| subscription.tried_again(position));
        self.alarms.set(Alarm::Subscription(key.clone()), Some(now + DISK_RETRY));
    }

    /// Nothing of a batch is durable: whoever waits for it hears so, and positions are given out anew.
    fn not_stored(&mut self, now: Duration, batch: Batch) {
        self.assigned = self.stored;
        for stream in self.streams.values_mut() {
            stream.assigned = stream.log.end();
            stream.receiving = stream.received.clone();
        }
        for (record, effect) in batch.steps {
            match record {
                Some(Record::Acked { topic, subscription, ranges }) => {
                    let key = (topic, Arc::from(subscription));
                    self.serve(now, &key, |subscription, _, _| subscription.put_back(&ranges));
                    self.unwritten.insert(key);
                    self.alarms.set(Alarm::Positions, Some(now + DISK_RETRY));
                }
                Some(Record::Replicated { topic, to, .. }) => {
                    self.moved.insert((topic, to));
                    self.alarms.set(Alarm::Positions, Some(now + DISK_RETRY));
                }
                _ => {}
            }
            self.failed(now, effect);
        }
        self.break_off(now);
        if self.stopping {
            // A disk that refuses must not keep the host from stopping: after the next boot this is sent again.
            self.unwritten.clear();
            self.moved.clear();
        }
    }

    /// Closes the sockets of producers whose messages were not stored, and throws away what else they sent: stored, it
    /// would stand before what failed. Apache Pulsar's broker parts from the producers of a topic that could not be
    /// written for the same reason (`PersistentTopic`).
    fn break_off(&mut self, now: Duration) {
        for socket in std::mem::take(&mut self.broken_off) {
            for context in self.commits.take_unstored(socket) {
                self.not_taken(socket, "a message before it was not stored", context);
            }
            self.close(now, socket, INTERNAL_ERROR, "the disk has failed", "not stored");
        }
    }

    fn failed(&mut self, now: Duration, effect: Effect) {
        let why = "the disk has failed";
        match effect {
            Effect::Nothing => {}
            Effect::Confirm { socket, context } => {
                self.not_taken(socket, why, context);
                self.broken_off.insert(socket);
            }
            Effect::Attach(socket) => self.failed_to_attach(socket, why),
            Effect::Reply { ticket, .. } | Effect::Received { ticket, .. } | Effect::Take { ticket, .. } => {
                self.reply(ticket, Answer::Refused(rest::refusal(503, 503, why)));
            }
            Effect::Buried { key, position } => self.buried_later(now, &key, position),
        }
    }

    fn failed_to_attach(&mut self, socket: SocketId, why: &str) {
        if self.sockets.contains_key(&socket) {
            self.refuse(socket, rest::refusal(503, 503, why));
        }
    }
}

/// The body's `upto` of the answer to another region.
pub(super) fn upto(position: u64) -> Answer {
    Answer::Done { status: 200, result: Some(json!(position)) }
}
