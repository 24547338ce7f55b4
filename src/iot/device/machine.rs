//! The device itself: from the provisioning service to its hub and back, with its application's data in hand.
use super::client::{Client, Output};
use super::commands::Commands;
use super::credentials::Credentials;
use super::desired::Desired;
use super::methods::Methods;
use super::outbox::Outbox;
use super::provisioning::{Provisioning, model_payload};
use super::reports::Reports;
use crate::back_off::{BackOff, Pace};
use crate::history::{Cause, Name, ProducerId};
use crate::iot::moment::Moment;
use crate::iot::plan::DevicePlan;
use crate::keep_alive::{KeepAlive, Pulse};
use crate::wire::mqtt::Packet;
use crate::wire::payload::Payload;
use lizard_sim::Dice;
use std::time::{Duration, SystemTime};

mod application;
mod at_hub;
mod road;

/// How long a device that is asked to stop waits for acknowledgements before it gives its messages up.
const GOODBYE: Duration = Duration::from_secs(5);

/// Numbers of one boot begin at a million times the boots before it: none is ever used twice, and nothing need be kept
/// on a disk. A device would have to live for weeks without a boot to use a million.
const NUMBERS_OF_A_BOOT: u64 = 1_000_000;

/// Sessions of each further client of the same device begin at this times its place among them.
const SESSIONS_OF_A_CLIENT: u64 = 1 << 40;

/// ```text
///               ┌────────── refused, lost ──────────┐
///               v                                   │
///  Resting ──> Dialling ──> Registering ──assigned──┤
///     ^           ^  │                              │
///     │           │  └──hub──> AtHub: Greeting ──> Subscribing ──> Settled
///     │           └──────────────── token nearly over ───────────────┤
///     └──────────────────────────── refused, lost ───────────────────┘
/// ```
///
/// With `cache-hostname` a settled session that is lost leads straight to Dialling its hub.
#[derive(Debug)]
enum State {
    /// `then`: it only waits for its pace, and dials this hub.
    Resting {
        until: Duration,
        then: Option<Name>,
    },
    Dialling {
        to: Service,
    },
    Registering {
        session: u64,
        opened: bool,
        keep_alive: KeepAlive,
        registration: Provisioning,
    },
    AtHub {
        hub: Name,
        session: u64,
        phase: Phase,
        keep_alive: KeepAlive,
        /// `None`: never.
        renew: Option<SystemTime>,
    },
    /// It will not connect again, and its application does not know.
    Resigned,
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Service {
    Provisioning,
    Hub(Name),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting { late: Duration },
    Subscribing { late: Duration },
    Settled,
}

/// The application's telemetry.
#[derive(Debug)]
struct Telemetry {
    producer: ProducerId,
    period: Duration,
    due: Duration,
    next: Payload,
}

/// One boot of a device.
pub struct Device {
    plan: DevicePlan,
    provisioning_service: Name,
    credentials: Credentials,
    state: State,
    outbox: Outbox,
    reports: Reports,
    desired: Desired,
    commands: Commands,
    methods: Methods,
    telemetry: Option<Telemetry>,
    report_due: Option<Duration>,
    back_off: BackOff,
    pace: Pace,
    /// Its hub, as it was last told.
    hub: Option<Name>,
    /// It has subscribed in this boot.
    has_subscribed: bool,
    /// The hub for which its token was made, and when.
    token: Option<(Name, SystemTime)>,
    /// Hubs at which a client of its own was left behind (the knob's).
    abandoned: Vec<Name>,
    last_session: u64,
    /// Asked to stop; then it waits no longer than this.
    stopping: Option<Duration>,
    outputs: Vec<Output>,
}

impl Device {
    /// Powers a device on. `boot` counts from 1; `producer_name` is its telemetry's in the roster.
    pub fn new(
        plan: DevicePlan,
        provisioning_service: Name,
        credentials: Credentials,
        producer_name: &str,
        boot: u32,
        dice: Dice,
        now: Duration,
    ) -> Self {
        let before = u64::from(boot.saturating_sub(1)) * NUMBERS_OF_A_BOOT;
        let telemetry = plan.telemetry.map(|(producer, period)| Telemetry {
            producer,
            period,
            due: now,
            next: Payload::new(producer_name, before),
        });
        Self {
            provisioning_service,
            credentials,
            state: State::Resting { until: now, then: None },
            outbox: Outbox::new(plan.buffer, plan.in_flight, plan.knobs.resends, plan.knobs.send_buffer),
            reports: Reports::new(before),
            desired: Desired::new(plan.knobs.reads_twin, plan.knobs.desired_versions),
            commands: Commands::new(&plan.host, plan.handles_in, plan.knobs.acks_commands),
            methods: Methods::new(plan.handles_in, plan.knobs.methods_after_reconnect),
            telemetry,
            report_due: plan.reported.map(|_| now),
            back_off: BackOff::new(plan.back_off, dice),
            pace: Pace::default(),
            hub: None,
            has_subscribed: false,
            token: None,
            abandoned: Vec::new(),
            last_session: before,
            stopping: None,
            outputs: Vec::new(),
            plan,
        }
    }

    /// Numbers its sessions apart from those of the device's first client.
    #[must_use]
    pub fn as_second_client(mut self) -> Self {
        self.last_session += SESSIONS_OF_A_CLIENT;
        self
    }

    fn next_session(&mut self) -> u64 {
        self.last_session += 1;
        self.last_session
    }

    fn name(&self) -> Name {
        self.plan.host.clone()
    }

    fn service(&self, of: &Service) -> Name {
        match of {
            Service::Provisioning => self.provisioning_service.clone(),
            Service::Hub(hub) => hub.clone(),
        }
    }
}

impl Client for Device {
    fn outputs(&mut self) -> &mut Vec<Output> {
        &mut self.outputs
    }

