//! A device's way to its hub, and how sessions end.
use super::{Device, Output, Phase, Service, State};
use crate::history::{Cause, Event, Name};
use crate::iot::device::provisioning::Step;
use crate::iot::knobs::OnSessionLoss;
use crate::wire::mqtt::Packet;
use std::time::Duration;

impl Device {
    pub(super) fn dial(&mut self, now: Duration, hub: Option<Name>) {
        let to = match (&hub, &self.hub, self.plan.knobs.on_session_loss) {
            (Some(hub), ..) | (None, Some(hub), OnSessionLoss::SameHub) => Service::Hub(hub.clone()),
            _ => Service::Provisioning,
        };
        let at = self.pace.next_at(now);
        if at > now {
            let then = match to {
                Service::Hub(hub) => Some(hub),
                Service::Provisioning => None,
            };
            self.state = State::Resting { until: at, then };
            return;
        }
        self.pace.connected(now);
        let service = self.service(&to);
        self.outputs.push(Output::Record(Event::Connecting { client: self.name(), service: service.clone() }));
        self.outputs.push(Output::Dial(service));
        self.state = State::Dialling { to };
    }

    pub(super) fn register(&mut self, now: Duration, steps: Vec<Step>) {
        for step in steps {
            let State::Registering { session, opened, keep_alive, .. } = &mut self.state else { return };
            let (session, client, service) = (*session, self.plan.host.clone(), self.provisioning_service.clone());
            match step {
                Step::Send(packet) => {
                    keep_alive.sent(now);
                    self.outputs.push(Output::Send(packet));
                }
                Step::Connected => {
                    *opened = true;
                    self.outputs.push(Output::Record(Event::Connected { client, service, session }));
                }
                Step::Assigned(hub) => {
                    let hub: Name = hub.into();
                    self.outputs.push(Output::Record(Event::Assigned { client, to: hub.clone() }));
                    self.close();
                    self.hub = Some(hub.clone());
                    self.dial(now, Some(hub));
                }
                Step::Refused(why) => {
                    self.refused(service, why);
                    self.close();
                    self.rest(now);
                }
                Step::Late => self.lost(now, Cause::TimeOut),
                Step::Nonsense => self.lost(now, Cause::Protocol),
            }
        }
    }

    /// The connection is lost, or to be treated so.
    pub(super) fn lost(&mut self, now: Duration, cause: Cause) {
        let client = self.plan.host.clone();
        let (service, session, opened) = match &self.state {
            State::Registering { session, opened, .. } => (self.provisioning_service.clone(), *session, *opened),
            State::AtHub { hub, session, phase, .. } => {
                (hub.clone(), *session, !matches!(phase, Phase::Greeting { .. }))
            }
            State::Resting { .. } | State::Dialling { .. } | State::Stopped => return,
        };
        if opened {
            self.outputs.push(Output::Record(Event::SessionLost { client, service, session, cause }));
        } else {
            self.refused(service, format!("{cause:?} instead of connack").to_lowercase());
        }
        self.outputs.push(Output::HangUp { politely: false });
        self.rest(now);
    }

    /// Says goodbye to whatever it is connected to.
    pub(super) fn close(&mut self) {
        let client = self.plan.host.clone();
        let (service, session, opened) = match &self.state {
            State::Registering { session, opened, .. } => (self.provisioning_service.clone(), *session, *opened),
            State::AtHub { hub, session, phase, .. } => {
                (hub.clone(), *session, !matches!(phase, Phase::Greeting { .. }))
            }
            State::Dialling { .. } => return self.outputs.push(Output::HangUp { politely: false }),
            State::Resting { .. } | State::Stopped => return,
        };
        if opened {
            self.outputs.push(Output::Send(Packet::Disconnect));
            self.outputs.push(Output::Record(Event::SessionClosed { client, service, session }));
        }
        self.outputs.push(Output::HangUp { politely: true });
        self.outbox.ended();
    }

    pub(super) fn rest(&mut self, now: Duration) {
        self.outbox.ended();
        self.state = State::Resting { until: now + self.back_off.next_wait(), then: None };
    }

    pub(super) fn refused(&mut self, service: Name, why: String) {
        self.outputs.push(Output::Record(Event::Refused { client: self.name(), service, why }));
    }
}
