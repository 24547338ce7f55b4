//! Streams of people who mean no good: what is no MQTT, what is no HTTP, and what is both but asks for what may not be.
//!
//! The streams are made from a seed for any service with an MQTT and a control port; what the service lets in and what
//! it does not understand is told by its [`Door`].
use bytes::BytesMut;
use giant_lizard::host::Host;
use giant_lizard::wire::mqtt::{Connect, ConnectCode, Packet, Publish, Qos, Quality, decode, encode};
use lizard_sim::Dice;
use rand::{Rng as _, RngExt as _};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longer than any service keeps a connection that does nothing good: the longest silence is 1767 s.
const PATIENCE: Duration = Duration::from_secs(2000);

/// One connection's bytes, and what has to come of it. In any case the service ends the connection.
pub(crate) struct Hostile {
    pub(crate) about: String,
    pub(crate) pieces: Vec<Vec<u8>>,
    /// Between two pieces.
    pub(crate) pause: Duration,
    pub(crate) comes_to: ComesTo,
}

/// What is seen of the service before it ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComesTo {
    /// Not one byte.
    Silence,
    /// Anything but being let in.
    NotLetIn,
    /// A CONNACK with this code and nothing else.
    Refused(ConnectCode),
    /// A CONNACK that lets it in, and whatever.
    LetIn,
    /// Whatever.
    Anything,
    /// A response with this status.
    Status(u16),
}

