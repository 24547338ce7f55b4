//! Opening a connection: a SYN, its retries, the answer.
//!
//! ```text
//!   client                          listener's host
//!     │ SYN (again after 1, 2, 4 ... 64 s)  │
//!     ├────────────────────────────────────▶│ off: silence · nobody listens: RST
//!     │◀────────────────────────────────────┤ SYN-ACK
//!   connect returns                         │
//!     ├────────────────────────────────────▶│ accept returns
//! ```

use super::connection::{EndState, NetDue};
use crate::agenda::Due;
use crate::kernel::Kernel;
use crate::machine::Power;
use std::io;

/// A SYN is sent again after 1, 2, 4, 8, 16, 32 s (Linux's `tcp_syn_retries` = 6); 64 s after the last the
/// attempt has timed out, 127 s after the first.
const LAST_ATTEMPT: u8 = 6;
pub(super) const SECOND: u64 = 1_000_000_000;

type Key = (u32, u32);

impl Kernel {
    /// Starts to connect; the end's state tells the outcome.
    pub(super) fn start_connect(&mut self, client: (u32, u32), server: u32, port: u16) -> (Key, u64) {
        let key = self.open_connection(port, client, server);
        let id = self.net.opened;
        let name = self.name_of(server);
        self.note(client.0, "connect", [id, u64::from(server), u64::from(port)], || {
            format!("connection {id}: connects to {name}:{port}")
        });
        self.syn(key, 0);
        (key, id)
    }

    pub(super) fn handshake_due(&mut self, index: u32, generation: u32, due: NetDue) {
        let key = (index, generation);
        match due {
            NetDue::Syn { attempt } => self.syn(key, attempt),
            NetDue::SynArrives => self.syn_arrives(key),
            NetDue::Answered { refused } => self.answered(key, refused),
            NetDue::Accepted => self.accepted(key),
            _ => {}
        }
    }

    fn syn(&mut self, key: Key, attempt: u8) {
        let Some((client, server)) = self.opening(key) else { return };
        if self.is_frozen(client) {
            return self.soon(key, SECOND, NetDue::Syn { attempt });
        }
        if attempt > LAST_ATTEMPT {
            let id = self.on_connection(key, |connection| connection.id).unwrap_or_default();
            self.note(client, "syn-timeout", [id, 0, 0], || format!("connection {id} timed out while connecting"));
            return self.net_fail(key, 0, io::ErrorKind::TimedOut);
        }
        self.soon(key, SECOND << attempt, NetDue::Syn { attempt: attempt + 1 });
        let way = self.net.topology.way(&self.machines, client, server);
        let lost = self.net.topology.is_cut(&self.machines, client, server) || way.loses(0, &mut self.net.dice);
        if !lost {
            self.send_packet(key, 0, NetDue::SynArrives);
        }
    }

    fn syn_arrives(&mut self, key: Key) {
        let Some((client, server)) = self.opening(key) else { return };
        if self.is_kept(key, 0, NetDue::SynArrives) || self.waits_for_thaw(key, server, NetDue::SynArrives) {
            return;
        }
        let machine = &self.machines[server as usize];
        if machine.power == Power::Off || self.net.topology.is_cut(&self.machines, server, client) {
            return;
        }
        let boot = machine.boot;
        let port = self.on_connection(key, |connection| connection.port).unwrap_or_default();
        let room = self.net.ports.get(&(server, port)).map(super::listener::Port::has_room);
        let refused = match room {
            None => true,
            Some(true) => false,
            // A full backlog drops the SYN, as Linux does.
            Some(false) => return,
        };
        if !refused {
            let first = self.on_connection(key, |connection| {
                let end = &mut connection.ends[1];
                // A boot that is gone half-way is replaced by the one that hears the next SYN.
                let first = end.state != EndState::Open;
                if first {
                    (end.boot, end.state) = (boot, EndState::Open);
                }
                first
            });
            if first == Some(true) {
                self.net.ports.entry((server, port)).and_modify(super::listener::Port::reserve);
            }
        }
        let way = self.net.topology.way(&self.machines, server, client);
        if !way.loses(0, &mut self.net.dice) {
            self.send_packet(key, 1, NetDue::Answered { refused });
        }
    }

