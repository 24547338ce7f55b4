//! TCP as a program sees it.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One end of a TCP connection. Dropping it closes (FIN, or RST when unread bytes are left).
#[derive(Debug)]
pub struct Stream {}

impl Stream {
    /// The name of the host at the other end.
    pub fn peer(&self) -> std::sync::Arc<str> {
        todo!()
    }
    /// A number for this connection, unique in the world (the same at both ends).
    pub fn connection(&self) -> u64 {
        todo!()
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, _buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        todo!()
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, _buf: &[u8]) -> Poll<io::Result<usize>> {
        todo!()
    }
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        todo!()
    }
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        todo!()
    }
}

/// Accepts connections on one port of one host.
#[derive(Debug)]
pub struct Listener {}

impl Listener {
    pub async fn accept(&self) -> io::Result<Stream> {
        todo!()
    }
}
