use super::*;
use crate::wire::sas;
use proptest::prelude::*;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";
const SCOPE: &str = "0ne00000001";
const NOW: Duration = Duration::from_secs(5);

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_618_862_400)
}

fn at(now: Duration, wall_clock: SystemTime) -> Moment {
    Moment { now, wall_clock }
}

fn fresh() -> Session {
    Session::new(Group { id_scope: SCOPE.into(), key: GROUP_KEY.into() }, NOW)
}

fn token(device: &str, resource: &str) -> Option<bytes::Bytes> {
    let key = device_key(GROUP_KEY, device).unwrap();
    Some(sas::make(resource, &key, wall() + Duration::from_secs(3600), None).unwrap().into())
}

fn connect() -> Connect {
    Connect {
        client_id: "xyz".into(),
        username: Some(format!(
            "{SCOPE}/registrations/xyz/api-version=2019-03-31&ClientVersion=azure-iot-device%2F2.14.0"
        )),
        password: token("xyz", &format!("{SCOPE}/registrations/xyz")),
        clean_session: false,
        keep_alive: 60,
        will: None,
    }
}

fn take(session: &mut Session, packet: Packet) -> Vec<Action> {
    session.handle(at(NOW, wall()), packet)
}

fn open() -> Session {
    let mut session = fresh();
    take(&mut session, connect().into());
    let filters = vec![(format!("{RESPONSES}#"), Qos::AtLeastOnce)];
    take(&mut session, Packet::Subscribe { id: 1, filters });
    session
}

fn publish(topic: &str, body: &str) -> Packet {
    Packet::Publish(Publish::at_least_once(topic, body.to_owned(), 7))
}

fn register(body: &str) -> Packet {
    publish("$dps/registrations/PUT/iotdps-register/?$rid=4f", body)
}

/// The question that follows the PUBACK.
fn asked(actions: Vec<Action>) -> Question {
    let [Action::Send(Packet::PubAck { id: 7 }), Action::Ask(question)] = &actions[..] else {
        panic!("no question: {actions:?}");
    };
    question.clone()
}

/// Topic and body of the answer that follows the PUBACK.
fn answered(actions: Vec<Action>) -> (String, Value) {
    let [Action::Send(Packet::PubAck { id: 7 }), Action::Send(Packet::Publish(answer))] = &actions[..] else {
        panic!("no answer: {actions:?}");
    };
    (answer.topic.clone(), serde_json::from_slice(&answer.payload).unwrap())
}

#[test]
fn a_device_of_the_group_comes_in_with_a_clean_session() {
    for clean_session in [true, false] {
        let actions = take(&mut fresh(), Connect { clean_session, ..connect() }.into());
        let accepted = Packet::ConnAck { session_present: false, code: ConnectCode::Accepted };
        let client_version = Some("azure-iot-device/2.14.0".into());
        assert_eq!(actions, [Action::Send(accepted), Action::Opened { device: "xyz".into(), client_version }]);
    }
}

