//! Listening on a port.

use super::connection::EndState;
use super::stream::Stream;
use crate::kernel::{self, Kernel};
use crate::tasks::fence;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::{Poll, Waker};

/// Connections that may wait to be accepted: Linux's `somaxconn`.
const BACKLOG: usize = 4096;

/// A port that somebody listens on.
#[derive(Debug)]
pub(crate) struct Port {
    /// The listener's number: a later listener on the same port is another one.
    listener: u64,
    boot: u32,
    /// Established and not yet accepted.
    waiting: VecDeque<(u32, u32)>,
    /// SYNs answered and not yet established.
    half_open: usize,
    acceptor: Option<Waker>,
}

impl Port {
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() + self.half_open < BACKLOG
    }

    pub(super) fn reserve(&mut self) {
        self.half_open += 1;
    }

    pub(super) fn unreserve(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    pub(super) fn arrived(&mut self, key: (u32, u32)) -> Option<Waker> {
        self.unreserve();
        self.waiting.push_back(key);
        self.acceptor.take()
    }
}

/// Accepts connections on one port of one host. Dropping it stops listening and resets what waits.
#[derive(Debug)]
pub struct Listener {
    host: u32,
    boot: u32,
    port: u16,
    listener: u64,
}

impl Listener {
    pub(crate) fn bind(host: u32, boot: u32, port: u16) -> io::Result<Self> {
        fence(host, boot)?;
        kernel::with(|kernel| {
            if kernel.net.ports.contains_key(&(host, port)) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            kernel.net.opened += 1;
            let listener = kernel.net.opened;
            let waiting = VecDeque::new();
            kernel.net.ports.insert((host, port), Port { listener, boot, waiting, half_open: 0, acceptor: None });
            kernel.note(host, "listen", [u64::from(port), 0, 0], || format!("listens on port {port}"));
            Ok(Self { host, boot, port, listener })
        })
    }

    /// Waits for the next connection, in the order in which they were established.
    ///
    /// # Errors
    /// `NotConnected` when the listener's boot is over and its task is unwinding already.
    pub async fn accept(&self) -> io::Result<Stream> {
        poll_fn(|cx| {
            if let Err(error) = fence(self.host, self.boot) {
                return Poll::Ready(Err(error));
            }
            let next = kernel::with(|kernel| {
                let Some(port) = kernel.net.ports.get_mut(&(self.host, self.port)) else {
                    return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
                };
                if let Some(key) = port.waiting.pop_front() {
                    return Poll::Ready(Ok(key));
                }
                kernel.errands.park(&mut port.acceptor, cx.waker());
                Poll::Pending
            });
            next.map_ok(|key| Stream::take(key, 1))
        })
        .await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        kernel::try_with(|kernel| {
            let place = (self.host, self.port);
            if kernel.net.ports.get(&place).is_some_and(|port| port.listener == self.listener) {
                kernel.close_port(place);
            }
        });
    }
}

impl Kernel {
    pub(super) fn close_ports(&mut self, host: u32) {
        let places: Vec<_> = self.net.ports.range((host, 0)..=(host, u16::MAX)).map(|(place, _)| *place).collect();
        for place in places {
            self.close_port(place);
        }
    }

    fn close_port(&mut self, place: (u32, u16)) {
        let Some(port) = self.net.ports.remove(&place) else { return };
        self.errands.spend(port.acceptor);
        for key in port.waiting {
            let open = self.on_connection(key, |connection| connection.ends[1].state == EndState::Open);
            if open == Some(true) && self.is_boot(place.0, port.boot) {
                self.net_drop(key, 1);
            }
        }
    }
}
