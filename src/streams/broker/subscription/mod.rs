//! A subscription: how far it is, who consumes, and how they share.
//!
//! - [`one_active`]: exclusive and failover; [`selection`] chooses the active one.
//! - [`shared`] and [`key_shared`] deal the messages out to all.
mod key_shared;
mod one_active;
mod selection;
mod shared;

use super::cursor::Cursor;
use super::frame::ServerFrame;
use super::input::{DeadLetter, SocketId};
use super::log::Log;
use super::output::Output;
use super::ranges::Ranges;
use super::room::{Consumer, Due};
use super::topic::Topic;
use crate::history::{DestinationId, Event, SubscriptionMode};
use crate::streams::knobs::{BrokerKnobs, TimedOutRoom};
use crate::streams::plan::{Selection, SubscriptionPlan};
use indexmap::IndexMap;
use key_shared::KeyShared;
use one_active::OneActive;
use shared::Shared;
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

/// How long a takeover waits in a subscription that is not in the plan (Apache Pulsar,
/// `activeConsumerFailoverDelayTimeMillis`).
const DEFAULT_DELAY: Duration = Duration::from_secs(1);

type Consumers = IndexMap<SocketId, Consumer>;

/// What the plan says about a subscription, or the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What it is in the roster, if it is.
    pub destination: Option<DestinationId>,
    /// Of failover: which consumer is the active one.
    pub selection: Selection,
    /// Of failover: how long a takeover waits.
    pub delay: Duration,
}

impl Options {
    /// Finds them.
    pub fn of(plans: &[SubscriptionPlan], topic: &Topic, name: &str) -> Self {
        match plans.iter().find(|plan| plan.name == name && plan.topic == topic.as_str()) {
            Some(plan) => Self { destination: Some(plan.destination), selection: plan.selection, delay: plan.delay },
            None => Self { destination: None, selection: Selection::default(), delay: DEFAULT_DELAY },
        }
    }
}

/// A subscription and its consumers.
#[derive(Clone, Debug)]
pub struct Subscription {
    topic: Topic,
    options: Options,
    knobs: BrokerKnobs,
    /// How far it is.
    cursor: Cursor,
    /// What was acknowledged since that was written to the disk the last time.
    unwritten: Ranges,
    /// Set by the first consumer that joins when there is none.
    mode: SubscriptionMode,
    dealing: Dealing,
    /// In the order of their joining.
    consumers: Consumers,
    /// Messages in consumers' hands that are to be sent again then.
    due: BTreeSet<(Duration, u64, SocketId)>,
    /// What nobody could handle, and where it is to go.
    dead: Vec<(u64, Topic)>,
}

/// How consumers share, with what that takes.
#[derive(Clone, Debug)]
enum Dealing {
    One(OneActive),
    Shared(Shared),
    KeyShared(KeyShared),
}

/// What a message takes along.
#[derive(Clone, Copy, Debug)]
struct Parting {
    /// It is not the first time that it is sent.
    again: bool,
    /// As the consumer is told.
    redeliveries: u32,
}

/// A message that nobody could handle, and where it is to go.
pub type Dead = (u64, Topic);

impl Subscription {
    /// Begins at a position, without consumers.
    pub fn new(topic: Topic, options: Options, knobs: BrokerKnobs, at: u64) -> Self {
        Self {
            topic,
            options,
            knobs,
            cursor: Cursor::at(at),
            unwritten: Ranges::default(),
            mode: SubscriptionMode::Exclusive,
            dealing: Dealing::One(OneActive::at(at)),
            consumers: Consumers::new(),
            due: BTreeSet::new(),
            dead: Vec::new(),
        }
    }

    /// How far it is.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// How its consumers share, or last did.
    pub fn mode(&self) -> SubscriptionMode {
        self.mode
    }

