//! What devices ask of a hub, once they are let in.
use super::{ConnectionId, Effect, Hub, LARGEST_MESSAGE};
use crate::history::Name;
use crate::iot::hub::connection::{Connection, Ending, Live};
use crate::iot::hub::record::{Record, Telemetry};
use crate::iot::hub::topic::{Asked, MOST_SUBSCRIPTIONS, Properties, asked, may_subscribe};
use crate::iot::hub::twin::Twin;
use crate::iot::knobs::Confirms;
use crate::iot::moment::Moment;
use crate::wire::mqtt::{Packet, Publish, Qos, Quality, SubscribeCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

impl Hub {
    pub(super) fn published(&mut self, moment: Moment, from: ConnectionId, device: &Name, publish: Publish) {
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
                    properties.insert("mqtt-retain".into(), Some("true".into()));
                }
                self.telemetry(moment, device, properties, &publish.payload, ack.map(|id| (from, id)));
            }
            Asked::Twin { rid } => self.commit(None, Effect::Twin { from, ack, rid }),
            Asked::Report { rid } => match Twin::read_patch(&publish.payload) {
                Ok(patch) => {
                    let enqueued = enqueued(moment);
                    let record = Record::Reported { device: device.to_string(), enqueued, patch };
                    self.commit(Some(record), Effect::Reported { from, ack, rid });
                }
                // Nothing to write: that it came to nothing is the answer.
                Err(_) => self.commit(None, Effect::Reported { from, ack, rid }),
            },
        }
    }

    pub(super) fn telemetry(
        &mut self,
        moment: Moment,
        device: &Name,
        properties: Properties,
        payload: &[u8],
        ack: Option<(ConnectionId, u16)>,
    ) {
        let message = self.producers.message(payload);
        let enqueued = enqueued(moment);
        let body = BASE64.encode(payload);
        let record = Record::Telemetry(Telemetry { device: device.to_string(), enqueued, properties, body });
        match self.settings.knobs.confirms {
            Confirms::AfterStoring => self.commit(Some(record), Effect::Telemetry { message, ack }),
            Confirms::BeforeStoring => {
                self.lazy.push((record, message));
                self.lazy_since.get_or_insert(moment.now);
                self.acknowledge(ack);
            }
        }
    }

    pub(super) fn subscribed(&mut self, moment: Moment, from: ConnectionId, id: u16, filters: Vec<(String, Qos)>) {
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
        self.commit(record, Effect::Send(from, Packet::SubAck { id, codes }));
    }

    pub(super) fn unsubscribed(&mut self, from: ConnectionId, id: u16, filters: &[String]) {
        let Some(Connection::Open(live)) = self.connections.get_mut(&from) else { return };
        live.filters.retain(|filter| !filters.contains(filter));
        let record = session_record(live);
        self.commit(record, Effect::Send(from, Packet::UnsubAck { id }));
    }
}

fn enqueued(moment: Moment) -> String {
    humantime::format_rfc3339_millis(moment.wall_clock).to_string()
}

/// What to keep of a connection's subscriptions; nothing of a clean session's.
fn session_record(live: &Live) -> Option<Record> {
    let filters = Some(live.filters.iter().cloned().collect());
    (!live.clean).then(|| Record::Session { device: live.device.to_string(), filters })
}
