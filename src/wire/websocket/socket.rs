//! One end of an open connection.
use crate::host::Stream;
use bytes::Bytes;
use futures_util::{Sink, Stream as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

/// The largest frame and message read: what Apache Pulsar takes at most as a message's payload by default
/// (broker.conf, maxMessageSize).
pub const FRAME_LIMIT: usize = 5 << 20;

/// Allocated for every socket.
const READ_AT_ONCE: usize = 1 << 10;
/// As many bytes of frames go to the stream at once.
const WRITE_AT_ONCE: usize = 16 << 10;

/// What a socket carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message of text.
    Text(Utf8Bytes),
    /// A message of bytes.
    Binary(Bytes),
    /// Asks for a [`Frame::Pong`] with the same bytes, at most 125. It is answered before its receiver sees it.
    Ping(Bytes),
    /// Answers a ping.
    Pong(Bytes),
    /// Says goodbye. It is answered before its receiver sees it.
    Close(Option<Close>),
}

/// Why an end says goodbye.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// As RFC 6455 numbers them, section 7.4; one that may not be on the wire is received as 1002.
    pub code: u16,
    /// In words, at most 123 bytes.
    pub reason: String,
}

impl Close {
    /// Joins a code and words, cut where a frame would not hold them.
    pub fn new(code: u16, reason: &str) -> Self {
        let mut end = reason.len().min(123);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self { code, reason: reason[..end].to_owned() }
    }
}

/// Why a socket is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The stream's.
    #[error(transparent)]
    Io(io::Error),
    /// A frame or message over [`FRAME_LIMIT`] bytes; what follows cannot be read, but a close can still be sent.
    #[error("message too large")]
    TooLarge,
    /// Text that is no UTF-8; a close can still be sent.
    #[error("text is not utf-8")]
    NotText,
    /// The peer broke the protocol; a close can still be sent.
    #[error("not websocket: {0}")]
    Protocol(String),
}

impl SocketError {
    /// The code to close with (RFC 6455, section 7.4.1); `None`: nothing can be sent any more.
    pub fn close(&self) -> Option<Close> {
        let code = match self {
            Self::Io(_) => return None,
            Self::TooLarge => 1009,
            Self::NotText => 1007,
            Self::Protocol(_) => 1002,
        };
        Some(Close::new(code, &self.to_string()))
    }
}

impl From<Error> for SocketError {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => Self::Io(error),
            Error::Capacity(_) => Self::TooLarge,
            Error::Utf8(_) => Self::NotText,
            other => Self::Protocol(other.to_string()),
        }
    }
}

/// One WebSocket connection, client's or server's end.
///
/// One task holds it: [`send`](Self::send) only queues, [`next`](Self::next) writes what is queued while it waits for a
/// frame, so neither direction can block the other. Pings and closes of the peer are answered by themselves. How much
/// may be queued for a peer that does not read is its holder's to decide: [`unwritten`](Self::unwritten).
pub struct Socket {
    inner: WebSocketStream<Stream>,
    queue: VecDeque<Frame>,
    queued: usize,
    flushed: bool,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("queued", &self.queued).finish_non_exhaustive()
    }
}

