//! Commands and desired properties as other people's clients get them.
use crate::clients::{answer, connected, one_hub, subscribe, until};
use crate::neighbourhood::{control, play, register, seconds};
use giant_lizard::host::Host;
use giant_lizard::iot::hub::{Batch, FeedbackStatus};
use rumqttc::{Packet, QoS};

const FILTER: &str = "devices/foreign/messages/devicebound/#";
const SEND: &str = "/devices/foreign/messages/devicebound?message-id=op-3&ttl=600000ms&method-name=blink";

async fn asks(host: &Host, method: &str, target: &str, body: &str) -> (u16, String) {
    let answer = control(host, "hub-a").request(method, target, body.to_owned()).await.unwrap();
    (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
}

/// What became of messages, as readers of the hub learn it.
async fn feedback(host: &Host) -> Vec<(String, FeedbackStatus)> {
    let answer = control(host, "hub-a").request("GET", "/messages/events?from=0", "").await.unwrap();
    let batch: Batch = answer.read().unwrap();
    let told = batch.events.iter().filter_map(|event| event.feedback());
    told.map(|feedback| (feedback.original_message_id, feedback.status_code)).collect()
}

/// Topic and body of a message, and whether it says that it may have come before.
fn command(packet: &Packet) -> Option<(String, String, bool)> {
    let Packet::Publish(publish) = packet else { return None };
    let (topic, body) = answer(packet)?;
    assert_eq!(publish.qos, QoS::AtLeastOnce);
    Some((topic, body, publish.dup))
}

#[test]
fn a_command_waits_through_a_power_loss_until_the_device_comes_and_its_acknowledgement_is_told() {
    play(21, |place| async move {
        one_hub(&place);
        let there = place.clone();
        place
            .visit("foreign", move |host| {
                let there = there.clone();
                async move {
                    register(&host, "hub-a", "foreign").await;
                    let sent = (201, r#"{"messageId":"op-3"}"#.to_owned());
                    assert_eq!(asks(&host, "POST", SEND, "hi").await, sent);
                    there.power_loss("hub-a");
                    there.boot("hub-a");
                    assert_eq!(asks(&host, "POST", SEND, "hi").await, sent, "not queued twice");
                    let (client, mut events) = connected(&host).await;
                    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
                    let (topic, body, _) = until(&mut events, command).await.unwrap();
                    let to = "%24.to=%2Fdevices%2Fforeign%2Fmessages%2Fdevicebound&%24.mid=op-3&method-name=blink";
                    assert_eq!(topic, format!("devices/foreign/messages/devicebound/{to}"));
                    assert_eq!(body, "hi");
                    let idle = host.within(seconds(90), until(&mut events, command)).await;
                    assert!(idle.is_err(), "no second time: {idle:?}");
                    assert_eq!(feedback(&host).await, [("op-3".to_owned(), FeedbackStatus::Success)]);
                }
            })
            .await;
    });
}

#[test]
fn a_command_that_nobody_fetches_expires_and_the_queue_is_fifty_deep() {
    play(22, |place| async move {
        one_hub(&place);
        place
            .visit("sender", |host| async move {
                let target = |n: u32| format!("/devices/foreign/messages/devicebound?message-id=m{n}&ttl=60s");
                assert_eq!(asks(&host, "POST", &target(0), "").await.0, 404);
                register(&host, "hub-a", "foreign").await;
                for n in 0..50 {
                    assert_eq!(asks(&host, "POST", &target(n), "").await.0, 201);
                }
                let (status, body) = asks(&host, "POST", &target(50), "").await;
                assert!(status == 403 && body.contains("403004"), "{status} {body}");
                host.sleep(seconds(70)).await;
                let told = feedback(&host).await;
                let all: Vec<_> = (0..50).map(|n| (format!("m{n}"), FeedbackStatus::Expired)).collect();
                assert_eq!(told, all);
                assert_eq!(asks(&host, "POST", &target(50), "").await.0, 201, "there is room again");
            })
            .await;
    });
}

#[test]
fn a_change_of_desired_properties_reaches_a_client_that_listens() {
    play(23, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                register(&host, "hub-a", "foreign").await;
                let (client, mut events) = connected(&host).await;
                subscribe(&client, &mut events, "$iothub/twin/PATCH/properties/desired/#").await;
                let patch = r#"{"properties":{"desired":{"fan":"on","change":1}}}"#;
                let twin = r#"{"etag":"1.2","desired":{"fan":"on","change":1,"$version":2},"reported":{"$version":1}}"#;
                assert_eq!(asks(&host, "PATCH", "/twins/foreign", patch).await, (200, twin.to_owned()));
                let told = until(&mut events, answer).await.unwrap();
                let topic = "$iothub/twin/PATCH/properties/desired/?$version=2".to_owned();
                assert_eq!(told, (topic, r#"{"fan":"on","change":1,"$version":2}"#.to_owned()));
            })
            .await;
    });
}
