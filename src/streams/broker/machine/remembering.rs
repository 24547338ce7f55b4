//! What records amount to: a broker's memory, made of them at each boot and summed up in few of them.
use super::{Broker, Output};
use crate::history::Event;
use crate::streams::broker::log::Entry;
use crate::streams::broker::message_id::WireId;
use crate::streams::broker::record::{EntryRecord, Record};
use crate::streams::broker::stream::Stream;
use crate::streams::broker::subscription::{Options, Subscription};
use crate::streams::broker::topic::Topic;
use crate::streams::plan::Scope;
use std::time::Duration;

/// The fewest records for which a ledger is summed up.
const FEWEST_RECORDS: u64 = 4096;
/// How many times more records than they amount to make it worth it.
const WASTE: u64 = 4;

/// What came of a record.
pub(super) enum Applied {
    /// Nothing that was not so before.
    Nothing,
    /// Something.
    Done,
    /// A message lies there now.
    At(WireId, Topic),
}

impl Broker {
    fn apply_entry(&mut self, record: EntryRecord) -> Applied {
        self.stored = self.stored.max(record.serial + 1);
        self.assigned = self.assigned.max(self.stored);
        let made = record.made.or_else(|| self.made(&record.message));
        let Some(stream) = self.streams.get_mut(&record.topic) else { return Applied::Nothing };
        if record.position < stream.log.end() {
            return Applied::Nothing;
        }
        if let Some(message) = made {
            let event = Event::Stored { message };
            self.outputs.push(Output::RecordOnce { serial: record.serial, event });
        }
        let EntryRecord { topic, position, ledger, at, origin, message, .. } = record;
        let id = WireId { ledger, entry: position };
        stream.published += u64::from(origin.is_none());
        stream.push(position, Entry { id, at: Duration::from_millis(at), origin, made, message });
        Applied::At(id, topic)
    }

    /// Makes a record true: now, or as it was before this boot.
    pub(super) fn apply(&mut self, record: Record) -> Applied {
        let done = match record {
            Record::Entry(entry) => return self.apply_entry(*entry),
            Record::Stream { topic, next } => self.begin_stream(topic, next),
            Record::Deleted { topic } => self.streams.remove(&topic).is_some(),
            Record::Subscribed { topic, subscription, at } => self.begin_subscription(topic, subscription, at),
            Record::Unsubscribed { topic, subscription } => {
                self.streams.get_mut(&topic).is_some_and(|stream| stream.unsubscribe(&subscription))
            }
            Record::Acked { topic, subscription, ranges } => {
                self.remember_acked(&topic, &subscription, &ranges);
                true
            }
            Record::Replicated { topic, to, upto } => {
                self.streams.get_mut(&topic).is_some_and(|stream| stream.replicated(&to, upto))
            }
            Record::Received { topic, origin, upto } => {
                if let Some(stream) = self.streams.get_mut(&topic) {
                    stream.received.insert(origin, upto);
                }
                true
            }
            Record::TimeToLive { millis } => {
                self.time_to_live = Duration::from_millis(millis);
                true
            }
            Record::Counted { stored } => {
                self.stored = self.stored.max(stored);
                self.assigned = self.assigned.max(stored);
                true
            }
        };
        if done { Applied::Done } else { Applied::Nothing }
    }

    fn begin_stream(&mut self, topic: Topic, next: u64) -> bool {
        if let Some(stream) = self.streams.get_mut(&topic) {
            stream.log.skip_to(next);
            stream.assigned = stream.assigned.max(stream.log.end());
            return false;
        }
        let is_global = topic.scope() == Scope::Global;
        let targets = self.settings.plan.others.iter().filter(|_| is_global).cloned();
        self.streams.insert(topic, Stream::at(next, targets));
        true
    }

    fn begin_subscription(&mut self, topic: Topic, name: String, at: u64) -> bool {
        let plan = &self.settings.plan;
        let options = Options::of(&plan.subscriptions, &topic, &name);
        match self.streams.get_mut(&topic) {
            Some(stream) if !stream.subscriptions.contains_key(&*name) => {
                let begun = Subscription::new(topic, options, plan.knobs, at);
                stream.subscriptions.insert(name.into(), begun);
                true
            }
            _ => false,
        }
    }

    fn remember_acked(&mut self, topic: &Topic, name: &str, ranges: &[(u64, u64)]) {
        let Some(stream) = self.streams.get_mut(topic) else { return };
        let Some(subscription) = stream.subscriptions.get_mut(name) else { return };
        for position in ranges.iter().flat_map(|(first, end)| *first..*end) {
            if subscription.remember_acked(position) {
                stream.log.release(position);
            }
        }
    }

    // Summing up.

    /// Sums up everything that is durable, if so many records were appended since the last time that it is worth it: for
    /// the ledger's `replace`, between two batches. `None`: it is not, or a batch is being written.
    pub fn snapshot(&self, appended: u64) -> Option<Vec<Vec<u8>>> {
        let of_one = |stream: &Stream| 2 + stream.log.len() + stream.subscriptions.len() * 2 + stream.targets.len();
        let size: usize = self.streams.values().map(of_one).sum();
        let is_worth_it = appended >= FEWEST_RECORDS && appended / WASTE >= size as u64;
        (is_worth_it && !self.commits.is_writing()).then(|| self.summary())
    }

    fn summary(&self) -> Vec<Vec<u8>> {
        let mut records =
            vec![Record::Counted { stored: self.stored }, Record::TimeToLive { millis: in_millis(self.time_to_live) }];
        for (topic, stream) in &self.streams {
            sum_up(topic, stream, &mut records);
        }
        records.iter().map(Record::to_bytes).collect()
    }
}

/// Sums a stream up: first who needs what, so that what is read after it is kept for them.
fn sum_up(topic: &Topic, stream: &Stream, records: &mut Vec<Record>) {
    let topic = || topic.clone();
    records.push(Record::Stream { topic: topic(), next: stream.log.first() });
    for (name, subscription) in &stream.subscriptions {
        let cursor = subscription.cursor();
        let name = || String::from(name.as_ref());
        records.push(Record::Subscribed { topic: topic(), subscription: name(), at: cursor.first() });
        if !cursor.beyond().is_empty() {
            let ranges = cursor.beyond().iter().collect();
            records.push(Record::Acked { topic: topic(), subscription: name(), ranges });
        }
    }
    let entries = stream.log.from(stream.log.first()).map(|(position, entry)| {
        Record::Entry(Box::new(EntryRecord {
            topic: topic(),
            position,
            ledger: entry.id.ledger,
            // It was told of long ago, and so it is not told of again.
            serial: 0,
            at: in_millis(entry.at),
            origin: entry.origin.clone(),
            message: entry.message.clone(),
            made: None,
        }))
    });
    records.extend(entries);
    records.push(Record::Stream { topic: topic(), next: stream.log.end() });
    for (to, target) in stream.targets.iter().filter(|(_, target)| target.told) {
        records.push(Record::Replicated { topic: topic(), to: to.clone(), upto: target.next });
    }
    for (origin, upto) in &stream.received {
        records.push(Record::Received { topic: topic(), origin: origin.clone(), upto: *upto });
    }
}

/// As records have times.
pub(super) fn in_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
