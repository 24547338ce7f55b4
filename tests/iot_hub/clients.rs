//! A hub as other people's clients find it: rumqttc speaks to it through the simulated network.
use crate::neighbourhood::{GROUP_KEY, Neighbourhood, control, play, read_all, register, seconds};
use giant_lizard::history::Event as Told;
use giant_lizard::host::{Host, Stream};
use giant_lizard::iot::knobs::Confirms;
use giant_lizard::iot::plan::MQTT_PORT;
use giant_lizard::wire::sas::{device_key, make};
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, PublishOptions, QoS};
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) const TELEMETRY: &str = "devices/foreign/messages/events/%24.ct=text%2Fplain&room=4";

/// A client that shows a token good for `life`.
pub(crate) fn client(host: &Host, device: &str, life: Duration) -> (AsyncClient, EventLoop) {
    let key = device_key(GROUP_KEY, device).unwrap();
    let token = make(&format!("hub-a/devices/{device}"), &key, host.wall_clock() + life, None).unwrap();
    let mut options = MqttOptions::new(device, ("hub-a", MQTT_PORT));
    options.set_credentials(format!("hub-a/{device}/?api-version=2021-04-12"), token);
    options.set_clean_session(false);
    options.set_keep_alive(20);
    // As much as the hub takes.
    options.set_max_packet_size(260 << 10, 260 << 10);
    let dialling = host.clone();
    options.set_socket_connector(move |_, _| {
        let host = dialling.clone();
        async move { Ok(Socket(Mutex::new(host.connect("hub-a", MQTT_PORT).await?))) }
    });
    AsyncClient::builder(options).capacity(10).build()
}

/// A registered client that has been let in, with a token good for an hour.
pub(crate) async fn connected(host: &Host) -> (AsyncClient, EventLoop) {
    let (client, mut events) = client(host, "foreign", seconds(3600));
    until(&mut events, connack).await.unwrap();
    (client, events)
}

/// Subscribes, and waits until that is granted.
pub(crate) async fn subscribe(client: &AsyncClient, events: &mut EventLoop, filter: &str) {
    client.subscribe(filter, QoS::AtMostOnce).await.unwrap();
    until(events, |packet| matches!(packet, Packet::SubAck(_)).then_some(())).await.unwrap();
}

/// A stream that rumqttc takes: it asks for `Sync`, though one task alone uses it.
struct Socket(Mutex<Stream>);

impl Socket {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut Stream> {
        Pin::new(self.get_mut().0.get_mut().unwrap())
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

/// Waits for a packet that `wanted` picks.
pub(crate) async fn until<T>(
    events: &mut EventLoop,
    wanted: impl Fn(&Packet) -> Option<T>,
) -> Result<T, ConnectionError> {
    loop {
        if let Event::Incoming(packet) = events.poll().await?
            && let Some(value) = wanted(&packet)
        {
            return Ok(value);
        }
    }
}

pub(crate) fn connack(packet: &Packet) -> Option<bool> {
    if let Packet::ConnAck(connack) = packet { Some(connack.session_present) } else { None }
}

pub(crate) fn puback(packet: &Packet) -> Option<()> {
    matches!(packet, Packet::PubAck(_)).then_some(())
}

pub(crate) fn answer(packet: &Packet) -> Option<(String, String)> {
    let Packet::Publish(publish) = packet else { return None };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Some((text(&publish.topic), text(&publish.payload)))
}

pub(crate) async fn publish(client: &AsyncClient, topic: &str, body: &str) {
    client.publish(topic, body.to_owned(), PublishOptions::new(QoS::AtLeastOnce)).await.unwrap();
}

pub(crate) fn one_hub(place: &Neighbourhood) {
    place.hub("hub-a", "west", Confirms::AfterStoring);
}

#[test]
fn an_independent_client_connects_sends_and_is_answered() {
    play(1, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                register(&host, "hub-a", "foreign").await;
                let (client, mut events) = client(&host, "foreign", seconds(3600));
                assert!(!until(&mut events, connack).await.unwrap(), "no session yet");
                client.subscribe("$iothub/twin/res/#", QoS::ExactlyOnce).await.unwrap();
                let granted = until(&mut events, |packet| match packet {
                    Packet::SubAck(suback) => Some(format!("{:?}", suback.return_codes)),
                    _ => None,
                });
                assert_eq!(granted.await.unwrap(), "[Success(AtLeastOnce)]");

                publish(&client, TELEMETRY, "21.5").await;
                until(&mut events, puback).await.unwrap();
                publish(&client, "$iothub/twin/PATCH/properties/reported/?$rid=1", r#"{"fan":"on"}"#).await;
                let reported = until(&mut events, answer).await.unwrap();
                assert_eq!(reported, ("$iothub/twin/res/204/?$rid=1&$version=2".into(), String::new()));
                publish(&client, "$iothub/twin/GET/?$rid=2", " ").await;
                let (topic, twin) = until(&mut events, answer).await.unwrap();
                assert_eq!(topic, "$iothub/twin/res/200/?$rid=2");
                assert_eq!(twin, r#"{"desired":{"$version":1},"reported":{"fan":"on","$version":2}}"#);

                let stored = read_all(&host, "hub-a").await;
                assert_eq!(stored.len(), 1, "{stored:?}");
                assert_eq!((stored[0].offset, stored[0].device.as_str()), (1, "foreign"), "after its registration");
                assert_eq!(stored[0].payload().unwrap(), &b"21.5"[..]);
                assert_eq!(stored[0].properties.get("$.ct"), Some(Some("text/plain")));
                assert_eq!(stored[0].properties.get("room"), Some(Some("4")));
                let twin = control(&host, "hub-a").request("GET", "/twins/foreign", "").await.unwrap();
                assert_eq!(twin.read::<serde_json::Value>().unwrap()["reported"]["fan"], "on");
            })
            .await;
    });
}

#[test]
fn an_idle_client_is_kept_alive_by_its_pings() {
    play(2, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                register(&host, "hub-a", "foreign").await;
                let (client, mut events) = connected(&host).await;
                let idle = host.within(seconds(300), until(&mut events, puback)).await;
                assert!(idle.is_err(), "five minutes without an end: {idle:?}");
                publish(&client, TELEMETRY, "x").await;
                until(&mut events, puback).await.unwrap();
            })
            .await;
        assert!(
            place.chronicle.pick(|entry| matches!(entry.event, Told::SessionEnded { .. }).then_some(())).is_empty()
        );
    });
}

