//! Streams of people who mean no good: what is no HTTP, what is no handshake, what is no WebSocket, what is no JSON, and
//! what is all of it but says what may not be said.
use crate::town::KEY;
use giant_lizard::host::Host;
use giant_lizard::streams::plan::PORT;
use lizard_sim::Dice;
use rand::{Rng as _, RngExt as _};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longer than a broker keeps a connection that does nothing good: two pings, or two idle limits of HTTP.
const PATIENCE: Duration = Duration::from_secs(900);

const PRODUCER: &str = "producer/persistent/_mm/c8global._system/c8globals.noise";
const READER: &str = "reader/persistent/_mm/c8global._system/c8globals.noise?messageId=earliest";

/// One connection's bytes, and what has to come of it. In any case the broker ends the connection.
pub(crate) struct Hostile {
    pub(crate) about: String,
    pieces: Vec<Vec<u8>>,
    /// Between two pieces.
    pause: Duration,
    comes_to: ComesTo,
}

/// What is seen of the broker before it ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ComesTo {
    /// Whatever.
    Anything,
    /// Anything but being let in.
    NotLetIn,
    /// A response with this status.
    Status(u16),
    /// Being let in, and whatever.
    LetIn,
    /// Being let in, and a close with this code.
    Closed(u16),
    /// Being let in, and an answer with this result, and an open socket until the silence is noticed.
    Answered(&'static str),
    /// Being let in, and no answer, and an open socket until the silence is noticed.
    PassedOver,
}

/// Makes well over two hundred streams.
pub(crate) fn streams(dice: &mut Dice) -> Vec<Hostile> {
    let mut streams = requests();
    streams.extend(strangers(dice));
    streams.extend(handshakes());
    streams.extend(publishers());
    streams.extend(receivers());
    streams.extend(guests(dice));
    streams
}

/// Requests that are HTTP, and not what the port takes.
fn requests() -> Vec<Hostile> {
    let api = "/_fabric/_system/_api";
    let key = format!("authorization: apikey {KEY}\r\n");
    let wrong = [
        ("GET /", 404),
        ("GET //", 404),
        ("GET /p:443", 404),
        ("GET /p:99999/_api/user", 404),
        ("OPTIONS /apid/otp", 405),
        ("GET /apid/otp", 405),
        ("GET /%ff", 400),
        ("GET /_ws", 404),
        ("GET /_ws/ws/v2/", 404),
        ("GET /_ws/ws/v2/producer/persistent/_mm/c8global._system/c8globals.x", 400),
        ("POST /_ws/ws/v2/producer/persistent/_mm/c8global._system/c8globals.x", 405),
        ("GET {api}/streams?global=%2", 400),
        ("GET {api}/streams?global=2", 400),
        ("GET {api}/streams/c8globals.nobody/stats", 404),
        ("PUT {api}/streams/x", 405),
        ("POST {api}/streams/%00", 400),
        ("POST {api}/streams/ttl/-1", 400),
        ("POST {api}/streams/ttl/99999999999999999999999", 400),
        ("DELETE {api}/streams/c8globals.nobody", 404),
        ("DELETE {api}/streams/c8globals.nobody/subscriptions/x", 404),
        ("POST {api}/streams/c8globals.nobody/publish", 404),
        ("GET /_fabric/other/_api/streams", 404),
        ("POST /_replication", 400),
    ];
    let mut streams: Vec<_> = wrong
        .iter()
        .map(|(line, status)| {
            let line = line.replace("{api}", api);
            let request = format!("{line} HTTP/1.1\r\nhost: b\r\n{key}content-length: 2\r\n\r\n{{}}");
            at_once(line, request.into_bytes(), ComesTo::Status(*status))
        })
        .collect();
    for body in ["", "[]", "nul", &"[".repeat(100_000), r#"{"origin":"x","topic":"noise"}"#] {
        let length = body.len();
        let request = format!("POST /_replication HTTP/1.1\r\nhost: b\r\n{key}content-length: {length}\r\n\r\n{body}");
        let about = format!("a page of replication of {length} bytes that is none");
        streams.push(at_once(about, request.into_bytes(), ComesTo::Status(400)));
    }
    for header in ["", "authorization: apikey\r\n", "authorization: apikey x\r\n", "authorization: \x01\r\n"] {
        let request = format!("GET {api}/streams HTTP/1.1\r\nhost: b\r\n{header}\r\n");
        let status = if header.contains('\x01') { 400 } else { 401 };
        streams.push(at_once(format!("the key {header:?}"), request.into_bytes(), ComesTo::Status(status)));
    }
    let large = format!("POST {api}/streams/x/publish HTTP/1.1\r\nhost: b\r\n{key}content-length: 9000000\r\n\r\n");
    streams.push(at_once("a body over the limit", large.into_bytes(), ComesTo::Status(413)));
    let half = format!("POST {api}/streams/x/publish HTTP/1.1\r\nhost: b\r\n{key}content-length: 9\r\n\r\nhalf");
    streams.push(at_once("half a body", half.into_bytes(), ComesTo::Status(408)));
    streams
}