#[test]
fn the_resource_may_be_sent_raw_and_the_client_version_left_out() {
    // Made as the Node SDK makes them: `sr` raw, `skn` before `se`. Signature from Python's hmac, hashlib, base64.
    let node = "SharedAccessSignature sr=0ne00000001/registrations/xyz\
                &sig=xckGciiUTtvvnZFxyFGguolP9ASERDUXZ6WM5ZaQ0Oc%3D&skn=registration&se=1618865999";
    let username = Some(format!("{SCOPE}/registrations/xyz/api-version=2019-03-31"));
    let mut session = fresh();
    take(&mut session, Connect { username, password: Some(node.into()), ..connect() }.into());
    asked(take(&mut session, register(r#"{"registrationId":"xyz"}"#)));
}

#[test]
fn what_cannot_be_a_device_of_the_group_is_refused_and_closed() {
    let resource = format!("{SCOPE}/registrations/xyz");
    let other_scope = connect().username.map(|name| name.replace(SCOPE, "0ne00000002"));
    let hub_form = Some("hub-a/xyz/?api-version=2021-04-12".to_owned());
    let no_version = Some(format!("{SCOPE}/registrations/xyz/x=1"));
    let odd = Some(format!("{SCOPE}/registrations/x%/api-version=2019-03-31"));
    for (changed, code) in [
        (Connect { username: None, ..connect() }, ConnectCode::BadCredentials),
        (Connect { username: hub_form, ..connect() }, ConnectCode::BadCredentials),
        (Connect { username: no_version, ..connect() }, ConnectCode::BadCredentials),
        (Connect { password: None, ..connect() }, ConnectCode::BadCredentials),
        (Connect { password: Some("secret".into()), ..connect() }, ConnectCode::BadCredentials),
        (Connect { password: Some(vec![0xff].into()), ..connect() }, ConnectCode::BadCredentials),
        (Connect { client_id: "abc".into(), ..connect() }, ConnectCode::IdentifierRejected),
        (Connect { client_id: "x%".into(), username: odd, ..connect() }, ConnectCode::IdentifierRejected),
        (Connect { username: other_scope, ..connect() }, ConnectCode::NotAuthorized),
        (Connect { password: token("xyz", &format!("{resource}2")), ..connect() }, ConnectCode::NotAuthorized),
    ] {
        let mut session = fresh();
        let actions = take(&mut session, changed.into());
        let refused = Packet::ConnAck { session_present: false, code };
        assert_eq!(actions, [Action::Send(refused), Action::Close("refused")]);
        assert_eq!(take(&mut session, Packet::PingReq), [], "nothing after the close");
    }
}

#[test]
fn a_subscription_at_quality_2_is_granted_1_and_other_topics_are_refused() {
    let mut session = fresh();
    take(&mut session, connect().into());
    let filters = vec![(format!("{RESPONSES}#"), Qos::ExactlyOnce), ("devices/#".into(), Qos::AtMostOnce)];
    let codes = vec![SubscribeCode::Granted(Qos::AtLeastOnce), SubscribeCode::Refused];
    assert_eq!(
        take(&mut session, Packet::Subscribe { id: 3, filters }),
        [Action::Send(Packet::SubAck { id: 3, codes })]
    );
}

#[test]
fn a_payload_may_be_an_object_a_string_null_or_missing() {
    for payload in
        [r#","payload":{"modelId":"m"}"#, r#","payload":"{\"iotcModelId\":\"m\"}""#, r#","payload":null"#, ""]
    {
        let body = format!(r#"{{"registrationId":"xyz"{payload}}}"#);
        let question = asked(take(&mut open(), register(&body)));
        assert_eq!((&*question.device, &*question.rid), ("xyz", "4f"));
        let model = payload.contains("odelId").then(|| "m".to_owned());
        assert_eq!(question.kind, QuestionKind::Register { model }, "{payload}");
    }
}

#[test]
fn a_poll_names_the_operation_it_was_given_and_nobody_elses() {
    let mut session = open();
    let operation = asked(take(&mut session, register("{}"))).operation;
    let poll = |operation: &str| {
        let topic = format!("{STATUS}$rid=50&operationId={}", operation.replace('.', "%2E"));
        publish(&topic, " ")
    };
    let question = asked(take(&mut session, poll(&operation)));
    assert_eq!(question, Question { device: "xyz".into(), rid: "50".into(), operation, kind: QuestionKind::Poll });
    let foreign = super::operation("abc", "1");
    let (topic, body) = answered(take(&mut session, poll(&foreign)));
    assert_eq!((topic.as_str(), &body["errorCode"]), ("$dps/registrations/res/404/?$rid=50", &json!(404_201)));
}

#[test]
fn a_wrong_key_or_an_expired_token_is_unauthorized_when_it_registers() {
    let resource = format!("{SCOPE}/registrations/xyz");
    let mut forger = fresh();
    take(&mut forger, Connect { password: token("abc", &resource), ..connect() }.into());
    let filters = vec![(format!("{RESPONSES}#"), Qos::AtMostOnce)];
    take(&mut forger, Packet::Subscribe { id: 1, filters });
    let mut late = open();
    let tomorrow = wall() + Duration::from_secs(86_400);
    for actions in [take(&mut forger, register("{}")), late.handle(at(NOW, tomorrow), register("{}"))] {
        let (topic, body) = answered(actions);
        assert_eq!(topic, "$dps/registrations/res/401/?$rid=4f");
        assert_eq!((&body["errorCode"], &body["message"]), (&json!(401_002), &json!("Unauthorized")));
    }
}

#[test]
fn another_devices_registration_cannot_be_asked_for() {
    let (topic, _) = answered(take(&mut open(), register(r#"{"registrationId":"abc"}"#)));
    assert_eq!(topic, "$dps/registrations/res/401/?$rid=4f");
    let (topic, _) = answered(take(&mut open(), register("not json")));
    assert_eq!(topic, "$dps/registrations/res/400/?$rid=4f");
}

#[test]
fn answers_have_exactly_the_form_that_the_sdks_split() {
    let session = open();
    let Some(Packet::Publish(answer)) = session.answer("4f", &Answer::assigning("4.op", 3)) else { panic!() };
    assert_eq!(answer.topic, "$dps/registrations/res/202/?$rid=4f&retry-after=3");
    assert_eq!(&answer.payload[..], br#"{"operationId":"4.op","status":"assigning"}"#);
    let Some(Packet::Publish(answer)) = session.answer("4f", &Answer::assigned("4.op", json!({}))) else { panic!() };
    assert_eq!(answer.topic, "$dps/registrations/res/200/?$rid=4f");
    assert_eq!(&answer.payload[..], br#"{"operationId":"4.op","status":"assigned","registrationState":{}}"#);
}

#[test]
fn nobody_is_answered_who_is_not_subscribed() {
    let mut session = open();
    take(&mut session, Packet::Unsubscribe { id: 2, filters: vec![format!("{RESPONSES}#")] });
    assert_eq!(session.answer("4f", &Answer::assigning("4.op", 3)), None);
}

#[test]
fn breaches_close_the_connection() {
    let second = Packet::Publish(Publish {
        quality: Quality::ExactlyOnce { id: 1, dup: false },
        ..Publish::at_most_once("t", "")
    });
    for breach in [
        connect().into(),
        Packet::PingResp,
        second,
        publish("devices/xyz/messages/events/", ""),
        publish("$dps/registrations/PUT/iotdps-register/?rid=1", "{}"),
        publish("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1", " "),
        Packet::Disconnect,
    ] {
        let actions = take(&mut open(), breach.clone());
        assert!(matches!(actions[..], [Action::Close(_)]), "{breach:?}: {actions:?}");
    }
    assert!(matches!(take(&mut fresh(), Packet::PingReq)[..], [Action::Close(_)]));
}

#[test]
fn silence_is_borne_for_one_and_a_half_keep_alives() {
    let mut session = fresh();
    assert_eq!(session.deadline(), Some(NOW + CONNECT_WITHIN));
    take(&mut session, connect().into());
    assert_eq!(session.deadline(), Some(NOW + Duration::from_secs(90)));
    session.handle(at(NOW * 2, wall()), Packet::PingReq);
    assert_eq!(session.deadline(), Some(NOW * 2 + Duration::from_secs(90)));
    for (keep_alive, deadline) in [(0, None), (u16::MAX, Some(NOW + LONGEST_SILENCE))] {
        let mut session = fresh();
        take(&mut session, Connect { keep_alive, ..connect() }.into());
        assert_eq!(session.deadline(), deadline);
    }
}

proptest! {
    #[test]
    fn arbitrary_topics_and_bodies_never_panic(topic in ".{1,60}", body in ".{0,40}", known in 0usize..3) {
        let topic = ["", REGISTER, STATUS][known].to_owned() + &topic;
        take(&mut open(), publish(&topic, &body));
    }
    #[test]
    fn arbitrary_usernames_never_come_in(username in ".{0,60}") {
        let actions = take(&mut fresh(), Connect { username: Some(username), ..connect() }.into());
        prop_assert!(matches!(actions.last(), Some(Action::Close(_))));
    }
    #[test]
    fn whatever_bytes_come_the_session_ends_or_answers(
        chunks in prop::collection::vec(hostile_packet(), 0..20), opened in any::<bool>(),
    ) {
        let mut session = if opened { open() } else { fresh() };
        let mut closed = false;
        for packet in chunks {
            let actions = take(&mut session, packet);
            prop_assert!(!closed || actions.is_empty(), "nothing after the close");
            closed |= matches!(actions.last(), Some(Action::Close(_)));
        }
    }
}

/// Packets that a device has no business to send, and some that it has, in any order.
fn hostile_packet() -> impl Strategy<Value = Packet> {
    let text = "\\PC{0,20}|[$]dps/registrations/res/#|[$]dps/registrations/PUT/iotdps-register/[?][$]rid=\\PC{0,9}";
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        Just(Packet::PingReq),
        Just(Packet::PingResp),
        Just(connect().into()),
        any::<u16>().prop_map(|id| Packet::PubAck { id }),
        (any::<u16>(), text).prop_map(|(id, filter)| Packet::Unsubscribe { id, filters: vec![filter] }),
        (any::<u16>(), text)
            .prop_map(|(id, filter)| Packet::Subscribe { id, filters: vec![(filter, Qos::ExactlyOnce)] }),
        (text, bytes).prop_map(|(topic, body)| Packet::Publish(Publish::at_least_once(topic, body, 3))),
    ]
}
