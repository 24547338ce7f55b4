//! The hub itself: packets, requests and finished writes in; packets, answers and events out.
use super::commit::Commits;
use super::connection::{Connection, Ending, GREETING_LIMIT, Live, MOST_UNANSWERED, silence_allowed};
use super::gate::entry;
use super::memory::{Applied, Memory};
use super::record::Record;
use super::topic::{Asked, asked};
use super::twin::TwinView;
use crate::history::{Event, MessageId, Name};
use crate::iot::knobs::HubKnobs;
use crate::iot::ledger::Place;
use crate::iot::moment::Moment;
use crate::wire::mqtt::{Connect, ConnectCode, Packet, Publish, WireError};
use crate::wire::payload::Producers;
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
mod durable;

/// What the hub wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a packet.
    Send(ConnectionId, Packet),
    /// Close it, after what was sent before.
    Close(ConnectionId),
    /// Write into the history.
    Record(Event),
    /// Answer a request that waited for the disk.
    Answer(RequestId, Answer),
}

/// What became of a change of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is durable, and came to this.
    Now(Applied),
    /// It could not be stored; nothing changed.
    Failed,
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
    Send(ConnectionId, Packet),
    /// Somebody waits to hear that the registry was changed. `removed`: this device's connection is to end.
    Registry {
        request: RequestId,
        removed: Option<Name>,
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
}

/// All state of one boot of a hub.
pub struct Hub {
    settings: Settings,
    producers: Producers,
    memory: Memory,
    commits: Commits<Effect>,
    /// Confirmed, not yet handed to the disk, since when (the knob's).
    lazy: Vec<(Record, Option<MessageId>)>,
    lazy_since: Option<Duration>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Each device's one connection.
    live: BTreeMap<Name, ConnectionId>,
    last_connection: ConnectionId,
    draining: bool,
    outputs: Vec<Output>,
}

impl Hub {
    /// Begins without connections, with what the hub remembers.
    pub fn new(settings: Settings, producers: Producers, memory: Memory) -> Self {
        Self {
            settings,
            producers,
            memory,
            commits: Commits::default(),
            lazy: Vec::new(),
            lazy_since: None,
            connections: BTreeMap::new(),
            live: BTreeMap::new(),
            last_connection: 0,
            draining: false,
            outputs: Vec::new(),
        }
    }