/// Bytes that are no HTTP, or nearly.
fn strangers(dice: &mut Dice) -> Vec<Hostile> {
    let mut streams = vec![
        at_once("nothing at all", Vec::new(), ComesTo::NotLetIn),
        at_once("no HTTP", b"HELLO\r\n\r\n".to_vec(), ComesTo::Status(400)),
        at_once("HTTP 9", b"GET / HTTP/9.9\r\n\r\n".to_vec(), ComesTo::NotLetIn),
        at_once("a bad header", b"GET / HTTP/1.1\r\nno colon\r\n\r\n".to_vec(), ComesTo::Status(400)),
        at_once("a bad length", b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_vec(), ComesTo::Status(400)),
        at_once("an endless line", [b"GET /".to_vec(), vec![b'a'; 1 << 20]].concat(), ComesTo::NotLetIn),
        at_once("WebSocket without a handshake", text("{}"), ComesTo::NotLetIn),
        at_once("TLS", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], ComesTo::NotLetIn),
    ];
    for n in 0..40 {
        let length = dice.random_range(1..400);
        streams.push(at_once(format!("random bytes {n}"), random(dice, length), ComesTo::NotLetIn));
    }
    for n in 0..20 {
        let mut half = handshake(PRODUCER);
        half.truncate(dice.random_range(1..half.len()));
        streams.push(at_once(format!("half a handshake {n}"), half, ComesTo::NotLetIn));
    }
    for n in 0..40 {
        let mut handshake = handshake(PRODUCER);
        let at = dice.random_range(0..handshake.len());
        handshake[at] ^= dice.random_range(1..=u8::MAX);
        streams.push(at_once(format!("a handshake with another byte {n}, at {at}"), handshake, ComesTo::Anything));
    }
    let pieces = handshake(PRODUCER).into_iter().map(|byte| vec![byte]).collect();
    let (pause, about) = (Duration::from_millis(200), "a handshake, five bytes a second".to_owned());
    streams.push(Hostile { about, pieces, pause, comes_to: ComesTo::LetIn });
    streams
}

/// Handshakes that are WebSocket's, and ask for what is not there.
fn handshakes() -> Vec<Hostile> {
    let wrong = [
        ("producer/persistent/_mm/c8global._system/noise", 404),
        ("producer/persistent/_mm/c8local._system/c8globals.noise", 404),
        ("producer/persistent/_mm/c8global._system/c8globals.noise/more/and/more", 404),
        ("producer/persistent/strangers/c8global._system/c8globals.noise", 403),
        ("producer/non-persistent/_mm/c8global._system/c8globals.noise", 404),
        ("producer/persistent/_mm/c8global._system/c8globals.%00", 404),
        ("producer/persistent/_mm/c8global._system/c8globals.noise?batchingEnabled=perhaps", 400),
        ("consumer/persistent/_mm/c8global._system/c8globals.noise/", 400),
        ("consumer/persistent/_mm/c8global._system/c8globals.noise/s?subscriptionType=shared", 400),
        ("consumer/persistent/_mm/c8global._system/c8globals.noise/s?subscriptionType=%F0%9F%A6%8E", 400),
        ("consumer/persistent/_mm/c8global._system/c8globals.noise/s?receiverQueueSize=1e9", 400),
        ("consumer/persistent/_mm/c8global._system/c8globals.noise/s?receiverQueueSize=-2147483648", 400),
        ("consumer/persistent/_mm/c8global._system/c8globals.noise/s?ackTimeoutMillis=NaN", 400),
        ("consumer/persistent/_mm/c8global._system/c8globals.noise/s?priorityLevel=4294967296", 400),
        ("consumer/persistent/_mm/c8global._system/c8globals.noise/s?deadLetterTopic=x&maxRedeliverCount=1", 400),
        ("reader/persistent/_mm/c8global._system/c8globals.noise?messageId=%25", 400),
        ("reader/persistent/_mm/c8global._system/c8globals.noise?messageId=AAAAAAAAAAAAAAAA", 400),
        ("watcher/persistent/_mm/c8global._system/c8globals.noise", 404),
    ];
    let mut streams: Vec<_> =
        wrong.iter().map(|(path, status)| at_once(*path, handshake(path), ComesTo::Status(*status))).collect();
    let long = format!("consumer/persistent/_mm/c8global._system/c8globals.noise/{}", "s".repeat(300));
    streams.push(at_once("a long subscription", handshake(&long), ComesTo::Status(400)));
    let key = format!("authorization: apikey {KEY}\r\n");
    for (about, from, to, status) in [
        ("a handshake without the key", key.as_str(), "", 401),
        ("a handshake with another's password", &key, "authorization: Basic YXBpLXg6\r\n", 401),
        ("an old version", "version: 13", "version: 7", 426),
        ("two versions", "version: 13", "version: 8, 13", 426),
        ("no upgrade", "upgrade: websocket\r\n", "", 400),
        ("an upgrade to something else", "upgrade: websocket", "upgrade: h2c", 400),
        ("no connection header", "connection: Upgrade\r\n", "", 400),
        ("a short key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhl", 400),
        ("a key that is none", "dGhlIHNhbXBsZSBub25jZQ==", "not base64 at all!!!!!!!", 400),
        ("a POST", "GET /", "POST /", 405),
    ] {
        let request = String::from_utf8(handshake(PRODUCER)).unwrap().replace(from, to);
        streams.push(at_once(about, request.into_bytes(), ComesTo::Status(status)));
    }
    streams
}

