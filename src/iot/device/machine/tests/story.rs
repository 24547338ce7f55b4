//! A device, its clock, and what it did: what the tests of the machine are told with.
use super::super::*;
use crate::history::{Event, MessageId};
use crate::wire::mqtt::{ConnectCode, Publish, Qos, Quality, SubscribeCode};
use std::time::UNIX_EPOCH;

pub(super) const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";
pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn plan() -> DevicePlan {
    DevicePlan { telemetry: Some((ProducerId(0), SECOND)), ..DevicePlan::of("xyz", "field", 600 * SECOND) }
}

/// A device, its clock, and what it did.
pub(super) struct Story {
    pub(super) device: Device,
    pub(super) now: Duration,
    pub(super) wall_clock: SystemTime,
    pub(super) sent: Vec<Packet>,
    pub(super) events: Vec<Event>,
    /// Whom it dials now.
    pub(super) dialling: Option<Name>,
    pub(super) hung_up: bool,
    pub(super) abandoned: usize,
    pub(super) exited: bool,
    pub(super) stopped: bool,
}

impl Story {
    pub(super) fn new(plan: DevicePlan, boot: u32) -> Self {
        let credentials = Credentials::new("xyz", "0ne1", GROUP_KEY, plan.keep_alive, plan.token_life).unwrap();
        let dice = lizard_sim::dice(7, "back-off");
        let device = Device::new(plan, "dps".into(), credentials, "xyz/telemetry", boot, dice, Duration::ZERO);
        Self {
            device,
            now: Duration::ZERO,
            wall_clock: UNIX_EPOCH,
            sent: Vec::new(),
            events: Vec::new(),
            dialling: None,
            hung_up: false,
            abandoned: 0,
            exited: false,
            stopped: false,
        }
    }

    /// A device that has settled at hub-a, its first message out.
    pub(super) fn settled(plan: DevicePlan) -> Self {
        let mut story = Self::new(plan, 1);
        story.learns("hub-a");
        story.gets_in(false);
        story
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.now, wall_clock: self.wall_clock + self.now }
    }

    pub(super) fn collect(&mut self) {
        for output in std::mem::take(self.device.outputs()) {
            match output {
                Output::Dial(to) => self.dialling = Some(to),
                Output::Send(packet) => self.sent.push(packet),
                Output::HangUp { .. } => {
                    self.hung_up = true;
                    self.dialling = None;
                }
                Output::Record(event) => self.events.push(event),
                Output::Abandon(_) => self.abandoned += 1,
                Output::Exited => self.exited = true,
                Output::Stopped => self.stopped = true,
            }
        }
    }

    /// Lets the clock run up to `until`, looking whenever the device wants to.
    pub(super) fn runs(&mut self, until: Duration) {
        for _ in 0..10_000 {
            match self.device.due(self.moment()) {
                Some(due) if due <= until => self.now = self.now.max(due),
                _ => {
                    self.now = until;
                    return;
                }
            }
            let moment = self.moment();
            self.device.tick(moment);
            self.collect();
        }
        panic!("the device never rests");
    }

    pub(super) fn runs_until_it_dials(&mut self) -> Name {
        while self.dialling.is_none() {
            let due = self.device.due(self.moment()).unwrap();
            self.runs(due);
        }
        self.dialling.clone().unwrap()
    }

    pub(super) fn gets(&mut self, packet: Packet) {
        let moment = self.moment();
        self.device.received(moment, packet);
        self.collect();
    }

    pub(super) fn loses(&mut self, cause: Cause) {
        let moment = self.moment();
        self.device.broken(moment, cause);
        self.collect();
    }

    pub(super) fn is_connected(&mut self) {
        self.dialling.take().expect("it dials");
        self.hung_up = false;
        let moment = self.moment();
        self.device.dialled(moment, Ok(()));
        self.collect();
    }

    /// Asks the provisioning service and is told a hub.
    pub(super) fn learns(&mut self, hub: &str) {
        assert_eq!(&*self.runs_until_it_dials(), "dps");
        self.is_connected();
        self.gets(Packet::ConnAck { session_present: false, code: ConnectCode::Accepted });
        self.gets(Packet::SubAck { id: 1, codes: vec![SubscribeCode::Granted(Qos::AtLeastOnce)] });
        let body = format!(r#"{{"status":"assigned","registrationState":{{"assignedHub":"{hub}"}}}}"#);
        self.gets(Packet::Publish(Publish::at_most_once("$dps/registrations/res/200/?$rid=2", body)));
        assert_eq!(self.dialling.as_deref(), Some(hub));
    }

    pub(super) fn gets_in(&mut self, session_present: bool) {
        self.is_connected();
        self.sent.clear();
        self.gets(Packet::ConnAck { session_present, code: ConnectCode::Accepted });
    }

    /// Telemetry on the wire since the last look: packet id, DUP.
    pub(super) fn published(&mut self) -> Vec<(u16, bool)> {
        let published = self.sent.drain(..).filter_map(|packet| match packet {
            Packet::Publish(Publish { quality: Quality::AtLeastOnce { id, dup }, .. }) => Some((id, dup)),
            _ => None,
        });
        published.collect()
    }

    pub(super) fn numbers(&self, pick: impl Fn(&Event) -> Option<MessageId>) -> Vec<u64> {
        self.events.iter().filter_map(pick).map(|message| message.number).collect()
    }
}

pub(super) fn offered(event: &Event) -> Option<MessageId> {
    if let Event::Offered { message, .. } = event { Some(*message) } else { None }
}

pub(super) fn confirmed(event: &Event) -> Option<MessageId> {
    if let Event::Confirmed { message } = event { Some(*message) } else { None }
}

pub(super) fn given_up(event: &Event) -> Option<MessageId> {
    if let Event::GivenUp { message, .. } = event { Some(*message) } else { None }
}

pub(super) fn names(event: &Event) -> Option<&'static str> {
    match event {
        Event::Connecting { .. } => Some("connecting"),
        Event::Connected { .. } => Some("connected"),
        Event::Assigned { .. } => Some("assigned"),
        Event::Settled { .. } => Some("settled"),
        Event::Refused { .. } => Some("refused"),
        Event::SessionLost { .. } => Some("lost"),
        Event::SessionClosed { .. } => Some("closed"),
        _ => None,
    }
}