    /// Its consumers in the order of their joining.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.consumers.values()
    }

    /// The active one, of exclusive and failover.
    pub fn active(&self) -> Option<SocketId> {
        match &self.dealing {
            Dealing::One(one) => one.active(),
            _ => None,
        }
    }

    /// When to [`tick`](Self::tick) next.
    pub fn deadline(&self) -> Option<Duration> {
        let takeover = match &self.dealing {
            Dealing::One(one) => one.deadline(),
            _ => None,
        };
        let due = self.due.first().map(|(at, ..)| *at);
        takeover.into_iter().chain(due).min()
    }

    /// Takes a consumer in; the first one says how they share.
    pub fn join(
        &mut self,
        now: Duration,
        consumer: Consumer,
        mode: SubscriptionMode,
        log: &Log,
        out: &mut Vec<Output>,
    ) {
        if self.consumers.is_empty() && self.mode != mode {
            self.mode = mode;
            self.dealing = match mode {
                SubscriptionMode::Exclusive | SubscriptionMode::Failover => {
                    Dealing::One(OneActive::at(self.cursor.first()))
                }
                SubscriptionMode::Shared => Dealing::Shared(Shared::at(self.cursor.first())),
                SubscriptionMode::KeyShared => Dealing::KeyShared(KeyShared::at(self.cursor.first())),
            };
        }
        let socket = consumer.socket;
        self.consumers.insert(socket, consumer);
        match &mut self.dealing {
            Dealing::One(_) => self.reconsider(now, log, out),
            Dealing::Shared(shared) => shared.joined(socket, &self.consumers, self.knobs.shares),
            Dealing::KeyShared(keyed) => keyed.joined(socket),
        }
        self.deal(now, log, out);
    }

    /// Lets a consumer go: what it has not acknowledged goes to the others.
    pub fn leave(&mut self, now: Duration, socket: SocketId, log: &Log, out: &mut Vec<Output>) {
        let Some(index) = self.consumers.get_index_of(&socket) else { return };
        let Some(consumer) = self.consumers.shift_remove(&socket) else { return };
        let held: Vec<_> = consumer.room.all().filter(|position| !self.cursor.is_acked(*position)).collect();
        for position in consumer.room.all() {
            if let Some(due) = consumer.room.held(position).and_then(|held| held.due) {
                self.due.remove(&(due.at, position, socket));
            }
        }
        match &mut self.dealing {
            Dealing::One(_) => self.reconsider(now, log, out),
            Dealing::Shared(shared) => shared.left(index, socket, &held),
            Dealing::KeyShared(keyed) => keyed.left(socket, &held),
        }
        self.deal(now, log, out);
    }

    /// A consumer acknowledges a message; says whether it was not acknowledged before.
    pub fn ack(&mut self, from: SocketId, position: u64) -> bool {
        let due = self.consumers.get_mut(&from).and_then(|consumer| consumer.room.acked(position));
        if let Some(due) = due {
            self.due.remove(&(due.at, position, from));
        }
        self.done_with(position)
    }

    /// It has no need of a message any more; says whether it had.
    pub fn done_with(&mut self, position: u64) -> bool {
        let new = self.cursor.ack(position);
        if new {
            self.unwritten.insert(position);
        }
        match &mut self.dealing {
            Dealing::One(_) => {}
            Dealing::Shared(shared) => shared.acked(position),
            Dealing::KeyShared(keyed) => keyed.acked(position),
        }
        new
    }

    /// As the disk tells it.
    pub fn remember_acked(&mut self, position: u64) -> bool {
        self.cursor.ack(position)
    }

    /// A consumer gives a message back: it is sent again when its delay is over.
    pub fn nack(&mut self, now: Duration, from: SocketId, position: u64) {
        let Some(consumer) = self.consumers.get_mut(&from) else { return };
        let at = now + consumer.nack_delay;
        let Ok(before) = consumer.room.gave_back(position, at) else { return };
        if let Some(before) = before {
            self.due.remove(&(before.at, position, from));
        }
        self.due.insert((at, position, from));
    }

    /// A consumer in pull mode takes more.
    pub fn permit(&mut self, from: SocketId, more: u32) {
        if let Some(consumer) = self.consumers.get_mut(&from) {
            consumer.room.permit(more);
        }
    }

    /// Does what is due by now.
    pub fn tick(&mut self, now: Duration, log: &Log, out: &mut Vec<Output>) {
        let mut back: Vec<(SocketId, Vec<u64>)> = Vec::new();
        while let Some((_, position, socket)) = self.due.first().copied().filter(|(at, ..)| *at <= now) {
            self.due.pop_first();
            let Some(consumer) = self.consumers.get_mut(&socket) else { continue };
            let given_back = consumer.room.held(position).and_then(|held| held.due).is_some_and(|due| due.given_back);
            let keeps_room = !given_back && self.knobs.timed_out_room == TimedOutRoom::Kept;
            consumer.room.lost(position, keeps_room);
            if self.cursor.is_acked(position) {
                continue;
            }
            match back.last_mut() {
                Some((last, positions)) if *last == socket => positions.push(position),
                _ => back.push((socket, vec![position])),
            }
        }
        for (socket, positions) in back {
            match &mut self.dealing {
                Dealing::One(_) => self.sends_again(socket, &positions),
                Dealing::Shared(shared) => shared.given_back(socket, &positions),
                Dealing::KeyShared(keyed) => keyed.given_back(&positions),
            }
        }
        self.take_over(now, log, out);
        self.deal(now, log, out);
    }

    /// Sends what can be sent.
    pub fn deal(&mut self, now: Duration, log: &Log, out: &mut Vec<Output>) {
        match &self.dealing {
            Dealing::One(_) => self.deal_to_the_active(now, log, out),
            Dealing::Shared(_) => self.deal_in_turn(now, log, out),
            Dealing::KeyShared(_) => self.deal_by_key(now, log, out),
        }
    }

    fn send(&mut self, now: Duration, to: SocketId, position: u64, parting: Parting, log: &Log, out: &mut Vec<Output>) {
        let (Some(entry), Some(consumer)) = (log.get(position), self.consumers.get_mut(&to)) else { return };
        let due = consumer.ack_time_out.map(|time_out| Due { at: now + time_out, given_back: false });
        if let Some(before) = consumer.room.sent(position, due) {
            self.due.remove(&(before.at, position, to));
        }
        if let Some(due) = due {
            self.due.insert((due.at, position, to));
        }
        if let Some(message) = entry.made {
            let event = Event::Dispatched { message, to: consumer.client.clone(), again: parting.again };
            out.push(Output::Record(event));
        }
        out.push(Output::Send(to, frame(entry, parting.redeliveries)));
    }

    /// Says whether a message was sent again as often as the consumer that would get it allows; then it gets no more of it.
    fn is_dead(&mut self, to: SocketId, position: u64, redeliveries: u32) -> bool {
        let letter = self.consumers.get(&to).and_then(|consumer| consumer.dead_letter.as_ref());
        match letter {
            Some(DeadLetter { after, topic }) if redeliveries > *after => {
                self.dead.push((position, topic.clone()));
                true
            }
            _ => false,
        }
    }

    /// Takes what nobody could handle: to be stored elsewhere, then [`done_with`](Self::done_with) here, or
    /// [`tried_again`](Self::tried_again).
    pub fn take_dead(&mut self) -> Vec<Dead> {
        std::mem::take(&mut self.dead)
    }

    /// A message that nobody could handle could not be stored elsewhere.
    pub fn tried_again(&mut self, position: u64) {
        match &mut self.dealing {
            Dealing::One(_) => {}
            Dealing::Shared(shared) => shared.given_back(0, &[position]),
            Dealing::KeyShared(keyed) => keyed.given_back(&[position]),
        }
    }

    // The disk.

    /// Says whether something was acknowledged that is not on the disk.
    pub fn is_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Takes what was acknowledged and is not on the disk.
    pub fn take_unwritten(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.unwritten).iter().collect()
    }

    /// It is not there: it could not be written.
    pub fn put_back(&mut self, ranges: &[(u64, u64)]) {
        for position in ranges.iter().flat_map(|(first, end)| *first..*end) {
            self.unwritten.insert(position);
        }
    }
}

/// Shows a message to a consumer or reader.
pub(super) fn frame(entry: &super::log::Entry, redelivery_count: u32) -> ServerFrame {
    let message = &entry.message;
    let published = UNIX_EPOCH + Duration::from_millis(message.publish_time.min(LATEST_TIME));
    ServerFrame::Message {
        message_id: entry.id.to_text(),
        payload: message.payload.clone(),
        properties: message.properties.clone(),
        publish_time: humantime::format_rfc3339_millis(published).to_string(),
        redelivery_count,
        key: message.key.clone(),
        event_time: message.event_time.clone(),
    }
}

/// The last millisecond of the year 9999: what can be written as RFC 3339.
const LATEST_TIME: u64 = 253_402_300_799_999;
