use super::*;
use crate::history::Event;
use crate::iot::device::reports::TWIN_ANSWERS;
use crate::iot::knobs::{DeviceKnobs, OnSessionLoss};
use crate::wire::mqtt::{ConnectCode, Publish, Qos, SubscribeCode};
use std::time::UNIX_EPOCH;
use story::{SECOND, Story, confirmed, given_up, names, offered, plan};

mod abilities;
mod knobs;
mod story;

#[test]
fn a_device_asks_where_it_belongs_goes_there_and_sends() {
    let mut story = Story::settled(plan());
    let story_told: Vec<_> = story.events.iter().filter_map(names).collect();
    assert_eq!(story_told, ["connecting", "connected", "assigned", "closed", "connecting", "connected", "settled"]);
    assert_eq!(story.published(), [(1, false)]);
    story.gets(Packet::PubAck { id: 1 });
    assert_eq!(story.numbers(confirmed), [0]);
}

#[test]
fn telemetry_is_offered_on_its_period_also_without_a_session() {
    let mut story = Story::new(plan(), 1);
    story.runs(3 * SECOND);
    assert_eq!(story.numbers(offered), [0, 1, 2, 3]);
}

#[test]
fn nothing_new_is_offered_after_the_end_and_the_rest_is_still_sent() {
    let mut story = Story::new(DevicePlan { until: 2 * SECOND, ..plan() }, 1);
    story.runs(10 * SECOND);
    assert_eq!(story.numbers(offered), [0, 1]);
    story.learns("hub-a");
    story.gets_in(false);
    assert_eq!(story.published().len(), 2);
}

#[test]
fn a_device_frozen_over_the_end_does_not_wait_for_what_was_due_before() {
    let mut story = Story::settled(DevicePlan { until: 60 * SECOND, reported: Some(SECOND), ..plan() });
    story.now = 60 * SECOND;
    let moment = story.moment();
    story.device.tick(moment);
    story.collect();
    assert!(story.device.due(moment).is_none_or(|due| due > moment.now));
}

#[test]
fn a_full_buffer_makes_the_application_wait_and_drops_nothing() {
    let mut story = Story::settled(DevicePlan { buffer: 3, ..plan() });
    story.runs(10 * SECOND);
    assert_eq!(story.numbers(offered), [0, 1, 2]);
    story.gets(Packet::PubAck { id: 1 });
    assert_eq!(story.numbers(offered), [0, 1, 2, 3], "room for one");
    story.runs(10 * SECOND);
    assert!(story.numbers(given_up).is_empty());
}

#[test]
fn a_lost_session_sends_the_device_back_to_the_provisioning_service() {
    let mut story = Story::settled(plan());
    story.loses(Cause::Eof);
    assert!(story.hung_up);
    story.learns("hub-b");
    story.gets_in(false);
    assert!(story.events.contains(&Event::Settled { client: "xyz".into(), at: "hub-b".into() }));
    assert_eq!(story.published()[0], (2, false), "published anew at the other hub");
}

#[test]
fn a_resumed_session_at_the_same_hub_repeats_with_dup() {
    let mut story = Story::settled(plan());
    story.loses(Cause::Reset);
    story.learns("hub-a");
    story.gets_in(true);
    assert_eq!(story.published()[0], (1, true));
    let again: Vec<_> = story.events.iter().filter(|event| matches!(event, Event::Sent { again: true, .. })).collect();
    assert_eq!(again.len(), 1);
}

#[test]
fn with_the_knob_a_device_knocks_at_the_same_hub_for_ever() {
    let mut story = Story::settled(DevicePlan {
        knobs: DeviceKnobs { on_session_loss: OnSessionLoss::SameHub, ..DeviceKnobs::default() },
        ..plan()
    });
    story.loses(Cause::Eof);
    for _ in 0..20 {
        assert_eq!(&*story.runs_until_it_dials(), "hub-a");
        story.dialling = None;
        let moment = story.moment();
        story.device.dialled(moment, Err("connection refused".into()));
        story.collect();
    }
}

#[test]
fn a_refusal_by_the_hub_is_no_session_and_leads_back_to_the_provisioning_service() {
    let mut story = Story::new(plan(), 1);
    story.learns("hub-a");
    story.is_connected();
    story.events.clear();
    story.gets(Packet::ConnAck { session_present: false, code: ConnectCode::ServerUnavailable });
    let refused = Event::Refused { client: "xyz".into(), service: "hub-a".into(), why: "connack 3".into() };
    assert_eq!(story.events, [refused]);
    assert_eq!(&*story.runs_until_it_dials(), "dps");
}

#[test]
fn an_acknowledgement_that_does_not_come_costs_the_session() {
    let mut story = Story::settled(plan());
    for _ in 0..19 {
        story.runs(story.now + SECOND);
        story.gets(Packet::PingResp);
    }
    assert!(!story.hung_up);
    story.runs(20 * SECOND);
    let lost = Event::SessionLost { client: "xyz".into(), service: "hub-a".into(), session: 2, cause: Cause::TimeOut };
    assert!(story.events.contains(&lost));
}

