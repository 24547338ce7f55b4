//! A byte stream as a stream of packets, both ways.
use super::{Packet, WireError, decode, encode};
use crate::host::Stream;
use bytes::{Buf, BytesMut};
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reading stops while this much waits to be written: a peer that does not read is not served for ever.
const MOST_UNWRITTEN: usize = 64 * 1024;
const READ_AT_ONCE: usize = 4 * 1024;

/// One MQTT connection, client's or server's end.
///
/// One task holds it: [`send`](Self::send) only queues, [`next`](Self::next) writes what is queued while it waits
/// for a packet, so neither direction can block the other.
pub struct MqttStream {
    stream: Stream,
    /// The longest packet that is read.
    limit: usize,
    input: BytesMut,
    output: BytesMut,
    /// All that was queued is written.
    flushed: bool,
}

impl MqttStream {
    /// Reads packets of at most `limit` bytes.
    pub fn new(stream: Stream, limit: usize) -> Self {
        Self { stream, limit, input: BytesMut::new(), output: BytesMut::new(), flushed: true }
    }

    /// Queues a packet; it is written by the next `next`, `flush` or `close`.
    ///
    /// # Errors
    /// [`WireError::Unencodable`].
    pub fn send(&mut self, packet: &Packet) -> Result<(), WireError> {
        self.flushed = false;
        encode(packet, &mut self.output)
    }

    /// Waits for a packet, writing meanwhile. `None`: the peer closed its end. Safe to drop and call again.
    ///
    /// # Errors
    /// The stream's and the decoder's; the connection is of no more use then.
    pub async fn next(&mut self) -> Result<Option<Packet>, WireError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls [`next`](Self::next), for drivers that wait for several things at once.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Packet>, WireError>> {
        loop {
            let written = self.poll_flush(cx)?;
            if !self.input.is_empty()
                && let Some(packet) = decode(&mut self.input, self.limit)?
            {
                return Poll::Ready(Ok(Some(packet)));
            }
            if written.is_pending() && self.output.len() > MOST_UNWRITTEN {
                return Poll::Pending;
            }
            let mut space = [MaybeUninit::uninit(); READ_AT_ONCE];
            let mut buffer = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(None));
            }
            self.input.extend_from_slice(buffer.filled());
        }
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    /// The stream's.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Writes everything that is queued, then closes this end.
    ///
    /// # Errors
    /// The stream's.
    pub async fn close(mut self) -> io::Result<()> {
        self.flush().await?;
        poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await
    }

    /// Polls [`flush`](Self::flush).
    ///
    /// # Errors
    /// The stream's.
    #[inline]
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.flushed { Poll::Ready(Ok(())) } else { self.poll_write(cx) }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.output))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(taken);
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.flushed = true;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::mqtt::Publish;
    use std::sync::Arc;
    use std::task::Waker;
    use tokio::io::duplex;

    fn publish(id: u16) -> Packet {
        Packet::Publish(Publish::at_least_once("t", vec![0; 1000], id))
    }

    fn poll(stream: &mut MqttStream) -> Poll<Result<Option<Packet>, WireError>> {
        let waker = Waker::from(Arc::new(Nobody));
        stream.poll_next(&mut Context::from_waker(&waker))
    }

    struct Nobody;
    impl std::task::Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn both_ends_sending_more_than_the_pipe_holds_do_not_block_each_other() {
        let (a, b) = duplex(64);
        let (mut a, mut b) = (MqttStream::new(Box::new(a), 4096), MqttStream::new(Box::new(b), 4096));
        for id in 1..=20 {
            a.send(&publish(id)).unwrap();
            b.send(&publish(id)).unwrap();
        }
        let (mut at_a, mut at_b) = (Vec::new(), Vec::new());
        for _ in 0..10_000 {
            if let Poll::Ready(packet) = poll(&mut a) {
                at_a.push(packet.unwrap().unwrap());
            }
            if let Poll::Ready(packet) = poll(&mut b) {
                at_b.push(packet.unwrap().unwrap());
            }
        }
        let all: Vec<_> = (1..=20).map(publish).collect();
        assert_eq!(at_a, all);
        assert_eq!(at_b, all);
    }

    #[test]
    fn a_closed_peer_is_the_end_and_not_an_error() {
        let (a, b) = duplex(64);
        let mut a = MqttStream::new(Box::new(a), 4096);
        drop(b);
        assert!(matches!(poll(&mut a), Poll::Ready(Ok(None))));
    }

    #[test]
    fn a_peer_that_does_not_read_is_not_read_from() {
        let (a, mut b) = duplex(64);
        let mut a = MqttStream::new(Box::new(a), 1 << 20);
        a.send(&Packet::Publish(Publish::at_most_once("t", vec![0; MOST_UNWRITTEN * 2]))).unwrap();
        let waker = Waker::from(Arc::new(Nobody));
        let _ = Pin::new(&mut b).poll_write(&mut Context::from_waker(&waker), &[0xc0, 0]);
        assert!(poll(&mut a).is_pending());
    }
}
