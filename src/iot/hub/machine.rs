//! The hub itself: packets, requests and finished writes in; packets, answers and events out.
use super::alarms::{Alarm, Alarms};
use super::calls::Calls;
use super::commit::Commits;
use super::connection::{Connection, Ending, GREETING_LIMIT, MOST_UNANSWERED};
use super::memory::{Applied, Memory};
use super::record::Record;
use super::throttle::Bucket;
use super::twin::TwinView;
use crate::history::{Event, MessageId, Name};
use crate::iot::knobs::HubKnobs;
use crate::iot::moment::Moment;
use crate::iot::plan::Throttle;
use crate::ledger::Place;
use crate::scenario::Rate;
use crate::wire::mqtt::{ConnectCode, Packet, Publish, SubscribeCode, WireError};
use crate::wire::payload::Producers;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// The largest message, payload and properties (Microsoft docs, iot-hub-devguide-quotas-throttling).
pub const LARGEST_MESSAGE: usize = 256 * 1024;

/// With the knob `confirms: before-storing`: how long a confirmed message waits for its place on the disk, as in
/// brokers that leave it to a periodic flush.
pub const LAZY_FLUSH: Duration = Duration::from_secs(10);

/// Numbers a connection within one boot of a hub.
pub type ConnectionId = u64;
/// Numbers a request of the control plane within one boot of a hub.
pub type RequestId = u64;

mod asked;
mod commands;
mod connecting;
mod durable;
mod methods;
mod registry;

pub use methods::MethodCall;

/// What the hub wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a packet.
    Send(ConnectionId, Packet),
    /// More [`may be read`](Hub::may_read) from it than before.
    Read(ConnectionId),
    /// Close it, after what was sent before.
    Close(ConnectionId),
    /// Write into the history.
    Record(Event),
    /// Answer a request of the control plane.
    Answer(RequestId, Answer),
}

/// What became of a request of the control plane.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is durable, and came to this.
    Now(Applied),
    /// It could not be stored; nothing changed.
    Failed,
    /// What is desired of the device is durable, and its twin is this now.
    Twin(TwinView),
    /// The device ran the method. Without a payload, or with one that is no JSON: `null`.
    Returned {
        /// The device's own.
        status: i32,
        /// The device's own.
        payload: Value,
    },
    /// The device is not connected, or takes no methods.
    NotOnline,
    /// The device did not answer in its time, or its connection ended first.
    NoAnswer,
    /// A method with this request id waits for the device's answer already.
    InUse,
}

/// What to do when an entry is durable.
#[derive(Clone, Debug)]
enum Effect {
    Nothing,
    Telemetry {
        message: Option<MessageId>,
        ack: Option<(ConnectionId, u16)>,
    },
    Reported {
        from: ConnectionId,
        ack: Option<u16>,
        rid: String,
    },
    Twin {
        from: ConnectionId,
        ack: Option<u16>,
        rid: String,
    },
    /// In its turn, so that PUBACKs come in the order of the publishes.
    Acknowledge(ConnectionId, u16),
    Subscribed {
        from: ConnectionId,
        id: u16,
        codes: Vec<SubscribeCode>,
    },
    Send(ConnectionId, Packet),
    /// Somebody waits to hear that the registry was changed. `removed`: this device's connection is to end.
    Registry {
        request: RequestId,
        removed: Option<Name>,
    },
    /// The knob's: only the connection ends, the registry stays as it is.
    Dismissed {
        request: RequestId,
        device: Name,
        generation: Option<u64>,
    },
    Desired {
        request: RequestId,
        device: Name,
        patch: Map<String, Value>,
    },
    Queued {
        request: RequestId,
        device: Name,
        id: String,
    },
    /// A command is done with. `from`: who acknowledged it; `None`: its time was over.
    Settled {
        device: Name,
        id: String,
        from: Option<ConnectionId>,
    },
}

/// Who this hub is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name: usernames and tokens must be made for it.
    pub name: Name,
    /// Its enrolment group's key, base64.
    pub group_key: String,
    /// What it gets wrong.
    pub knobs: HubKnobs,
    /// Of its host: numbers sessions whose clients do not say theirs.
    pub boot: u32,
    /// The most new connections, and as many telemetry messages.
    pub limit: Rate,
    /// Times with another limit.
    pub throttles: Vec<Throttle>,
}

/// All state of one boot of a hub.
pub struct Hub {
    settings: Settings,
    producers: Producers,
    memory: Memory,
    commits: Commits<Effect>,
    /// Confirmed, not yet handed to the disk (the knob's).
    lazy: Vec<(Record, Option<MessageId>)>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Each device's one connection.
    live: BTreeMap<Name, ConnectionId>,
    last_connection: ConnectionId,
    calls: Calls,
    alarms: Alarms,
    /// For new connections and for telemetry.
    connects: Bucket,
    messages: Bucket,
    draining: bool,
    outputs: Vec<Output>,
}

impl Hub {
    /// Begins without connections, with what the hub remembers.
    pub fn new(settings: Settings, producers: Producers, mut memory: Memory) -> Self {
        let mut alarms = Alarms::default();
        for (device, queue) in memory.queues_mut() {
            queue.booted();
            alarms.set(Alarm::Queue(device.into()), queue.alarm());
        }
        let bucket = || Bucket::new(settings.limit, settings.throttles.clone());
        Self {
            connects: bucket(),
            messages: bucket(),
            calls: Calls::default(),
            alarms,
            settings,
            producers,
            memory,
            commits: Commits::default(),
            lazy: Vec::new(),
            connections: BTreeMap::new(),
            live: BTreeMap::new(),
            last_connection: 0,
            draining: false,
            outputs: Vec::new(),
        }
    }

