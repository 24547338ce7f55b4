//! One socket's task: frames in, frames out, and whether the other end lives.
use super::frame::{ClientFrame, GOING_AWAY, ServerFrame, UNREADABLE};
use super::heartbeat::{Beat, Heartbeat};
use super::input::{Attachment, Input, SocketId};
use super::switchboard::{Line, Switchboard, Told};
use crate::streams::wire::frame::{BadPublish, NotACommand, read_command, read_publish};
use crate::wire::websocket::{Close, Frame, Handover, Socket, SocketError, Utf8Bytes};
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How long a socket may take to write what is left, and its other end to say goodbye.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// Most bytes that wait for a client to read them before an answer costs it the socket: of answers alone 150,000. Messages
/// do not count against it, since a consumer's queue bounds them; answers pile up with those who never read them, as
/// the Python SDK's producer.
const MOST_UNREAD: usize = 16 << 20;

/// What a socket was let in as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It sends messages.
    Producer,
    /// It sends commands: a consumer or a reader.
    Receiver,
}

impl Kind {
    pub(super) fn of(attachment: &Attachment) -> Self {
        match attachment {
            Attachment::Producer { .. } => Self::Producer,
            Attachment::Consumer(_) | Attachment::Reader { .. } => Self::Receiver,
        }
    }
}

/// How a socket ends.
enum End {
    /// As the broker wants: it knows.
    Wanted(Close),
    /// The other end is gone, has broken the rules or is told to go: the broker is to know.
    Gone { why: &'static str, close: Option<Close> },
}

/// Moves one socket's frames until it ends.
pub(super) async fn serve(board: Arc<Switchboard>, mut line: Line, kind: Kind, handover: Handover) {
    let id = line.id();
    match handover.socket().await {
        None => board.handle(Input::Closed { socket: id, why: "left before the handshake was over" }),
        Some(mut socket) => {
            let end = Talk { board: &board, socket: &mut socket, id, kind, probed: false }.until_end(&mut line).await;
            let goodbye = match end {
                End::Wanted(close) => Some(close),
                End::Gone { why, close } => {
                    board.handle(Input::Closed { socket: id, why });
                    close
                }
            };
            // Whatever comes of it, the stream is closed then.
            let _ = board.host().within(CLOSING_LIMIT, socket.close(goodbye)).await;
        }
    }
}

/// What the task waits for.
enum Happened {
    Told(Told),
    Heard(Result<Option<Frame>, SocketError>),
    Time,
}

struct Talk<'a> {
    board: &'a Switchboard,
    socket: &'a mut Socket,
    id: SocketId,
    kind: Kind,
    /// Somebody waits for a sign of life.
    probed: bool,
}

impl Talk<'_> {
    async fn until_end(&mut self, line: &mut Line) -> End {
        let host = self.board.host().clone();
        let mut heartbeat = Heartbeat::new(host.now(), self.board.ping());
        let mut timer = Box::pin(host.sleep_until(host.now() + self.board.ping()));
        loop {
            let happened = poll_fn(|cx| {
                if let Poll::Ready(Some(told)) = line.told().poll_recv(cx) {
                    return Poll::Ready(Happened::Told(told));
                }
                match self.socket.poll_next(cx) {
                    Poll::Ready(heard) => Poll::Ready(Happened::Heard(heard)),
                    Poll::Pending => timer.as_mut().poll(cx).map(|()| Happened::Time),
                }
            })
            .await;
            let end = match happened {
                Happened::Told(told) => self.do_as(told),
                Happened::Heard(heard) => {
                    heartbeat.heard(host.now());
                    self.hear(heard)
                }
                Happened::Time => {
                    let beat = heartbeat.check(host.now());
                    if let Beat::Wait(at) | Beat::Ask(at) = beat {
                        timer = Box::pin(host.sleep_until(at));
                    }
                    self.keep_up(beat)
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn do_as(&mut self, told: Told) -> Option<End> {
        match told {
            Told::Send(frame) => return self.send(&frame),
            Told::Probe => {
                self.probed = true;
                self.socket.ping();
            }
            Told::Close(close) => return Some(End::Wanted(close)),
            Told::Leave => return Some(gone("broker stopped", Some(Close::new(GOING_AWAY, "the broker is stopped")))),
        }
        None
    }

    fn send(&mut self, frame: &ServerFrame) -> Option<End> {
        let is_message = matches!(frame, ServerFrame::Message { .. });
        if !is_message && self.socket.unwritten() > MOST_UNREAD {
            return Some(gone("answers are not read", Some(Close::new(1008, "answers are not read"))));
        }
        let text = serde_json::to_string(frame).expect("texts, numbers and maps of texts are always JSON");
        self.socket.send_text(text);
        None
    }

    fn keep_up(&mut self, beat: Beat) -> Option<End> {
        match beat {
            Beat::Wait(_) => None,
            Beat::Ask(_) => {
                self.socket.ping();
                None
            }
            Beat::Dead => Some(gone("silence", Some(Close::new(GOING_AWAY, "nothing was heard for too long")))),
        }
    }

    fn hear(&mut self, heard: Result<Option<Frame>, SocketError>) -> Option<End> {
        if matches!(heard, Ok(Some(_))) && std::mem::take(&mut self.probed) {
            self.board.handle(Input::Alive { socket: self.id });
        }
        match heard {
            Ok(Some(Frame::Text(text))) => self.read(&text),
            Ok(Some(Frame::Ping(_) | Frame::Pong(_))) => None,
            Ok(Some(Frame::Binary(_))) => Some(gone("binary frame", Some(Close::new(UNREADABLE, "frames are text")))),
            Ok(Some(Frame::Close(_))) => Some(gone("closed by the client", None)),
            Ok(None) => Some(gone("eof", None)),
            Err(error) => Some(gone(cause(&error), error.close())),
        }
    }

    fn read(&mut self, text: &Utf8Bytes) -> Option<End> {
        let frame = match self.kind {
            Kind::Producer => match read_publish(text, self.board.wall_clock()) {
                Ok(frame) => frame,
                Err(BadPublish { error, message, context }) => {
                    return self.send(&ServerFrame::Failed { result: error, error_msg: message, context });
                }
            },
            Kind::Receiver => match read_command(text) {
                Ok(frame) => frame,
                Err(error @ NotACommand(_)) => {
                    return Some(gone("not a command", Some(Close::new(UNREADABLE, &error.to_string()))));
                }
            },
        };
        let socket = self.id;
        self.board.handle(match frame {
            ClientFrame::Publish { message, context } => Input::Publish { socket, message, context },
            ClientFrame::Ack(id) => Input::Ack { socket, id },
            ClientFrame::Nack(id) => Input::Nack { socket, id },
            ClientFrame::Permit(messages) => Input::Permit { socket, messages },
            ClientFrame::Unsubscribe => Input::Unsubscribe { socket },
            ClientFrame::IsEndOfTopic => Input::IsEndOfTopic { socket },
        });
        None
    }
}

fn gone(why: &'static str, close: Option<Close>) -> End {
    End::Gone { why, close }
}

fn cause(error: &SocketError) -> &'static str {
    match error {
        SocketError::Io(error) if error.kind() == ErrorKind::TimedOut => "time-out",
        SocketError::Io(_) => "reset",
        SocketError::TooLarge => "frame too large",
        SocketError::NotText => "not utf-8",
        SocketError::Protocol(_) => "broken protocol",
    }
}