/// What a service lets in over MQTT, and what it does not.
pub(crate) struct Door {
    /// A CONNECT that is let in; each under a name of its own.
    pub(crate) opens: Box<dyn FnMut() -> Connect>,
    /// CONNECTs that are answered with a code.
    pub(crate) refuses: Vec<(&'static str, Connect, ConnectCode)>,
    /// What costs the connection of one who was let in.
    pub(crate) abhors: Vec<(&'static str, Vec<Packet>)>,
}

/// Makes well over a hundred streams for an MQTT port.
pub(crate) fn mqtt_streams(dice: &mut Dice, door: &mut Door) -> Vec<Hostile> {
    let mut streams = strangers(dice, door);
    streams.extend(guests(dice, door));
    streams
}

/// Those that are not let in, or not on purpose.
fn strangers(dice: &mut Dice, door: &mut Door) -> Vec<Hostile> {
    let mut streams = vec![
        at_once("nothing at all", Vec::new(), ComesTo::Silence),
        at_once("another protocol", protocol((door.opens)(), 5), ComesTo::Refused(ConnectCode::UnacceptableProtocol)),
        at_once("an older protocol", protocol((door.opens)(), 3), ComesTo::Refused(ConnectCode::UnacceptableProtocol)),
        at_once("a ping before CONNECT", bytes(&Packet::PingReq), ComesTo::Silence),
        at_once("an endless CONNECT", vec![0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4], ComesTo::Silence),
        at_once("a remaining length without end", vec![0x10, 0xff, 0xff, 0xff, 0xff, 0xff], ComesTo::Silence),
    ];
    for n in 0..40 {
        let length = dice.random_range(1..400);
        streams.push(at_once(format!("random bytes {n}"), random(dice, length), ComesTo::NotLetIn));
    }
    for n in 0..20 {
        let mut connect = bytes(&(door.opens)().into());
        connect.truncate(dice.random_range(1..connect.len()));
        streams.push(at_once(format!("half a CONNECT {n}"), connect, ComesTo::Silence));
    }
    for n in 0..30 {
        let mut connect = bytes(&(door.opens)().into());
        let at = dice.random_range(0..connect.len());
        connect[at] ^= dice.random_range(1..=u8::MAX);
        streams.push(at_once(format!("a CONNECT with another byte {n}, at {at}"), connect, ComesTo::Anything));
    }
    for (about, connect, code) in &door.refuses {
        streams.push(at_once(*about, bytes(&connect.clone().into()), ComesTo::Refused(*code)));
    }
    for seconds in [1, 5, 29] {
        let connect = bytes(&(door.opens)().into());
        streams.push(dribbled(format!("a CONNECT, a byte every {seconds} s"), connect, seconds, ComesTo::Silence));
    }
    streams
}

/// Those that show a good CONNECT first.
fn guests(dice: &mut Dice, door: &mut Door) -> Vec<Hostile> {
    let mut then: Vec<(String, Vec<u8>)> = Vec::new();
    let topic = "devices/xyz/messages/events/";
    let twice = bytes(&(door.opens)().into());
    let exactly_once = Quality::ExactlyOnce { id: 1, dup: false };
    for (about, bytes) in [
        ("CONNECT again", twice),
        (
            "a quality of service 2",
            bytes(&publish(Publish { quality: exactly_once, ..Publish::at_most_once(topic, "") })),
        ),
        ("PUBREL", vec![0x62, 2, 0, 1]),
        ("a topic with a wildcard", vec![0x30, 4, 0, 1, b'#', 0]),
        ("an empty topic", vec![0x30, 3, 0, 0, 0]),
        ("a topic longer than its packet", vec![0x30, 4, 0xff, 0xff, b'a', 0]),
        ("a topic that is no text", vec![0x30, 4, 0, 2, 0xff, 0xfe]),
        ("packet id 0", vec![0x32, 6, 0, 1, b'a', 0, 0, 1]),
        ("DUP without an acknowledgement", vec![0x38, 3, 0, 1, b'a']),
        ("PUBACK never asked for", bytes(&Packet::PubAck { id: 1 })),
        ("PUBACK that is too long", vec![0x40, 3, 0, 1, 0]),
        ("a publish of 256 MB", vec![0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b'a']),
        ("SUBSCRIBE without filters", vec![0x82, 2, 0, 1]),
        ("SUBSCRIBE with wrong flags", vec![0x80, 6, 0, 1, 0, 1, b'a', 0]),
        ("SUBSCRIBE to quality 3", vec![0x82, 6, 0, 1, 0, 1, b'a', 3]),
        ("SUBSCRIBE to everything", bytes(&Packet::Subscribe { id: 1, filters: vec![("#".into(), Qos::AtMostOnce)] })),
        ("CONNACK", bytes(&Packet::ConnAck { session_present: false, code: ConnectCode::Accepted })),
        ("PINGRESP", bytes(&Packet::PingResp)),
        ("SUBACK", vec![0x90, 3, 0, 1, 0]),
        ("packet type 0", vec![0x00, 0]),
        ("packet type 15", vec![0xf0, 0]),
        ("a ping with a body", vec![0xc0, 1, 0]),
    ] {
        then.push((about.to_owned(), bytes));
    }
    for (about, packets) in &door.abhors {
        then.push(((*about).to_owned(), packets.iter().flat_map(bytes).collect()));
    }
    for n in 0..40 {
        let length = dice.random_range(1..400);
        then.push((format!("random bytes {n}"), random(dice, length)));
    }
    for n in 0..10 {
        let mut publish = bytes(&publish(Publish::at_least_once(topic, vec![0; 50], 1)));
        publish.truncate(dice.random_range(1..publish.len()));
        then.push((format!("half a publish {n}"), publish));
    }
    let mut streams: Vec<Hostile> = Vec::new();
    for (about, bytes_then) in then {
        let connect = bytes(&(door.opens)().into());
        let pieces = vec![connect, bytes_then];
        let pause = Duration::from_millis(dice.random_range(0..300));
        streams.push(Hostile { about: format!("let in, then {about}"), pieces, pause, comes_to: ComesTo::LetIn });
    }
    let mut dribble = bytes(&(door.opens)().into());
    dribble.extend(bytes(&publish(Publish::at_least_once(topic, vec![0; 50], 1))));
    let rest = dribble.split_off(dribble.len() - 60);
    let pieces = std::iter::once(dribble).chain(rest.iter().map(|byte| vec![*byte])).collect();
    let about = "let in, then a publish, a byte every 9 s".into();
    streams.push(Hostile { about, pieces, pause: Duration::from_secs(9), comes_to: ComesTo::LetIn });
    streams
}

/// Makes streams for a control port. `wrong`: requests without a head (`POST /x\r\n..`), and the status of their answers.
pub(crate) fn http_streams(dice: &mut Dice, wrong: &[(&str, &str, u16)]) -> Vec<Hostile> {
    let mut streams = vec![
        at_once("nothing at all", Vec::new(), ComesTo::Anything),
        at_once("no HTTP", b"HELLO\r\n\r\n".to_vec(), ComesTo::Status(400)),
        at_once("HTTP 9", b"GET /health HTTP/9.9\r\n\r\n".to_vec(), ComesTo::Anything),
        at_once("a bad header", b"GET /health HTTP/1.1\r\nno colon\r\n\r\n".to_vec(), ComesTo::Status(400)),
        at_once(
            "a bad length",
            b"PUT /devices/a HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_vec(),
            ComesTo::Status(400),
        ),
        at_once("an endless line", [b"GET /".to_vec(), vec![b'a'; 1 << 20]].concat(), ComesTo::Anything),
        at_once(
            "a body that never comes",
            b"PUT /devices/a HTTP/1.1\r\ncontent-length: 9\r\n\r\n{".to_vec(),
            ComesTo::Status(408),
        ),
        at_once(
            "a body too large",
            b"PUT /devices/a HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n{".to_vec(),
            ComesTo::Status(413),
        ),
        at_once(
            "a bad chunk",
            b"PUT /devices/a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n".to_vec(),
            ComesTo::Anything,
        ),
        at_once("half a request", b"GET /heal".to_vec(), ComesTo::Anything),
        dribbled("a byte every 7 s", b"GET /health HTTP/1.1\r\nhost: h\r\n\r\n".to_vec(), 7, ComesTo::Anything),
    ];
    for (target, body, status) in wrong {
        let head =
            format!("{target} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        streams.push(at_once(*target, (head + body).into_bytes(), ComesTo::Status(*status)));
    }
    for n in 0..30 {
        let length = dice.random_range(1..400);
        streams.push(at_once(format!("random bytes {n}"), random(dice, length), ComesTo::Anything));
    }
    streams
}

/// Sends every stream over a connection of its own, all within a minute, and waits until the service has ended each.
/// What went otherwise than it has to, in words.
pub(crate) async fn assail(host: &Host, to: &'static str, port: u16, streams: Vec<Hostile>) -> Vec<String> {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut dice = host.dice("who comes when");
    for stream in streams {
        let (host, tell) = (host.clone(), tell.clone());
        let begin = Duration::from_millis(dice.random_range(0..60_000));
        host.clone().spawn(async move {
            host.sleep(begin).await;
            if let Err(complaint) = one(&host, to, port, &stream).await {
                let _ = tell.send(format!("{}: {complaint}", stream.about));
            }
        });
    }
    drop(tell);
    let mut complaints = Vec::new();
    while let Some(complaint) = told.recv().await {
        complaints.push(complaint);
    }
    complaints
}

async fn one(host: &Host, to: &str, port: u16, hostile: &Hostile) -> Result<(), String> {
    let stream = host.connect(to, port).await.map_err(|error| format!("cannot connect: {error}"))?;
    let (mut reads, mut writes) = tokio::io::split(stream);
    let (pieces, pause, on) = (hostile.pieces.clone(), hostile.pause, host.clone());
    // The write half stays open: it is for the service to end this.
    let (done, _kept) = tokio::sync::oneshot::channel();
    host.spawn(async move {
        for piece in pieces {
            if writes.write_all(&piece).await.is_err() {
                break;
            }
            on.sleep(pause).await;
        }
        let _ = done.send(writes);
    });
    let mut heard = Vec::new();
    let ended = host.within(PATIENCE, async {
        let mut space = [0; 4096];
        // An error is an end, too.
        while let Ok(length @ 1..) = reads.read(&mut space).await {
            heard.extend_from_slice(&space[..length]);
        }
    });
    ended.await.map_err(|_| "still open".to_owned())?;
    judge(hostile.comes_to, &heard).then_some(()).ok_or_else(|| format!("not {:?}: {heard:?}", hostile.comes_to))
}

fn judge(comes_to: ComesTo, heard: &[u8]) -> bool {
    let mut packets = BytesMut::from(heard);
    let first = decode(&mut packets, 1 << 20);
    let code = match first {
        Ok(Some(Packet::ConnAck { code, .. })) => Some(code),
        _ => None,
    };
    match comes_to {
        ComesTo::Silence => heard.is_empty(),
        ComesTo::NotLetIn => code != Some(ConnectCode::Accepted),
        ComesTo::Refused(expected) => code == Some(expected) && packets.is_empty(),
        ComesTo::LetIn => code == Some(ConnectCode::Accepted),
        ComesTo::Anything => true,
        ComesTo::Status(status) => heard.starts_with(format!("HTTP/1.1 {status} ").as_bytes()),
    }
}

fn at_once(about: impl Into<String>, bytes: Vec<u8>, comes_to: ComesTo) -> Hostile {
    Hostile { about: about.into(), pieces: vec![bytes], pause: Duration::ZERO, comes_to }
}

fn dribbled(about: impl Into<String>, bytes: Vec<u8>, seconds: u64, comes_to: ComesTo) -> Hostile {
    let pieces = bytes.into_iter().map(|byte| vec![byte]).collect();
    Hostile { about: about.into(), pieces, pause: Duration::from_secs(seconds), comes_to }
}

fn random(dice: &mut Dice, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    dice.fill_bytes(&mut bytes);
    bytes
}

fn publish(publish: Publish) -> Packet {
    Packet::Publish(publish)
}

/// A packet's bytes.
fn bytes(packet: &Packet) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(packet, &mut out).unwrap();
    out.to_vec()
}

/// A CONNECT of another protocol level: the byte behind the protocol's name.
fn protocol(connect: Connect, level: u8) -> Vec<u8> {
    let mut bytes = bytes(&connect.into());
    let name = bytes.windows(4).position(|window| window == b"MQTT").unwrap();
    bytes[name + 4] = level;
    bytes
}
