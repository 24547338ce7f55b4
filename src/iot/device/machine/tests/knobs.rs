//! Each knob: what the device does with it, beside what it does without.
use super::story::{SECOND, Story, given_up, names, plan};
use super::*;
use crate::iot::knobs::{
    AcksCommands, Clients, DpsRetry, OldClient, OnBadCredentials, SendTimeOut, Subscribes, TokenRenewal, WhenDpsFails,
};
use crate::iot::plan::Abilities;

/// A device that sends nothing, with a knob and without.
fn both(turn: impl Fn(&mut DeviceKnobs)) -> [DevicePlan; 2] {
    let right = DevicePlan { telemetry: None, ..plan() };
    let mut wrong = right.clone();
    turn(&mut wrong.knobs);
    [right, wrong]
}

fn is_refused(story: &mut Story, code: ConnectCode) {
    story.is_connected();
    story.gets(Packet::ConnAck { session_present: false, code });
}

fn cannot_connect(story: &mut Story) {
    story.runs_until_it_dials();
    story.dialling = None;
    let moment = story.moment();
    story.device.dialled(moment, Err("connection refused".into()));
    story.collect();
}

#[test]
fn an_old_client_is_left_behind_once_for_each_hub_that_is_left() {
    let [right, wrong] = both(|knobs| knobs.old_client = OldClient::Kept);
    for (plan, left_behind) in [(right, 0), (wrong, 2)] {
        let mut story = Story::settled(plan);
        for (hub, so_far) in [("hub-a", 0), ("hub-b", 1), ("hub-a", 2), ("hub-b", 2)] {
            story.loses(Cause::Eof);
            story.learns(hub);
            story.gets_in(false);
            assert_eq!(story.abandoned, so_far.min(left_behind), "at {hub}");
        }
    }
}

#[test]
fn a_device_that_does_not_handle_a_failed_registration_ends() {
    let [right, wrong] = both(|knobs| knobs.when_dps_fails = WhenDpsFails::Exits);
    let mut story = Story::new(right, 1);
    cannot_connect(&mut story);
    assert!(!story.exited);
    assert_eq!(&*story.runs_until_it_dials(), "dps");
    let mut story = Story::new(wrong.clone(), 1);
    cannot_connect(&mut story);
    assert!(story.exited && !story.stopped);
    assert_eq!(story.device.due(story.moment()), None);
    for answered in [Some(ConnectCode::ServerUnavailable), None] {
        let mut story = Story::new(wrong.clone(), 1);
        story.runs_until_it_dials();
        match answered {
            Some(code) => is_refused(&mut story, code),
            None => {
                story.is_connected();
                story.loses(Cause::Eof);
            }
        }
        assert!(story.exited);
    }
    let mut story = Story::settled(wrong);
    story.loses(Cause::Eof);
    assert!(!story.exited, "its hub is not the provisioning service");
}

#[test]
fn an_application_that_waits_four_seconds_drops_its_message_and_tells_nobody() {
    let sending = |send_time_out| {
        let mut plan = DevicePlan { until: 3 * SECOND, ..plan() };
        plan.knobs.send_time_out = send_time_out;
        let mut story = Story::settled(plan);
        for _ in 0..6 {
            story.runs(story.now + SECOND);
        }
        assert!(story.numbers(given_up).is_empty());
        story.loses(Cause::Eof);
        story.learns("hub-a");
        story.gets_in(true);
        story.published().len()
    };
    assert_eq!(sending(SendTimeOut::Waits), 3);
    assert_eq!(sending(SendTimeOut::DropsAfterFourSeconds), 0);
}

#[test]
fn a_device_that_subscribes_once_relies_on_whatever_hub_it_comes_to() {
    let [right, wrong] = both(|knobs| knobs.subscribes = Subscribes::Once);
    for (plan, subscribes_again) in [(right, true), (wrong, false)] {
        let mut story =
            Story::settled(DevicePlan { abilities: Abilities { methods: true, ..Abilities::default() }, ..plan });
        assert!(matches!(story.sent[..], [Packet::Subscribe { .. }]));
        story.gets(Packet::SubAck { id: 1, codes: vec![SubscribeCode::Granted(Qos::AtMostOnce)] });
        story.loses(Cause::Eof);
        story.learns("hub-b");
        story.gets_in(false);
        assert_eq!(matches!(story.sent[..], [Packet::Subscribe { .. }]), subscribes_again);
        let settled = Event::Settled { client: "xyz".into(), at: "hub-b".into() };
        assert_eq!(story.events.contains(&settled), !subscribes_again);
    }
}

