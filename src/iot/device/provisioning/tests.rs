use super::*;

const TIME_OUT: Duration = Duration::from_secs(20);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn sent(steps: Vec<Step>) -> Publish {
    match steps.into_iter().next_back() {
        Some(Step::Send(Packet::Publish(publish))) => publish,
        other => panic!("expected a request, got {other:?}"),
    }
}

fn connecting(payload: Value, retry: DpsRetry) -> Provisioning {
    Provisioning::new("xyz", payload, retry, Duration::ZERO, TIME_OUT)
}

/// Connected and subscribed at 0 s, its register request out.
fn registering() -> Provisioning {
    let (provisioning, publish) = registers(connecting(Value::Null, DpsRetry::BacksOff));
    assert_eq!(publish.payload, &br#"{"payload":null,"registrationId":"xyz"}"#[..]);
    provisioning
}

fn registers(mut provisioning: Provisioning) -> (Provisioning, Publish) {
    let accepted = Packet::ConnAck { session_present: false, code: ConnectCode::Accepted };
    let steps = provisioning.handle(Duration::ZERO, &accepted);
    let filters = vec![("$dps/registrations/res/#".to_owned(), Qos::AtLeastOnce)];
    assert_eq!(steps, [Step::Connected, Step::Send(Packet::Subscribe { id: 1, filters })]);
    let codes = vec![SubscribeCode::Granted(Qos::AtLeastOnce)];
    let publish = sent(provisioning.handle(Duration::ZERO, &Packet::SubAck { id: 1, codes }));
    assert_eq!(publish.topic, "$dps/registrations/PUT/iotdps-register/?$rid=2");
    (provisioning, publish)
}

fn answer(topic: &str, body: &str) -> Packet {
    Packet::Publish(Publish::at_most_once(format!("$dps/registrations/res/{topic}"), body.to_owned()))
}

const ASSIGNING: &str = r#"{"operationId":"4.a/b","status":"assigning"}"#;
const ASSIGNED: &str = r#"{"operationId":"4.a/b","status":"assigned","registrationState":{"registrationId":"xyz",
    "assignedHub":"hub-a","deviceId":"xyz","status":"assigned","substatus":"initialAssignment"}}"#;

#[test]
fn a_device_registers_polls_when_it_is_told_to_and_learns_its_hub() {
    let mut provisioning = registering();
    assert_eq!(provisioning.handle(seconds(1), &answer("202/?$rid=2&retry-after=3", ASSIGNING)), []);
    assert_eq!(provisioning.due(), seconds(4));
    assert_eq!(provisioning.look(seconds(3)), None);
    let poll = sent(provisioning.look(seconds(4)).into_iter().collect());
    let topic = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=3&operationId=4%2Ea%2Fb";
    assert_eq!((poll.topic.as_str(), &poll.payload[..]), (topic, &b" "[..]));
    assert_eq!(provisioning.handle(seconds(5), &answer("202/?$rid=3", ASSIGNING)), []);
    assert_eq!(provisioning.due(), seconds(7), "two seconds when the service does not say");
    provisioning.look(seconds(7));
    let assigned = provisioning.handle(seconds(8), &answer("200/?$rid=4", ASSIGNED));
    assert_eq!(assigned, [Step::Assigned("hub-a".into())]);
}

#[test]
fn a_throttled_request_is_made_again_after_the_time_the_service_names() {
    let mut provisioning = registering();
    let throttled = r#"{"errorCode":429001,"message":"Throttled"}"#;
    assert_eq!(
        provisioning.handle(seconds(1), &answer("429/?$rid=2&retry-after=7", throttled)),
        [Step::PutOff("429001 Throttled".into())]
    );
    assert_eq!(provisioning.due(), seconds(8));
    let again = sent(provisioning.look(seconds(8)).into_iter().collect());
    assert!(again.topic.starts_with("$dps/registrations/PUT/iotdps-register/"));
    assert_eq!(
        provisioning.handle(seconds(9), &answer("503/?$rid=3&retry-after=2.5", "")),
        [Step::PutOff("503000".into())]
    );
    assert_eq!(provisioning.due(), seconds(11), "what is no whole number is not there");
}

#[test]
fn with_the_knob_a_throttled_request_is_made_again_at_once_whatever_the_service_says() {
    let (mut provisioning, _) = registers(connecting(Value::Null, DpsRetry::AtOnce));
    provisioning.handle(seconds(1), &answer("429/?$rid=2&retry-after=7", ""));
    assert_eq!(provisioning.due(), seconds(1));
    assert!(provisioning.look(seconds(1)).is_some());
    provisioning.handle(seconds(2), &answer("202/?$rid=3&retry-after=7", ASSIGNING));
    assert_eq!(provisioning.due(), seconds(2));
}

