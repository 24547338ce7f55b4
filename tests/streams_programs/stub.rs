//! A broker of one exclusive subscription, without a disk, whose manners change by the minute.
use giant_lizard::host::Host;
use giant_lizard::streams::broker::call::{Answer, Call, Refusal};
use giant_lizard::streams::broker::frame::{ClientFrame, ServerFrame};
use giant_lizard::streams::broker::input::Attachment;
use giant_lizard::streams::plan::PORT;
use giant_lizard::streams::wire::answer::{of_call, one_time_password, refused};
use giant_lizard::streams::wire::asked::{Asked, read};
use giant_lizard::streams::wire::frame::{read_command, read_publish};
use giant_lizard::wire::http::{Request, Response};
use giant_lizard::wire::websocket::{Close, Frame, Handover, Handshake, Reply, Socket, serve};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;

/// How a broker behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// As it should.
    Honest,
    /// Answers nothing that is asked, and no handshake.
    Mute,
    /// Answers everything with this status.
    Refuses(u16),
    /// Answers every request with 200 and a body that is none.
    Babbles,
    /// Sends this over every socket that it lets in.
    Sends(&'static str),
    /// Sends bytes instead of text over every socket.
    SendsBytes,
    /// Says goodbye to every socket at once.
    SaysGoodbye,
    /// Cannot store anything.
    StoresNothing,
    /// Takes what a producer publishes and says nothing more over that socket, for ever.
    FallsSilent,
}

/// A broker's manners, each from a time on; the first from the beginning.
pub(crate) type Script = Vec<(Duration, Manners)>;

/// What it has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What was asked for, in order: `list`, `create`, `password`, `producer`, `consumer`.
    pub(crate) asked: Vec<&'static str>,
    /// The payloads that it has stored, and which of them are acknowledged.
    stored: Vec<Arc<str>>,
    acked: BTreeSet<usize>,
    given_back: BTreeSet<usize>,
    exists: bool,
    /// The consumer's socket.
    attached: Option<u64>,
    sockets: u64,
}

#[derive(Clone)]
struct Stub {
    host: Host,
    script: Script,
    seen: Arc<Mutex<Seen>>,
    news: watch::Sender<()>,
}

pub(crate) async fn stub(host: Host, script: Script, seen: Arc<Mutex<Seen>>) {
    let stub = Stub { host: host.clone(), script, seen, news: watch::Sender::new(()) };
    let listener = host.listen(PORT).expect("nobody else listens on this machine");
    let answer = move |request: Result<Request, _>| {
        let stub = stub.clone();
        async move { stub.answer(request.expect("programs ask whole requests")).await }
    };
    let _ = serve(host, listener, 1 << 16, answer).await;
}

