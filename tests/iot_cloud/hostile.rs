//! Bytes that nobody should send, to every port of the provisioning service and of central, while a good device works.
use crate::town::{GROUP_KEY, ID_SCOPE, play};
use bytes::BytesMut;
use giant_lizard::history::Event;
use giant_lizard::host::Host;
use giant_lizard::iot::plan::{CONTROL_PORT, MQTT_PORT};
use giant_lizard::wire::mqtt::{Connect, Packet, Publish, Qos, encode};
use giant_lizard::wire::sas::{device_key, make};
use lizard_sim::Dice;
use rand::{Rng, RngExt};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Streams sent to each port.
const STREAMS: usize = 200;

fn noise(dice: &mut Dice, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; dice.random_range(0..most)];
    dice.fill_bytes(&mut bytes);
    bytes
}

/// Changes, cuts out, repeats or adds some bytes.
fn spoil(dice: &mut Dice, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..dice.random_range(1..4) {
        if bytes.is_empty() {
            break;
        }
        let at = dice.random_range(0..bytes.len());
        match dice.random_range(0..4) {
            0 => bytes[at] = dice.random_range(0..=255) as u8,
            1 => bytes.truncate(at),
            2 => {
                let tail = bytes[at..].to_vec();
                bytes.extend(tail);
            }
            _ => {
                let more = noise(dice, 40);
                bytes.splice(at..at, more);
            }
        }
    }
    bytes
}

fn encoded(packets: &[Packet]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    packets.iter().for_each(|packet| encode(packet, &mut bytes).unwrap());
    bytes.to_vec()
}

/// The beginning of a good conversation with the provisioning service.
fn conversation(host: &Host, body: Vec<u8>, topic: &str) -> Vec<u8> {
    let resource = format!("{ID_SCOPE}/registrations/evil");
    let expires = host.wall_clock() + Duration::from_secs(3600);
    let token = make(&resource, &device_key(GROUP_KEY, "evil").unwrap(), expires, None).unwrap();
    let connect = Connect {
        client_id: "evil".into(),
        username: Some(format!("{resource}/api-version=2019-03-31")),
        password: Some(token.into()),
        clean_session: true,
        keep_alive: 20,
        will: None,
    };
    encoded(&[
        connect.into(),
        Packet::Subscribe { id: 1, filters: vec![("$dps/registrations/res/#".into(), Qos::AtLeastOnce)] },
        Packet::Publish(Publish::at_least_once(topic, body, 2)),
    ])
}

fn mqtt(host: &Host, dice: &mut Dice, kind: usize) -> Vec<u8> {
    let register = "$dps/registrations/PUT/iotdps-register/?$rid=1";
    match kind % 8 {
        0 => noise(dice, 400),
        1 => {
            let good = conversation(host, b"{}".to_vec(), register);
            spoil(dice, good)
        }
        // Deep, wrong and large bodies.
        2 => conversation(host, noise(dice, 300), register),
        3 => conversation(host, format!(r#"{{"payload":{}"#, "[".repeat(20_000)).into_bytes(), register),
        4 => conversation(host, vec![b' '; 96 << 10], register),
        // A remaining length of 256 MB, of which nothing comes; one that never ends.
        5 => [&[0x10, 0xff, 0xff, 0xff, 0x7f][..], &noise(dice, 60)].concat(),
        6 => [0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff].to_vec(),
        _ => {
            let topic: String =
                (0..dice.random_range(1..80)).map(|_| char::from(dice.random_range(33..126u8))).collect();
            conversation(host, noise(dice, 40), &topic.replace(['#', '+'], "x"))
        }
    }
}

fn http(dice: &mut Dice, kind: usize) -> Vec<u8> {
    let paths = ["/devices/evil/commands/x", "/devices/evil/properties/desired", "/devices/evil/methods/x?time-out=1s"];
    let path = paths[dice.random_range(0..paths.len())];
    let method = ["POST", "PATCH", "GET", "DELETE"][dice.random_range(0..4)];
    let whole = |target: &str, body: &[u8]| {
        let head = format!("{method} {target} HTTP/1.1\r\nhost: central\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    match kind % 9 {
        0 => noise(dice, 400),
        1 => {
            let good = whole(path, br#"{"n":1}"#);
            spoil(dice, good)
        }
        2 => whole(path, &noise(dice, 300)),
        3 => whole("/devices/evil/properties/desired", format!("{{\"a\":{}", "[".repeat(50_000)).as_bytes()),
        4 => whole(&format!("/registrations/{}", "x".repeat(9000)), b""),
        5 => whole("/registrations/%ff%fe/manual-failover?ttl-minutes=-5&ttl-minutes", b""),
        // A body that is promised and does not come; one that is chunked and wrong; headers without end.
        6 => format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n{{").into(),
        7 => format!("{method} {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").into(),
        _ => format!("{method} {path} HTTP/1.1\r\n{}", "x-a: b\r\n".repeat(2000)).into(),
    }
}

/// Sends bytes, listens a little, and goes away; or stays for a while and says nothing.
async fn send(host: &Host, to: &str, port: u16, bytes: &[u8]) -> bool {
    let Ok(mut stream) = host.connect(to, port).await else { return false };
    // The other side may close in the middle: that is an answer, too.
    let _ = stream.write_all(bytes).await;
    let mut answer = [0; 512];
    let _ = host.within(Duration::from_millis(200), stream.read(&mut answer)).await;
    true
}

#[test]
fn hostile_bytes_are_answered_or_cut_off_and_a_good_device_registers_after_them() {
    play(11, |town| async move {
        town.hubs();
        town.dps();
        town.central();
        town.sleep(5).await;
        let sent = town
            .visit("attacker", |host| async move {
                let mut dice = host.dice("hostile");
                let mut sent = [0; 3];
                for kind in 0..STREAMS {
                    let to_dps = mqtt(&host, &mut dice, kind);
                    sent[0] += usize::from(send(&host, "dps", MQTT_PORT, &to_dps).await);
                    for (index, service) in [(1, "dps"), (2, "central")] {
                        let bytes = http(&mut dice, kind);
                        sent[index] += usize::from(send(&host, service, CONTROL_PORT, &bytes).await);
                    }
                }
                sent
            })
            .await;
        assert_eq!(sent, [STREAMS; 3], "every one was taken");
        town.device("xyz");
        town.sleep(60).await;
        let settled =
            town.events().iter().any(|event| matches!(event, Event::Settled { client, .. } if **client == *"xyz"));
        assert!(settled, "a good device registers");
        assert_eq!(town.ask("operator", "GET", "/devices/xyz/registration-info", "").await.0, 200);
        assert_eq!(town.ask("operator-2", "POST", "/devices/xyz/commands/blink", "{}").await.0, 202);
    });
}