    fn due(&self, moment: Moment) -> Option<Duration> {
        let session = match &self.state {
            State::Resting { until, .. } => Some(*until),
            State::Dialling { .. } => None,
            State::Registering { keep_alive, registration, .. } => Some(keep_alive.due().min(registration.due())),
            State::AtHub { phase: Phase::Greeting { late } | Phase::Subscribing { late }, .. } => Some(*late),
            State::AtHub { phase: Phase::Settled, keep_alive, renew, .. } => {
                let left = renew.map(|renew| renew.duration_since(moment.wall_clock).unwrap_or_default());
                let renew_at = left.map(|left| moment.now + left);
                let answer = self.oldest_request().map(|since| since + self.plan.puback_time_out);
                first([self.reports.due(), self.desired.due(), Some(keep_alive.due()), renew_at, answer])
            }
            State::Resigned => None,
            State::Stopped => return None,
        };
        // An application that waits for room waits for an acknowledgement, not for the clock.
        let telemetry = self.telemetry.as_ref().map(|telemetry| telemetry.due).filter(|_| !self.outbox.is_full());
        // A device that was frozen over its end has old dates and nothing more to do about them.
        let open = moment.now < self.plan.until && self.stopping.is_none();
        let offers = |due: &Duration| open && *due < self.plan.until;
        first([
            telemetry.filter(offers),
            self.report_due.filter(offers),
            self.commands.due(),
            self.methods.due(),
            self.next_drop(),
            session,
            self.stopping,
        ])
    }

    fn tick(&mut self, moment: Moment) {
        let now = moment.now;
        match &mut self.state {
            State::Resting { until, then } if now >= *until => {
                let then = then.take();
                self.dial(now, then);
            }
            State::Registering { keep_alive, registration, .. } => {
                let pulse = keep_alive.look(now);
                let step = registration.look(now);
                match pulse {
                    Pulse::Dead => self.lost(now, Cause::Silence),
                    Pulse::Ping => self.outputs.push(Output::Send(Packet::PingReq)),
                    Pulse::Quiet => {}
                }
                self.register(now, step.into_iter().collect());
            }
            State::AtHub { phase: Phase::Greeting { late } | Phase::Subscribing { late }, .. } if now >= *late => {
                self.lost(now, Cause::TimeOut);
            }
            State::AtHub { phase: Phase::Settled, keep_alive, renew, .. } => match keep_alive.look(now) {
                Pulse::Dead => self.lost(now, Cause::Silence),
                _ if renew.is_some_and(|renew| moment.wall_clock >= renew) => self.renew(now),
                Pulse::Ping => self.outputs.push(Output::Send(Packet::PingReq)),
                Pulse::Quiet => {
                    if self.oldest_request().is_some_and(|since| now >= since + self.plan.puback_time_out) {
                        self.lost(now, Cause::TimeOut);
                    }
                }
            },
            _ => {}
        }
        self.go_on(moment);
    }

    fn dialled(&mut self, moment: Moment, outcome: Result<(), String>) {
        let now = moment.now;
        let State::Dialling { to } = &self.state else { return };
        let to = to.clone();
        match (outcome, to) {
            (Err(why), to) => {
                self.refused(self.service(&to), why);
                match to {
                    Service::Provisioning => self.not_provisioned(now),
                    Service::Hub(_) => self.rest(now),
                }
            }
            (Ok(()), Service::Provisioning) => {
                let session = self.next_session();
                let connect = self.credentials.for_provisioning(session, moment.wall_clock);
                self.outputs.push(Output::Send(connect.into()));
                let payload = model_payload(self.plan.abilities.model.as_ref());
                let (device, retry) = (self.credentials.device(), self.plan.knobs.dps_retry);
                let registration = Provisioning::new(device, payload, retry, now, self.plan.puback_time_out);
                let keep_alive = KeepAlive::new(self.plan.keep_alive, now);
                self.state = State::Registering { session, opened: false, keep_alive, registration };
            }
            (Ok(()), Service::Hub(hub)) => {
                let session = self.next_session();
                let (made, renew) = self.token(&hub, moment.wall_clock);
                let connect = self.credentials.for_hub(&hub, session, made);
                self.outputs.push(Output::Send(connect.into()));
                let phase = Phase::Greeting { late: now + self.plan.connect_time_out };
                let keep_alive = KeepAlive::new(self.plan.keep_alive, now);
                self.state = State::AtHub { hub, session, phase, keep_alive, renew };
            }
        }
        self.go_on(moment);
    }

    fn received(&mut self, moment: Moment, packet: Packet) {
        let now = moment.now;
        match &mut self.state {
            State::Registering { keep_alive, registration, .. } => {
                keep_alive.heard(now);
                let steps = registration.handle(now, &packet);
                self.register(now, steps);
            }
            State::AtHub { keep_alive, .. } => {
                keep_alive.heard(now);
                self.heard_from_hub(now, packet);
            }
            _ => {}
        }
        self.go_on(moment);
    }

    fn broken(&mut self, moment: Moment, cause: Cause) {
        self.lost(moment.now, cause);
        self.go_on(moment);
    }

    fn stop(&mut self, moment: Moment) {
        self.stopping.get_or_insert(moment.now + GOODBYE);
        self.go_on(moment);
    }
}

/// The first of all the times that there are.
fn first<const MANY: usize>(times: [Option<Duration>; MANY]) -> Option<Duration> {
    times.into_iter().fold(None, |first, time| match (first, time) {
        (Some(first), Some(time)) => Some(first.min(time)),
        _ => first.or(time),
    })
}

#[cfg(test)]
mod tests;
