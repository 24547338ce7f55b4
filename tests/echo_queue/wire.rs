//! The protocol: frames of JSON behind their length, on a line that knows when its other end has gone silent.
use giant_lizard::host::{Host, Stream};
use serde::{Deserialize, Serialize};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How often an end says that it is there when it has nothing else to say.
const ALIVE_EVERY: Duration = Duration::from_secs(3);
/// How long the other end may be silent: three of its frames lost or late.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(9);
/// More than any frame needs.
const LONGEST_FRAME: usize = 4096;

/// What is said. A session begins with `Hello`, answered by `Welcome`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Frame {
    /// Of several sessions of one client the one with the greatest number counts.
    Hello {
        client: String,
        session: u64,
        subscribes: bool,
    },
    Welcome,
    Publish {
        number: u64,
        body: String,
    },
    Confirm {
        number: u64,
    },
    /// `index`: the message's place in the queue's log.
    Deliver {
        index: usize,
        number: u64,
        body: String,
    },
    Ack {
        indices: Vec<usize>,
    },
    Alive,
}

/// What came first.
pub(crate) enum Happening<T> {
    Frame(Frame),
    Other(T),
}

/// What a line wakes up for.
enum Step<T> {
    Read(io::Result<usize>),
    Other(T),
    Late,
}

/// One end of a connection.
pub(crate) struct Line {
    host: Host,
    stream: Stream,
    arrived: Vec<u8>,
    heard: Duration,
    spoke: Duration,
}

impl Line {
    pub(crate) fn new(host: &Host, stream: Stream) -> Self {
        Self { host: host.clone(), stream, arrived: Vec::new(), heard: host.now(), spoke: host.now() }
    }

    pub(crate) async fn send(&mut self, frame: &Frame) -> io::Result<()> {
        let body = serde_json::to_vec(frame)?;
        let mut bytes = u32::try_from(body.len()).map_err(io::Error::other)?.to_be_bytes().to_vec();
        bytes.extend(body);
        self.spoke = self.host.now();
        self.stream.write_all(&bytes).await
    }

    pub(crate) async fn next(&mut self) -> io::Result<Frame> {
        match self.next_or(std::future::pending::<()>()).await? {
            Happening::Frame(frame) => Ok(frame),
            Happening::Other(()) => unreachable!("pending is never ready"),
        }
    }

    /// Waits for the next frame or for `other`, whichever comes first; the frame, if both have. Nothing of a frame is
    /// lost when `other` comes first.
    ///
    /// # Errors
    /// `UnexpectedEof`: the other end closed. `TimedOut`: it is silent. `InvalidData`: it talks nonsense.
    pub(crate) async fn next_or<T>(&mut self, other: impl Future<Output = T>) -> io::Result<Happening<T>> {
        let mut other = pin!(other);
        loop {
            match self.take_frame()? {
                Some(Frame::Alive) => continue,
                Some(frame) => return Ok(Happening::Frame(frame)),
                None => {}
            }
            if self.host.now() >= self.spoke + ALIVE_EVERY {
                self.send(&Frame::Alive).await?;
            }
            let mut timer = pin!(self.host.sleep_until((self.spoke + ALIVE_EVERY).min(self.heard + DEAD_AFTER)));
            let mut read = pin!(self.stream.read_buf(&mut self.arrived));
            let step = poll_fn(|cx| {
                // Reading comes first: a host that was frozen must not take its own sleep for the other's silence.
                if let Poll::Ready(count) = read.as_mut().poll(cx) {
                    return Poll::Ready(Step::Read(count));
                }
                if let Poll::Ready(value) = other.as_mut().poll(cx) {
                    return Poll::Ready(Step::Other(value));
                }
                timer.as_mut().poll(cx).map(|()| Step::Late)
            });
            match step.await {
                Step::Read(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Step::Read(count) => {
                    count?;
                    self.heard = self.host.now();
                }
                Step::Other(value) => return Ok(Happening::Other(value)),
                Step::Late if self.host.now() >= self.heard + DEAD_AFTER => return Err(io::ErrorKind::TimedOut.into()),
                Step::Late => {}
            }
        }
    }

    fn take_frame(&mut self) -> io::Result<Option<Frame>> {
        let Some((length, rest)) = self.arrived.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > LONGEST_FRAME {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let frame = serde_json::from_slice(body)?;
        self.arrived.drain(..4 + length);
        Ok(Some(frame))
    }
}

/// A frame that has no place where it came.
pub(crate) fn out_of_place(frame: &Frame) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{frame:?} is out of place"))
}
