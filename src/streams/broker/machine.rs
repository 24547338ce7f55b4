//! The broker itself: what happens in, what is to be done out.
//!
//! A socket's life:
//!
//! ```text
//!              stream and subscription durable          nobody holds its place
//!   (Attach) ──────────────────────────────> Arriving ─────────────────────────> attached ──> (Closed, Close)
//!                                               │  ^
//!                          somebody does: Probe │  │ Closed, or silent for 5 s
//!                                               v  │
//!                                            waiting for the holder's life ── Alive ──> (Refuse 409)
//! ```
use super::commit::{Commits, Published};
use super::frame::{DONE, GOING_AWAY, ServerFrame};
use super::input::{Attachment, Input, Session, SocketId};
use super::output::Output;
use super::record::Record;
use super::stream::{Stream, SubscriptionKey};
use super::topic::Topic;
use crate::alarms::Alarms;
use crate::history::{Event, Name, Roster};
use crate::streams::plan::BrokerPlan;
use crate::wire::payload::Producers;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

mod attaching;
mod consuming;
mod durable;
mod publishing;
mod remembering;
mod replicating;
mod rest;

use replicating::Link;

/// How long what consumers have acknowledged waits for the disk, if nothing else makes it go there (Apache Pulsar,
/// `managedLedgerDefaultMarkDeleteRateLimit`: once a second). Lost with the power, it is sent again.
const ACKS_WAIT: Duration = Duration::from_secs(1);

/// How long a broker waits before it tries again what its disk has refused and nobody waits for.
const DISK_RETRY: Duration = Duration::from_secs(1);

/// Who this broker is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its part of the plan.
    pub plan: BrokerPlan,
    /// Of its host: it numbers what is stored from now on.
    pub boot: u32,
    /// To read who made a message.
    pub producers: Producers,
}

impl Settings {
    /// Gathers them at a boot.
    pub fn new(plan: BrokerPlan, boot: u32, roster: &Roster) -> Self {
        Self { plan, boot, producers: Producers::of(roster) }
    }
}

/// All state of one boot of a broker.
#[derive(Debug)]
pub struct Broker {
    settings: Settings,
    streams: BTreeMap<Topic, Stream>,
    sockets: BTreeMap<SocketId, Socket>,
    /// Who waits for whose sign of life.
    probes: BTreeMap<SocketId, Vec<SocketId>>,
    alarms: Alarms<Alarm>,
    commits: Commits,
    /// Confirmed, not yet handed to the disk (the knob's).
    lazy: Vec<Published>,
    /// Producers of whom something was not stored, while the rest of that batch is told.
    broken_off: BTreeSet<SocketId>,
    /// Subscriptions with acknowledgements, and targets with positions, that are not on the disk.
    unwritten: BTreeSet<SubscriptionKey>,
    moved: BTreeSet<(Topic, Name)>,
    /// It is time to write them.
    positions_due: bool,
    /// Streams that are created in the batch that is being written, with where they begin.
    newborn: BTreeMap<Topic, u64>,
    /// The other regions' brokers.
    links: BTreeMap<Name, Link>,
    /// How many messages have ever been stored here; and when the batch is that is being written.
    stored: u64,
    assigned: u64,
    time_to_live: Duration,
    stopping: bool,
    outputs: Vec<Output>,
}

#[derive(Clone, Debug)]
struct Socket {
    attachment: Attachment,
    session: Option<Session>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Arriving,
    Producer,
    Consumer(SubscriptionKey),
    Reader,
}

/// What an alarm is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// What was confirmed and not stored goes to the disk (a knob's).
    Lazy,
    /// Acknowledgements and other regions' positions go to the disk.
    Positions,
    /// A takeover is over, or something is to be sent again.
    Subscription(SubscriptionKey),
    /// A socket has had its time to show that it lives.
    Probe(SocketId),
    /// The oldest message of a stream has lived its time.
    Expire(Topic),
    /// Another region's broker is tried again.
    Link(Name),
}

impl Broker {
    /// Begins without sockets, with what the disk tells: the records of its ledger, in their order. What it wants done
    /// at once comes out of the first [`handle`](Self::handle), which is to follow.
    pub fn remember(settings: Settings, now: Duration, records: &[Vec<u8>]) -> Self {
        let links = settings.plan.others.iter().map(|other| (other.clone(), Link::default())).collect();
        let mut broker = Self {
            time_to_live: settings.plan.time_to_live,
            settings,
            streams: BTreeMap::new(),
            sockets: BTreeMap::new(),
            probes: BTreeMap::new(),
            alarms: Alarms::default(),
            commits: Commits::default(),
            lazy: Vec::new(),
            broken_off: BTreeSet::new(),
            unwritten: BTreeSet::new(),
            moved: BTreeSet::new(),
            newborn: BTreeMap::new(),
            positions_due: false,
            links,
            stored: 0,
            assigned: 0,
            stopping: false,
            outputs: Vec::new(),
        };
        for record in records.iter().filter_map(|bytes| Record::read(bytes)) {
            broker.apply(record);
        }
        let topics: Vec<_> = broker.streams.keys().cloned().collect();
        topics.iter().for_each(|topic| broker.stream_changed(now, topic));
        broker
    }