impl Stub {
    fn manners(&self) -> Manners {
        let now = self.host.now();
        self.script.iter().rev().find(|(from, _)| *from <= now).expect("the script begins at the beginning").1
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(self, request: Request) -> Reply {
        let asked = read(&request, "_mm", 0, || unreachable!("consumers have names")).expect("programs ask well");
        let word = match &asked {
            Asked::Rest(Call::List { .. }) => "list",
            Asked::Rest(Call::Create { .. }) => "create",
            Asked::OneTimePassword => "password",
            Asked::Socket(Attachment::Producer { .. }) => "producer",
            Asked::Socket(Attachment::Consumer(_)) => "consumer",
            other => panic!("no program asks for {other:?}"),
        };
        self.seen().asked.push(word);
        match self.manners() {
            Manners::Mute => std::future::pending().await,
            Manners::Refuses(status) => refused(&Refusal { status, number: 1, message: "not now".into() }).into(),
            Manners::Babbles => Response::json(200, &json!("peacock")).into(),
            _ => self.serve_well(request, asked),
        }
    }

    fn serve_well(self, mut request: Request, asked: Asked) -> Reply {
        let done = |status, result| Reply::from(of_call(Answer::Done { status, result: Some(result) }));
        let conflict = |message: &str| refused(&Refusal { status: 409, number: 1, message: message.into() }).into();
        match asked {
            Asked::Rest(Call::List { .. }) if self.seen().exists => done(200, json!([{"topic": "c8globals.orders"}])),
            Asked::Rest(Call::List { .. }) => done(200, json!([])),
            Asked::Rest(_) if self.seen().exists => conflict("stream already exists"),
            Asked::Rest(_) => {
                self.seen().exists = true;
                done(202, json!({"stream-id": "c8globals.orders"}))
            }
            Asked::Socket(Attachment::Consumer(_)) if self.seen().attached.is_some() => {
                conflict("Exclusive consumer is already connected")
            }
            Asked::Socket(attachment) => {
                let (reply, handover) = Handshake::of(&mut request).expect("programs shake hands").accept();
                let consumes = matches!(attachment, Attachment::Consumer(_));
                let number = {
                    let mut seen = self.seen();
                    seen.sockets += 1;
                    seen.attached = if consumes { Some(seen.sockets) } else { seen.attached };
                    seen.sockets
                };
                self.host.clone().spawn(self.attend(handover, consumes, number));
                reply
            }
            _ => one_time_password("x").into(),
        }
    }

    async fn attend(self, handover: Handover, consumes: bool, number: u64) {
        if let Some(mut socket) = handover.socket().await {
            let said_goodbye = self.converse(&mut socket, consumes).await;
            if let Some(close) = said_goodbye {
                let _ = self.host.within(Duration::from_secs(1), socket.close(Some(close))).await;
            }
        }
        let mut seen = self.seen();
        if seen.attached == Some(number) {
            seen.attached = None;
        }
    }

    async fn converse(&self, socket: &mut Socket, consumes: bool) -> Option<Close> {
        let mut news = self.news.subscribe();
        let mut sent = BTreeSet::new();
        let mut silent = false;
        loop {
            silent |= !consumes && self.manners() == Manners::FallsSilent;
            match self.manners() {
                Manners::Sends(text) => socket.send_text(text),
                Manners::SendsBytes => socket.send(Frame::Binary(vec![0, 255].into())),
                Manners::SaysGoodbye => return Some(Close::new(1001, "going away")),
                Manners::Honest if consumes => self.dispatch(socket, &mut sent),
                _ => {}
            }
            let frame = {
                let mut changed = pin!(news.changed());
                poll_fn(|cx| match socket.poll_next(cx) {
                    Poll::Ready(frame) => Poll::Ready(Some(frame)),
                    Poll::Pending => changed.as_mut().poll(cx).map(|_| None),
                })
                .await
            };
            match frame {
                None => {}
                Some(Ok(Some(Frame::Text(_)))) if silent => {}
                Some(Ok(Some(Frame::Text(text)))) if consumes => self.takes_back(&text, &mut sent),
                Some(Ok(Some(Frame::Text(text)))) => self.publishes(&text, socket),
                Some(Ok(Some(_))) => {}
                Some(Ok(None) | Err(_)) => return None,
            }
        }
    }

    fn dispatch(&self, socket: &mut Socket, sent: &mut BTreeSet<usize>) {
        let seen = self.seen();
        for (place, payload) in seen.stored.iter().enumerate() {
            if !seen.acked.contains(&place) && sent.insert(place) {
                let (properties, publish_time) = (BTreeMap::new(), "2021-04-19T20:00:00.000Z".to_owned());
                let frame = ServerFrame::Message {
                    message_id: place.to_string(),
                    payload: payload.clone(),
                    properties,
                    publish_time,
                    redelivery_count: 0,
                    key: None,
                    event_time: None,
                };
                socket.send_text(serde_json::to_string(&frame).expect("a frame is JSON"));
            }
        }
    }

    /// What a consumer says. One that is given back is sent again at once, with all that follow it.
    fn takes_back(&self, text: &str, sent: &mut BTreeSet<usize>) {
        match read_command(text).expect("consumers speak well") {
            ClientFrame::Ack(id) => {
                self.seen().acked.insert(id.parse().expect("it was sent"));
            }
            ClientFrame::Nack(id) => {
                let place = id.parse().expect("it was sent");
                assert!(self.seen().given_back.insert(place), "{place} is given back twice");
                sent.retain(|sent| *sent < place);
                self.news.send_replace(());
            }
            other => panic!("no consumer says {other:?}"),
        }
    }

    fn publishes(&self, text: &str, socket: &mut Socket) {
        let frame = read_publish(text, 0).expect("producers speak well");
        let ClientFrame::Publish { message, context } = frame else { panic!("a publish is one") };
        let answer = match self.manners() {
            Manners::StoresNothing => json!({"result": "send-error:8", "errorMsg": "disk full", "context": context}),
            _ => {
                let mut seen = self.seen();
                seen.stored.push(message.payload);
                json!({"result": "ok", "messageId": seen.stored.len().to_string(), "context": context})
            }
        };
        socket.send_text(answer.to_string());
        self.news.send_replace(());
    }
}