#[test]
fn a_hub_that_is_silent_for_one_and_a_half_keep_alives_is_dead() {
    let mut story = Story::settled(DevicePlan { telemetry: None, ..plan() });
    story.runs(29 * SECOND);
    assert_eq!(story.sent, [Packet::PingReq]);
    assert!(!story.hung_up);
    story.runs(30 * SECOND);
    let cause = Cause::Silence;
    let lost = Event::SessionLost { client: "xyz".into(), service: "hub-a".into(), session: 2, cause };
    assert!(story.events.contains(&lost));
}

#[test]
fn a_hub_that_does_not_answer_the_connect_is_left() {
    let mut story = Story::new(plan(), 1);
    story.learns("hub-a");
    story.is_connected();
    story.runs(10 * SECOND);
    assert!(story.hung_up);
    let refused = |event: &Event| matches!(event, Event::Refused { service, .. } if &**service == "hub-a");
    assert!(story.events.iter().any(refused));
}

#[test]
fn no_more_than_eight_connects_in_ten_seconds_whatever_happens() {
    let mut story = Story::new(plan(), 1);
    let mut connects = Vec::new();
    for _ in 0..30 {
        // Each session is lost as soon as it is won.
        story.learns("hub-a");
        connects.push(story.now);
        story.gets_in(false);
        connects.push(story.now);
        story.loses(Cause::Eof);
    }
    for window in connects.windows(9) {
        assert!(window[8] - window[0] >= 10 * SECOND, "{window:?}");
    }
}

#[test]
fn the_token_is_renewed_before_it_ends_and_the_session_goes_on_at_the_same_hub() {
    let mut story = Story::settled(DevicePlan { telemetry: None, ..plan() });
    while story.now < Duration::from_secs(3479) {
        story.runs(story.now + SECOND);
        story.gets(Packet::PingResp);
    }
    story.events.clear();
    story.runs(Duration::from_secs(3480));
    let told: Vec<_> = story.events.iter().filter_map(names).collect();
    assert_eq!(told, ["closed", "connecting"]);
    assert_eq!(story.dialling.as_deref(), Some("hub-a"));
}

#[test]
fn reports_are_made_on_their_period_and_confirmed_by_their_answer() {
    let mut story = Story::new(DevicePlan { reported: Some(10 * SECOND), telemetry: None, ..plan() }, 1);
    story.learns("hub-a");
    story.gets_in(false);
    assert!(matches!(&story.sent[..], [Packet::Subscribe { filters, .. }] if filters[0].0 == TWIN_ANSWERS));
    story.gets(Packet::SubAck { id: 1, codes: vec![SubscribeCode::Granted(Qos::AtMostOnce)] });
    assert!(story.events.contains(&Event::Settled { client: "xyz".into(), at: "hub-a".into() }));
    story.gets(Packet::Publish(Publish::at_most_once("$iothub/twin/res/204/?$rid=1&$version=2", "")));
    story.runs(11 * SECOND);
    let client = || Name::from("xyz");
    let reports: Vec<_> = story
        .events
        .iter()
        .filter(|event| matches!(event, Event::Reported { .. } | Event::ReportedConfirmed { .. }))
        .cloned()
        .collect();
    assert_eq!(
        reports,
        [
            Event::Reported { client: client(), number: 1 },
            Event::ReportedConfirmed { client: client(), number: 1 },
            Event::Reported { client: client(), number: 2 },
        ]
    );
}

#[test]
fn a_device_that_is_stopped_waits_for_its_acknowledgements_and_says_goodbye() {
    let mut story = Story::settled(plan());
    let moment = story.moment();
    story.device.stop(moment);
    story.collect();
    assert!(!story.stopped);
    story.gets(Packet::PubAck { id: 1 });
    assert!(story.stopped && story.hung_up);
    assert_eq!(story.sent.last(), Some(&Packet::Disconnect));
    let closed = Event::SessionClosed { client: "xyz".into(), service: "hub-a".into(), session: 2 };
    assert_eq!(story.events.last(), Some(&closed));
    assert_eq!(story.device.due(story.moment()), None);
}

#[test]
fn a_device_that_is_stopped_without_a_hub_tells_what_it_gives_up() {
    let mut story = Story::new(plan(), 1);
    story.runs(2 * SECOND);
    let moment = story.moment();
    story.device.stop(moment);
    story.runs(7 * SECOND);
    assert!(story.stopped);
    assert_eq!(story.numbers(given_up), [0, 1, 2]);
    assert_eq!(story.numbers(offered), [0, 1, 2], "nothing new was taken");
}

#[test]
fn a_later_boot_uses_no_number_again() {
    let mut story = Story::new(DevicePlan { reported: Some(SECOND), ..plan() }, 3);
    story.runs(Duration::ZERO);
    assert_eq!(story.numbers(offered), [2_000_000]);
    assert!(story.events.contains(&Event::Reported { client: "xyz".into(), number: 2_000_001 }));
    story.learns("hub-a");
    let first = Event::Connected { client: "xyz".into(), service: "dps".into(), session: 2_000_001 };
    assert!(story.events.contains(&first));
}

#[test]
fn each_connect_carries_a_fresh_token_by_the_devices_own_wall_clock() {
    let mut story = Story::new(plan(), 1);
    story.wall_clock = UNIX_EPOCH + Duration::from_secs(1_000_000);
    story.learns("hub-a");
    story.is_connected();
    let Some(Packet::Connect(connect)) = story.sent.last() else { panic!("no connect") };
    let password = connect.password.as_ref().unwrap();
    assert!(password.ends_with(b"&se=1003600"), "{password:?}");
}
