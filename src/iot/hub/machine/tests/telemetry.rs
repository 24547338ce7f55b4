//! What devices send: stored, confirmed, in what order.
use super::*;

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
    assert_eq!(event.properties.get("iothub-MessageType"), Some(Some("Will")));
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
    assert_eq!(event.payload, &b"\xff\x00"[..]);
    assert_eq!(event.enqueued, "2021-04-19T20:00:00.000Z");
    let keys: Vec<_> = event.properties.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["$.ct", "mqtt-retain"]);
}
