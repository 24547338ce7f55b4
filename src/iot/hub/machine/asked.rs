//! What devices ask of a hub, once they are let in.
use super::{ConnectionId, Effect, Hub, LARGEST_MESSAGE, LAZY_FLUSH, enqueued};
use crate::history::Name;
use crate::iot::hub::alarms::Alarm;
use crate::iot::hub::connection::{Connection, Ending, Held, Live};
use crate::iot::hub::properties::Properties;
use crate::iot::hub::record::{Record, Telemetry};
use crate::iot::hub::throttle::Turn;
use crate::iot::hub::topic::{Asked, MESSAGE_ID, MOST_SUBSCRIPTIONS, asked, may_subscribe};
use crate::iot::hub::twin::read_patch;
use crate::iot::knobs::Confirms;
use crate::iot::moment::Moment;
use crate::wire::mqtt::{Packet, Publish, Qos, Quality, SubscribeCode};
use bytes::Bytes;

impl Hub {
    pub(super) fn said(&mut self, moment: Moment, from: ConnectionId, device: &Name, packet: Packet) {
        match packet {
            Packet::Publish(publish) => self.published(moment, from, device, publish),
            Packet::Subscribe { id, filters } => self.subscribed(moment, from, id, filters),
            Packet::Unsubscribe { id, filters } => self.unsubscribed(from, id, &filters),
            Packet::PingReq => self.send(from, Packet::PingResp),
            Packet::PubAck { id } => self.acknowledged(moment, from, device, id),
            Packet::Disconnect => self.end(moment, from, Ending::Disconnect),
            _ => self.end(moment, from, Ending::Unexpected),
        }
    }

    fn published(&mut self, moment: Moment, from: ConnectionId, device: &Name, publish: Publish) {
        let ack = match publish.quality {
            Quality::AtMostOnce => None,
            Quality::AtLeastOnce { id, .. } => Some(id),
            Quality::ExactlyOnce { .. } => return self.end(moment, from, Ending::ExactlyOnce),
        };
        if publish.topic.len() + publish.payload.len() > LARGEST_MESSAGE {
            return self.end(moment, from, Ending::TooLong);
        }
        let Some(asked) = asked(device, &publish.topic) else {
            return self.end(moment, from, Ending::Topic);
        };
        if let (Some(_), Some(Connection::Open(live))) = (ack, self.connections.get_mut(&from)) {
            live.unanswered += 1;
        }
        match asked {
            Asked::Telemetry(mut properties) => {
                if publish.retain {
                    properties.insert("mqtt-retain", Some("true"));
                }
                self.throttled(moment, from, device, properties, publish.payload, ack);
            }
            Asked::Twin { rid } => self.commit(None, Effect::Twin { from, ack, rid }),
            Asked::Returned { status, rid } => {
                self.returned(from, status, rid, &publish.payload);
                if let Some(id) = ack {
                    self.commit(None, Effect::Acknowledge(from, id));
                }
            }
            Asked::Report { rid } => match read_patch(&publish.payload) {
                Ok(patch) => {
                    let enqueued = enqueued(moment);
                    let record = Record::Reported { device: String::from(&**device), enqueued, patch };
                    self.commit(Some(record), Effect::Reported { from, ack, rid });
                }
                // Nothing to write: that it came to nothing is the answer.
                Err(_) => self.commit(None, Effect::Reported { from, ack, rid }),
            },
        }
    }

    /// Takes telemetry at once, or when the throttle lets it; the connection is not read from until then.
    fn throttled(
        &mut self,
        moment: Moment,
        from: ConnectionId,
        device: &Name,
        properties: Properties,
        payload: Bytes,
        ack: Option<u16>,
    ) {
        let (until, telemetry) = match self.messages.take(moment.now) {
            Turn::Now => return self.telemetry(moment, device, properties, payload, ack.map(|id| (from, id))),
            Turn::At(until) => (until, Some((properties, payload, ack))),
            Turn::Never(until) => (until, None),
        };
        if let Some(Connection::Open(live)) = self.connections.get_mut(&from) {
            live.held = Some(Held { until, telemetry });
            self.alarms.set(Alarm::Held(from), Some(until));
        }
    }

    pub(super) fn telemetry(
        &mut self,
        moment: Moment,
        device: &Name,
        properties: Properties,
        payload: Bytes,
        ack: Option<(ConnectionId, u16)>,
    ) {
        let message_id = properties.get(MESSAGE_ID).flatten();
        let message = self.producers.sent_as(message_id, &payload);
        let enqueued = enqueued(moment);
        let record = Record::Telemetry(Telemetry { device: device.clone(), enqueued, properties, payload });
        match self.settings.knobs.confirms {
            Confirms::AfterStoring => self.commit(Some(record), Effect::Telemetry { message, ack }),
            Confirms::BeforeStoring => {
                if self.lazy.is_empty() {
                    self.alarms.set(Alarm::Flush, Some(moment.now + LAZY_FLUSH));
                }
                self.lazy.push((record, message));
                self.acknowledge(ack);
            }
        }
    }

    fn subscribed(&mut self, moment: Moment, from: ConnectionId, id: u16, filters: Vec<(String, Qos)>) {
        let Some(Connection::Open(live)) = self.connections.get_mut(&from) else { return };
        if !filters.iter().all(|(filter, _)| may_subscribe(&live.device, filter)) {
            return self.end(moment, from, Ending::Topic);
        }
        // QoS 2 is granted as 1.
        let codes = filters.iter().map(|(_, qos)| SubscribeCode::Granted((*qos).min(Qos::AtLeastOnce))).collect();
        live.filters.extend(filters.into_iter().map(|(filter, _)| filter));
        if live.filters.len() > MOST_SUBSCRIPTIONS {
            return self.end(moment, from, Ending::TooManySubscriptions);
        }
        let record = session_record(live);
        self.commit(record, Effect::Subscribed { from, id, codes });
    }

    fn unsubscribed(&mut self, from: ConnectionId, id: u16, filters: &[String]) {
        let Some(Connection::Open(live)) = self.connections.get_mut(&from) else { return };
        live.filters.retain(|filter| !filters.contains(filter));
        let record = session_record(live);
        self.commit(record, Effect::Send(from, Packet::UnsubAck { id }));
    }
}

/// What to keep of a connection's subscriptions; nothing of a clean session's.
fn session_record(live: &Live) -> Option<Record> {
    let filters = Some(live.filters.iter().cloned().collect());
    (!live.clean).then(|| Record::Session { device: live.device.to_string(), filters })
}
