//! What software holds of a connection.

use super::connection::EndState;
use crate::kernel;
use crate::tasks::{fence, fenced};
use bytes::Buf;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One end of a TCP connection. Dropping it closes: FIN, or RST when bytes that arrived are left unread.
///
/// Reads return what has arrived, then the end (0 bytes), or `ConnectionReset` or `TimedOut`. Writes take what
/// the window (64 KiB) has room for; a write to a peer that is gone succeeds, and the next one learns of it.
#[derive(Debug)]
pub struct Stream {
    key: (u32, u32),
    end: usize,
    host: u32,
    boot: u32,
    peer: u32,
    id: u64,
}

impl Stream {
    /// Takes hold of an end that the handshake has made.
    pub(super) fn take(key: (u32, u32), end: usize) -> Self {
        let facts = kernel::with(|kernel| {
            kernel.on_connection(key, |connection| {
                let (ours, theirs) = (&connection.ends[end], &connection.ends[1 - end]);
                (ours.host, ours.boot, theirs.host, connection.id)
            })
        });
        let (host, boot, peer, id) = facts.unwrap_or_else(|| {
            let (host, boot) = crate::tasks::running();
            (host, boot, host, 0)
        });
        Self { key, end, host, boot, peer, id }
    }

    /// Connects, as [`crate::Host::connect`] says.
    pub(crate) async fn connect(host: u32, boot: u32, to: &str, port: u16) -> io::Result<Self> {
        fence(host, boot)?;
        let (key, id, peer) = kernel::with(|kernel| {
            let peer = *kernel
                .names
                .get(to)
                .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no host is named {to}")))?;
            let (key, id) = kernel.start_connect((host, boot), peer, port);
            Ok::<_, io::Error>((key, id, peer))
        })?;
        // Held from the first moment, so that giving up on it closes it.
        let stream = Self { key, end: 0, host, boot, peer, id };
        poll_fn(|cx| {
            if let Err(error) = fence(host, boot) {
                return Poll::Ready(Err(error));
            }
            kernel::with(|kernel| match kernel.net_opening(key, cx) {
                Some(EndState::Opening) => Poll::Pending,
                Some(EndState::Open) => Poll::Ready(Ok(())),
                Some(EndState::Failed(kind)) => Poll::Ready(Err(kind.into())),
                _ => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            })
        })
        .await?;
        Ok(stream)
    }

    /// The name of the host at the other end.
    pub fn peer(&self) -> Arc<str> {
        kernel::with(|kernel| kernel.name_of(self.peer))
    }

    /// This connection's number, the same at both ends and unique in the world.
    pub fn connection(&self) -> u64 {
        self.id
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = fenced(self.host, self.boot, |kernel| {
            kernel.net_read(self.key, self.end, cx, &mut |bytes| {
                let count = bytes.len().min(buf.remaining());
                buf.put_slice(&bytes[..count]);
                bytes.advance(count);
                count
            })
        });
        read.unwrap_or_else(|dead| Poll::Ready(Err(dead)))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = fenced(self.host, self.boot, |kernel| kernel.net_write(self.key, self.end, cx, buf));
        written.unwrap_or_else(|dead| Poll::Ready(Err(dead)))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(fenced(self.host, self.boot, |kernel| kernel.net_shutdown(self.key, self.end)))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        kernel::try_with(|kernel| {
            if kernel.is_boot(self.host, self.boot) {
                kernel.net_drop(self.key, self.end);
            }
        });
    }
}
