//! A program that publishes and consumes, step by step.
use crate::town::{KEY, seconds};
use giant_lizard::history::SubscriptionMode;
use giant_lizard::host::Host;
use giant_lizard::streams::broker::frame::ClientFrame;
use giant_lizard::streams::broker::input::{Attachment, ConsumerOptions, ReadFrom};
use giant_lizard::streams::broker::message::Message;
use giant_lizard::streams::broker::topic::Topic;
use giant_lizard::streams::plan::{PORT, Scope};
use giant_lizard::streams::wire::answer::{in_words, read_one_time_password};
use giant_lizard::streams::wire::attachment::target;
use giant_lizard::streams::wire::credentials::authorization;
use giant_lizard::streams::wire::frame::{Delivered, Heard, read_heard, to_text};
use giant_lizard::wire::http::{Client, Response};
use giant_lizard::wire::websocket::{Close, ConnectError, Frame, Socket, connect};
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const API: &str = "/_fabric/_system/_api";

pub(crate) fn orders() -> Topic {
    Topic::new(Scope::Global, "orders")
}

/// A consumer of `orders`, its other options at their defaults.
pub(crate) fn consumer(subscription: &str, mode: SubscriptionMode, name: &str) -> ConsumerOptions {
    ConsumerOptions {
        topic: orders(),
        subscription: subscription.into(),
        mode,
        name: name.into(),
        priority: 0,
        queue: 1000,
        ack_time_out: None,
        nack_delay: seconds(60),
        pull: false,
        dead_letter: None,
    }
}

/// Somebody with the key, at one broker.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) host: Host,
    broker: String,
}

impl Program {
    pub(crate) fn new(host: &Host, region: &str) -> Self {
        Self { host: host.clone(), broker: format!("broker-{region}") }
    }

    pub(crate) fn client(&self) -> Client {
        let key = HeaderValue::from_str(&authorization(KEY)).unwrap();
        let client = Client::new(self.host.clone(), self.broker.as_str().into(), PORT, seconds(30));
        client.with_headers(vec![(AUTHORIZATION, key)])
    }

    pub(crate) async fn ask(&self, method: &str, target: &str, body: &str) -> (u16, Value) {
        let response = self.response(method, target, body).await;
        (response.status, response.read().unwrap_or(Value::Null))
    }

    pub(crate) async fn response(&self, method: &str, target: &str, body: &str) -> Response {
        self.client().request(method, target, body.to_owned()).await.unwrap()
    }

    pub(crate) async fn password(&self) -> String {
        read_one_time_password(&self.response("POST", "/apid/otp", "").await).unwrap()
    }

    /// Connects as the JavaScript SDK does: a second slash, a one-time password.
    pub(crate) async fn attach(&self, attachment: &Attachment) -> Result<Talk, ConnectError> {
        let target = format!("/{}", target(attachment, Some(&self.password().await)));
        self.attach_at(&target, &[]).await
    }

    pub(crate) async fn attach_at(&self, target: &str, headers: &[(&str, &str)]) -> Result<Talk, ConnectError> {
        let socket = connect(&self.host, &self.broker, PORT, target, headers).await?;
        Ok(Talk { host: self.host.clone(), socket })
    }

    /// In words why it is not let in: the status and the message.
    pub(crate) async fn is_refused(&self, attachment: &Attachment) -> String {
        match self.attach(attachment).await {
            Ok(_) => "not at all".into(),
            Err(ConnectError::Refused(response)) => in_words(&response),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn producer(&self) -> Talk {
        self.attach(&Attachment::Producer { topic: orders(), name: None }).await.unwrap()
    }

    pub(crate) async fn consumer(&self, options: ConsumerOptions) -> Talk {
        self.attach(&Attachment::Consumer(options)).await.unwrap()
    }

    pub(crate) async fn reader(&self, from: ReadFrom) -> Talk {
        let reader = Attachment::Reader { topic: orders(), name: "r".into(), queue: 1000, from };
        self.attach(&reader).await.unwrap()
    }
}

/// An open socket.
pub(crate) struct Talk {
    host: Host,
    pub(crate) socket: Socket,
}

impl Talk {
    pub(crate) fn say(&mut self, frame: &ClientFrame) {
        self.socket.send_text(to_text(frame));
    }

    /// The next frame that is no ping, pong or text: how the broker ends it. `None`: it says nothing for so long.
    pub(crate) async fn hear(&mut self, limit: Duration) -> Option<Heard> {
        match self.next(limit).await? {
            Frame::Text(text) => Some(read_heard(&text).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    /// The next frame that is no ping or pong; `None`: nothing for so long, or the end.
    pub(crate) async fn next(&mut self, limit: Duration) -> Option<Frame> {
        let until = self.host.now() + limit;
        loop {
            let left = until.checked_sub(self.host.now())?;
            match self.host.within(left, self.socket.next()).await {
                Ok(Ok(Some(Frame::Ping(_) | Frame::Pong(_)))) => {}
                Ok(Ok(Some(frame))) => return Some(frame),
                Ok(Ok(None) | Err(_)) | Err(_) => return None,
            }
        }
    }

    /// How the broker closes it.
    pub(crate) async fn closed(&mut self) -> Option<Close> {
        loop {
            match self.next(seconds(200)).await? {
                Frame::Close(close) => return close,
                Frame::Text(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn offer(&mut self, payload: &str, key: Option<&str>) {
        let message = Message {
            payload: base64(payload).into(),
            properties: BTreeMap::new(),
            key: key.map(str::to_owned),
            event_time: None,
            publish_time: 0,
        };
        self.say(&ClientFrame::Publish { message, context: Some(payload.to_owned()) });
    }

    /// Publishes, and waits until it is the broker's.
    pub(crate) async fn publish(&mut self, payload: &str) -> String {
        self.offer(payload, None);
        match self.hear(seconds(10)).await {
            Some(Heard::Confirmed { message_id, context }) if context.as_deref() == Some(payload) => message_id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn delivered(&mut self) -> Delivered {
        match self.hear(seconds(10)).await {
            Some(Heard::Message(delivered)) => delivered,
            other => panic!("{other:?}"),
        }
    }

    /// Consumes one message, and is done with it.
    pub(crate) async fn consume(&mut self) -> String {
        let Delivered { message_id, payload, .. } = self.delivered().await;
        self.say(&ClientFrame::Ack(message_id));
        String::from_utf8(payload).unwrap()
    }

    pub(crate) async fn consume_all(&mut self, many: usize) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..many {
            all.push(self.consume().await);
        }
        let _ = self.socket.flush().await;
        all
    }

    pub(crate) async fn leave(self) {
        let _ = self.host.within(seconds(10), self.socket.close(Some(Close::new(1000, "")))).await;
    }
}

pub(crate) fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
