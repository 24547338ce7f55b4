//! The device itself: from the provisioning service to its hub and back, with its application's data in hand.
use super::back_off::{BackOff, Pace};
use super::credentials::{Credentials, TOKEN_LIFE};
use super::keep_alive::{KeepAlive, Pulse};
use super::outbox::Outbox;
use super::provisioning::Provisioning;
use super::reports::Reports;
use crate::history::{Cause, Event, Name, ProducerId};
use crate::iot::moment::Moment;
use crate::iot::plan::DevicePlan;
use crate::wire::mqtt::Packet;
use lizard_sim::Dice;
use std::time::{Duration, SystemTime};

mod application;
mod at_hub;
mod road;

/// A session is renewed so long before its token ends (as the Python SDK does).
const RENEW_BEFORE: Duration = Duration::from_secs(120);

/// How long a device that is asked to stop waits for acknowledgements before it gives its messages up.
const GOODBYE: Duration = Duration::from_secs(5);

/// Numbers of one boot begin at a million times the boots before it: none is ever used twice, and nothing need be kept
/// on a disk. A device would have to live for weeks without a boot to use a million.
const NUMBERS_OF_A_BOOT: u64 = 1_000_000;

/// What the device wants done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Connect to a service; the outcome is to be told to [`Device::dialled`].
    Dial(Name),
    /// Send a packet over the connection.
    Send(Packet),
    /// Close the connection, or give the dialling up. `politely`: after what was sent before.
    HangUp {
        /// Let what was sent before reach the other side.
        politely: bool,
    },
    /// Write into the history.
    Record(Event),
    /// The device has stopped.
    Stopped,
}

/// ```text
///               ┌────────── refused, lost ──────────┐
///               v                                   │
///  Resting ──> Dialling ──> Registering ──assigned──┤
///     ^           ^  │                              │
///     │           │  └──hub──> AtHub: Greeting ──> Subscribing ──> Settled
///     │           └──────────────── token nearly over ───────────────┤
///     └──────────────────────────── refused, lost ───────────────────┘
/// ```
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
        renew: SystemTime,
    },
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
    name: String,
    period: Duration,
    due: Duration,
    next: u64,
}

/// One boot of a device.
pub struct Device {
    plan: DevicePlan,
    provisioning_service: Name,
    credentials: Credentials,
    state: State,
    outbox: Outbox,
    reports: Reports,
    telemetry: Option<Telemetry>,
    report_due: Option<Duration>,
    back_off: BackOff,
    pace: Pace,
    /// Its hub, as it was last told.
    hub: Option<Name>,
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
        let telemetry = plan.telemetry.map(|(producer, period)| {
            let name = producer_name.to_owned();
            Telemetry { producer, name, period, due: now, next: before }
        });
        Self {
            provisioning_service,
            credentials,
            state: State::Resting { until: now, then: None },
            outbox: Outbox::new(plan.buffer, plan.in_flight),
            reports: Reports::new(before),
            telemetry,
            report_due: plan.reported.map(|_| now),
            back_off: BackOff::new(plan.back_off, dice),
            pace: Pace::default(),
            hub: None,
            last_session: before,
            stopping: None,
            outputs: Vec::new(),
            plan,
        }
    }

    /// Takes what has to be done since the last call.
    pub fn outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Says when to call [`tick`](Self::tick). `None`: only something from outside can happen next.
    pub fn due(&self, moment: Moment) -> Option<Duration> {
        let session = match &self.state {
            State::Resting { until, .. } => Some(*until),
            State::Dialling { .. } => None,
            State::Registering { keep_alive, registration, .. } => Some(keep_alive.due().min(registration.due())),
            State::AtHub { phase: Phase::Greeting { late } | Phase::Subscribing { late }, .. } => Some(*late),
            State::AtHub { phase: Phase::Settled, keep_alive, renew, .. } => {
                let renew_at = moment.now + renew.duration_since(moment.wall_clock).unwrap_or_default();
                let answer = self.oldest_request().map(|since| since + self.plan.puback_time_out);
                [Some(keep_alive.due()), Some(renew_at), answer].into_iter().flatten().min()
            }
            State::Stopped => return None,
        };
        // An application that waits for room waits for an acknowledgement, not for the clock.
        let telemetry = self.telemetry.as_ref().map(|telemetry| telemetry.due).filter(|_| !self.outbox.is_full());
        let application = [telemetry, self.report_due].into_iter().flatten();
        // A device that was frozen over its end has old dates and nothing more to do about them.
        let open = moment.now < self.plan.until && self.stopping.is_none();
        let application = application.filter(|due| open && *due < self.plan.until);
        application.chain(session).chain(self.stopping).min()
    }

    /// Looks at the clock.
    pub fn tick(&mut self, moment: Moment) {
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
                _ if moment.wall_clock >= *renew => self.renew(now),
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

    /// Takes the outcome of a [`Output::Dial`]: connected, or why not.
    pub fn dialled(&mut self, moment: Moment, outcome: Result<(), String>) {
        let now = moment.now;
        let State::Dialling { to } = &self.state else { return };
        let to = to.clone();
        match (outcome, to) {
            (Err(why), to) => {
                self.refused(self.service(&to), why);
                self.rest(now);
            }
            (Ok(()), Service::Provisioning) => {
                let session = self.next_session();
                let connect = self.credentials.for_provisioning(session, moment.wall_clock);
                self.outputs.push(Output::Send(Packet::Connect(connect)));
                let registration = Provisioning::new(self.credentials.device(), now, self.plan.puback_time_out);
                let keep_alive = KeepAlive::new(self.plan.keep_alive, now);
                self.state = State::Registering { session, opened: false, keep_alive, registration };
            }
            (Ok(()), Service::Hub(hub)) => {
                let session = self.next_session();
                let connect = self.credentials.for_hub(&hub, session, moment.wall_clock);
                self.outputs.push(Output::Send(Packet::Connect(connect)));
                let phase = Phase::Greeting { late: now + self.plan.connect_time_out };
                let keep_alive = KeepAlive::new(self.plan.keep_alive, now);
                let renew = moment.wall_clock + TOKEN_LIFE - RENEW_BEFORE;
                self.state = State::AtHub { hub, session, phase, keep_alive, renew };
            }
        }
        self.go_on(moment);
    }

    /// Takes a packet.
    pub fn received(&mut self, moment: Moment, packet: Packet) {
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

    /// Takes the end of the connection.
    pub fn broken(&mut self, moment: Moment, cause: Cause) {
        self.lost(moment.now, cause);
        self.go_on(moment);
    }

    /// Asks the device to stop: no new data, a moment for what is outstanding, a goodbye.
    pub fn stop(&mut self, moment: Moment) {
        self.stopping.get_or_insert(moment.now + GOODBYE);
        self.go_on(moment);
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

#[cfg(test)]
mod tests;
