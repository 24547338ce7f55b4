//! What a device can do besides sending.
use super::story::{SECOND, Story, names, plan};
use super::*;
use crate::history::OperationId;
use crate::iot::plan::Abilities;
use crate::wire::mqtt::Quality;

fn able(abilities: Abilities) -> DevicePlan {
    DevicePlan { telemetry: None, abilities, handles_in: SECOND, ..plan() }
}

fn granted(filters: usize) -> Packet {
    Packet::SubAck { id: 1, codes: vec![SubscribeCode::Granted(Qos::AtMostOnce); filters] }
}

/// At hub-a, subscribed to one filter.
fn subscribed(abilities: Abilities, filters: usize) -> Story {
    let mut story = Story::settled(able(abilities));
    story.gets(granted(filters));
    story
}

fn command(story: &mut Story, operation: u32, packet: u16) {
    let topic = format!("devices/xyz/messages/devicebound/%24.mid=op-{operation}&method-name=blink");
    story.gets(Packet::Publish(Publish::at_least_once(topic, "{}", packet)));
}

fn topics(story: &Story) -> Vec<&str> {
    let topic =
        |packet| if let &Packet::Publish(Publish { ref topic, .. }) = packet { Some(topic.as_str()) } else { None };
    story.sent.iter().filter_map(topic).collect()
}

#[test]
fn all_subscriptions_of_a_session_go_in_one_packet_and_before_anything_else() {
    let abilities = Abilities { desired: true, methods: true, commands: true, ..Abilities::default() };
    let story = Story::settled(DevicePlan { reported: Some(SECOND), ..able(abilities) });
    let [Packet::Subscribe { filters, .. }] = &story.sent[..] else { panic!("{:?}", story.sent) };
    let filters: Vec<_> = filters.iter().map(|(filter, qos)| (filter.as_str(), *qos)).collect();
    assert_eq!(
        filters,
        [
            ("$iothub/twin/res/#", Qos::AtMostOnce),
            ("$iothub/twin/PATCH/properties/desired/#", Qos::AtMostOnce),
            ("$iothub/methods/POST/#", Qos::AtMostOnce),
            ("devices/xyz/messages/devicebound/#", Qos::AtLeastOnce),
        ]
    );
}

#[test]
fn a_refused_subscription_costs_the_session() {
    let mut story = Story::settled(able(Abilities { methods: true, ..Abilities::default() }));
    story.gets(Packet::SubAck { id: 1, codes: vec![SubscribeCode::Refused] });
    assert!(story.events.iter().any(|event| matches!(event, Event::SessionLost { cause: Cause::Protocol, .. })));
}

#[test]
fn a_command_is_acknowledged_when_the_application_has_handled_it() {
    let mut story = subscribed(Abilities { commands: true, ..Abilities::default() }, 1);
    story.sent.clear();
    command(&mut story, 3, 9);
    assert!(story.sent.is_empty());
    story.runs(story.now + SECOND);
    assert_eq!(story.sent, [Packet::PubAck { id: 9 }]);
    let operation = OperationId(3);
    let told =
        [Event::CommandDelivered { operation }, Event::CommandHandled { operation }, Event::CommandAcked { operation }];
    assert!(story.events.ends_with(&told));
}

#[test]
fn an_application_goes_on_with_its_command_when_the_session_ends_and_the_repeat_is_acknowledged() {
    let mut story = subscribed(Abilities { commands: true, ..Abilities::default() }, 1);
    command(&mut story, 3, 9);
    story.loses(Cause::Reset);
    story.sent.clear();
    story.runs_until_it_dials();
    story.runs(story.now + SECOND);
    assert!(!story.sent.contains(&Packet::PubAck { id: 9 }), "there is no session to acknowledge it in");
    story.learns("hub-a");
    story.gets_in(true);
    story.events.clear();
    story.sent.clear();
    command(&mut story, 3, 1);
    assert_eq!(story.sent, [Packet::PubAck { id: 1 }]);
    let operation = OperationId(3);
    assert_eq!(story.events, [Event::CommandDelivered { operation }, Event::CommandAcked { operation }]);
}

#[test]
fn a_method_is_run_and_answered() {
    let mut story = subscribed(Abilities { methods: true, ..Abilities::default() }, 1);
    story.sent.clear();
    story.gets(Packet::Publish(Publish::at_most_once("$iothub/methods/POST/echo/?$rid=op-4", "7")));
    story.runs(story.now + SECOND);
    let [Packet::Publish(Publish { topic, payload, quality: Quality::AtLeastOnce { .. }, .. })] = &story.sent[..]
    else {
        panic!("{:?}", story.sent)
    };
    assert_eq!((topic.as_str(), &payload[..]), ("$iothub/methods/res/200/?$rid=op-4", &b"7"[..]));
    assert_eq!(story.events.last(), Some(&Event::MethodRun { operation: OperationId(4) }));
}

#[test]
fn an_answer_that_the_hub_does_not_acknowledge_costs_the_session() {
    let mut story = subscribed(Abilities { methods: true, ..Abilities::default() }, 1);
    story.gets(Packet::Publish(Publish::at_most_once("$iothub/methods/POST/echo/?$rid=op-4", "")));
    for _ in 0..22 {
        story.runs(story.now + SECOND);
        story.gets(Packet::PingResp);
    }
    assert!(story.events.iter().any(|event| matches!(event, Event::SessionLost { cause: Cause::TimeOut, .. })));
}