#[test]
fn a_command_acknowledged_too_early_is_acknowledged_as_it_comes() {
    let [right, wrong] = both(|knobs| knobs.acks_commands = AcksCommands::BeforeHandling);
    for (plan, at_once) in [(right, false), (wrong, true)] {
        let mut story =
            Story::settled(DevicePlan { abilities: Abilities { commands: true, ..Abilities::default() }, ..plan });
        let topic = "devices/xyz/messages/devicebound/%24.mid=op-1";
        story.gets(Packet::Publish(Publish::at_least_once(topic, "", 9)));
        assert_eq!(story.sent.contains(&Packet::PubAck { id: 9 }), at_once);
    }
}

#[test]
fn the_provisioning_service_is_tried_without_a_wait_or_a_limit() {
    let attempts = |plan| {
        let mut story = Story::new(plan, 1);
        while story.now < 10 * SECOND {
            cannot_connect(&mut story);
            // What the refusal takes to come back.
            story.now += Duration::from_millis(100);
        }
        story.events.iter().filter_map(names).filter(|name| *name == "connecting").count()
    };
    let [right, wrong] = both(|knobs| knobs.dps_retry = DpsRetry::AtOnce);
    assert!(attempts(right) <= 8);
    assert!(attempts(wrong) > 90);
}

#[test]
fn two_clients_of_one_device_come_back_as_soon_as_they_are_kicked() {
    let comes_back = |plan| {
        let mut story = Story::settled(plan);
        let lost_at = story.now;
        story.loses(Cause::Eof);
        (story.runs_until_it_dials(), story.now - lost_at)
    };
    let [right, wrong] = both(|knobs| knobs.clients = Clients::Two);
    assert_eq!(&*comes_back(right).0, "dps");
    assert_eq!(comes_back(wrong.clone()), ("hub-a".into(), Duration::from_millis(10)));
    let mut story = Story::settled(wrong);
    for _ in 0..50 {
        story.loses(Cause::Eof);
        story.runs_until_it_dials();
        story.gets_in(true);
    }
    assert!(story.now < SECOND, "no pace is kept");
    story.loses(Cause::Eof);
    story.runs_until_it_dials();
    is_refused(&mut story, ConnectCode::ServerUnavailable);
    assert_eq!(&*story.runs_until_it_dials(), "dps");
}

#[test]
fn a_token_that_is_never_renewed_is_shown_again_until_another_hub_needs_another() {
    let [_, wrong] = both(|knobs| knobs.token_renewal = TokenRenewal::Never);
    let mut story = Story::settled(wrong);
    let token_at = |story: &mut Story, hub: &str| {
        story.loses(Cause::Eof);
        story.now += 100 * SECOND;
        story.learns(hub);
        story.is_connected();
        let Some(Packet::Connect(connect)) = story.sent.last() else { panic!("no connect") };
        let password = connect.password.as_ref().unwrap();
        String::from_utf8(password.to_vec()).unwrap()
    };
    while story.now < 7200 * SECOND {
        story.runs(story.now + SECOND);
        story.gets(Packet::PingResp);
    }
    assert_eq!(story.dialling, None, "it was not renewed");
    let old = token_at(&mut story, "hub-a");
    assert!(old.ends_with("&se=3600"), "{old}");
    let other = token_at(&mut story, "hub-b");
    assert!(!other.ends_with("&se=3600"), "{other}");
}

#[test]
fn a_device_whose_credentials_are_refused_gives_up_and_its_application_does_not_know() {
    let refused_with = |give_up, code| {
        let mut plan = plan();
        plan.knobs.on_bad_credentials = give_up;
        let mut story = Story::new(plan, 1);
        story.learns("hub-a");
        is_refused(&mut story, code);
        story.runs(story.now + 60 * SECOND);
        (story.dialling.is_some(), story.numbers(offered).len())
    };
    for code in [ConnectCode::BadCredentials, ConnectCode::NotAuthorized] {
        assert_eq!(refused_with(OnBadCredentials::GivesUp, code), (false, 61));
        assert!(refused_with(OnBadCredentials::Retries, code).0);
    }
    assert!(refused_with(OnBadCredentials::GivesUp, ConnectCode::ServerUnavailable).0);
}

#[test]
fn a_second_clients_sessions_have_numbers_of_their_own() {
    let [_, wrong] = both(|knobs| knobs.clients = Clients::Two);
    let mut story = Story::new(wrong, 3);
    story.device = story.device.as_second_client();
    story.learns("hub-a");
    let session = SESSIONS_OF_A_CLIENT + 2_000_001;
    assert!(story.events.contains(&Event::Connected { client: "xyz".into(), service: "dps".into(), session }));
}
