use super::*;
use crate::streams::broker::frame::ServerFrame;
use proptest::prelude::*;

fn publish(text: &str) -> Result<(Message, Option<String>), BadPublish> {
    match read_publish(text, 5)? {
        ClientFrame::Publish { message, context } => Ok((message, context)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_sdks_messages_are_read_as_they_space_them() {
    for text in [r#"{"payload":"aGk="}"#, r#"{"payload": "aGk="}"#, "\n{\"payload\":\"aGk=\",\"context\":null}"] {
        let (message, context) = publish(text).unwrap();
        assert_eq!((&*message.payload, message.publish_time, context), ("aGk=", 5, None));
        assert!(message.properties.is_empty());
    }
}

#[test]
fn a_message_may_say_more_and_what_nobody_knows_is_passed_over() {
    let text = r#"{"payload":"","properties":{"a":"b","n":1,"t":true},"context":"7","key":"k","eventTime":"later",
        "replicationClusters":["r1"],"batchIndex":[{}]}"#;
    let (message, context) = publish(text).unwrap();
    assert_eq!(context.as_deref(), Some("7"));
    assert_eq!((&*message.payload, message.key.as_deref()), ("", Some("k")));
    assert_eq!(message.event_time.as_deref(), Some("later"));
    let properties: Vec<_> = message.properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(properties, ["a=b", "n=1", "t=true"]);
}

#[test]
fn padding_may_be_missing_and_consumers_get_it_nevertheless() {
    for written in ["aGk", "aGl="] {
        let (message, _) = publish(&format!(r#"{{"payload":"{written}"}}"#)).unwrap();
        assert_eq!(&*message.payload, "aGk=");
    }
}

#[test]
fn what_is_no_message_is_answered_with_the_code_of_what_is_wrong() {
    for text in
        ["", "null", "[\"aGk=\"]", "{", "{\"payload\":7}", "{}x", "\"aGk=\"", "{\"payload\":\"\",\"payload\":\"\"}"]
    {
        let bad = publish(text).unwrap_err();
        assert_eq!((bad.error, bad.context), (SendError::Deserialize, None), "{text}");
    }
    for payload in ["null", r#""%""#, r#""aGk=x""#, r#""a""#, r#""a-_b""#, r#""aG k""#] {
        let bad = publish(&format!(r#"{{"context":"9","payload":{payload}}}"#)).unwrap_err();
        assert_eq!((bad.error, bad.context.as_deref()), (SendError::PayloadEncoding, Some("9")), "{payload}");
    }
    let deep = format!("{{\"payload\":{}", "[".repeat(100_000));
    assert_eq!(publish(&deep).unwrap_err().error, SendError::Deserialize);
}

#[test]
fn commands_are_told_by_their_type_and_all_others_acknowledge() {
    let ack = ClientFrame::Ack("CAAQAw==".into());
    for (text, wanted) in [
        (r#"{"messageId":"CAAQAw=="}"#, ack.clone()),
        (r#"{"messageId": "CAAQAw==", "type": "ack"}"#, ack.clone()),
        (r#"{"messageId":"CAAQAw==","ackType":"cumulative"}"#, ack.clone()),
        (r#"{"messageId":"CAAQAw==","type":null}"#, ack),
        (r#"{"type":"negativeAcknowledge","messageId":"x"}"#, ClientFrame::Nack("x".into())),
        (r#"{"type":"permit","permitMessages":100}"#, ClientFrame::Permit(100)),
        (r#"{"type":"unsubscribe"}"#, ClientFrame::Unsubscribe),
        (r#"{"type":"isEndOfTopic"}"#, ClientFrame::IsEndOfTopic),
    ] {
        assert_eq!(read_command(text), Ok(wanted), "{text}");
    }
    for text in [
        "",
        "7",
        "{}",
        "[null,\"x\",null]",
        r#"{"type":"permit"}"#,
        r#"{"type":"permit","permitMessages":-1}"#,
        r#"{"type":"negativeAcknowledge"}"#,
        r#"{"messageId":7}"#,
        r#"{"messageId":"x""#,
    ] {
        assert!(read_command(text).is_err(), "{text}");
    }
}

#[test]
fn a_program_hears_what_the_broker_says() {
    let hear = |frame: &ServerFrame| read_heard(&serde_json::to_string(frame).unwrap()).unwrap();
    let context = Some("7".to_owned());
    let confirmed = ServerFrame::Confirmed { result: "ok", message_id: "CBEQAA==".into(), context: context.clone() };
    assert_eq!(hear(&confirmed), Heard::Confirmed { message_id: "CBEQAA==".into(), context: context.clone() });
    let failed = ServerFrame::Failed { result: SendError::Unknown, error_msg: "full".into(), context: context.clone() };
    let (result, message) = ("send-error:8".to_owned(), "full".to_owned());
    assert_eq!(hear(&failed), Heard::Failed { result, message, context });
    assert_eq!(hear(&ServerFrame::EndOfTopic { end_of_topic: false }), Heard::EndOfTopic(false));
    let properties = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let message = ServerFrame::Message {
        message_id: "CBEQAA==".into(),
        payload: "aGk=".into(),
        properties: properties.clone(),
        publish_time: "2021-10-29T16:01:38.967Z".into(),
        redelivery_count: 2,
        key: Some("k".into()),
        event_time: None,
    };
    let message_id = "CBEQAA==".to_owned();
    let key = Some("k".to_owned());
    let wanted = Delivered { message_id, payload: b"hi".to_vec(), properties, redelivery_count: 2, key };
    assert_eq!(hear(&message), Heard::Message(wanted));
    for text in ["", "{}", r#"{"result":"ok"}"#, r#"{"messageId":"x"}"#, r#"{"messageId":"x","payload":"%"}"#] {
        assert!(read_heard(text).is_err(), "{text}");
    }
}

fn base64() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| BASE64.encode(bytes))
}

fn option(of: &'static str) -> impl Strategy<Value = Option<String>> {
    prop::option::of(of)
}

prop_compose! {
    fn messages()(
        payload in base64(),
        properties in prop::collection::btree_map(".{0,8}", ".{0,8}", 0..3),
        key in option(".{0,8}"),
        event_time in option(".{0,8}"),
    ) -> Message {
        Message { payload: payload.into(), properties, key, event_time, publish_time: 0 }
    }
}

proptest! {
    #[test]
    fn what_a_producer_writes_the_broker_reads(message in messages(), context in option(".{0,8}")) {
        let frame = ClientFrame::Publish { message, context };
        prop_assert_eq!(read_publish(&to_text(&frame), 0), Ok(frame));
    }
    #[test]
    fn what_a_consumer_writes_the_broker_reads(id in ".{0,20}", many: u32) {
        for frame in [ClientFrame::Ack(id.clone()), ClientFrame::Nack(id), ClientFrame::Permit(many)] {
            prop_assert_eq!(read_command(&to_text(&frame)), Ok(frame));
        }
    }
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,60}|[{}\\[\\]\",:a-z0-9=]{0,60}") {
        let _ = read_publish(&text, 0);
        let _ = read_command(&text);
        let _ = read_heard(&text);
    }
    #[test]
    fn half_a_frame_is_none(message in messages(), cut in 1usize..200) {
        let text = to_text(&ClientFrame::Publish { message, context: None });
        let half: String = text.chars().take(text.chars().count().saturating_sub(cut)).collect();
        prop_assert!(read_publish(&half, 0).is_err());
    }
}
