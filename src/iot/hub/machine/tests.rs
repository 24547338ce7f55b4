use super::connecting::refusal;
use super::*;
use crate::history::{Producer, ProducerId, Roster};
use crate::iot::agent::agent;
use crate::iot::hub::connection::LONGEST_SILENCE;
use crate::iot::knobs::{Confirms, MovedDevice};
use crate::iot::ledger::places;
use crate::wire::mqtt::{Connect, Qos, Quality, Will};
use crate::wire::payload::Payload;
use crate::wire::sas::{device_key, make};
use std::time::UNIX_EPOCH;

mod commands;
mod methods;
mod throttling;
mod twins;

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

    fn disk_writes(&mut self) -> Vec<Output> {
        while let Some(records) = self.hub.begin_commit() {
            let places = places(0, &records);
            self.stored.extend(records);
            self.syncs += 1;
            let moment = self.moment();
            self.hub.committed(moment, Some(places));
        }
        self.hub.outputs()
    }

    fn disk_refuses(&mut self) -> Vec<Output> {
        assert!(self.hub.begin_commit().is_some());
        let moment = self.moment();
        self.hub.committed(moment, None);
        self.hub.outputs()
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
        self.hub.outputs()
    }

    /// How many messages from devices are stored.
    fn telemetry(&self) -> usize {
        let is_telemetry = |bytes: &&Vec<u8>| matches!(Record::read(bytes), Some(Record::Telemetry(_)));
        self.stored.iter().filter(is_telemetry).count()
    }

    fn says(&mut self, connection: ConnectionId, packet: Packet) -> Vec<Output> {
        let moment = self.moment();
        self.hub.received(moment, connection, packet);
        self.hub.outputs()
    }

    /// A connection and what came of its CONNECT.
    fn connect_with(&mut self, change: impl FnOnce(&mut Connect)) -> (ConnectionId, Vec<Output>) {
        let connection = self.hub.opened(self.now);
        let mut connect = connect("xyz", self.moment());
        change(&mut connect);
        (connection, self.says(connection, Packet::Connect(connect)))
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

#[test]
fn telemetry_is_acknowledged_only_when_it_is_on_the_disk() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    assert_eq!(story.says(device, telemetry(0, 1)), []);
    assert_eq!(story.disk_writes(), [stored(0), Output::Send(device, Packet::PubAck { id: 1 })]);
    assert_eq!(story.telemetry(), 1);
}

#[test]
fn publishes_that_wait_together_share_one_sync() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let before = story.syncs;
    for id in 1..=10 {
        story.says(device, telemetry(id.into(), id));
    }
    let acks: Vec<_> = story
        .disk_writes()
        .into_iter()
        .filter_map(|output| match output {
            Output::Send(_, Packet::PubAck { id }) => Some(id),
            _ => None,
        })
        .collect();
    assert_eq!(acks, (1..=10).collect::<Vec<_>>(), "in the order of the publishes");
    assert_eq!(story.syncs, before + 1);
}

#[test]
fn a_repeated_message_is_stored_again() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    story.says(device, telemetry(0, 1));
    let mut again = telemetry(0, 1);
    if let Packet::Publish(publish) = &mut again {
        publish.quality = Quality::AtLeastOnce { id: 1, dup: true };
    }
    story.says(device, again);
    story.disk_writes();
    assert_eq!(story.telemetry(), 2);
}

#[test]
fn what_could_not_be_stored_is_not_acknowledged_and_costs_the_connection() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    story.says(device, telemetry(0, 1));
    assert_eq!(story.disk_refuses(), [ended(Ending::Storage), Output::Close(device)]);
    assert_eq!(story.telemetry(), 0);
}

#[test]
fn a_hub_that_confirms_before_storing_loses_what_it_confirmed() {
    let mut story = Story::new(Confirms::BeforeStoring);
    story.register(1, None);
    story.disk_writes();
    let device = story.connects();
    assert_eq!(story.says(device, telemetry(0, 1)), [Output::Send(device, Packet::PubAck { id: 1 })]);
    assert_eq!(story.disk_writes(), []);
    story.loses_power();
    assert_eq!(story.telemetry(), 0);
}

#[test]
fn a_hub_that_confirms_before_storing_does_store_when_nothing_happens() {
    let mut story = Story::new(Confirms::BeforeStoring);
    story.register(1, None);
    story.disk_writes();
    let device = story.connects();
    story.says(device, telemetry(0, 1));
    assert_eq!(story.hub.next_alarm(), Some(LAZY_FLUSH));
    story.now = LAZY_FLUSH;
    assert_eq!(story.rings(), []);
    assert_eq!(story.disk_writes(), [stored(0)]);
    assert_eq!((story.telemetry(), story.hub.next_alarm()), (1, None));
}