#[test]
fn the_model_goes_with_the_registration_in_each_form_that_the_samples_send() {
    for (form, payload) in [
        (ModelForm::Object, r#"{"modelId":"dtmi:lizard;1"}"#),
        (ModelForm::Legacy, r#"{"iotcModelId":"dtmi:lizard;1"}"#),
        (ModelForm::Text, r#""{\"iotcModelId\":\"dtmi:lizard;1\"}""#),
    ] {
        let model = Model { id: "dtmi:lizard;1".into(), form };
        let (_, publish) = registers(connecting(model_payload(Some(&model)), DpsRetry::BacksOff));
        let body = format!(r#"{{"payload":{payload},"registrationId":"xyz"}}"#);
        assert_eq!(std::str::from_utf8(&publish.payload), Ok(body.as_str()));
    }
    assert_eq!(model_payload(None), Value::Null);
}

#[test]
fn a_refusal_is_told_in_the_services_words() {
    let body = r#"{"errorCode":401002,"trackingId":"t","message":"Unauthorized","timestampUtc":"2020"}"#;
    let refused = registering().handle(seconds(1), &answer("401/?$rid=2", body));
    assert_eq!(refused, [Step::Refused("401002 Unauthorized".into())]);
    let body = r#"{"status":"failed","registrationState":{"errorCode":400209,"errorMessage":"no hub"}}"#;
    let failed = registering().handle(seconds(1), &answer("200/?$rid=2", body));
    assert_eq!(failed, [Step::Refused("400209 no hub".into())]);
    let refused = registering().handle(seconds(1), &answer("404/?$rid=2", ""));
    assert_eq!(refused, [Step::Refused("404000".into())]);
}

#[test]
fn a_connection_that_is_not_accepted_is_a_refusal() {
    let mut provisioning = connecting(Value::Null, DpsRetry::BacksOff);
    let refused = Packet::ConnAck { session_present: false, code: ConnectCode::NotAuthorized };
    assert_eq!(provisioning.handle(seconds(1), &refused), [Step::Refused("connack 5".into())]);
}

#[test]
fn an_answer_that_does_not_come_is_late() {
    let mut provisioning = registering();
    assert_eq!(provisioning.look(seconds(19)), None);
    assert_eq!(provisioning.look(seconds(20)), Some(Step::Late));
    assert_eq!(provisioning.look(seconds(21)), None, "once");
}

#[test]
fn a_service_that_assigns_for_ever_is_left() {
    let mut provisioning = registering();
    for n in 1.. {
        let now = seconds(n * 10);
        match provisioning.look(now) {
            Some(Step::Late) => {
                assert_eq!(now, PATIENCE);
                return;
            }
            _ => {
                let rid = provisioning.requests;
                provisioning.handle(now, &answer(&format!("202/?$rid={rid}&retry-after=10"), ASSIGNING));
            }
        }
    }
}

#[test]
fn answers_to_other_requests_say_nothing_and_nonsense_ends_it() {
    assert_eq!(registering().handle(seconds(1), &answer("200/?$rid=1", ASSIGNED)), []);
    assert_eq!(registering().handle(seconds(1), &answer("200/?$rid=2", "{")), [Step::Nonsense]);
    assert_eq!(registering().handle(seconds(1), &answer("200/?$rid=2", r#"{"status":"assigned"}"#)), [Step::Nonsense]);
    assert_eq!(registering().handle(seconds(1), &answer("twohundred/?$rid=2", ASSIGNED)), [Step::Nonsense]);
    assert_eq!(registering().handle(seconds(1), &Packet::PingReq), [Step::Nonsense]);
}

#[test]
fn an_answer_that_wants_an_acknowledgement_gets_one() {
    let assigned = Publish::at_least_once("$dps/registrations/res/200/?$rid=2", ASSIGNED, 9);
    let steps = registering().handle(seconds(1), &Packet::Publish(assigned));
    assert_eq!(steps, [Step::Send(Packet::PubAck { id: 9 }), Step::Assigned("hub-a".into())]);
}

#[test]
fn request_ids_begin_again_where_packet_ids_end() {
    let mut provisioning = connecting(Value::Null, DpsRetry::AtOnce);
    let ids: Vec<u16> = (0..=u32::from(u16::MAX)).map(|_| provisioning.packet_id()).collect();
    assert_eq!((ids[0], ids[65_534], ids[65_535]), (1, 65_535, 1), "an id of 0 has no encoding");
}