#[test]
fn desired_properties_are_read_followed_and_acknowledged_also_without_reports_of_its_own() {
    let mut story = subscribed(Abilities { desired: true, ..Abilities::default() }, 2);
    assert_eq!(topics(&story), ["$iothub/twin/GET/?$rid=twin-1"]);
    let twin = r#"{"desired":{"fan":"on","change":2,"$version":4},"reported":{"$version":1}}"#;
    story.gets(Packet::Publish(Publish::at_most_once("$iothub/twin/res/200/?$rid=twin-1", twin)));
    assert_eq!(story.events.last(), Some(&Event::DesiredApplied { client: "xyz".into(), number: 2 }));
    let Some(Packet::Publish(report)) = story.sent.last() else { panic!("{:?}", story.sent) };
    assert_eq!(report.topic, "$iothub/twin/PATCH/properties/reported/?$rid=1");
    let fan = br#"{"fan":{"value":"on","ac":200,"av":4,"ad":"completed"},"#;
    assert!(report.payload.starts_with(fan), "{:?}", report.payload);
    let change = r#"{"fan":"off","change":3,"$version":5}"#;
    let topic = "$iothub/twin/PATCH/properties/desired/?$version=5";
    story.gets(Packet::Publish(Publish::at_most_once(topic, change)));
    assert_eq!(story.events.last(), Some(&Event::DesiredApplied { client: "xyz".into(), number: 3 }));
}

#[test]
fn another_hub_is_asked_for_the_twin_and_told_what_the_device_follows() {
    let mut story = subscribed(Abilities { desired: true, ..Abilities::default() }, 2);
    let twin = r#"{"desired":{"fan":"on","$version":4}}"#;
    story.gets(Packet::Publish(Publish::at_most_once("$iothub/twin/res/200/?$rid=twin-1", twin)));
    story.loses(Cause::Eof);
    story.learns("hub-b");
    story.gets_in(false);
    story.gets(granted(2));
    assert_eq!(topics(&story), ["$iothub/twin/PATCH/properties/reported/?$rid=2", "$iothub/twin/GET/?$rid=twin-2"]);
}

#[test]
fn what_a_device_cannot_do_is_not_done() {
    let mut story = Story::settled(able(Abilities::default()));
    assert!(story.sent.is_empty(), "nothing to subscribe to");
    story.gets(Packet::Publish(Publish::at_most_once("$iothub/methods/POST/echo/?$rid=op-4", "")));
    command(&mut story, 3, 9);
    story.runs(story.now + 2 * SECOND);
    assert_eq!(story.sent, [Packet::PubAck { id: 9 }], "nobody would ever handle it");
    assert!(!story.events.iter().any(|event| event.operation().is_some()));
}

#[test]
fn with_the_hub_cached_a_lost_session_is_followed_by_a_connect_to_it_at_once() {
    let mut story = subscribed(Abilities { cache_hostname: true, methods: true, ..Abilities::default() }, 1);
    let lost_at = story.now;
    story.loses(Cause::Eof);
    assert_eq!((story.dialling.as_deref(), story.now), (Some("hub-a"), lost_at));
    story.dialling = None;
    let moment = story.moment();
    story.device.dialled(moment, Err("connection refused".into()));
    story.collect();
    assert_eq!(&*story.runs_until_it_dials(), "dps", "the one attempt has failed");
}

#[test]
fn a_cached_hub_that_refuses_is_asked_about_at_the_provisioning_service() {
    let mut story = subscribed(Abilities { cache_hostname: true, methods: true, ..Abilities::default() }, 1);
    story.loses(Cause::Eof);
    story.is_connected();
    story.gets(Packet::ConnAck { session_present: false, code: ConnectCode::ServerUnavailable });
    assert_eq!(&*story.runs_until_it_dials(), "dps");
    let mut rebooted = Story::new(able(Abilities { cache_hostname: true, ..Abilities::default() }), 2);
    assert_eq!(&*rebooted.runs_until_it_dials(), "dps", "nothing is cached over a boot");
}

#[test]
fn a_cached_hub_that_lets_in_and_breaks_off_is_not_hammered() {
    let mut story = subscribed(Abilities { cache_hostname: true, ..Abilities::default() }, 0);
    let mut connects = Vec::new();
    for _ in 0..30 {
        story.loses(Cause::Eof);
        assert_eq!(&*story.runs_until_it_dials(), "hub-a");
        connects.push(story.now);
        story.gets_in(true);
    }
    for window in connects.windows(9) {
        assert!(window[8] - window[0] >= 10 * SECOND, "{window:?}");
    }
}

#[test]
fn a_short_token_is_renewed_at_half_of_its_life() {
    let mut story = Story::settled(DevicePlan { token_life: 60 * SECOND, ..able(Abilities::default()) });
    story.events.clear();
    while story.dialling.is_none() {
        story.runs(story.now + SECOND);
        story.gets(Packet::PingResp);
    }
    assert_eq!((story.now, story.dialling.as_deref()), (30 * SECOND, Some("hub-a")));
    let told: Vec<_> = story.events.iter().filter_map(names).collect();
    assert_eq!(told, ["closed", "connecting"]);
}
