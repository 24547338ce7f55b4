//! What a broker wants done.
use super::call::{Answer, Refusal};
use super::frame::ServerFrame;
use super::input::{SocketId, Ticket};
use super::message::Page;
use crate::history::{Event, Name};

/// What a broker wants done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Let the socket in: 101.
    Accept(SocketId),
    /// Do not: this status. It is forgotten.
    Refuse(SocketId, Refusal),
    /// Send this.
    Send(SocketId, ServerFrame),
    /// Close it after what was sent before. It is forgotten.
    Close {
        /// Which.
        socket: SocketId,
        /// WebSocket's close code.
        code: u16,
        /// In words.
        reason: &'static str,
    },
    /// Ping it, and tell as soon as it is heard of: somebody else waits for its place.
    Probe(SocketId),
    /// Answer a request.
    Reply(Ticket, Answer),
    /// Write into the history.
    Record(Event),
    /// Write into the history what the disk says, once: `record_once`.
    RecordOnce {
        /// Its serial number.
        serial: u64,
        /// What it says.
        event: Event,
    },
    /// Send this to another region's broker: answered by `Replicated` or `ReplicationLost`. One at a time for each.
    Forward {
        /// That broker.
        to: Name,
        /// What to send.
        page: Page,
    },
}
