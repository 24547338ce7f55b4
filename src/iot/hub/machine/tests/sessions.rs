//! Who is let in, who is shown out, and what outlives a connection.
use super::*;

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
        story.outputs(),
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
    assert_eq!(story.outputs(), [ended(Ending::TokenExpired), Output::Close(device)]);
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
    assert_eq!(story.outputs(), [ended(Ending::Silence), Output::Close(device)]);
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
        (connect("xyz", again).into(), Ending::Unexpected),
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