#[test]
fn a_hub_that_confirms_before_storing_stores_the_rest_when_it_is_stopped() {
    let mut story = Story::new(Confirms::BeforeStoring);
    story.register(1, None);
    story.disk_writes();
    let device = story.connects();
    story.says(device, telemetry(0, 1));
    story.hub.drain();
    assert_eq!(story.disk_writes(), [stored(0)]);
    assert!(story.hub.is_idle());
}

#[test]
fn the_newest_connection_of_a_device_wins() {
    let mut story = Story::with_xyz();
    let old = story.connects();
    let (new, outputs) = story.connect_with(|_| {});
    assert_eq!(outputs[..2], [ended(Ending::NewerConnection), Output::Close(old)]);
    assert_eq!(story.says(old, telemetry(0, 1)), [], "the old one is gone");
    story.says(new, telemetry(0, 1));
    assert!(story.disk_writes().contains(&Output::Send(new, Packet::PubAck { id: 1 })));
}

#[test]
fn an_acknowledgement_for_a_connection_that_is_gone_reaches_no_other() {
    let mut story = Story::with_xyz();
    let old = story.connects();
    story.says(old, telemetry(0, 1));
    let (new, _) = story.connect_with(|_| {});
    let outputs = story.disk_writes();
    assert!(outputs.contains(&stored(0)));
    assert!(
        !outputs.iter().any(|output| matches!(output, Output::Send(_, Packet::PubAck { .. }))),
        "{outputs:?} {new}"
    );
}

#[test]
fn both_ends_call_a_session_by_the_number_its_client_gave_it() {
    let mut story = Story::with_xyz();
    let (_, outputs) = story.connect_with(|_| {});
    assert!(outputs.contains(&Output::Record(Event::SessionOpened { client: "xyz".into(), session: 7 })));
}

#[test]
fn an_unknown_device_is_refused_with_3() {
    let mut story = Story::new(Confirms::AfterStoring);
    let (connection, outputs) = story.connect_with(|_| {});
    assert_eq!(outputs, [Output::Send(connection, refusal(ConnectCode::ServerUnavailable)), Output::Close(connection)]);
}

#[test]
fn a_bad_token_is_refused_with_5_and_leaves_the_old_connection_alone() {
    let mut story = Story::with_xyz();
    let old = story.connects();
    let (connection, outputs) = story.connect_with(|connect| {
        connect.password = Some(make("hub-a/devices/xyz", GROUP_KEY, UNIX_EPOCH, None).unwrap().into());
    });
    assert_eq!(outputs, [Output::Send(connection, refusal(ConnectCode::NotAuthorized)), Output::Close(connection)]);
    story.says(old, telemetry(0, 1));
    assert!(story.disk_writes().contains(&Output::Send(old, Packet::PubAck { id: 1 })));
}

#[test]
fn another_protocol_version_is_refused_with_1() {
    let mut story = Story::with_xyz();
    let connection = story.hub.opened(story.now);
    let moment = story.moment();
    story.hub.broken(moment, connection, Some(&WireError::Protocol));
    assert_eq!(
        story.hub.outputs(),
        [Output::Send(connection, refusal(ConnectCode::UnacceptableProtocol)), Output::Close(connection)]
    );
}

#[test]
fn a_token_that_expires_ends_the_live_session() {
    let mut story = Story::with_xyz();
    let (device, _) = story.connect_with(|connect| connect.keep_alive = 0);
    story.seconds_pass(1);
    assert_eq!(story.says(device, Packet::PingReq), [Output::Send(device, Packet::PingResp)]);
    let moment = Moment { wall_clock: story.moment().wall_clock + Duration::from_secs(3600), ..story.moment() };
    assert_eq!(story.hub.check(moment, device), None);
    assert_eq!(story.hub.outputs(), [ended(Ending::TokenExpired), Output::Close(device)]);
}

#[test]
fn silence_ends_a_session_and_any_packet_breaks_it() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    story.seconds_pass(29);
    story.says(device, Packet::PingReq);
    story.seconds_pass(29);
    assert_eq!(story.hub.check(story.moment(), device), Some(Duration::from_secs(59)));
    story.seconds_pass(1);
    assert_eq!(story.hub.check(story.moment(), device), None);
    assert_eq!(story.hub.outputs(), [ended(Ending::Silence), Output::Close(device)]);
}

#[test]
fn a_client_without_keep_alive_may_be_silent_for_the_hubs_limit() {
    let mut story = Story::with_xyz();
    let (device, _) = story.connect_with(|connect| connect.keep_alive = 0);
    assert_eq!(story.hub.check(story.moment(), device), Some(LONGEST_SILENCE));
}