/// Producers' frames that are no messages.
fn publishers() -> Vec<Hostile> {
    let deep = format!(r#"{{"payload":"","properties":{}"#, r#"{"a":"#.repeat(100_000));
    let listed: [(&str, &str, ComesTo); 14] = [
        ("an empty frame", "", ComesTo::Answered("send-error:3")),
        ("half an object", "{", ComesTo::Answered("send-error:3")),
        ("null", "null", ComesTo::Answered("send-error:3")),
        ("a number", "1e999", ComesTo::Answered("send-error:3")),
        ("an array", r#"["aGk="]"#, ComesTo::Answered("send-error:3")),
        ("an empty object", "{}", ComesTo::Answered("send-error:7")),
        ("a payload of null", r#"{"payload":null}"#, ComesTo::Answered("send-error:7")),
        ("a payload that is a number", r#"{"payload":7}"#, ComesTo::Answered("send-error:3")),
        ("a payload that is no base64", r#"{"payload":"not base64"}"#, ComesTo::Answered("send-error:7")),
        ("base64 of another alphabet", r#"{"payload":"_-_-"}"#, ComesTo::Answered("send-error:7")),
        ("properties that are a list", r#"{"payload":"","properties":[]}"#, ComesTo::Answered("send-error:3")),
        ("half a surrogate pair", r#"{"payload":"","key":"\ud800"}"#, ComesTo::Answered("send-error:3")),
        ("a consumer's ack", r#"{"messageId":"CAAQAw=="}"#, ComesTo::Answered("send-error:7")),
        ("an object 100,000 deep", &deep, ComesTo::Answered("send-error:3")),
    ];
    let of = |(about, frame, comes_to): &(&str, &str, ComesTo)| {
        let bytes = [handshake(PRODUCER), text(frame)].concat();
        at_once(format!("a producer's frame: {about}"), bytes, *comes_to)
    };
    listed.iter().map(of).collect()
}

/// Consumers' and readers' frames that are no commands.
fn receivers() -> Vec<Hostile> {
    let wrong = [
        "",
        "{",
        "null",
        "[]",
        "{}",
        r#"{"type":"permit"}"#,
        r#"{"type":"permit","permitMessages":-1}"#,
        r#"{"type":"permit","permitMessages":4294967296}"#,
        r#"{"type":"negativeAcknowledge"}"#,
        r#"{"messageId":null}"#,
        r#"{"messageId":{}}"#,
        r#"{"messageId":"%%%"}"#,
        r#"{"messageId":"////////////////"}"#,
        r#"{"payload":"aGk="}"#,
    ];
    let harmless = [
        // Of no message that there is.
        r#"{"messageId":"CP//////////fxD//////////38="}"#,
        r#"{"type":"negativeAcknowledge","messageId":"CP//////////fxD//////////38="}"#,
        r#"{"type":"permit","permitMessages":0}"#,
    ];
    let mut streams = Vec::new();
    for (frames, comes_to) in [(&wrong[..], ComesTo::Closed(1003)), (&harmless, ComesTo::PassedOver)] {
        for (n, frame) in frames.iter().enumerate() {
            let of = |mode: &str| {
                format!("consumer/persistent/_mm/c8global._system/c8globals.quiet/{mode}-{n}?subscriptionType={mode}")
            };
            for path in [of("Exclusive"), of("Failover"), of("Shared"), of("Key_Shared")] {
                let about = format!("a command of {}: {frame}", &path[..70]);
                streams.push(at_once(about, [handshake(&path), text(frame)].concat(), comes_to));
            }
        }
    }
    for frame in ["", "{", r#"{"messageId":"%%%"}"#] {
        let about = format!("a reader's frame: {frame}");
        streams.push(at_once(about, [handshake(READER), text(frame)].concat(), ComesTo::Closed(1003)));
    }
    streams
}

/// What is not WebSocket's once the socket is open.
fn guests(dice: &mut Dice) -> Vec<Hostile> {
    let masked = |head: &[u8], payload: &[u8]| [head, &[0, 0, 0, 0], payload].concat();
    let then = [
        ("a frame without a mask", vec![0x81, 2, b'{', b'}'], ComesTo::Closed(1002)),
        ("reserved bits", masked(&[0xf1, 0x80], b""), ComesTo::Closed(1002)),
        ("an unknown kind of frame", masked(&[0x83, 0x80], b""), ComesTo::Closed(1002)),
        ("an unknown kind of control frame", masked(&[0x8b, 0x80], b""), ComesTo::Closed(1002)),
        ("a ping in two parts", masked(&[0x09, 0x80], b""), ComesTo::Closed(1002)),
        ("a ping of 126 bytes", masked(&[0x89, 0xfe, 0, 126], &[0; 126]), ComesTo::Closed(1002)),
        ("the rest of nothing", masked(&[0x80, 0x80], b""), ComesTo::Closed(1002)),
        ("a beginning in a beginning", masked(&[0x01, 0x80], &[0x01, 0x80, 0, 0, 0, 0]), ComesTo::Closed(1002)),
        ("text that is no UTF-8", masked(&[0x81, 0x82], &[0xc3, 0x28]), ComesTo::Closed(1007)),
        ("half a letter", masked(&[0x81, 0x81], &[0xc3]), ComesTo::Closed(1007)),
        ("a binary frame", masked(&[0x82, 0x81], b"x"), ComesTo::Closed(1003)),
        ("a frame of over 5 MiB", masked(&[0x81, 0xff, 0, 0, 0, 0, 0, 0x50, 0, 1], b""), ComesTo::Closed(1009)),
        (
            "a frame of 2^63 bytes",
            masked(&[0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255], b""),
            ComesTo::Closed(1009),
        ),
        ("a frame of 2^64 bytes", masked(&[0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255], b""), ComesTo::LetIn),
        ("a close of one byte", masked(&[0x88, 0x81], b"x"), ComesTo::LetIn),
        ("a close with code 3", masked(&[0x88, 0x82], &[0, 3]), ComesTo::LetIn),
        ("a close with words that are none", masked(&[0x88, 0x84], &[3, 0xe8, 0xc3, 0x28]), ComesTo::LetIn),
        ("frames after a close", [masked(&[0x88, 0x80], b""), text("{}")].concat(), ComesTo::LetIn),
        ("half a frame and silence", masked(&[0x81, 0xfe, 1, 0], &[b' '; 20]), ComesTo::PassedOver),
        ("a pong never asked for", masked(&[0x8a, 0x80], b""), ComesTo::PassedOver),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec(), ComesTo::Closed(1002)),
    ];
    let mut streams = Vec::new();
    for (about, bytes, comes_to) in then {
        let about = format!("let in, then {about}");
        streams.push(at_once(about, [handshake(PRODUCER), bytes].concat(), comes_to));
    }
    for (kind, path) in [("a producer", PRODUCER), ("a reader", READER)] {
        for n in 0..30 {
            let length = dice.random_range(1..400);
            let pieces = vec![handshake(path), random(dice, length)];
            let pause = Duration::from_millis(dice.random_range(0..300));
            let about = format!("{kind}, then random bytes {n}");
            streams.push(Hostile { about, pieces, pause, comes_to: ComesTo::LetIn });
        }
        for n in 0..20 {
            let length = dice.random_range(0..60);
            let noise = String::from_utf8_lossy(&random(dice, length)).into_owned();
            let about = format!("{kind}, then random text {n}");
            streams.push(at_once(about, [handshake(path), text(&noise)].concat(), ComesTo::LetIn));
        }
        for n in 0..20 {
            let mut frame = text(r#"{"payload":"aGk=","context":"1"}"#);
            let at = dice.random_range(0..frame.len());
            frame[at] ^= dice.random_range(1..=u8::MAX);
            let about = format!("{kind}, then a message with another byte {n}, at {at}");
            streams.push(at_once(about, [handshake(path), frame].concat(), ComesTo::LetIn));
        }
    }
    let mut pieces = vec![handshake(PRODUCER)];
    pieces.extend(text(r#"{"payload":"%"}"#).into_iter().map(|byte| vec![byte]));
    let about = "a message, a byte every 9 s".to_owned();
    streams.push(Hostile { about, pieces, pause: Duration::from_secs(9), comes_to: ComesTo::LetIn });
    streams
}

/// Sends all streams to a broker, within a minute; what of them did not come to what it had to.
pub(crate) async fn assail(host: &Host, broker: &'static str, streams: Vec<Hostile>, dice: &mut Dice) -> Vec<String> {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for stream in streams {
        let (on, tell) = (host.clone(), tell.clone());
        let begin = Duration::from_millis(dice.random_range(0..60_000));
        host.spawn(async move {
            on.sleep(begin).await;
            if let Err(complaint) = one(&on, broker, &stream).await {
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

async fn one(host: &Host, broker: &str, hostile: &Hostile) -> Result<(), String> {
    let stream = host.connect(broker, PORT).await.map_err(|error| format!("cannot connect: {error}"))?;
    let (mut reads, mut writes) = tokio::io::split(stream);
    let (pieces, pause, on) = (hostile.pieces.clone(), hostile.pause, host.clone());
    // The write half stays open: it is for the broker to end this.
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
    let told = || format!("not {:?}: {}", hostile.comes_to, String::from_utf8_lossy(&heard));
    judge(hostile.comes_to, &heard).then_some(()).ok_or_else(told)
}

fn judge(comes_to: ComesTo, heard: &[u8]) -> bool {
    let let_in = heard.starts_with(b"HTTP/1.1 101 ");
    let end = heard.windows(4).position(|four| four == b"\r\n\r\n").map_or(heard.len(), |at| at + 4);
    let frames = if let_in { frames(&heard[end..]) } else { Vec::new() };
    let closed = frames.iter().find(|(kind, _)| *kind == 8).and_then(|(_, payload)| payload.first_chunk());
    let closed = closed.map(|code| u16::from_be_bytes(*code));
    let texts: Vec<_> = frames.iter().filter(|(kind, _)| *kind == 1).collect();
    match comes_to {
        ComesTo::Anything => true,
        ComesTo::NotLetIn => !let_in,
        ComesTo::Status(status) => heard.starts_with(format!("HTTP/1.1 {status} ").as_bytes()),
        ComesTo::LetIn => let_in,
        ComesTo::Closed(code) => let_in && closed == Some(code),
        ComesTo::Answered(result) => {
            let [(_, answer)] = texts.as_slice() else { return false };
            let answer: serde_json::Value = serde_json::from_slice(answer).unwrap();
            answer["result"] == result && closed == Some(1001)
        }
        ComesTo::PassedOver => let_in && texts.is_empty() && closed == Some(1001),
    }
}

/// The broker's frames, which are never masked and never in parts.
fn frames(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let [kind, length, rest @ ..] = bytes {
        let (length, rest) = match *length {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            short @ 0..126 => (usize::from(short), rest),
            long => panic!("a frame of length {long}"),
        };
        frames.push((kind & 15, &rest[..length]));
        bytes = &rest[length..];
    }
    frames
}

fn handshake(path: &str) -> Vec<u8> {
    format!(
        "GET /_ws/ws/v2/{path} HTTP/1.1\r\nhost: broker\r\nauthorization: apikey {KEY}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A client's frame of text, its mask all zeros.
fn text(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(short @ 0..126) => frame.push(0x80 | short as u8),
        Ok(middle) => {
            frame.push(0xfe);
            frame.extend(middle.to_be_bytes());
        }
        Err(_) => {
            frame.push(0xff);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    [frame, vec![0; 4], text.as_bytes().to_vec()].concat()
}

fn at_once(about: impl Into<String>, bytes: Vec<u8>, comes_to: ComesTo) -> Hostile {
    Hostile { about: about.into(), pieces: vec![bytes], pause: Duration::ZERO, comes_to }
}

fn random(dice: &mut Dice, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    dice.fill_bytes(&mut bytes);
    bytes
}
