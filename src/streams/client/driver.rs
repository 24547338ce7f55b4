//! A program's task: it moves bytes, and decides nothing.
use super::program::{Output, Program};
use super::request::{Ask, Failure, Request};
use crate::history::{Cause, Event, Name};
use crate::host::{BoxFuture, Host};
use crate::streams::plan::PORT;
use crate::waiting::{First, Waiting};
use crate::wire::agent::agent;
use crate::wire::http::{Pool, Response};
use crate::wire::websocket::{Close, ConnectError, Frame, Socket, SocketError, connect};
use hyper::header::{AUTHORIZATION, HeaderValue};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// As many connections as the public JavaScript programs hold to one host (jsC8: `maxSockets`).
const CONNECTIONS: usize = 3;
/// How long a polite close may take.
const CLOSING_LIMIT: Duration = Duration::from_secs(1);
/// Nothing is wrong (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// Moves a program's bytes until it has stopped. `time_out` bounds each connection and each answer on the way to one.
pub(in crate::streams) async fn run(host: Host, mut program: impl Program, api_key: &str, time_out: Duration) {
    let key = match HeaderValue::from_str(&format!("apikey {api_key}")) {
        Ok(key) => key,
        Err(error) => return host.record(Event::Note { text: format!("program cannot start: {error}") }),
    };
    let mut wires = Wires { host: host.clone(), key, time_out, line: Line::None, pool: None, asked: Vec::new() };
    let mut waiting = Waiting::of(&host);
    loop {
        let first = waiting.next(program.due(), |cx| wires.poll(cx)).await;
        let now = host.now();
        match first {
            First::Stop => program.stop(now),
            First::Time => program.tick(now),
            First::Wires(Happened::Answered(ask, answer)) => program.answered(now, ask, answer),
            First::Wires(Happened::Opened(outcome)) => program.opened(now, outcome),
            First::Wires(Happened::Told(frame)) => match frame {
                Frame::Text(text) => program.heard(now, Some(&text)),
                Frame::Ping(_) | Frame::Pong(_) => program.heard(now, None),
                Frame::Binary(_) => program.broken(now, Cause::Protocol),
                Frame::Close(_) => program.broken(now, Cause::Eof),
            },
            First::Wires(Happened::Broken(cause)) => program.broken(now, cause),
        }
        for output in program.outputs() {
            match output {
                Output::Record(event) => host.record(event),
                Output::Ask(broker, request) => wires.ask(&broker, request),
                Output::Open { broker, target, session } => wires.open(broker, target, session),
                Output::Send(text) => wires.send(Frame::Text(text.into())),
                Output::Ping => wires.send(Frame::Ping(bytes::Bytes::new())),
                Output::HangUp { politely } => wires.hang_up(politely).await,
                // The process is gone with its connections; the machine is not.
                Output::Exited => {
                    drop(wires);
                    return host.stopping().await;
                }
                Output::Stopped => return,
            }
        }
    }
}

/// What happens on its wires.
enum Happened {
    Answered(Ask, Result<Response, String>),
    Opened(Result<(), Failure>),
    Told(Frame),
    Broken(Cause),
}

/// Its requests and its one socket.
struct Wires {
    host: Host,
    key: HeaderValue,
    time_out: Duration,
    line: Line,
    /// Connections for requests to the broker that it is on its way to.
    pool: Option<Arc<Pool>>,
    asked: Vec<(Ask, BoxFuture<'static, Result<Response, String>>)>,
}

enum Line {
    None,
    Opening(BoxFuture<'static, Result<Socket, Failure>>),
    Open(Box<Socket>),
}

impl Wires {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        for place in 0..self.asked.len() {
            let (ask, answering) = &mut self.asked[place];
            let ask = *ask;
            if let Poll::Ready(answer) = answering.as_mut().poll(cx) {
                drop(self.asked.remove(place));
                return Poll::Ready(Happened::Answered(ask, answer));
            }
        }
        match &mut self.line {
            Line::None => Poll::Pending,
            Line::Opening(opening) => opening.as_mut().poll(cx).map(|outcome| {
                let (line, outcome) = match outcome {
                    Ok(socket) => (Line::Open(Box::new(socket)), Ok(())),
                    Err(failure) => (Line::None, Err(failure)),
                };
                self.line = line;
                Happened::Opened(outcome)
            }),
            Line::Open(socket) => socket.poll_next(cx).map(|frame| match frame {
                Ok(Some(frame)) => Happened::Told(frame),
                Ok(None) => Happened::Broken(Cause::Eof),
                Err(error) => Happened::Broken(cause(&error)),
            }),
        }
    }

    fn ask(&mut self, broker: &Name, request: Request) {
        let pool = match &self.pool {
            Some(pool) if pool.to() == broker => pool.clone(),
            _ => {
                let headers = vec![(AUTHORIZATION, self.key.clone())];
                let pool = Pool::new(self.host.clone(), broker.clone(), PORT, self.time_out, CONNECTIONS);
                self.pool.insert(Arc::new(pool.with_headers(headers))).clone()
            }
        };
        let Request { ask, method, target } = request;
        let answer = async move {
            let answer = pool.request(method, &target, bytes::Bytes::new()).await;
            answer.map_err(|error| error.to_string())
        };
        self.asked.push((ask, Box::pin(answer)));
    }

    fn open(&mut self, broker: Name, target: String, session: u64) {
        let (host, time_out) = (self.host.clone(), self.time_out);
        self.line = Line::Opening(Box::pin(async move {
            let agent = agent(session);
            let headers = [("user-agent", agent.as_str())];
            match host.within(time_out, connect(&host, &broker, PORT, &target, &headers)).await {
                Ok(Ok(socket)) => Ok(socket),
                Ok(Err(ConnectError::Refused(answer))) => Err(Failure::refusal(&answer)),
                Ok(Err(error)) => Err(Failure::silence(error.to_string())),
                Err(_) => Err(Failure::silence("no handshake in time")),
            }
        }));
    }

    fn send(&mut self, frame: Frame) {
        if let Line::Open(socket) = &mut self.line {
            socket.send(frame);
        }
    }

    async fn hang_up(&mut self, politely: bool) {
        self.asked.clear();
        self.pool = None;
        if let (Line::Open(socket), true) = (std::mem::replace(&mut self.line, Line::None), politely) {
            // A broker that does not take the goodbye does not get it.
            let _ = self.host.within(CLOSING_LIMIT, socket.close(Some(Close::new(NORMAL, "")))).await;
        }
    }
}

fn cause(error: &SocketError) -> Cause {
    match error {
        SocketError::Io(error) if error.kind() == io::ErrorKind::TimedOut => Cause::TimeOut,
        SocketError::Io(_) => Cause::Reset,
        _ => Cause::Protocol,
    }
}