    /// Takes what has to be done since the last call, in order.
    pub fn outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
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
                Packet::Connect(connect) => self.greeted(moment, from, connect),
                _ => self.end(moment, from, Ending::Unexpected),
            },
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
                self.send(from, connack(ConnectCode::UnacceptableProtocol));
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
                Some(Connection::Open(live)) => live.unanswered < MOST_UNANSWERED,
                _ => true,
            }
    }

    /// Takes nothing more, and hands all it has to the disk.
    pub fn drain(&mut self, moment: Moment) {
        self.draining = true;
        self.flush(moment.now);
    }

    /// Ends every connection, because the hub is about to stop.
    pub fn stop(&mut self, moment: Moment) {
        let all: Vec<_> = self.connections.keys().copied().collect();
        for connection in all {
            self.end(moment, connection, Ending::Stopping);
        }
    }

    fn greeted(&mut self, moment: Moment, from: ConnectionId, connect: Connect) {
        let entry = match entry(&self.settings.name, &self.settings.group_key, &connect, moment.wall_clock) {
            Ok(entry) => entry,
            Err(code) => return self.refuse(moment, from, code),
        };
        // A device that is not registered gets 3, as one that is disabled does (azure-iot-sdk-c, issue 314).
        let Some(known) = self.memory.device(&entry.device) else {
            return self.refuse(moment, from, ConnectCode::ServerUnavailable);
        };
        let kept = known.session.clone().filter(|_| !connect.clean_session);
        let forgets = known.session.is_some() && connect.clean_session;
        if let Some(older) = self.live.get(&entry.device).copied() {
            self.end(moment, older, Ending::NewerConnection);
        }
        let session = entry.session.unwrap_or(u64::from(self.settings.boot) << 32 | from);
        let live = Live {
            device: entry.device.clone(),
            session,
            clean: connect.clean_session,
            filters: kept.clone().unwrap_or_default(),
            heard: moment.now,
            silence: silence_allowed(connect.keep_alive),
            expires: entry.expires,
            unanswered: 0,
            will: connect.will,
        };
        self.connections.insert(from, Connection::Open(live));
        self.live.insert(entry.device.clone(), from);
        if forgets || (kept.is_none() && !connect.clean_session) {
            let filters = (!connect.clean_session).then(Vec::new);
            self.commit(Some(Record::Session { device: entry.device.to_string(), filters }), Effect::Nothing);
        }
        self.outputs.push(Output::Record(Event::SessionOpened { client: entry.device, session }));
        self.send(from, Packet::ConnAck { session_present: kept.is_some(), code: ConnectCode::Accepted });
    }

    fn refuse(&mut self, moment: Moment, from: ConnectionId, code: ConnectCode) {
        self.send(from, connack(code));
        self.end(moment, from, Ending::NotLetIn);
    }

    fn said(&mut self, moment: Moment, from: ConnectionId, device: &Name, packet: Packet) {
        match packet {
            Packet::Publish(publish) => self.published(moment, from, device, publish),
            Packet::Subscribe { id, filters } => self.subscribed(moment, from, id, filters),
            Packet::Unsubscribe { id, filters } => self.unsubscribed(from, id, &filters),
            Packet::PingReq => self.send(from, Packet::PingResp),
            // Nothing that this hub sends asks for an acknowledgement yet.
            Packet::PubAck { .. } => {}
            Packet::Disconnect => self.end(moment, from, Ending::Disconnect),
            _ => self.end(moment, from, Ending::Unexpected),
        }
    }

    fn end(&mut self, moment: Moment, connection: ConnectionId, ending: Ending) {
        let Some(ended) = self.connections.remove(&connection) else { return };
        if let Connection::Open(live) = ended {
            self.live.remove(&live.device);
            if let (Some(will), false) = (live.will, ending == Ending::Disconnect)
                && let Some(Asked::Telemetry(mut properties)) = asked(&live.device, &will.topic)
            {
                properties.insert("iothub-MessageType".into(), Some("Will".into()));
                self.telemetry(moment, &live.device, properties, &will.payload, None);
            }
            let event = Event::SessionEnded { client: live.device, session: live.session, why: ending.why() };
            self.outputs.push(Output::Record(event));
        }
        self.outputs.push(Output::Close(connection));
    }

    // What the control plane asks.

    /// Registers a device, unless a removal of this generation or a later one is known. The answer comes as
    /// [`Output::Answer`], when it is durable. Without a generation the request counts as the latest.
    pub fn register(&mut self, request: RequestId, device: &str, generation: Option<u64>) {
        // Written even when it seems to change nothing: a removal may be waiting before it.
        let record = Record::Registered { device: device.to_owned(), generation };
        self.commit(Some(record), Effect::Registry { request, removed: None });
    }

    /// Removes a device and closes its connection, unless a registration of a later generation is known; answers as
    /// [`register`](Self::register) does.
    pub fn remove(&mut self, request: RequestId, device: &str, generation: Option<u64>) {
        let record = Record::Removed { device: device.to_owned(), generation };
        self.commit(Some(record), Effect::Registry { request, removed: Some(device.into()) });
    }

    /// Shows a registered device's twin.
    pub fn twin(&self, device: &str) -> Option<TwinView> {
        Some(self.memory.device(device)?.twin.view())
    }

    /// Where stored telemetry and changes of twins lie in the ledger, from an offset on.
    pub fn feed(&self, from: u64, most: usize) -> &[Place] {
        self.memory.feed(from, most)
    }

    /// The offset that the next stored message will have.
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

    fn send(&mut self, to: ConnectionId, packet: Packet) {
        if self.connections.contains_key(&to) {
            self.outputs.push(Output::Send(to, packet));
        }
    }
}

fn connack(code: ConnectCode) -> Packet {
    Packet::ConnAck { session_present: false, code }
}

#[cfg(test)]
mod tests;