#[test]
fn every_error_is_a_disconnect() {
    let publish = |topic: &str| Publish::at_least_once(topic, &b"x"[..], 1);
    let exactly_once =
        Publish { quality: Quality::ExactlyOnce { id: 1, dup: false }, ..publish("devices/xyz/messages/events/") };
    let too_long = Publish { payload: vec![0; LARGEST_MESSAGE + 1].into(), ..publish("devices/xyz/messages/events/") };
    let subscribe = |filter: &str| Packet::Subscribe { id: 1, filters: vec![(filter.into(), Qos::AtLeastOnce)] };
    let again = Story::new(Confirms::AfterStoring).moment();
    for (packet, ending) in [
        (Packet::Publish(exactly_once), Ending::ExactlyOnce),
        (Packet::Publish(too_long), Ending::TooLong),
        (Packet::Publish(publish("devices/abc/messages/events/")), Ending::Topic),
        (subscribe("#"), Ending::Topic),
        (Packet::Connect(connect("xyz", again)), Ending::Unexpected),
        (Packet::PingResp, Ending::Unexpected),
    ] {
        let mut story = Story::with_xyz();
        let device = story.connects();
        assert_eq!(story.says(device, packet), [ended(ending), Output::Close(device)]);
    }
}

#[test]
fn who_does_not_begin_with_connect_is_closed() {
    let mut story = Story::with_xyz();
    let connection = story.hub.opened(story.now);
    assert_eq!(story.says(connection, telemetry(0, 1)), [Output::Close(connection)]);
}

#[test]
fn a_sixth_subscription_is_a_disconnect() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let method = |n: u16| (format!("$iothub/methods/POST/m{n}"), Qos::AtMostOnce);
    let subscribe = |id| Packet::Subscribe { id, filters: vec![method(id)] };
    for id in 1..=5 {
        assert_eq!(story.says(device, subscribe(id)), []);
    }
    assert_eq!(story.says(device, subscribe(5)), [], "the same once more is no sixth");
    assert_eq!(story.says(device, subscribe(6)), [ended(Ending::TooManySubscriptions), Output::Close(device)]);
}

#[test]
fn subscriptions_of_a_persistent_session_outlive_connection_and_power() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let filters = vec![("$iothub/twin/res/#".to_owned(), Qos::ExactlyOnce)];
    assert_eq!(story.says(device, Packet::Subscribe { id: 1, filters }), []);
    let codes = vec![SubscribeCode::Granted(Qos::AtLeastOnce)];
    assert_eq!(story.disk_writes(), [Output::Send(device, Packet::SubAck { id: 1, codes })]);

    story.loses_power();
    let (device, outputs) = story.connect_with(|_| {});
    let present = Packet::ConnAck { session_present: true, code: ConnectCode::Accepted };
    assert!(outputs.contains(&Output::Send(device, present)));
    let Some(Connection::Open(live)) = story.hub.connections.get(&device) else { panic!("not let in") };
    assert_eq!(live.filters, ["$iothub/twin/res/#".to_owned()].into());
}

#[test]
fn a_clean_session_forgets_the_persistent_one() {
    let mut story = Story::with_xyz();
    story.connects();
    let (_, outputs) = story.connect_with(|connect| connect.clean_session = true);
    let absent = Packet::ConnAck { session_present: false, code: ConnectCode::Accepted };
    assert!(outputs.iter().any(|output| matches!(output, Output::Send(_, packet) if *packet == absent)));
    story.disk_writes();
    let (_, outputs) = story.connect_with(|_| {});
    assert!(outputs.iter().any(|output| matches!(output, Output::Send(_, packet) if *packet == absent)));
}

#[test]
fn a_report_is_answered_with_its_version_when_it_is_durable() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=9";
    let report = Packet::Publish(Publish::at_least_once(topic, &br#"{"n":1}"#[..], 4));
    assert_eq!(story.says(device, report), []);
    assert_eq!(
        story.disk_writes(),
        [
            Output::Send(device, Packet::PubAck { id: 4 }),
            answer_to(device, "$iothub/twin/res/204/?$rid=9&$version=2", ""),
        ]
    );
    story.loses_power();
    assert_eq!(story.hub.twin("xyz").unwrap().reported["n"], 1);
}

#[test]
fn a_report_that_is_no_json_is_answered_400() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=9";
    story.says(device, Packet::Publish(Publish::at_most_once(topic, "{")));
    assert_eq!(story.disk_writes(), [answer_to(device, "$iothub/twin/res/400/?$rid=9", "")]);
}

