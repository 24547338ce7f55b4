mod commands;
mod methods;
mod registry;
mod reported;
mod sessions;
mod telemetry;
mod throttling;
mod twins;

use super::connecting::refusal;
use super::*;
use crate::history::{Producer, ProducerId, Roster};
use crate::iot::hub::connection::LONGEST_SILENCE;
use crate::iot::knobs::{Confirms, MovedDevice};
use crate::ledger::places;
use crate::wire::agent::agent;
use crate::wire::mqtt::{Connect, Qos, Quality, Will};
use crate::wire::payload::Payload;
use crate::wire::sas::{device_key, make};
use std::time::UNIX_EPOCH;

const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";
const WORLD_BEGINS: Duration = Duration::from_secs(1_618_862_400);

/// A hub, its clock and its disk.
struct Story {
    hub: Hub,
    now: Duration,
    /// What is on the disk.
    stored: Vec<Vec<u8>>,
    /// How many syncs that took.
    syncs: usize,
}

impl Story {
    fn new(confirms: Confirms) -> Self {
        Self::with(|settings| settings.knobs.confirms = confirms)
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let producers = vec![Producer { name: "xyz/telemetry".into(), host: "xyz".into() }];
        let roster = Roster { producers, ..Roster::default() };
        let mut settings = Settings {
            name: "hub-a".into(),
            group_key: GROUP_KEY.into(),
            knobs: HubKnobs::default(),
            boot: 1,
            limit: Rate::a_second(6000),
            throttles: Vec::new(),
        };
        change(&mut settings);
        let hub = Hub::new(settings, Producers::of(&roster), Memory::default());
        Self { hub, now: Duration::ZERO, stored: Vec::new(), syncs: 0 }
    }

    /// A hub that knows the device xyz.
    fn with_xyz() -> Self {
        let mut story = Self::new(Confirms::AfterStoring);
        story.register(1, None);
        story.disk_writes();
        story
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, wall_clock: UNIX_EPOCH + WORLD_BEGINS + self.now }
    }

    fn register(&mut self, request: RequestId, generation: Option<u64>) {
        let moment = self.moment();
        self.hub.register(moment, request, "xyz", generation);
    }

    fn remove(&mut self, request: RequestId, generation: Option<u64>) {
        let moment = self.moment();
        self.hub.remove(moment, request, "xyz", generation);
    }

    fn seconds_pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn outputs(&mut self) -> Vec<Output> {
        self.hub.outputs().collect()
    }

    fn disk_writes(&mut self) -> Vec<Output> {
        while let Some(records) = self.hub.begin_commit() {
            let places = places(0, &records);
            self.stored.extend(records);
            self.syncs += 1;
            let moment = self.moment();
            self.hub.committed(moment, Some(places));
        }
        self.outputs()
    }

    fn disk_refuses(&mut self) -> Vec<Output> {
        assert!(self.hub.begin_commit().is_some());
        let moment = self.moment();
        self.hub.committed(moment, None);
        self.outputs()
    }

    fn loses_power(&mut self) {
        let mut memory = Memory::default();
        for (bytes, place) in self.stored.iter().zip(places(0, &self.stored)) {
            memory.apply(Record::read(bytes).unwrap(), place);
        }
        self.hub = Hub::new(self.hub.settings.clone(), self.hub.producers.clone(), memory);
    }

    /// Its alarms ring, as far as it is time.
    fn rings(&mut self) -> Vec<Output> {
        let moment = self.moment();
        self.hub.ring(moment);
        self.outputs()
    }

    /// How many messages from devices are stored.
    fn telemetry(&self) -> usize {
        let is_telemetry = |bytes: &&Vec<u8>| matches!(Record::read(bytes), Some(Record::Telemetry(_)));
        self.stored.iter().filter(is_telemetry).count()
    }

    fn says(&mut self, connection: ConnectionId, packet: Packet) -> Vec<Output> {
        let moment = self.moment();
        self.hub.received(moment, connection, packet);
        self.outputs()
    }

    /// A connection and what came of its CONNECT.
    fn connect_with(&mut self, change: impl FnOnce(&mut Connect)) -> (ConnectionId, Vec<Output>) {
        let connection = self.hub.opened(self.now);
        let mut connect = connect("xyz", self.moment());
        change(&mut connect);
        (connection, self.says(connection, connect.into()))
    }

    /// A connection that has subscribed.
    fn listens(&mut self, filter: &str) -> ConnectionId {
        let connection = self.connects();
        self.subscribes(connection, filter);
        connection
    }

    /// What came of a subscription, after its SUBACK.
    fn subscribes(&mut self, connection: ConnectionId, filter: &str) -> Vec<Output> {
        assert_eq!(
            self.says(connection, Packet::Subscribe { id: 9, filters: vec![(filter.into(), Qos::AtLeastOnce)] }),
            []
        );
        let mut outputs = self.disk_writes();
        assert!(matches!(outputs.remove(0), Output::Send(to, Packet::SubAck { id: 9, .. }) if to == connection));
        outputs
    }

    fn connects(&mut self) -> ConnectionId {
        let (connection, outputs) = self.connect_with(|_| {});
        let accepted = outputs
            .iter()
            .any(|output| matches!(output, Output::Send(_, Packet::ConnAck { code: ConnectCode::Accepted, .. })));
        assert!(accepted, "{outputs:?}");
        self.disk_writes();
        connection
    }
}

fn connect(device: &str, moment: Moment) -> Connect {
    let key = device_key(GROUP_KEY, device).unwrap();
    let expires = moment.wall_clock + Duration::from_secs(3600);
    let token = make(&format!("hub-a/devices/{device}"), &key, expires, None).unwrap();
    let agent = agent(7).replace(' ', "%20");
    Connect {
        client_id: device.into(),
        username: Some(format!("hub-a/{device}/?api-version=2021-04-12&DeviceClientType={agent}")),
        password: Some(token.into()),
        clean_session: false,
        keep_alive: 20,
        will: None,
    }
}

fn telemetry(number: u64, id: u16) -> Packet {
    let payload = Payload::new("xyz/telemetry", number).to_bytes();
    Packet::Publish(Publish::at_least_once("devices/xyz/messages/events/", payload, id))
}

fn message(number: u64) -> MessageId {
    MessageId { producer: ProducerId(0), number }
}

fn stored(number: u64) -> Output {
    Output::Record(Event::Stored { message: message(number) })
}

fn ended(why: Ending) -> Output {
    Output::Record(Event::SessionEnded { client: "xyz".into(), session: 7, why: why.why() })
}

fn answer_to(connection: ConnectionId, topic: &str, body: &str) -> Output {
    Output::Send(connection, Packet::Publish(Publish::at_most_once(topic, body.as_bytes().to_vec())))
}
