//! Who is let in.
use super::{Alarm, Broker, Socket, Stage, rest};
use crate::history::{Event, SubscriptionMode};
use crate::streams::broker::call::Refusal;
use crate::streams::broker::commit::{Effect, Fact, key};
use crate::streams::broker::frame::GOING_AWAY;
use crate::streams::broker::input::{Attachment, ConsumerOptions, ReadFrom, Session, SocketId};
use crate::streams::broker::message_id::WireId;
use crate::streams::broker::output::Output;
use crate::streams::broker::room::{Consumer, Room};
use crate::streams::broker::stream::Reader;
use crate::streams::broker::topic::Topic;
use crate::streams::knobs::SecondConsumer;
use crate::streams::plan::{HalfOpen, UnknownStream};
use std::time::Duration;

/// How long a socket has to show that it lives while another one waits for its place: as long as Apache Pulsar gives it
/// (<https://github.com/apache/pulsar/pull/21183>).
const PROBE_LIMIT: Duration = Duration::from_secs(5);

impl Broker {
    pub(super) fn attach(&mut self, now: Duration, socket: SocketId, attachment: Attachment, session: Option<Session>) {
        let topic = attachment.topic().clone();
        let is_known = self.streams.contains_key(&topic);
        let refusal = if self.stopping {
            Some(rest::refusal(503, 503, "the broker stops"))
        } else if !is_known && self.settings.plan.unknown_stream == UnknownStream::Refuses {
            Some(rest::stream_not_found())
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.outputs.push(Output::Refuse(socket, refusal));
            return;
        }
        let subscription = match &attachment {
            Attachment::Consumer(options) => Some(key(&topic, &options.subscription)),
            _ => None,
        };
        self.sockets.insert(socket, Socket { attachment, session, stage: Stage::Arriving });
        if !is_known {
            self.commits.push(Fact::Stream(topic), Effect::Nothing);
        }
        match subscription {
            // It is durable before the consumer hears that it is let in: what is published from then on is owed to it.
            Some(key) if self.subscription(&key).is_none() => {
                self.commits.push(Fact::Subscribed(key), Effect::Attach(socket));
            }
            _ if !is_known => self.commits.push(Fact::Nothing, Effect::Attach(socket)),
            _ => self.admit(now, socket),
        }
    }

    /// Lets a socket in whose stream and subscription are durable, refuses it, or lets it wait.
    pub(super) fn admit(&mut self, now: Duration, socket: SocketId) {
        let Some(Socket { attachment, stage: Stage::Arriving, .. }) = self.sockets.get(&socket) else { return };
        let attachment = attachment.clone();
        let topic = attachment.topic().clone();
        if !self.streams.contains_key(&topic) {
            return self.refuse(socket, rest::stream_not_found());
        }
        match attachment {
            Attachment::Producer { name, .. } => self.admit_producer(now, socket, &topic, name),
            Attachment::Consumer(options) => self.admit_consumer(now, socket, options),
            Attachment::Reader { queue, from, .. } => self.admit_reader(socket, &topic, queue, &from),
        }
    }

    fn admit_producer(&mut self, now: Duration, socket: SocketId, topic: &Topic, name: Option<String>) {
        let Some(stream) = self.streams.get_mut(topic) else { return };
        let holder = stream.producers.iter().find(|(_, taken)| name.is_some() && **taken == name);
        if let Some((&holder, _)) = holder {
            return self.contend(now, socket, holder);
        }
        stream.producers.insert(socket, name);
        self.accept(socket, Stage::Producer);
    }

    fn admit_consumer(&mut self, now: Duration, socket: SocketId, options: ConsumerOptions) {
        let key = key(&options.topic, &options.subscription);
        let Some(subscription) = self.subscription(&key) else {
            return self.refuse(socket, rest::refusal(404, 404, "subscription not found"));
        };
        let (first, mode) = (subscription.consumers().next().map(|first| first.socket), subscription.mode());
        if let Some(holder) = first {
            if mode != options.mode {
                return self.refuse(socket, rest::refusal(409, 409, "Subscription is of different type"));
            }
            let second = self.settings.plan.knobs.second_consumer;
            if options.mode == SubscriptionMode::Exclusive && second == SecondConsumer::Refused {
                return self.contend(now, socket, holder);
            }
        }
        let session = self.sockets.get(&socket).and_then(|socket| socket.session.as_ref());
        let client = session.map_or_else(|| options.name.as_str().into(), |session| session.client.clone());
        let consumer = Consumer {
            socket,
            client,
            name: options.name,
            priority: options.priority,
            ack_time_out: options.ack_time_out,
            nack_delay: options.nack_delay,
            dead_letter: options.dead_letter,
            room: if options.pull { Room::pull() } else { Room::push(options.queue) },
        };
        self.accept(socket, Stage::Consumer(key.clone()));
        self.serve(now, &key, |subscription, log, out| subscription.join(now, consumer, options.mode, log, out));
    }