#[test]
fn the_newest_connection_of_a_device_wins() {
    play(3, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                register(&host, "hub-a", "foreign").await;
                let (_old, mut old_events) = connected(&host).await;
                let (new, mut new_events) = client(&host, "foreign", seconds(3600));
                assert!(until(&mut new_events, connack).await.unwrap(), "the session goes on");
                let ended = host.within(seconds(5), until(&mut old_events, puback)).await;
                assert!(matches!(ended, Ok(Err(_))), "the old one is closed: {ended:?}");
                publish(&new, TELEMETRY, "x").await;
                until(&mut new_events, puback).await.unwrap();
            })
            .await;
    });
}

#[test]
fn a_wrong_key_is_refused_with_5_and_an_unknown_device_with_3() {
    play(4, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                let (_unknown, mut events) = client(&host, "foreign", seconds(3600));
                let refused = until(&mut events, connack).await.unwrap_err();
                assert!(format!("{refused:?}").contains("ServiceUnavailable"), "{refused:?}");
                register(&host, "hub-a", "foreign").await;
                let (_expired, mut events) = client(&host, "foreign", Duration::ZERO);
                let refused = until(&mut events, connack).await.unwrap_err();
                assert!(format!("{refused:?}").contains("NotAuthorized"), "{refused:?}");
            })
            .await;
    });
}

#[test]
fn a_live_session_ends_when_its_token_does() {
    play(5, |place| async move {
        one_hub(&place);
        let lasted = place
            .visit("foreign", |host| async move {
                register(&host, "hub-a", "foreign").await;
                let (_client, mut events) = client(&host, "foreign", seconds(300));
                until(&mut events, connack).await.unwrap();
                let began = host.now();
                until(&mut events, puback).await.unwrap_err();
                host.now() - began
            })
            .await;
        assert!(lasted > seconds(298) && lasted < seconds(302), "{lasted:?}");
    });
}

#[test]
fn a_removed_device_is_cut_off_and_refused_from_then_on() {
    play(6, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                register(&host, "hub-a", "foreign").await;
                let (_client, mut events) = connected(&host).await;
                let answer = control(&host, "hub-a").request("DELETE", "/devices/foreign", "").await.unwrap();
                assert_eq!(answer.status, 204);
                until(&mut events, puback).await.unwrap_err();
                let refused = until(&mut events, connack).await.unwrap_err();
                assert!(format!("{refused:?}").contains("ServiceUnavailable"), "{refused:?}");
            })
            .await;
    });
}
