//! What comes faster than the hub's limit.
use super::*;
use crate::iot::hub::throttle::PATIENCE;

fn slow() -> Story {
    let mut story = Story::with(|settings| settings.limit = Rate::a_second(1));
    story.register(1, None);
    story.disk_writes();
    story
}

#[test]
fn telemetry_that_comes_too_fast_waits_and_nothing_more_is_read_meanwhile() {
    let mut story = slow();
    let device = story.connects();
    story.says(device, telemetry(0, 1));
    assert!(story.disk_writes().contains(&stored(0)), "connections are counted apart");
    story.says(device, telemetry(1, 2));
    assert_eq!((story.disk_writes(), story.hub.may_read(device)), (vec![], false));
    assert_eq!(story.hub.next_alarm(), Some(Duration::from_secs(1)));
    story.seconds_pass(1);
    assert_eq!(story.rings(), [Output::Read(device)]);
    assert!(story.hub.may_read(device));
    assert_eq!(story.disk_writes(), [stored(1), Output::Send(device, Packet::PubAck { id: 2 })]);
    assert_eq!(story.hub.next_alarm(), None);
}

#[test]
fn what_has_waited_longer_than_ten_seconds_costs_the_connection() {
    let mut story = Story::with(|settings| settings.limit = Rate::a_minute(4));
    story.register(1, None);
    story.disk_writes();
    let device = story.connects();
    story.says(device, telemetry(0, 1));
    story.disk_writes();
    story.says(device, telemetry(1, 2));
    story.now += PATIENCE;
    assert_eq!(story.rings(), [ended(Ending::Throttled), Output::Close(device)]);
    assert_eq!(story.telemetry(), 1);
}

#[test]
fn a_connection_that_comes_too_fast_waits_for_its_connack() {
    let mut story = slow();
    story.connects();
    let (connection, outputs) = story.connect_with(|_| {});
    assert_eq!((outputs, story.hub.may_read(connection)), (vec![], false));
    story.seconds_pass(1);
    let accepted = Packet::ConnAck { session_present: true, code: ConnectCode::Accepted };
    assert!(story.rings().contains(&Output::Send(connection, accepted)));
}

#[test]
fn a_connection_that_would_wait_too_long_is_closed_without_a_word_and_counts_for_nothing() {
    let mut story = Story::with(|settings| settings.limit = Rate::a_minute(4));
    story.register(1, None);
    story.disk_writes();
    story.connects();
    let (connection, _) = story.connect_with(|_| {});
    story.now += PATIENCE;
    assert_eq!(story.rings(), [Output::Close(connection)]);
    story.seconds_pass(5);
    story.connects();
}

#[test]
fn a_device_that_is_kept_waiting_is_not_silent() {
    let mut story = slow();
    let (device, _) = story.connect_with(|connect| connect.keep_alive = 1);
    let waits = |story: &mut Story| story.says(device, telemetry(0, 1)).is_empty() && !story.hub.may_read(device);
    story.says(device, telemetry(0, 1));
    assert!(waits(&mut story));
    story.now = Duration::from_millis(900);
    assert_eq!(story.hub.check(story.moment(), device), Some(Duration::from_millis(2500)));
}

#[test]
fn a_device_that_leaves_while_it_is_kept_waiting_leaves_nothing_behind() {
    let mut story = slow();
    let device = story.connects();
    story.says(device, telemetry(0, 1));
    story.says(device, telemetry(1, 2));
    let moment = story.moment();
    story.hub.broken(moment, device, None);
    assert_eq!(story.hub.next_alarm(), None);
}