    /// Takes what has to be done since the last call, in order.
    pub fn outputs(&mut self) -> impl Iterator<Item = Output> {
        self.outputs.drain(..)
    }

    // Connections.

    /// Takes a new connection.
    pub fn opened(&mut self, now: Duration) -> ConnectionId {
        self.last_connection += 1;
        self.connections.insert(self.last_connection, Connection::Greeting { until: now + GREETING_LIMIT });
        self.last_connection
    }

    /// Takes a packet. When to [`check`](Self::check) next; `None`: the connection has ended.
    pub fn received(&mut self, moment: Moment, from: ConnectionId, packet: Packet) -> Option<Duration> {
        match self.connections.get_mut(&from) {
            None => {}
            Some(Connection::Greeting { .. }) => match packet {
                Packet::Connect(connect) => self.connecting(moment, from, *connect),
                _ => self.end(moment, from, Ending::Unexpected),
            },
            // It is not read from.
            Some(Connection::Waiting { .. }) => {}
            Some(Connection::Open(live)) => {
                live.heard = moment.now;
                let device = live.device.clone();
                self.said(moment, from, &device, packet);
            }
        }
        self.check(moment, from)
    }

    /// Takes the end of a connection's stream: `None` is the other side's FIN.
    pub fn broken(&mut self, moment: Moment, from: ConnectionId, error: Option<&WireError>) -> Option<Duration> {
        let ending = match error {
            None => Ending::Eof,
            Some(WireError::Io(_)) => Ending::Reset,
            Some(WireError::TooLong) => Ending::TooLong,
            Some(WireError::ExactlyOnce) => Ending::ExactlyOnce,
            Some(WireError::Protocol) => {
                self.send(from, connecting::refusal(ConnectCode::UnacceptableProtocol));
                Ending::NotLetIn
            }
            Some(_) => Ending::Malformed,
        };
        self.end(moment, from, ending);
        None
    }

    /// Ends a connection whose time is up. When to call again; `None`: it has ended.
    pub fn check(&mut self, moment: Moment, connection: ConnectionId) -> Option<Duration> {
        match self.connections.get(&connection)?.check(moment) {
            Ok(again) => Some(again),
            Err(ending) => {
                self.end(moment, connection, ending);
                None
            }
        }
    }

    /// Says whether more may be read from a connection: not while too much of it is unanswered.
    pub fn may_read(&self, connection: ConnectionId) -> bool {
        !self.draining
            && match self.connections.get(&connection) {
                Some(Connection::Open(live)) => live.unanswered < MOST_UNANSWERED && live.held.is_none(),
                Some(Connection::Waiting { .. }) => false,
                _ => true,
            }
    }

    /// Takes nothing more, and hands all it has to the disk.
    pub fn drain(&mut self) {
        self.draining = true;
        self.flush();
    }

    /// Ends every connection, because the hub is about to stop.
    pub fn stop(&mut self, moment: Moment) {
        let all: Vec<_> = self.connections.keys().copied().collect();
        for connection in all {
            self.end(moment, connection, Ending::Stopping);
        }
    }

    // Time.

    /// When to [`ring`](Self::ring) next; `None`: nothing waits for its time.
    pub fn next_alarm(&self) -> Option<Duration> {
        self.alarms.next()
    }

    /// Does whatever was to be done by now.
    pub fn ring(&mut self, moment: Moment) {
        while let Some(alarm) = self.alarms.due(moment.now) {
            match alarm {
                Alarm::Flush => self.flush(),
                Alarm::Queue(device) => self.serve(moment, &device),
                Alarm::Call => self.give_up_calls(moment.now),
                Alarm::Held(connection) => self.let_go(moment, connection),
            }
        }
    }

    // What readers ask.

    /// Shows a registered device's twin.
    pub fn twin(&self, device: &str) -> Option<TwinView> {
        Some(self.memory.device(device)?.twin.view())
    }

    /// Shows it as the control plane does, with its entity tag.
    pub fn tagged_twin(&self, device: &str) -> Option<TwinView> {
        Some(TwinView { etag: self.memory.etag(device), ..self.twin(device)? })
    }

    /// Where what readers get lies in the ledger, from an offset on.
    pub fn feed(&self, from: u64, most: usize) -> &[Place] {
        self.memory.feed(from, most)
    }

    /// The offset that the next event for readers will have.
    pub fn next_offset(&self) -> u64 {
        self.memory.next_offset()
    }

    fn answer(&mut self, to: ConnectionId, ack: Option<u16>, publish: Publish) {
        self.acknowledge(ack.map(|id| (to, id)));
        self.send(to, Packet::Publish(publish));
    }

    fn acknowledge(&mut self, ack: Option<(ConnectionId, u16)>) {
        let Some((to, id)) = ack else { return };
        if let Some(Connection::Open(live)) = self.connections.get_mut(&to) {
            live.unanswered -= 1;
            self.send(to, Packet::PubAck { id });
        }
    }

    /// The device's connection, if it has subscribed to this filter, now or in the session that it goes on with.
    fn listening(&self, device: &str, filter: &str) -> Option<ConnectionId> {
        let connection = *self.live.get(device)?;
        match self.connections.get(&connection)? {
            Connection::Open(live) if live.filters.contains(filter) => Some(connection),
            _ => None,
        }
    }

    fn send(&mut self, to: ConnectionId, packet: Packet) {
        if self.connections.contains_key(&to) {
            self.outputs.push(Output::Send(to, packet));
        }
    }
}

/// The hub's wall clock, as it is written into records.
fn enqueued(moment: Moment) -> String {
    humantime::format_rfc3339_millis(moment.wall_clock).to_string()
}

#[cfg(test)]
mod tests;