#[test]
fn the_twin_is_answered_also_to_who_did_not_subscribe_and_shows_earlier_reports() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let report = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    story.says(device, Packet::Publish(Publish::at_most_once(report, r#"{"n":1}"#)));
    story.says(device, Packet::Publish(Publish::at_most_once("$iothub/twin/GET/?$rid=2", " ")));
    assert_eq!(
        story.disk_writes(),
        [
            answer_to(device, "$iothub/twin/res/204/?$rid=1&$version=2", ""),
            answer_to(
                device,
                "$iothub/twin/res/200/?$rid=2",
                r#"{"desired":{"$version":1},"reported":{"n":1,"$version":2}}"#
            ),
        ]
    );
}

#[test]
fn removing_a_device_closes_its_connection_and_refuses_it_from_then_on() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    story.remove(9, None);
    assert_eq!(story.hub.outputs(), [], "not before it is durable");
    assert_eq!(
        story.disk_writes(),
        [ended(Ending::Removed), Output::Close(device), Output::Answer(9, Answer::Now(Applied::Done)),]
    );
    story.loses_power();
    let (connection, outputs) = story.connect_with(|_| {});
    assert_eq!(outputs[0], Output::Send(connection, refusal(ConnectCode::ServerUnavailable)));
}

#[test]
fn a_removal_that_comes_too_late_leaves_the_connection_alone() {
    let mut story = Story::new(Confirms::AfterStoring);
    story.register(1, Some(3));
    story.disk_writes();
    story.connects();
    story.remove(9, Some(2));
    assert_eq!(story.disk_writes(), [Output::Answer(9, Answer::Now(Applied::Stale))]);
}

#[test]
fn a_hub_that_only_closes_lets_a_removed_device_in_again() {
    let mut story = Story::with(|settings| settings.knobs.moved_device = MovedDevice::CloseOnly);
    story.register(1, Some(3));
    story.disk_writes();
    let device = story.connects();
    story.remove(8, Some(2));
    assert_eq!(story.disk_writes(), [Output::Answer(8, Answer::Now(Applied::Stale))]);
    story.remove(9, Some(4));
    assert_eq!(
        story.disk_writes(),
        [ended(Ending::Removed), Output::Close(device), Output::Answer(9, Answer::Now(Applied::Done))]
    );
    story.connects();
}

#[test]
fn a_change_of_the_registry_that_could_not_be_stored_is_answered_so() {
    let mut story = Story::new(Confirms::AfterStoring);
    story.register(1, None);
    assert_eq!(story.disk_refuses(), [Output::Answer(1, Answer::Failed)]);
    let (_, outputs) = story.connect_with(|_| {});
    assert!(matches!(outputs[0], Output::Send(_, Packet::ConnAck { code: ConnectCode::ServerUnavailable, .. })));
}

#[test]
fn the_will_is_telemetry_of_a_device_that_vanishes_and_not_of_one_that_says_goodbye() {
    let will = || {
        let payload = Payload::new("xyz/telemetry", 5).to_bytes();
        Some(Will { topic: "devices/xyz/messages/events/".into(), payload, qos: Qos::AtLeastOnce, retain: false })
    };
    let mut story = Story::with_xyz();
    let (device, _) = story.connect_with(|connect| connect.will = will());
    story.says(device, Packet::Disconnect);
    story.disk_writes();
    assert_eq!(story.telemetry(), 0);

    let (device, _) = story.connect_with(|connect| connect.will = will());
    let moment = story.moment();
    story.hub.broken(moment, device, None);
    assert!(story.disk_writes().contains(&stored(5)));
    let Some(Record::Telemetry(event)) = story.stored.last().and_then(|bytes| Record::read(bytes)) else {
        panic!("no telemetry")
    };
    assert_eq!(event.properties.get("iothub-MessageType"), Some(&Some("Will".into())));
}

#[test]
fn a_hub_stops_reading_while_too_much_is_unanswered() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    for n in 0..MOST_UNANSWERED as u16 {
        assert!(story.hub.may_read(device));
        story.says(device, telemetry(n.into(), n + 1));
    }
    assert!(!story.hub.may_read(device));
    story.disk_writes();
    assert!(story.hub.may_read(device));
}

#[test]
fn foreign_telemetry_is_stored_and_confirmed_like_any_other() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let publish = Publish::at_least_once("devices/xyz/messages/events/%24.ct=text", &b"\xff\x00"[..], 1);
    story.says(device, Packet::Publish(Publish { retain: true, ..publish }));
    assert_eq!(story.disk_writes(), [Output::Send(device, Packet::PubAck { id: 1 })]);
    let Some(Record::Telemetry(event)) = story.stored.last().and_then(|bytes| Record::read(bytes)) else {
        panic!("no telemetry")
    };
    assert_eq!(event.body, "/wA=");
    assert_eq!(event.enqueued, "2021-04-19T20:00:00.000Z");
    let keys: Vec<_> = event.properties.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["$.ct", "mqtt-retain"]);
}
