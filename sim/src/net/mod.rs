//! TCP as a program sees it, without packets.
//!
//! - [`topology`]: how far apart hosts are, and what lies between them: latency, loss, bandwidth;
//!   [`barrier`]: cuts and holds.
//! - [`connection`], [`flow`]: two flows of bytes between two ends; arrival times, acknowledgements.
//! - [`scene`]: plays a connection's rules: [`sending`] (windows, retransmission), [`receiving`], [`ending`],
//!   [`obstacle`] (what cuts, holds and freezes do to it).
//! - [`handshake`]: SYN, retries, refusal, establishment.
//! - [`stream`], [`listener`]: what software holds.
//!
//! It is lazy: a segment is an arrival time in a queue. Something is put on the agenda only when a reader,
//! a writer out of credit or a pending connect waits for it, or when a time-out has become possible.

mod barrier;
mod connection;
mod ending;
mod flow;
mod handshake;
mod listener;
mod obstacle;
mod receiving;
mod scene;
mod sending;
mod stream;
mod topology;

pub(crate) use connection::{Connection, NetDue};
pub use listener::Listener;
pub use stream::Stream;
pub(crate) use topology::{Scope, Topology};

use crate::entropy::{self, Dice};
use listener::Port;
use std::collections::BTreeMap;
use std::time::Duration;

/// The network of one world.
pub(crate) struct Net {
    pub(crate) topology: Topology,
    connections: Vec<Slot>,
    free: Vec<u32>,
    opened: u64,
    ports: BTreeMap<(u32, u16), Port>,
    dice: Dice,
    /// How long a sender's oldest byte may stay unacknowledged, ns.
    time_out: u64,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Box<Connection>>,
}

impl Net {
    pub(crate) fn new(seed: u64, time_out: Duration) -> Self {
        Self {
            topology: Topology::default(),
            connections: Vec::new(),
            free: Vec::new(),
            opened: 0,
            ports: BTreeMap::new(),
            dice: entropy::dice(seed, "network"),
            time_out: time_out.as_nanos() as u64,
        }
    }

    fn connection(&mut self, index: u32, generation: u32) -> Option<&mut Connection> {
        let slot = self.connections.get_mut(index as usize)?;
        if slot.generation == generation { slot.connection.as_deref_mut() } else { None }
    }
}
