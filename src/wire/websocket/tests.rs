use super::*;
use crate::engines::sim;
use crate::history::{Entry, History, Roster, Witness};
use crate::host::{Host, Stream};
use crate::wire::http::{Request, Response, Unreadable};
use bytes::Bytes;
use lizard_sim::{Run, Stage, World};
use std::future::Future;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SECOND: Duration = Duration::from_secs(1);

struct Deaf;
impl Witness for Deaf {
    fn see(&mut self, _: &Entry) {}
}

/// Runs a server that echoes on every socket, and a client; answers what the client came to.
fn play<F, Fut, T>(seed: u64, client: F) -> Run<T>
where
    F: Fn(Host) -> Fut + Send + Clone + 'static,
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let run = World::new(seed).run(move |stage: Stage| async move {
        let history = History::new(Arc::new(Roster::default()), Arc::new(Mutex::new(Deaf)));
        let server = history.clone();
        stage.host("server", "west", move |machine| echo(sim::host(machine, server.clone())));
        let (tell, told) = mpsc::channel();
        stage.host("client", "east", move |machine| {
            let (tell, came_to) = (tell.clone(), client(sim::host(machine, history.clone())));
            async move { drop(tell.send(came_to.await)) }
        });
        stage.sleep(600 * SECOND).await;
        told.try_recv().expect("the client came to its end")
    });
    let run = run.unwrap();
    assert!(run.panics.is_empty(), "{:?}", run.panics);
    run
}

async fn echo(host: Host) {
    let listener = host.listen(80).unwrap();
    let on = host.clone();
    let answer = move |request: Result<Request, Unreadable>| {
        let on = on.clone();
        async move {
            let Ok(mut request) = request else { return Response::empty(400).into() };
            if request.path == "//refused" {
                return Response { status: 409, body: vec![b'x'; 20_000].into() }.into();
            }
            match Handshake::of(&mut request) {
                Err(no) => Response::json(no.0, &no.to_string()).into(),
                Ok(handshake) => {
                    let (reply, handover) = handshake.accept();
                    let greeting = format!("{} {:?}", request.path, request.header("authorization"));
                    on.spawn(async move {
                        let Some(mut socket) = handover.socket().await else { return };
                        socket.send_text(greeting);
                        loop {
                            match socket.next().await {
                                Ok(Some(frame @ (Frame::Text(_) | Frame::Binary(_)))) => socket.send(frame),
                                Ok(Some(_)) => {}
                                Ok(None) => return,
                                Err(error) => return drop(socket.drain(error.close()).await),
                            }
                        }
                    });
                    reply
                }
            }
        }
    };
    serve(host, listener, 1000, answer).await.unwrap();
}

async fn raw(host: &Host) -> Stream {
    host.connect("server", 80).await.unwrap()
}

/// Sends bytes and reads until the server ends the connection.
async fn say(host: &Host, bytes: &[u8]) -> Vec<u8> {
    let mut stream = raw(host).await;
    let _ = stream.write_all(bytes).await;
    let mut heard = Vec::new();
    let _ = host.within(10 * SECOND, stream.read_to_end(&mut heard)).await;
    heard
}

fn handshake(with: &str) -> Vec<u8> {
    let head = "GET /x HTTP/1.1\r\nhost: server\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n";
    format!("{head}{with}\r\n").into()
}

const KEY: &str = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "sec-websocket-version: 13\r\n";

#[test]
fn a_socket_opens_carries_frames_both_ways_and_closes_with_a_goodbye() {
    let run = play(7, |host| async move {
        let mut socket = connect(&host, "server", 80, "//_ws/x?otp=1", &[("authorization", "apikey k")]).await.unwrap();
        assert_eq!(socket.next().await.unwrap(), Some(Frame::Text("//_ws/x Some(\"apikey k\")".into())));
        let large: String = "é".repeat(FRAME_LIMIT / 2);
        socket.send_text(large.clone());
        socket.send(Frame::Binary(Bytes::from_static(&[0, 255])));
        socket.ping();
        let mut heard = Vec::new();
        for _ in 0..3 {
            heard.push(socket.next().await.unwrap().unwrap());
        }
        assert_eq!(socket.unwritten(), 0);
        heard.sort_by_key(|frame| matches!(frame, Frame::Pong(_)));
        assert_eq!(heard[0], Frame::Text(large.into()));
        assert_eq!(heard[1..], [Frame::Binary(Bytes::from_static(&[0, 255])), Frame::Pong(Bytes::new())]);
        let began = host.now();
        socket.close(Some(Close::new(1000, "done"))).await.unwrap();
        assert!(host.now() - began < SECOND, "both ends close at once");
    });
    drop(run);
}

