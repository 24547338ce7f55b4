//! Readers of a hub's feed: who asks, and who stays and is told.
use crate::clients::{TELEMETRY, connected, one_hub, puback, publish, until};
use crate::neighbourhood::{control, play, read_all, register, seconds};
use giant_lizard::host::{Elapsed, Host};
use giant_lizard::iot::hub::{Batch, HEARTBEAT};
use giant_lizard::iot::plan::CONTROL_PORT;
use giant_lizard::wire::websocket::{Close, ConnectError, Frame, Socket, connect};

/// Stays with the hub's feed from an offset on.
async fn stay(host: &Host, from: u64) -> Socket {
    connect(host, "hub-a", CONTROL_PORT, &format!("/messages/events?from={from}"), &[]).await.unwrap()
}

/// The next batch that a reader is told.
async fn told(socket: &mut Socket) -> Batch {
    loop {
        if let Frame::Text(text) = socket.next().await.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// Sends telemetry as a device that is registered, and waits until each is confirmed.
async fn send(host: &Host, bodies: &[&str]) {
    let (client, mut events) = connected(host).await;
    for body in bodies {
        publish(&client, TELEMETRY, body).await;
        until(&mut events, puback).await.unwrap();
    }
}

#[test]
fn a_reader_that_waits_is_answered_when_a_message_comes_and_offsets_go_on_after_a_power_loss() {
    play(7, |place| async move {
        one_hub(&place);
        let (there, back) = (place.clone(), place.clone());
        place
            .visit("foreign", move |host| {
                let there = there.clone();
                async move {
                    register(&host, "hub-a", "foreign").await;
                    let (client, mut events) = connected(&host).await;
                    let mut reader = control(&host, "hub-a");
                    let began = host.now();
                    let sending = host.clone();
                    host.spawn(async move {
                        sending.sleep(seconds(4)).await;
                        publish(&client, TELEMETRY, "x").await;
                        until(&mut events, puback).await.unwrap();
                    });
                    let answer = reader.request("GET", "/messages/events?from=1&wait=10s", "").await.unwrap();
                    let batch: Batch = answer.read().unwrap();
                    assert_eq!((batch.events.len(), batch.next), (1, 2));
                    let waited = host.now() - began;
                    assert!(waited > seconds(4) && waited < seconds(5), "{waited:?}");

                    there.power_loss("hub-a");
                    there.boot("hub-a");
                    let answer = control(&host, "hub-a").request("GET", "/messages/events?from=2&wait=10s", "").await;
                    let batch: Batch = answer.unwrap().read().unwrap();
                    assert_eq!((batch.events.len(), batch.next), (0, 2), "nothing came within the wait");
                }
            })
            .await;
        back.visit("late", |host| async move {
            assert_eq!(read_all(&host, "hub-a").await.len(), 1);
        })
        .await;
    });
}

#[test]
fn a_reader_that_stays_is_told_of_what_there_is_and_then_of_each_event_as_it_is_stored() {
    play(8, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                register(&host, "hub-a", "foreign").await;
                send(&host, &["a", "b"]).await;
                let mut reader = stay(&host, 1).await;
                let batch = told(&mut reader).await;
                assert_eq!((batch.events[0].offset, batch.events.len(), batch.next), (1, 2, 3), "what there is");
                for next in [4, 5] {
                    host.sleep(seconds(3)).await;
                    let began = host.now();
                    send(&host, &["c"]).await;
                    let batch = told(&mut reader).await;
                    assert_eq!((batch.events.len(), batch.next), (1, next));
                    assert!(host.now() - began < seconds(1), "at once");
                }
                assert_eq!(stay(&host, 5).await.close(Some(Close::new(1000, ""))).await.ok(), Some(()));
            })
            .await;
    });
}

#[test]
fn a_reader_that_stays_hears_of_the_hub_while_there_is_nothing_and_nothing_of_one_without_power() {
    play(9, |place| async move {
        one_hub(&place);
        let there = place.clone();
        place
            .visit("foreign", move |host| {
                let there = there.clone();
                async move {
                    let mut reader = stay(&host, 0).await;
                    for _ in 0..5 {
                        let began = host.now();
                        assert!(matches!(reader.next().await, Ok(Some(Frame::Ping(_)))));
                        let silent = host.now() - began;
                        assert!(silent < HEARTBEAT + seconds(1) && silent > HEARTBEAT - seconds(1), "{silent:?}");
                    }
                    there.power_loss("hub-a");
                    let heard = host.within(6 * HEARTBEAT, reader.next()).await;
                    assert!(matches!(heard, Err(Elapsed)), "{heard:?}");
                    there.boot("hub-a");
                    register(&host, "hub-a", "foreign").await;
                    assert_eq!(told(&mut stay(&host, 0).await).await.next, 1, "the feed goes on where it was");
                }
            })
            .await;
    });
}

#[test]
fn what_a_reader_that_stays_says_is_of_no_account_and_who_names_no_offset_is_refused() {
    play(10, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                let mut reader = stay(&host, 0).await;
                reader.send_text("more, please");
                reader.send(Frame::Pong(Vec::new().into()));
                register(&host, "hub-a", "foreign").await;
                assert_eq!(told(&mut reader).await.next, 1);
                let refused = connect(&host, "hub-a", CONTROL_PORT, "/messages/events?from=x", &[]).await.unwrap_err();
                let ConnectError::Refused(response) = refused else { panic!("{refused}") };
                assert_eq!(response.status, 400);
            })
            .await;
    });
}

/// 200 KiB each: with base64 all of them are more than a frame may hold, and more than waits for a reader that does not read.
const LARGE: usize = 200 << 10;
const MANY: usize = 24;

#[test]
fn a_slow_reader_of_large_messages_gets_them_all_in_order_in_frames_that_it_can_take() {
    play(11, |place| async move {
        one_hub(&place);
        place
            .visit("foreign", |host| async move {
                register(&host, "hub-a", "foreign").await;
                let mut slow = stay(&host, 1).await;
                let bodies: Vec<String> =
                    (0..MANY).map(|n| char::from(b'a' + n as u8).to_string().repeat(LARGE)).collect();
                send(&host, &bodies.iter().map(String::as_str).collect::<Vec<_>>()).await;
                host.sleep(seconds(60)).await;
                // Behind all of it: one who comes late gets several at once.
                let mut late = stay(&host, 1).await;
                for reader in [&mut slow, &mut late] {
                    let (mut next, mut firsts) = (1, Vec::new());
                    while next <= MANY as u64 {
                        let batch = told(reader).await;
                        next = batch.next;
                        firsts.extend(batch.events.iter().map(|event| event.payload().unwrap()[0]));
                    }
                    assert_eq!(firsts, bodies.iter().map(|body| body.as_bytes()[0]).collect::<Vec<_>>());
                }
                assert_eq!(read_all(&host, "hub-a").await.len(), MANY);
            })
            .await;
    });
}
