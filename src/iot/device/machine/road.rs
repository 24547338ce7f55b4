//! A device's way to its hub, and how sessions end.
use super::{Device, Output, Phase, SESSIONS_OF_A_CLIENT, Service, State};
use crate::history::{Cause, Event, Name};
use crate::iot::device::old_client::OldClient;
use crate::iot::device::provisioning::Step;
use crate::iot::knobs::{Clients, DpsRetry, OldClient as OldClientKnob, OnSessionLoss, WhenDpsFails};
use crate::wire::mqtt::Packet;
use std::time::Duration;

/// How soon the Python SDK reconnects after its session was closed on it.
const KICKED: Duration = Duration::from_millis(10);

/// What a loop without a wait takes for its next round.
const AT_ONCE: Duration = Duration::from_millis(1);

impl Device {
    pub(super) fn dial(&mut self, now: Duration, hub: Option<Name>) {
        let to = match (&hub, &self.hub, self.plan.knobs.on_session_loss) {
            (Some(hub), ..) | (None, Some(hub), OnSessionLoss::SameHub) => Service::Hub(hub.clone()),
            _ => Service::Provisioning,
        };
        if self.keeps_pace(&to) {
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
        }
        let service = self.service(&to);
        self.outputs.push(Output::Record(Event::Connecting { client: self.name(), service: service.clone() }));
        self.outputs.push(Output::Dial(service));
        self.state = State::Dialling { to };
    }

    fn keeps_pace(&self, to: &Service) -> bool {
        let knobs = &self.plan.knobs;
        knobs.clients == Clients::One && (knobs.dps_retry == DpsRetry::BacksOff || *to != Service::Provisioning)
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
                    self.leave_behind(now, &hub);
                    self.hub = Some(hub.clone());
                    self.dial(now, Some(hub));
                }
                Step::PutOff(why) => self.refused(service, why),
                Step::Refused(why) => {
                    self.refused(service, why);
                    self.close();
                    self.not_provisioned(now);
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
            State::Resting { .. } | State::Dialling { .. } | State::Resigned | State::Stopped => return,
        };
        if opened {
            self.outputs.push(Output::Record(Event::SessionLost { client, service, session, cause }));
        } else {
            self.refused(service, format!("{cause:?} instead of connack").to_lowercase());
        }
        self.outputs.push(Output::HangUp { politely: false });
        self.after_loss(now, cause);
    }

    fn after_loss(&mut self, now: Duration, cause: Cause) {
        match &self.state {
            State::AtHub { hub, phase: Phase::Settled | Phase::Subscribing { .. }, .. }
                if self.plan.knobs.clients == Clients::Two && matches!(cause, Cause::Eof | Cause::Reset) =>
            {
                let then = Some(hub.clone());
                self.session_ended();
                self.state = State::Resting { until: now + KICKED, then };
            }
            // Only where it worked: a hub that breaks off before that is asked about at the provisioning service.
            State::AtHub { hub, phase: Phase::Settled, .. } if self.plan.abilities.cache_hostname => {
                let hub = hub.clone();
                self.session_ended();
                self.dial(now, Some(hub));
            }
            State::Registering { .. } => self.not_provisioned(now),
            _ => self.rest(now),
        }
    }

    /// The provisioning service cannot be reached, or said no.
    pub(super) fn not_provisioned(&mut self, now: Duration) {
        match self.plan.knobs.when_dps_fails {
            WhenDpsFails::Retries => self.rest(now),
            WhenDpsFails::Exits => {
                self.outputs.push(Output::HangUp { politely: false });
                self.outputs.push(Output::Exited);
                self.state = State::Stopped;
            }
        }
    }

    /// With the knob: going to another hub than before, drops the client of the hub before without shutting it down.
    /// One for each hub: more would only take turns.
    fn leave_behind(&mut self, now: Duration, to: &Name) {
        let Some(from) = self.hub.clone().filter(|from| from != to) else { return };
        if self.plan.knobs.old_client == OldClientKnob::ShutDown || self.abandoned.contains(&from) {
            return;
        }
        self.abandoned.push(from.clone());
        // The first further client may be the device's second one.
        let place = self.abandoned.len() as u64 + 1;
        let last_session = self.last_session % SESSIONS_OF_A_CLIENT + place * SESSIONS_OF_A_CLIENT;
        let old = OldClient::new(
            (self.name(), from),
            self.credentials.clone(),
            self.plan.keep_alive,
            self.plan.connect_time_out,
            last_session,
            now,
        );
        self.outputs.push(Output::Abandon(Box::new(old)));
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
            State::Resting { .. } | State::Resigned | State::Stopped => return,
        };
        if opened {
            self.outputs.push(Output::Send(Packet::Disconnect));
            self.outputs.push(Output::Record(Event::SessionClosed { client, service, session }));
        }
        self.outputs.push(Output::HangUp { politely: true });
        self.session_ended();
    }

    pub(super) fn rest(&mut self, now: Duration) {
        self.session_ended();
        let wait = match (self.plan.knobs.dps_retry, self.plan.knobs.on_session_loss) {
            (DpsRetry::AtOnce, OnSessionLoss::AskDps) => AT_ONCE,
            _ => self.back_off.next_wait(),
        };
        self.state = State::Resting { until: now + wait, then: None };
    }

    fn session_ended(&mut self) {
        self.outbox.ended();
        self.commands.ended();
        self.methods.ended();
    }

    pub(super) fn refused(&mut self, service: Name, why: String) {
        self.outputs.push(Output::Record(Event::Refused { client: self.name(), service, why }));
    }
}
