//! The device itself: from the provisioning service to its hub and back, with its application's data in hand.
use super::back_off::{BackOff, Pace};
use super::credentials::{Credentials, TOKEN_LIFE};
use super::keep_alive::{KeepAlive, Pulse};
use super::outbox::{Message, Outbox};
use super::provisioning::{Provisioning, Step};
use super::reports::{Reports, TWIN_ANSWERS};
use crate::history::{Cause, Event, MessageId, Name, ProducerId};
use crate::iot::moment::Moment;
use crate::iot::plan::{DevicePlan, OnSessionLoss};
use crate::wire::mqtt::{ConnectCode, Packet, Publish, Qos, Quality};
use crate::wire::payload::{Payload, digest};
use lizard_sim::Dice;
use std::time::{Duration, SystemTime};

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
    Send(Packet),
    /// Close the connection, or give the dialling up. `politely`: after what was sent before.
    HangUp {
        politely: bool,
    },
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
        let application = application.filter(|due| *due < self.plan.until && self.stopping.is_none());
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

    // The way to a hub.

    fn dial(&mut self, now: Duration, hub: Option<Name>) {
        let to = match (&hub, &self.hub, self.plan.on_session_loss) {
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

    fn register(&mut self, now: Duration, steps: Vec<Step>) {
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

    fn heard_from_hub(&mut self, now: Duration, packet: Packet) {
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

    fn settled(&mut self) {
        let State::AtHub { hub, phase, .. } = &mut self.state else { return };
        *phase = Phase::Settled;
        let event = Event::Settled { client: self.plan.host.clone(), at: hub.clone() };
        self.outputs.push(Output::Record(event));
        self.back_off.reset();
    }

    fn told(&mut self, now: Duration, publish: &Publish) {
        if let Quality::AtLeastOnce { id, .. } = publish.quality {
            self.send(now, Packet::PubAck { id });
        }
        if let Some(number) = self.reports.answered(publish) {
            self.outputs.push(Output::Record(Event::ReportedConfirmed { client: self.name(), number }));
        }
    }

    /// Changes a token that is nearly over for a fresh one: a new session at the same hub.
    fn renew(&mut self, now: Duration) {
        let State::AtHub { hub, .. } = &self.state else { return };
        let hub = hub.clone();
        self.close();
        self.dial(now, Some(hub));
    }

    // The end of sessions.

    /// The connection is lost, or to be treated so.
    fn lost(&mut self, now: Duration, cause: Cause) {
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
    fn close(&mut self) {
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

    fn rest(&mut self, now: Duration) {
        self.outbox.ended();
        self.state = State::Resting { until: now + self.back_off.next_wait(), then: None };
    }

    fn refused(&mut self, service: Name, why: String) {
        self.outputs.push(Output::Record(Event::Refused { client: self.name(), service, why }));
    }

    // The application's data.

    /// What follows from anything that happened: data is taken from the application, and sent.
    fn go_on(&mut self, moment: Moment) {
        let now = moment.now;
        if self.stopping.is_none() && now < self.plan.until {
            self.offer(now);
            self.report(now);
        }
        if matches!(self.state, State::AtHub { phase: Phase::Settled, .. }) {
            self.send_all(now);
        }
        if let Some(limit) = self.stopping
            && !matches!(self.state, State::Stopped)
            && ((self.outbox.is_empty() && self.reports.waiting_since().is_none()) || now >= limit)
        {
            self.close();
            self.state = State::Stopped;
            for message in self.outbox.give_up() {
                self.outputs.push(Output::Record(Event::GivenUp { message, why: "stopped" }));
            }
            self.outputs.push(Output::Stopped);
        }
    }

    fn offer(&mut self, now: Duration) {
        let Some(telemetry) = &mut self.telemetry else { return };
        while telemetry.due <= now && !self.outbox.is_full() {
            let id = MessageId { producer: telemetry.producer, number: telemetry.next };
            let payload = Payload::new(telemetry.name.as_str(), telemetry.next).to_bytes();
            let offered = Event::Offered { message: id, digest: digest(&payload) };
            let topic = telemetry_topic(&self.plan.host, id.number);
            if self.outbox.offer(Message { id, topic, payload }).is_err() {
                return;
            }
            self.outputs.push(Output::Record(offered));
            telemetry.next += 1;
            // After having waited for room it goes on from now: it has not measured meanwhile.
            telemetry.due = (telemetry.due + telemetry.period).max(now + Duration::from_nanos(1));
        }
    }

    fn report(&mut self, now: Duration) {
        let (Some(due), Some(period)) = (self.report_due, self.plan.reported) else { return };
        if due <= now {
            let number = self.reports.change();
            self.outputs.push(Output::Record(Event::Reported { client: self.name(), number }));
            self.report_due = Some((due + period).max(now + Duration::from_nanos(1)));
        }
    }

    fn send_all(&mut self, now: Duration) {
        if let Some(packet) = self.reports.send(now) {
            self.send(now, packet);
        }
        while let Some(sending) = self.outbox.send(now) {
            let State::AtHub { session, .. } = &self.state else { return };
            let sent = Event::Sent { message: sending.id, session: *session, again: sending.again };
            self.outputs.push(Output::Record(sent));
            self.send(now, sending.packet);
        }
    }

    fn send(&mut self, now: Duration, packet: Packet) {
        if let State::AtHub { keep_alive, .. } = &mut self.state {
            keep_alive.sent(now);
        }
        self.outputs.push(Output::Send(packet));
    }

    /// Says since when the oldest answer of the hub is outstanding.
    fn oldest_request(&self) -> Option<Duration> {
        [self.outbox.waiting_since(), self.reports.waiting_since()].into_iter().flatten().min()
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

/// Telemetry's topic, with its system properties: message id, content type and encoding
/// (Microsoft docs, iot-hub-mqtt-support).
fn telemetry_topic(device: &str, number: u64) -> String {
    format!("devices/{device}/messages/events/%24.mid={number}&%24.ct=application%2Fjson&%24.ce=utf-8")
}

#[cfg(test)]
mod tests;