#[test]
fn a_refusal_is_an_http_response_with_its_whole_body() {
    play(7, |host| async move {
        let refused = connect(&host, "server", 80, "//refused", &[]).await.unwrap_err();
        let ConnectError::Refused(response) = refused else { panic!("{refused}") };
        assert_eq!((response.status, response.body.len()), (409, 20_000));
        let nobody = connect(&host, "server", 81, "/", &[]).await.unwrap_err();
        assert!(matches!(nobody, ConnectError::Connect(_)), "{nobody}");
        let bad = connect(&host, "server", 80, "no target", &[]).await.unwrap_err();
        assert!(matches!(bad, ConnectError::BadRequest(_)), "{bad}");
    });
}

#[test]
fn the_answer_to_a_handshake_is_the_standards_own_example() {
    play(7, |host| async move {
        let extensions = "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n";
        let heard = say(&host, &handshake(&format!("{KEY}{VERSION}{extensions}"))).await;
        let head = String::from_utf8_lossy(&heard).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "RFC 6455, section 1.3: {head}");
        assert!(!head.contains("extensions"), "{head}");
    });
}

#[test]
fn what_is_no_handshake_is_told_so() {
    play(7, |host| async move {
        for (with, status) in [
            (VERSION.to_owned(), "400"),
            (KEY.to_owned(), "426"),
            (format!("{KEY}sec-websocket-version: 8\r\n"), "426"),
            (format!("{VERSION}sec-websocket-key: c2hvcnQ=\r\n"), "400"),
            (format!("{VERSION}sec-websocket-key: \x01\r\n"), "400"),
        ] {
            let heard = say(&host, &handshake(&with)).await;
            let head = String::from_utf8_lossy(&heard);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{with}: {head}");
            assert_eq!(status == "426", head.contains("sec-websocket-version: 13"), "{head}");
        }
        let post = [b"POST".as_slice(), &handshake(&format!("{KEY}{VERSION}"))[3..]].concat();
        assert!(say(&host, &post).await.starts_with(b"HTTP/1.1 405 "));
    });
}

#[test]
fn what_breaks_the_protocol_is_closed_with_the_standards_codes() {
    play(7, |host| async move {
        let open = handshake(&format!("{KEY}{VERSION}"));
        let long_ping = [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat();
        for (about, frame, code) in [
            ("not masked", &[0x81, 1, b'a'][..], 1002),
            ("reserved bits", &[0xf1, 0x81, 0, 0, 0, 0, b'a'], 1002),
            ("an unknown kind", &[0x83, 0x81, 0, 0, 0, 0, b'a'], 1002),
            ("a long ping", &long_ping, 1002),
            ("the rest of nothing", &[0x80, 0x81, 0, 0, 0, 0, b'a'], 1002),
            ("text that is none", &[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
            ("a giant", &[0x81, 0xff, 0, 0, 0, 0, 0, 0x50, 0, 1, 0, 0, 0, 0], 1009),
            ("more than there is", &[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], 1009),
        ] {
            let heard = say(&host, &[&open, frame].concat()).await;
            let close = heard.windows(2).rposition(|two| two[0] == 0x88).unwrap_or_else(|| panic!("{about}"));
            let told = u16::from_be_bytes([heard[close + 2], heard[close + 3]]);
            assert_eq!(told, code, "{about}");
        }
    });
}

#[test]
fn keys_and_masks_come_from_the_seed() {
    let wire = |seed| {
        play(seed, |host| async move {
            let (ours, mut theirs) = tokio::io::duplex(1 << 16);
            host.spawn(async move {
                let _ = client::shake_hands(Box::new(ours), "server", "/", &[]).await;
            });
            let mut key = vec![0; 1000];
            let length = theirs.read(&mut key).await.unwrap();
            key.truncate(length);
            let mut socket = connect(&host, "server", 80, "/", &[]).await.unwrap();
            socket.send_text("hello");
            while !matches!(socket.next().await.unwrap(), Some(Frame::Text(text)) if text.as_str() == "hello") {}
            key
        })
    };
    let (first, again, other) = (wire(1), wire(1), wire(2));
    assert_eq!((&first.value, first.fingerprint), (&again.value, again.fingerprint));
    assert_ne!(first.value, other.value, "{}", String::from_utf8_lossy(&first.value));
}

#[test]
fn words_of_a_goodbye_are_cut_where_a_frame_ends() {
    assert_eq!(Close::new(1000, &"é".repeat(100)).reason.len(), 122);
}
