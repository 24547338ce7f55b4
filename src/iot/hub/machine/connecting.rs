//! How a device is let in, and how a connection ends.
use super::{ConnectionId, Effect, Hub, Output};
use crate::history::{Event, Name};
use crate::iot::hub::alarms::Alarm;
use crate::iot::hub::connection::{Connection, Ending, Live, silence_allowed};
use crate::iot::hub::gate::entry;
use crate::iot::hub::record::Record;
use crate::iot::hub::throttle::Turn;
use crate::iot::hub::topic::{Asked, asked};
use crate::iot::moment::Moment;
use crate::wire::mqtt::{Connect, ConnectCode, Packet};

impl Hub {
    /// Takes a CONNECT: at once, or when the throttle lets it.
    pub(super) fn connecting(&mut self, moment: Moment, from: ConnectionId, connect: Connect) {
        let (until, connect) = match self.connects.take(moment.now) {
            Turn::Now => return self.greeted(moment, from, connect),
            Turn::At(until) => (until, Some(connect)),
            Turn::Never(until) => (until, None),
        };
        self.connections.insert(from, Connection::Waiting { until, connect });
        self.alarms.set(Alarm::Held(from), Some(until));
    }

    /// Goes on with what the throttle held back, or ends what has waited too long.
    pub(super) fn let_go(&mut self, moment: Moment, connection: ConnectionId) {
        match self.connections.get_mut(&connection) {
            Some(Connection::Waiting { connect, .. }) => match connect.take() {
                Some(connect) => self.greeted(moment, connection, connect),
                None => self.end(moment, connection, Ending::Throttled),
            },
            Some(Connection::Open(live)) => {
                let Some(held) = live.held.take() else { return };
                live.heard = moment.now;
                let device = live.device.clone();
                match held.telemetry {
                    Some((properties, payload, ack)) => {
                        self.telemetry(moment, &device, properties, payload, ack.map(|id| (connection, id)));
                    }
                    None => self.end(moment, connection, Ending::Throttled),
                }
            }
            _ => return,
        }
        if self.connections.contains_key(&connection) {
            self.outputs.push(Output::Read(connection));
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
        // What was queued goes with the session (azure-sdk-for-c, docs on CleanSession).
        let forgets = connect.clean_session && (known.session.is_some() || !known.queue.is_empty());
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
            held: None,
            will: connect.will,
        };
        self.connections.insert(from, Connection::Open(live));
        self.live.insert(entry.device.clone(), from);
        if forgets || (kept.is_none() && !connect.clean_session) {
            let filters = (!connect.clean_session).then(Vec::new);
            self.commit(Some(Record::Session { device: entry.device.to_string(), filters }), Effect::Nothing);
        }
        self.outputs.push(Output::Record(Event::SessionOpened { client: entry.device.clone(), session }));
        self.send(from, Packet::ConnAck { session_present: kept.is_some(), code: ConnectCode::Accepted });
        self.serve(moment, &entry.device);
    }

    fn refuse(&mut self, moment: Moment, from: ConnectionId, code: ConnectCode) {
        self.send(from, refusal(code));
        self.end(moment, from, Ending::NotLetIn);
    }

    pub(super) fn end(&mut self, moment: Moment, connection: ConnectionId, ending: Ending) {
        let Some(ended) = self.connections.remove(&connection) else { return };
        self.alarms.set(Alarm::Held(connection), None);
        if let Connection::Open(live) = ended {
            self.parted(moment, connection, live, ending);
        }
        self.outputs.push(Output::Close(connection));
    }

    fn parted(&mut self, moment: Moment, connection: ConnectionId, live: Live, ending: Ending) {
        self.live.remove(&live.device);
        let device: Name = live.device;
        if let (Some(will), false) = (live.will, ending == Ending::Disconnect)
            && let Some(Asked::Telemetry(mut properties)) = asked(&device, &will.topic)
        {
            properties.insert("iothub-MessageType", Some("Will"));
            if will.retain {
                properties.insert("mqtt-retain", Some("true"));
            }
            self.telemetry(moment, &device, properties, will.payload, None);
        }
        let event = Event::SessionEnded { client: device.clone(), session: live.session, why: ending.why() };
        self.outputs.push(Output::Record(event));
        self.hang_up(connection);
        if let Some(queue) = self.memory.queue_mut(&device) {
            queue.parted();
            self.serve(moment, &device);
        }
    }
}

/// The CONNACK that lets nobody in.
pub(super) fn refusal(code: ConnectCode) -> Packet {
    Packet::ConnAck { session_present: false, code }
}
