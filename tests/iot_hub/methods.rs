//! Direct methods as other people's clients run them.
use crate::clients::{answer, connected, one_hub, publish, subscribe, until};
use crate::neighbourhood::{control, play, register, seconds};
use giant_lizard::host::Host;
use rumqttc::Packet;

const BODY: &str = r#"{"methodName":"echo","payload":{"n":1},"responseTimeoutInSeconds":5}"#;

async fn call(host: &Host) -> (u16, String) {
    let target = "/twins/foreign/methods?request=op-4";
    let answer = control(host, "hub-a").request("POST", target, BODY).await.unwrap();
    (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
}

#[test]
fn a_method_is_run_by_a_client_that_listens_and_by_no_other() {
    play(31, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                register(&host, "hub-a", "foreign").await;
                let (status, body) = call(&host).await;
                assert!(status == 404 && body.contains("404103"), "{status} {body}");
                let (client, mut events) = connected(&host).await;
                subscribe(&client, &mut events, "$iothub/methods/POST/#").await;
                host.spawn(async move {
                    let asked = until(&mut events, answer).await.unwrap();
                    let topic = "$iothub/methods/POST/echo/?$rid=op-4".to_owned();
                    assert_eq!(asked, (topic, r#"{"n":1}"#.to_owned()));
                    publish(&client, "$iothub/methods/res/200/?$rid=op-4", r#"{"n":2}"#).await;
                    // The next one is heard and not answered.
                    until(&mut events, |packet| matches!(packet, Packet::Disconnect).then_some(())).await.unwrap_err();
                });
                assert_eq!(call(&host).await, (200, r#"{"status":200,"payload":{"n":2}}"#.to_owned()));
                let began = host.now();
                let (status, body) = call(&host).await;
                assert!(status == 504 && body.contains("504101"), "{status} {body}");
                let took = host.now() - began;
                assert!(took > seconds(5) && took < seconds(6), "{took:?}");
            })
            .await;
    });
}