    fn admit_reader(&mut self, socket: SocketId, topic: &Topic, queue: u32, from: &ReadFrom) {
        let Some(stream) = self.streams.get(topic) else { return };
        let next = match from {
            ReadFrom::Latest => Some(stream.log.end()),
            ReadFrom::Earliest => Some(stream.log.first()),
            ReadFrom::After(id) => {
                let after = |id: WireId| id.entry.saturating_add(1).clamp(stream.log.first(), stream.log.end());
                WireId::parse(id).map(after)
            }
        };
        let Some(next) = next else {
            return self.refuse(socket, rest::refusal(400, 400, "Invalid query params: Invalid messageId"));
        };
        self.accept(socket, Stage::Reader);
        if let Some(stream) = self.streams.get_mut(topic) {
            stream.read_by(socket, Reader { next, room: Room::push(queue) });
            stream.deal_to_readers(&mut self.outputs);
        }
    }

    fn accept(&mut self, socket: SocketId, stage: Stage) {
        let Some(let_in) = self.sockets.get_mut(&socket) else { return };
        let_in.stage = stage;
        self.outputs.push(Output::Accept(socket));
        if let Some(session) = &let_in.session {
            let event = Event::SessionOpened { client: session.client.clone(), session: session.number };
            self.outputs.push(Output::Record(event));
        }
    }

    pub(super) fn refuse(&mut self, socket: SocketId, refusal: Refusal) {
        self.sockets.remove(&socket);
        self.outputs.push(Output::Refuse(socket, refusal));
    }

    // Two for one place.

    /// A socket wants a place that another one holds, which may be dead without the broker's knowing.
    fn contend(&mut self, now: Duration, socket: SocketId, holder: SocketId) {
        match self.settings.plan.half_open {
            HalfOpen::LockedOut => self.refuse(socket, self.busy(socket)),
            HalfOpen::Probed => {
                let waiting = self.probes.entry(holder).or_default();
                if waiting.is_empty() {
                    self.outputs.push(Output::Probe(holder));
                    self.alarms.set(Alarm::Probe(holder), Some(now + PROBE_LIMIT));
                }
                waiting.push(socket);
            }
        }
    }

    fn busy(&self, socket: SocketId) -> Refusal {
        match self.sockets.get(&socket).map(|socket| &socket.attachment) {
            Some(Attachment::Producer { name: Some(name), topic }) => {
                let message = format!("Producer with name '{name}' is already connected to topic '{topic}'");
                rest::refusal(409, 409, message)
            }
            _ => rest::refusal(409, 409, "Exclusive consumer is already connected"),
        }
    }

    /// A socket shows that it lives: it keeps its place.
    pub(super) fn alive(&mut self, holder: SocketId) {
        if self.probes.is_empty() {
            return;
        }
        self.alarms.set(Alarm::Probe(holder), None);
        for socket in self.probes.remove(&holder).unwrap_or_default() {
            self.refuse(socket, self.busy(socket));
        }
    }

    /// A socket has not shown that it lives.
    pub(super) fn found_dead(&mut self, now: Duration, holder: SocketId) {
        self.close(now, holder, GOING_AWAY, "no sign of life", "silent when asked");
    }

    /// A socket is gone: those who waited for its place try again, the first one first.
    pub(super) fn place_is_free(&mut self, now: Duration, holder: SocketId) {
        if self.probes.is_empty() {
            return;
        }
        self.alarms.set(Alarm::Probe(holder), None);
        for socket in self.probes.remove(&holder).unwrap_or_default() {
            self.admit(now, socket);
        }
    }
}
