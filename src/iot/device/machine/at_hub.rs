//! A device's session with its hub.
use super::{Device, Output, Phase, State};
use crate::history::{Cause, Event};
use crate::iot::device::reports::TWIN_ANSWERS;
use crate::iot::device::{commands, desired, methods};
use crate::iot::knobs::{OnBadCredentials, Subscribes, TokenRenewal};
use crate::wire::mqtt::{ConnectCode, Packet, Publish, Qos, Quality, SubscribeCode};
use std::time::{Duration, SystemTime};

impl Device {
    pub(super) fn heard_from_hub(&mut self, now: Duration, packet: Packet) {
        let State::AtHub { hub, session, phase, .. } = &mut self.state else { return };
        match (*phase, packet) {
            (Phase::Greeting { .. }, Packet::ConnAck { session_present, code: ConnectCode::Accepted }) => {
                let (client, service, session) = (self.plan.host.clone(), hub.clone(), *session);
                self.outbox.began(hub, session_present);
                self.reports.begin_again();
                self.outputs.push(Output::Record(Event::Connected { client, service, session }));
                self.subscribe(now);
            }
            (Phase::Greeting { .. }, Packet::ConnAck { code, .. }) => {
                let service = hub.clone();
                self.refused(service, format!("connack {}", code as u8));
                self.outputs.push(Output::HangUp { politely: true });
                self.rest(now);
                let credentials = matches!(code, ConnectCode::BadCredentials | ConnectCode::NotAuthorized);
                if credentials && self.plan.knobs.on_bad_credentials == OnBadCredentials::GivesUp {
                    self.state = State::Resigned;
                }
            }
            (Phase::Subscribing { .. }, Packet::SubAck { codes, .. }) if !codes.contains(&SubscribeCode::Refused) => {
                self.has_subscribed = true;
                self.settled(now);
            }
            (Phase::Settled, Packet::PubAck { id }) => {
                self.methods.acknowledged(id);
                if let Some(message) = self.outbox.acknowledged(id) {
                    self.outputs.push(Output::Record(Event::Confirmed { message }));
                }
            }
            (Phase::Settled | Phase::Subscribing { .. }, Packet::Publish(publish)) => self.told(now, &publish),
            (_, Packet::PingResp) => {}
            _ => self.lost(now, Cause::Protocol),
        }
    }

    /// Subscribes to all that it can do, in one packet.
    ///
    /// Also when the session is present: a hub that lost it would leave the device deaf (iotedge, pull request 5048).
    fn subscribe(&mut self, now: Duration) {
        let filters = self.filters();
        let relies_on_hub = self.plan.knobs.subscribes == Subscribes::Once && self.has_subscribed;
        if filters.is_empty() || relies_on_hub {
            return self.settled(now);
        }
        if let State::AtHub { phase, .. } = &mut self.state {
            *phase = Phase::Subscribing { late: now + self.plan.puback_time_out };
        }
        let id = self.outbox.fresh_packet_id();
        self.send(now, Packet::Subscribe { id, filters });
    }

    fn filters(&self) -> Vec<(String, Qos)> {
        let can = &self.plan.abilities;
        let filters = [
            (can.desired || self.plan.reported.is_some()).then(|| (TWIN_ANSWERS.to_owned(), Qos::AtMostOnce)),
            can.desired.then(|| (desired::FILTER.to_owned(), Qos::AtMostOnce)),
            can.methods.then(|| (methods::FILTER.to_owned(), Qos::AtMostOnce)),
            can.commands.then(|| (commands::filter(&self.plan.host), Qos::AtLeastOnce)),
        ];
        filters.into_iter().flatten().collect()
    }

    fn settled(&mut self, now: Duration) {
        let State::AtHub { hub, phase, .. } = &mut self.state else { return };
        *phase = Phase::Settled;
        let event = Event::Settled { client: self.plan.host.clone(), at: hub.clone() };
        self.outputs.push(Output::Record(event));
        self.back_off.reset();
        self.methods.began(now);
        if self.plan.abilities.desired {
            self.desired.began(now);
        }
    }

    fn told(&mut self, now: Duration, publish: &Publish) {
        if self.plan.abilities.commands
            && let Some(steps) = self.commands.told(now, publish)
        {
            return self.follow_commands(now, steps);
        }
        if let Quality::AtLeastOnce { id, .. } = publish.quality {
            self.send(now, Packet::PubAck { id });
        }
        if self.plan.abilities.methods && self.methods.told(now, publish) {
            return;
        }
        if self.plan.abilities.desired
            && let Some(change) = self.desired.told(now, publish)
        {
            self.reports.acknowledge(change.acknowledgements);
            if let Some(number) = change.followed {
                self.outputs.push(Output::Record(Event::DesiredApplied { client: self.name(), number }));
            }
        }
        if let Some(number) = self.reports.answered(now, publish) {
            self.outputs.push(Output::Record(Event::ReportedConfirmed { client: self.name(), number }));
        }
    }

    /// Says when the token to show to a hub was made, and when to change it.
    pub(super) fn token(&mut self, hub: &str, wall_clock: SystemTime) -> (SystemTime, Option<SystemTime>) {
        match (self.plan.knobs.token_renewal, &self.token) {
            (TokenRenewal::BeforeItEnds, _) => (wall_clock, Some(self.credentials.renew_at(wall_clock))),
            (TokenRenewal::Never, Some((of, made))) if **of == *hub => (*made, None),
            (TokenRenewal::Never, _) => {
                self.token = Some((hub.into(), wall_clock));
                (wall_clock, None)
            }
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
