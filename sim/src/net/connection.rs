//! One connection: two flows of bytes between two ends.
//!
//! An end:
//! ```text
//!             established            drop, exit
//!   Opening ───────────────▶ Open ───────────────▶ Closed   (the kernel answers segments with RST)
//!      │                      │ │
//!      │ refused, time-out    │ │ crash, power loss, reboot
//!      │                      │ └───────────────────▶ Gone  (RST if the host runs, else silence)
//!      ▼                      ▼ RST received, time-out
//!    Failed ◀──────────────────
//! ```

use super::flow::Flow;
use super::topology::{Passage, Topology};
use crate::machine::Machine;
use std::io;
use std::task::Waker;

/// What the network may have on the agenda for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetDue {
    /// A SYN is sent, for the n-th time from 0.
    Syn { attempt: u8 },
    /// A SYN reaches the listener's host.
    SynArrives,
    /// The answer to the SYN reaches the client.
    Answered { refused: bool },
    /// The client's ACK reaches the listener's host.
    Accepted,
    /// Bytes reach the reader of this flow, who waits.
    Readable { flow: u8 },
    /// Credit reaches the writer of this flow, who waits.
    Writable { flow: u8 },
    /// The sender of this flow may have waited too long for an acknowledgement.
    TimeOut { flow: u8 },
    /// A RST reaches this end.
    Reset { end: u8 },
}

/// A connection between two boots; end 0 is the one that connected.
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) port: u16,
    pub(crate) ends: [End; 2],
    /// `flows[e]` goes from end `e` to the other.
    pub(super) flows: [Flow; 2],
    /// `passages[e]` is the way from end `e` to the other, as it was when they were last [surveyed](Self::survey).
    pub(super) passages: [Passage; 2],
    /// How often the topology had changed then.
    surveyed: Option<u64>,
    /// A packet of the handshake that waits for this frozen host to thaw.
    pub(super) waits_for_thaw: Option<(u32, NetDue)>,
    /// Packets of the handshake and RSTs that the network keeps on their way from this end.
    pub(super) kept: Vec<(usize, NetDue)>,
}

pub(crate) struct End {
    pub(crate) host: u32,
    pub(crate) boot: u32,
    pub(crate) state: EndState,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
    pub(super) write_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndState {
    Opening,
    Open,
    Closed,
    Gone,
    Failed(io::ErrorKind),
}

impl Connection {
    pub(crate) fn new(id: u64, port: u16, ends: [(u32, u32); 2]) -> Self {
        let [client, server] = ends.map(|(host, boot)| End {
            host,
            boot,
            state: EndState::Opening,
            reader: None,
            writer: None,
            write_closed: false,
        });
        Self {
            id,
            port,
            ends: [client, server],
            flows: [Flow::new(), Flow::new()],
            passages: [Passage::default(); 2],
            surveyed: None,
            waits_for_thaw: None,
            kept: Vec::new(),
        }
    }

    /// Looks at the ways between the ends again, if the topology has changed since it was last done: faults are rare,
    /// bytes are not.
    #[inline]
    pub(super) fn survey(&mut self, topology: &Topology, machines: &[Machine]) {
        let changes = Some(topology.changes());
        if self.surveyed != changes {
            let [a, b] = [self.ends[0].host, self.ends[1].host];
            self.passages = [topology.passage(machines, a, b), topology.passage(machines, b, a)];
            self.surveyed = changes;
        }
    }

    /// Whether this reader waits already, and what will arrive first for it has not arrived: it would wait on. Whoever
    /// waits for several things looks at all of them when one has happened, so that most reads find nothing.
    #[inline]
    pub(super) fn is_waited_for(&self, end: usize, reader: &Waker, now: u64) -> bool {
        let side = &self.ends[end];
        side.state == EndState::Open
            && self.flows[1 - end].reader_armed > now
            && side.reader.as_ref().is_some_and(|waiting| waiting.will_wake(reader))
    }

    /// Lets the network keep a packet from this end; one like it that it has already says as much.
    pub(super) fn keep(&mut self, from: usize, packet: NetDue) {
        if !self.kept.contains(&(from, packet)) {
            self.kept.push((from, packet));
        }
    }

    /// Whether software can still learn anything from it.
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| matches!(end.state, EndState::Closed | EndState::Gone))
    }
}