    /// Takes what has happened, and tells what to do about it, in this order.
    pub fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        match input {
            Input::Attach { socket, attachment, session } => self.attach(now, socket, attachment, session),
            Input::Publish { socket, message, context } => {
                self.alive(socket);
                self.publish(now, socket, message, context);
            }
            Input::Ack { socket, id } => {
                self.alive(socket);
                self.ack(now, socket, &id);
            }
            Input::Nack { socket, id } => {
                self.alive(socket);
                self.nack(now, socket, &id);
            }
            Input::Permit { socket, messages } => {
                self.alive(socket);
                self.permit(now, socket, messages);
            }
            Input::Unsubscribe { socket } => {
                self.alive(socket);
                self.unsubscribe(socket);
            }
            Input::IsEndOfTopic { socket } => {
                self.alive(socket);
                // Streams are never terminated here: the service has no call for it. One that is deleted ends its sockets.
                self.send(socket, ServerFrame::EndOfTopic { end_of_topic: false });
            }
            Input::Alive { socket } => self.alive(socket),
            Input::Closed { socket, why } => self.end(now, socket, why),
            Input::Rest { ticket, call } => self.rest(now, ticket, call),
            Input::Replicate { ticket, page } => self.take_page(now, ticket, page),
            Input::Replicated { to, topic, upto } => self.replicated(now, &to, &topic, upto),
            Input::ReplicationLost { to } => self.replication_lost(now, &to),
            Input::Stored => self.committed(now, true),
            Input::StoreFailed => self.committed(now, false),
            Input::Tick => self.ring(now),
            Input::Stop => self.stop(),
        }
        if self.stopping && self.is_idle() {
            self.part_from_all(now);
        }
        std::mem::take(&mut self.outputs)
    }

    /// When to say [`Input::Tick`] next; `None`: nothing waits for its time.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.alarms.next()
    }

    fn ring(&mut self, now: Duration) {
        while let Some(alarm) = self.alarms.due(now) {
            match alarm {
                Alarm::Lazy => self.flush_lazy(),
                Alarm::Positions => self.positions_due = true,
                Alarm::Subscription(key) => {
                    self.serve(now, &key, |subscription, log, out| subscription.tick(now, log, out));
                    let deadline = self.subscription(&key).and_then(|subscription| subscription.deadline());
                    self.alarms.set(Alarm::Subscription(key), deadline);
                }
                Alarm::Probe(holder) => self.found_dead(now, holder),
                Alarm::Expire(topic) => self.expire(now, &topic),
                Alarm::Link(to) => self.link_retries(now, &to),
            }
        }
    }

    /// Hands everything to the disk, and takes nothing more.
    fn stop(&mut self) {
        self.stopping = true;
        self.flush_lazy();
        self.positions_due = true;
    }

    fn part_from_all(&mut self, now: Duration) {
        let all: Vec<_> = self.sockets.keys().copied().collect();
        for socket in all {
            self.close(now, socket, GOING_AWAY, "the broker stops", "stopping");
        }
    }

    // Sockets.

    fn send(&mut self, socket: SocketId, frame: ServerFrame) {
        if self.sockets.contains_key(&socket) {
            self.outputs.push(Output::Send(socket, frame));
        }
    }

    /// Closes a socket, or refuses one that is not let in yet.
    fn close(&mut self, now: Duration, socket: SocketId, code: u16, reason: &'static str, why: &'static str) {
        match self.sockets.get(&socket).map(|socket| &socket.stage) {
            None => return,
            Some(Stage::Arriving) => {
                self.outputs.push(Output::Refuse(socket, rest::refusal(503, 503, reason)));
            }
            Some(_) => self.outputs.push(Output::Close { socket, code, reason }),
        }
        self.end(now, socket, why);
    }

    /// Forgets a socket that has ended.
    fn end(&mut self, now: Duration, socket: SocketId, why: &'static str) {
        let Some(ended) = self.sockets.remove(&socket) else { return };
        let topic = ended.attachment.topic();
        if !matches!(ended.stage, Stage::Arriving)
            && let Some(session) = ended.session
        {
            let event = Event::SessionEnded { client: session.client, session: session.number, why };
            self.outputs.push(Output::Record(event));
        }
        match &ended.stage {
            Stage::Arriving => self.probes.values_mut().for_each(|waiting| waiting.retain(|each| *each != socket)),
            Stage::Producer => {
                if let Some(stream) = self.streams.get_mut(topic) {
                    stream.producers.remove(&socket);
                }
            }
            Stage::Consumer(key) => {
                self.serve(now, key, |subscription, log, out| subscription.leave(now, socket, log, out));
            }
            Stage::Reader => {
                if let Some(stream) = self.streams.get_mut(topic) {
                    stream.unread_by(socket);
                }
            }
        }
        self.place_is_free(now, socket);
    }

    /// Ends every socket that has lost what it was attached to.
    fn close_orphans(&mut self, now: Duration) {
        let is_orphan = |socket: &Socket| match &socket.stage {
            Stage::Arriving => false,
            Stage::Producer | Stage::Reader => !self.streams.contains_key(socket.attachment.topic()),
            Stage::Consumer(key) => self.subscription(key).is_none(),
        };
        let orphans: Vec<_> = self.sockets.iter().filter(|(_, socket)| is_orphan(socket)).map(|(id, _)| *id).collect();
        for socket in orphans {
            self.close(now, socket, DONE, "it was deleted", "deleted");
        }
    }
}

#[cfg(test)]
mod tests;
