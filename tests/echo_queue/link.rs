//! Frames over a connection, with heartbeats: both ends notice within seconds that the other is gone.
use giant_lizard::host::{Elapsed, Host, Stream, Task};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

pub(crate) const PORT: u16 = 5000;
pub(crate) const BEAT_EVERY: Duration = Duration::from_secs(1);
const DEAD_AFTER: Duration = Duration::from_secs(3);
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    Beat,
    /// A client says what it is: 0 a producer, 1 and 2 consumers.
    Hello {
        role: u8,
    },
    Welcome,
    Store {
        number: u64,
        payload: Vec<u8>,
    },
    Stored {
        number: u64,
    },
    Deliver {
        sequence: u64,
        number: u64,
        payload: Vec<u8>,
    },
    Ack {
        sequence: u64,
    },
}

impl Frame {
    /// Tag, two numbers, payload.
    fn parts(self) -> (u8, u64, u64, Vec<u8>) {
        match self {
            Frame::Beat => (0, 0, 0, Vec::new()),
            Frame::Hello { role } => (1, role.into(), 0, Vec::new()),
            Frame::Welcome => (2, 0, 0, Vec::new()),
            Frame::Store { number, payload } => (3, 0, number, payload),
            Frame::Stored { number } => (4, 0, number, Vec::new()),
            Frame::Deliver { sequence, number, payload } => (5, sequence, number, payload),
            Frame::Ack { sequence } => (6, sequence, 0, Vec::new()),
        }
    }
    async fn read(from: &mut ReadHalf<Stream>) -> io::Result<Frame> {
        let (tag, a, number) = (from.read_u8().await?, from.read_u64().await?, from.read_u64().await?);
        let mut payload = vec![0; from.read_u32().await? as usize];
        from.read_exact(&mut payload).await?;
        Ok(match tag {
            0 => Frame::Beat,
            1 => Frame::Hello { role: a as u8 },
            2 => Frame::Welcome,
            3 => Frame::Store { number, payload },
            4 => Frame::Stored { number },
            5 => Frame::Deliver { sequence: a, number, payload },
            6 => Frame::Ack { sequence: a },
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}

/// One end of a connection.
pub(crate) struct Link {
    incoming: mpsc::UnboundedReceiver<Frame>,
    out: WriteHalf<Stream>,
    reader: Option<Task>,
}

impl Link {
    pub(crate) async fn open(host: &Host, to: &str) -> io::Result<Link> {
        let connecting = host.within(CONNECT_LIMIT, host.connect(to, PORT)).await;
        let stream = connecting.unwrap_or_else(|Elapsed| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(Link::over(host, stream))
    }
    pub(crate) fn over(host: &Host, stream: Stream) -> Link {
        let (mut from, out) = tokio::io::split(stream);
        let (to_us, incoming) = mpsc::unbounded_channel();
        let clock = host.clone();
        let reader = host.spawn(async move {
            while let Ok(Ok(frame)) = clock.within(DEAD_AFTER, Frame::read(&mut from)).await {
                if to_us.send(frame).is_err() {
                    return;
                }
            }
        });
        Link { incoming, out, reader: Some(reader) }
    }
    /// The next frame; `None`: the connection is over.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        self.incoming.recv().await
    }
    pub(crate) async fn send(&mut self, frame: Frame) -> io::Result<()> {
        let (tag, a, b, payload) = frame.parts();
        let mut bytes = vec![tag];
        bytes.extend(a.to_be_bytes());
        bytes.extend(b.to_be_bytes());
        bytes.extend((payload.len() as u32).to_be_bytes());
        bytes.extend(payload);
        self.out.write_all(&bytes).await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.take().into_iter().for_each(Task::abort);
    }
}

/// Which of two came first; the first is asked first.
pub(crate) enum Either<A, B> {
    First(A),
    Second(B),
}

pub(crate) async fn either<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> Either<A, B> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    std::future::poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Ready(a) => Poll::Ready(Either::First(a)),
        Poll::Pending => b.as_mut().poll(cx).map(Either::Second),
    })
    .await
}