impl Socket {
    /// Goes on after a handshake on a stream of ours.
    pub(super) async fn over(upgraded: Upgraded, role: Role) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_AT_ONCE)
            .write_buffer_size(WRITE_AT_ONCE)
            .max_message_size(Some(FRAME_LIMIT))
            .max_frame_size(Some(FRAME_LIMIT));
        let (stream, begun): (Stream, Vec<u8>) = match upgraded.downcast::<TokioIo<Stream>>() {
            Ok(parts) => (parts.io.into_inner(), parts.read_buf.into()),
            Err(other) => (Box::new(TokioIo::new(other)), Vec::new()),
        };
        let inner = WebSocketStream::from_partially_read(stream, begun, role, Some(config)).await;
        Self { inner, queue: VecDeque::new(), queued: 0, flushed: true }
    }

    /// Queues a frame; it is written by the next `next`, `flush` or `close`. After a close nothing is sent.
    pub fn send(&mut self, frame: Frame) {
        self.queued += frame.weight();
        self.queue.push_back(frame);
    }

    /// Queues a message of text, as [`send`](Self::send) does.
    pub fn send_text(&mut self, text: impl Into<Utf8Bytes>) {
        self.send(Frame::Text(text.into()));
    }

    /// Queues a ping without a payload.
    pub fn ping(&mut self) {
        self.send(Frame::Ping(Bytes::new()));
    }

    /// Counts the bytes that are queued and not yet with the stream.
    pub fn unwritten(&self) -> usize {
        self.queued
    }

    /// Waits for a frame, writing meanwhile. `None`: the peer's end is closed, with or without a goodbye before. Safe to
    /// drop and call again.
    ///
    /// # Errors
    /// [`SocketError`]; nothing more is read then.
    pub async fn next(&mut self) -> Result<Option<Frame>, SocketError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls [`next`](Self::next), for drivers that wait for several things at once.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, SocketError>> {
        loop {
            let _ = self.poll_flush(cx)?;
            return Poll::Ready(match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                None | Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Ok(None),
                Some(Err(error)) => Err(error.into()),
                Some(Ok(message)) => match Frame::from_wire(message) {
                    Some(frame) => Ok(Some(frame)),
                    None => continue,
                },
            });
        }
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    /// [`SocketError`].
    pub async fn flush(&mut self) -> Result<(), SocketError> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Polls [`flush`](Self::flush).
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        let mut inner = Pin::new(&mut self.inner);
        while !self.queue.is_empty() {
            ready!(inner.as_mut().poll_ready(cx))?;
            let Some(frame) = self.queue.pop_front() else { break };
            self.queued -= frame.weight();
            self.flushed = false;
            match inner.as_mut().start_send(frame.into_wire()) {
                // What comes after a goodbye nobody wants.
                Ok(()) | Err(Error::Protocol(ProtocolError::SendAfterClosing) | Error::ConnectionClosed) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        if !self.flushed {
            ready!(inner.poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Says goodbye after what is queued, waits until the peer has ended its side too, and closes. Who has not for ever
    /// bounds it and drops the future: then the stream is just closed.
    ///
    /// # Errors
    /// [`SocketError`] of writing; what the peer still says does not matter.
    pub async fn close(mut self, close: Option<Close>) -> Result<(), SocketError> {
        self.send(Frame::Close(close));
        self.flush().await?;
        while let Ok(Some(_)) = self.next().await {}
        self.end().await
    }

    /// Reads and throws away what still comes, then closes: the bytes of a peer that is in the middle of something would
    /// otherwise be answered with a reset, and with it the goodbye before would be lost.
    ///
    /// # Errors
    /// The stream's.
    pub async fn drain(mut self, close: Option<Close>) -> Result<(), SocketError> {
        self.send(Frame::Close(close));
        self.flush().await?;
        let stream = self.inner.get_mut();
        poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx)).await.map_err(SocketError::Io)?;
        let mut waste = vec![0; READ_AT_ONCE];
        loop {
            let mut buffer = ReadBuf::new(&mut waste);
            let read = poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut buffer)).await;
            if read.is_err() || buffer.filled().is_empty() {
                return Ok(());
            }
        }
    }

    async fn end(mut self) -> Result<(), SocketError> {
        let stream = self.inner.get_mut();
        poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx)).await.map_err(SocketError::Io)
    }
}

impl Frame {
    /// About as many bytes as it has on the wire.
    fn weight(&self) -> usize {
        let payload = match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::Close(close) => close.as_ref().map_or(0, |close| 2 + close.reason.len()),
        };
        payload + 8
    }

    fn from_wire(message: Message) -> Option<Self> {
        Some(match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(bytes) => Self::Binary(bytes),
            Message::Ping(bytes) => Self::Ping(bytes),
            Message::Pong(bytes) => Self::Pong(bytes),
            Message::Close(close) => Self::Close(
                close.map(|frame| Close { code: frame.code.into(), reason: frame.reason.as_str().to_owned() }),
            ),
            // Only ever handed in.
            Message::Frame(_) => return None,
        })
    }

    fn into_wire(self) -> Message {
        match self {
            Self::Text(text) => Message::Text(text),
            Self::Binary(bytes) => Message::Binary(bytes),
            Self::Ping(bytes) => Message::Ping(bytes),
            Self::Pong(bytes) => Message::Pong(bytes),
            Self::Close(close) => {
                Message::Close(close.map(|close| CloseFrame { code: close.code.into(), reason: close.reason.into() }))
            }
        }
    }
}
