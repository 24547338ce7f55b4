//! Direct methods.
use super::*;

const FILTER: &str = "$iothub/methods/POST/#";

impl Story {
    fn calls(&mut self, request: RequestId, rid: Option<&str>) -> Vec<Output> {
        let time = Duration::from_secs(30);
        let call = MethodCall { rid: rid.map(str::to_owned), name: "echo".into(), payload: "1".into(), time };
        self.hub.call(self.now, request, "xyz", call);
        self.outputs()
    }
}

fn asked(to: ConnectionId, rid: &str) -> Output {
    answer_to(to, &format!("$iothub/methods/POST/echo/?$rid={rid}"), "1")
}

fn reply(rid: &str, body: &'static str) -> Packet {
    Packet::Publish(Publish::at_least_once(format!("$iothub/methods/res/200/?$rid={rid}"), body, 5))
}

#[test]
fn a_device_that_listens_is_asked_and_its_answer_passed_on() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    for (request, wished, rid) in [(4, Some("op-4"), "op-4"), (5, None, "1")] {
        assert_eq!(story.calls(request, wished), [asked(device, rid)]);
        let returned = Answer::Returned { status: 200, payload: serde_json::json!({"n": 1}) };
        assert_eq!(story.says(device, reply(rid, r#"{"n":1}"#)), [Output::Answer(request, returned)]);
        assert_eq!(story.disk_writes(), [Output::Send(device, Packet::PubAck { id: 5 })], "in its turn");
    }
    assert_eq!(story.hub.next_alarm(), None);
}

#[test]
fn a_device_that_is_not_there_or_does_not_listen_is_not_online_and_an_unknown_one_not_found() {
    let mut story = Story::with_xyz();
    assert_eq!(story.calls(4, None), [Output::Answer(4, Answer::NotOnline)]);
    let device = story.connects();
    assert_eq!(story.calls(4, None), [Output::Answer(4, Answer::NotOnline)]);
    story.subscribes(device, FILTER);
    assert_eq!(story.calls(4, None), [asked(device, "1")]);
    let mut story = Story::new(Confirms::AfterStoring);
    assert_eq!(story.calls(4, None), [Output::Answer(4, Answer::Now(Applied::NotFound))]);
}

#[test]
fn a_device_that_does_not_answer_in_time_is_not_waited_for_and_its_late_answer_ignored() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    story.calls(4, Some("op-4"));
    story.seconds_pass(29);
    assert_eq!(story.rings(), []);
    story.seconds_pass(1);
    assert_eq!(story.rings(), [Output::Answer(4, Answer::NoAnswer)]);
    assert_eq!(story.says(device, reply("op-4", "1")), []);
    assert_eq!(story.disk_writes(), [Output::Send(device, Packet::PubAck { id: 5 })]);
}

#[test]
fn whoever_waits_learns_at_once_that_the_connection_ended_and_nothing_is_asked_again() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    story.calls(4, Some("op-4"));
    let outputs = story.says(device, Packet::Disconnect);
    assert!(outputs.contains(&Output::Answer(4, Answer::NoAnswer)), "{outputs:?}");
    let (device, outputs) = story.connect_with(|_| {});
    assert!(!outputs.iter().any(|output| matches!(output, Output::Send(_, Packet::Publish(_)))), "{outputs:?}");
    assert_eq!(story.says(device, reply("op-4", "1")), [], "an answer to what the old connection asked");
}

#[test]
fn a_request_id_that_waits_already_is_refused() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    assert_eq!(story.calls(4, Some("op-4")), [asked(device, "op-4")]);
    assert_eq!(story.calls(5, Some("op-4")), [Output::Answer(5, Answer::InUse)]);
}

#[test]
fn an_answer_without_json_has_no_payload() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    for body in ["", "{"] {
        story.calls(4, Some("op-4"));
        let returned = Answer::Returned { status: 200, payload: Value::Null };
        assert_eq!(story.says(device, reply("op-4", body)), [Output::Answer(4, returned)]);
    }
}