    fn answered(&mut self, key: Key, refused: bool) {
        let Some((client, server)) = self.opening(key) else { return };
        let answer = NetDue::Answered { refused };
        if self.is_kept(key, 1, answer) || self.waits_for_thaw(key, client, answer) {
            return;
        }
        if self.net.topology.is_cut(&self.machines, server, client) {
            return;
        }
        let id = self.on_connection(key, |connection| connection.id).unwrap_or_default();
        if refused {
            self.note(client, "refused", [id, 0, 0], || format!("connection {id} was refused"));
            return self.net_fail(key, 0, io::ErrorKind::ConnectionRefused);
        }
        self.note(client, "established", [id, 0, 0], || format!("connection {id} is established"));
        let waker = self.on_connection(key, |connection| {
            let end = &mut connection.ends[0];
            end.state = EndState::Open;
            end.writer.take()
        });
        self.errands.wake(waker.flatten());
        self.send_packet(key, 0, NetDue::Accepted);
    }

    /// The handshake is complete at the listener's side too.
    fn accepted(&mut self, key: Key) {
        let Some((client, server, boot, port)) = self.on_connection(key, |connection| {
            let [a, b] = &connection.ends;
            (a.host, b.host, b.boot, connection.port)
        }) else {
            return;
        };
        if !self.is_boot(server, boot)
            || self.is_kept(key, 0, NetDue::Accepted)
            || self.waits_for_thaw(key, server, NetDue::Accepted)
        {
            return;
        }
        if self.net.topology.is_cut(&self.machines, client, server) {
            // The lost ACK is asked for again by a repeated SYN-ACK.
            return self.soon(key, SECOND, NetDue::Accepted);
        }
        match self.net.ports.get_mut(&(server, port)) {
            Some(listener) => {
                let waker = listener.arrived(key);
                self.errands.wake(waker);
            }
            None => self.net_drop(key, 1),
        }
    }

    /// Sends a packet of the handshake from this end to the other.
    fn send_packet(&mut self, key: Key, from: usize, packet: NetDue) {
        if self.is_kept(key, from, packet) {
            return;
        }
        if let Some((a, b)) = self.hosts(key, from) {
            let latency = self.net.topology.way(&self.machines, a, b).latency(&mut self.net.dice);
            self.soon(key, latency, packet);
        }
    }

    /// Whether the network keeps a packet from this end; then it does, until the hold ends.
    fn is_kept(&mut self, key: Key, from: usize, packet: NetDue) -> bool {
        let held = self.hosts(key, from).is_some_and(|(a, b)| self.net.topology.is_held(&self.machines, a, b));
        if held {
            self.on_connection(key, |connection| connection.keep(from, packet));
        }
        held
    }

    /// The host of this end, and the other's.
    fn hosts(&mut self, key: Key, from: usize) -> Option<(u32, u32)> {
        self.on_connection(key, |connection| (connection.ends[from].host, connection.ends[1 - from].host))
    }

    /// Keeps a step of the handshake until its host thaws, if it is frozen.
    fn waits_for_thaw(&mut self, key: Key, host: u32, due: NetDue) -> bool {
        let frozen = self.is_frozen(host);
        if frozen {
            self.on_connection(key, |connection| connection.waits_for_thaw = Some((host, due)));
        }
        frozen
    }

    /// The hosts of a connection whose client still waits.
    fn opening(&mut self, key: Key) -> Option<(u32, u32)> {
        self.on_connection(key, |connection| {
            let [client, server] = &connection.ends;
            (client.state == EndState::Opening).then_some((client.host, server.host))
        })?
    }

    fn soon(&mut self, (connection, generation): Key, after: u64, due: NetDue) {
        self.at(self.now + after, Due::Net { connection, generation, due });
    }
}
