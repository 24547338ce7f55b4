//! A connection on its stage: the rules of one connection, played with everything that they look at.

use super::Net;
use super::connection::{Connection, EndState, NetDue};
use super::listener::Port;
use super::topology::Topology;
use crate::agenda::{Agenda, Due};
use crate::entropy::Dice;
use crate::errands::Errands;
use crate::kernel::Kernel;
use crate::machine::Machine;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::task::{Context, Poll};

/// What one connection's rules look at and change, apart from the connection itself.
pub(super) struct Scene<'a> {
    /// The connection's number and generation.
    key: (u32, u32),
    pub(super) now: u64,
    pub(super) machines: &'a [Machine],
    pub(super) topology: &'a mut Topology,
    pub(super) ports: &'a mut BTreeMap<(u32, u16), Port>,
    pub(super) dice: &'a mut Dice,
    /// How long a sender's oldest byte may stay unacknowledged, ns.
    pub(super) time_out: u64,
    agenda: &'a mut Agenda,
    pub(super) errands: &'a mut Errands,
}

impl Kernel {
    /// Plays one connection's rules.
    fn scene<R>(
        &mut self,
        key @ (index, generation): (u32, u32),
        act: impl FnOnce(&mut Scene<'_>, &mut Connection) -> R,
    ) -> Option<R> {
        let Self { now, machines, net, agenda, errands, .. } = self;
        let Net { topology, connections, free, ports, dice, time_out, .. } = net;
        let slot = connections.get_mut(index as usize).filter(|slot| slot.generation == generation)?;
        let connection = slot.connection.as_deref_mut()?;
        connection.survey(topology, machines);
        let (now, time_out) = (*now, *time_out);
        let result =
            act(&mut Scene { key, now, machines, topology, ports, dice, time_out, agenda, errands }, connection);
        if connection.is_over() {
            for end in &mut connection.ends {
                errands.spend(end.reader.take());
                errands.spend(end.writer.take());
            }
            slot.connection = None;
            slot.generation = generation.wrapping_add(1);
            free.push(index);
        }
        Some(result)
    }

    pub(super) fn open_connection(&mut self, port: u16, client: (u32, u32), server: u32) -> (u32, u32) {
        self.net.opened += 1;
        let connection = Connection::new(self.net.opened, port, [client, (server, 0)]);
        let index = self.net.free.pop().unwrap_or_else(|| {
            self.net.connections.push(super::Slot::default());
            (self.net.connections.len() - 1) as u32
        });
        let slot = &mut self.net.connections[index as usize];
        slot.connection = Some(Box::new(connection));
        (index, slot.generation)
    }

    pub(crate) fn net_due(&mut self, index: u32, generation: u32, due: NetDue) {
        match due {
            NetDue::Syn { .. } | NetDue::SynArrives | NetDue::Answered { .. } | NetDue::Accepted => {
                self.handshake_due(index, generation, due);
            }
            NetDue::Readable { flow } => {
                self.scene((index, generation), |scene, connection| scene.readable(connection, flow as usize));
            }
            NetDue::Writable { flow } => {
                self.scene((index, generation), |scene, connection| scene.writable(connection, flow as usize));
            }
            NetDue::TimeOut { flow } => {
                let failed =
                    self.scene((index, generation), |scene, connection| scene.time_out(connection, flow as usize));
                if let Some(Some((host, id))) = failed {
                    self.note(host, "timed-out", [id, 0, 0], || format!("connection {id} timed out"));
                }
            }
            NetDue::Reset { end } => {
                let reset =
                    self.scene((index, generation), |scene, connection| scene.reset_arrives(connection, end as usize));
                if let Some(Some((host, id))) = reset {
                    self.note(host, "reset", [id, 0, 0], || format!("connection {id} was reset"));
                }
            }
        }
    }

    /// The state of an end that connects; the task is woken when it is open, or never will be.
    pub(super) fn net_opening(&mut self, key: (u32, u32), cx: &mut Context<'_>) -> Option<EndState> {
        self.scene(key, |scene, connection| {
            let end = &mut connection.ends[0];
            if end.state == EndState::Opening {
                scene.errands.park(&mut end.writer, cx.waker());
            }
            end.state
        })
    }

    /// Reads what has arrived. `Ready(Ok(0 bytes))` is the end.
    pub(super) fn net_read(
        &mut self,
        key: (u32, u32),
        end: usize,
        cx: &mut Context<'_>,
        put: &mut dyn FnMut(&mut Bytes) -> usize,
    ) -> Poll<io::Result<()>> {
        let now = self.now;
        if self.on_connection(key, |connection| connection.is_waited_for(end, cx.waker(), now)) == Some(true) {
            return Poll::Pending;
        }
        let result = self.scene(key, |scene, connection| scene.read(connection, end, cx, put));
        result.unwrap_or_else(|| Poll::Ready(Err(io::ErrorKind::NotConnected.into())))
    }

    /// Takes as many bytes as there is credit for.
    pub(super) fn net_write(
        &mut self,
        key: (u32, u32),
        end: usize,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = self.scene(key, |scene, connection| {
            let taken = scene.write(connection, end, cx, bytes);
            (taken, connection.id, connection.ends[end].host)
        });
        let Some((taken, id, host)) = result else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        if let Poll::Ready(Ok(count)) = taken {
            let sum = self.journal.sum(&bytes[..count]);
            self.note(host, "write", [id * 2 + end as u64, count as u64, sum], || {
                format!("{count} bytes on connection {id}")
            });
        }
        taken
    }

    /// Says that this end will write no more.
    pub(super) fn net_shutdown(&mut self, key: (u32, u32), end: usize) {
        self.scene(key, |scene, connection| scene.say_fin(connection, end));
    }

    /// Closes an end that software has dropped: FIN, or RST when bytes were left unread.
    pub(super) fn net_drop(&mut self, key: (u32, u32), end: usize) {
        let told = self.scene(key, |scene, connection| {
            scene.close(connection, end, EndState::Closed);
            (connection.ends[end].host, connection.id)
        });
        if let Some((host, id)) = told {
            self.note(host, "close", [id, end as u64, 0], || format!("closed connection {id}"));
        }
    }

    /// A host's software ended and its kernel lives: it closes every connection.
    pub(crate) fn net_software_ended(&mut self, host: u32) {
        self.for_each_end(host, |scene, connection, end| scene.close(connection, end, EndState::Gone));
        self.close_ports(host);
    }

    /// A host lost its power: its ends are gone without a word, and what it still had to send is never sent.
    pub(crate) fn net_power_lost(&mut self, host: u32) {
        self.for_each_end(host, |scene, connection, end| scene.vanish(connection, end));
        self.close_ports(host);
    }

    /// Looks at every connection again: a cut, a heal, a hold, a release, a freeze, a thaw or a boot
    /// happened.
    pub(crate) fn paths_changed(&mut self) {
        for index in 0..self.net.connections.len() {
            let generation = self.net.connections[index].generation;
            self.scene((index as u32, generation), |scene, connection| {
                for flow in 0..2 {
                    scene.look_again(connection, flow);
                }
                scene.let_go(connection);
            });
        }
    }

    fn for_each_end(&mut self, host: u32, mut act: impl FnMut(&mut Scene<'_>, &mut Connection, usize)) {
        for index in 0..self.net.connections.len() {
            let slot = &self.net.connections[index];
            let Some(connection) = &slot.connection else { continue };
            let concerned: [bool; 2] = [0, 1].map(|end: usize| {
                let end = &connection.ends[end];
                end.host == host && !matches!(end.state, EndState::Closed | EndState::Gone)
            });
            let generation = slot.generation;
            for end in (0..2).filter(|end| concerned[*end]) {
                self.scene((index as u32, generation), |scene, connection| act(scene, connection, end));
            }
        }
    }

    /// Looks at a connection, or changes it where no rule is concerned.
    pub(super) fn on_connection<R>(
        &mut self,
        (index, generation): (u32, u32),
        act: impl FnOnce(&mut Connection) -> R,
    ) -> Option<R> {
        self.net.connection(index, generation).map(act)
    }

    /// Fails an end during the handshake.
    pub(super) fn net_fail(&mut self, key: (u32, u32), end: usize, kind: io::ErrorKind) {
        self.scene(key, |scene, connection| scene.fail(connection, end, kind));
    }
}

impl Scene<'_> {
    /// Puts something on the agenda for this connection, at the earliest now.
    pub(super) fn arm(&mut self, at: u64, due: NetDue) {
        let (connection, generation) = self.key;
        self.agenda.add(at.max(self.now), Due::Net { connection, generation, due });
    }

    /// Whether nothing gets from this end to the other now: a cut, or a frozen end.
    pub(super) fn is_blocked(&self, connection: &Connection, from: usize) -> bool {
        connection.passages[from].cut || self.is_frozen(connection)
    }

    pub(super) fn is_frozen(&self, connection: &Connection) -> bool {
        connection.ends.iter().any(|end| self.machines[end.host as usize].is_frozen())
    }
}
