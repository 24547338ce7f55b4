//! A device's session with its hub.
use super::{Device, Output, Phase, State};
use crate::history::{Cause, Event};
use crate::iot::device::reports::TWIN_ANSWERS;
use crate::wire::mqtt::{ConnectCode, Packet, Publish, Qos, Quality};
use std::time::Duration;

impl Device {
    pub(super) fn heard_from_hub(&mut self, now: Duration, packet: Packet) {
        let State::AtHub { hub, session, phase, .. } = &mut self.state else { return };
        match (*phase, packet) {
            (Phase::Greeting { .. }, Packet::ConnAck { session_present, code: ConnectCode::Accepted }) => {
                let (client, service, session) = (self.plan.host.clone(), hub.clone(), *session);
                self.outbox.began(hub, session_present);
                self.reports.begin_again();
                self.outputs.push(Output::Record(Event::Connected { client, service, session }));
                if self.plan.reported.is_none() {
                    return self.settled();
                }
                // Also when the session is present: a hub that lost it would leave the device deaf
                // (iotedge, pull request 5048).
                *phase = Phase::Subscribing { late: now + self.plan.puback_time_out };
                let filters = vec![(TWIN_ANSWERS.to_owned(), Qos::AtMostOnce)];
                let id = self.outbox.fresh_packet_id();
                self.send(now, Packet::Subscribe { id, filters });
            }
            (Phase::Greeting { .. }, Packet::ConnAck { code, .. }) => {
                let service = hub.clone();
                self.refused(service, format!("connack {}", code as u8));
                self.outputs.push(Output::HangUp { politely: true });
                self.rest(now);
            }
            (Phase::Subscribing { .. }, Packet::SubAck { .. }) => self.settled(),
            (Phase::Settled, Packet::PubAck { id }) => {
                if let Some(message) = self.outbox.acknowledged(id) {
                    self.outputs.push(Output::Record(Event::Confirmed { message }));
                }
            }
            (Phase::Settled | Phase::Subscribing { .. }, Packet::Publish(publish)) => self.told(now, &publish),
            (_, Packet::PingResp) => {}
            _ => self.lost(now, Cause::Protocol),
        }
    }

    pub(super) fn settled(&mut self) {
        let State::AtHub { hub, phase, .. } = &mut self.state else { return };
        *phase = Phase::Settled;
        let event = Event::Settled { client: self.plan.host.clone(), at: hub.clone() };
        self.outputs.push(Output::Record(event));
        self.back_off.reset();
    }

    pub(super) fn told(&mut self, now: Duration, publish: &Publish) {
        if let Quality::AtLeastOnce { id, .. } = publish.quality {
            self.send(now, Packet::PubAck { id });
        }
        if let Some(number) = self.reports.answered(publish) {
            self.outputs.push(Output::Record(Event::ReportedConfirmed { client: self.name(), number }));
        }
    }

    /// Changes a token that is nearly over for a fresh one: a new session at the same hub.
    pub(super) fn renew(&mut self, now: Duration) {
        let State::AtHub { hub, .. } = &self.state else { return };
        let hub = hub.clone();
        self.close();
        self.dial(now, Some(hub));
    }
}
