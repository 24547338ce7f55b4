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

use super::Net;
use super::topology::Way;
use crate::kernel::{Due, Kernel, NEVER};
use crate::machine::{Machine, Power};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};
use xxhash_rust::xxh3::xxh3_64;

/// What a sender may have under way or unread at the other end: Linux's usual receive window before it grows.
const WINDOW: usize = 64 * 1024;
/// The first retransmission comes after this, ns (Linux's least RTO); each later one after twice the time.
const FIRST_RTO: u64 = 200_000_000;
/// Retransmissions are never further apart than this, ns.
const LAST_RTO: u64 = 30_000_000_000;

/// What the network may have on the agenda for a connection.
#[derive(Clone, Copy, Debug)]
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
    flows: [Flow; 2],
    /// A packet of the handshake that waits for this frozen host to thaw.
    pub(super) held: Option<(u32, NetDue)>,
}

pub(crate) struct End {
    pub(crate) host: u32,
    pub(crate) boot: u32,
    pub(crate) state: EndState,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
    write_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndState {
    Opening,
    Open,
    Closed,
    Gone,
    Failed(io::ErrorKind),
}

#[derive(Default)]
struct Flow {
    /// Not yet read, in order; those that cannot arrive for now are at the back, with `arrives` = [`NEVER`].
    segments: VecDeque<Segment>,
    /// Sent and not known to be acknowledged.
    unacked: VecDeque<Unacked>,
    /// Bytes under way, unread, or read with the news still under way.
    in_window: usize,
    /// Credit on its way back to the writer: when it arrives and how much.
    returning: VecDeque<(u64, usize)>,
    last_arrival: u64,
    /// When the armed `Readable` is due; [`NEVER`]: none is armed.
    reader_armed: u64,
    writer_armed: u64,
    time_out_armed: bool,
    /// Whether the way there, and the way back, were blocked when last looked at.
    blocked: (bool, bool),
    /// Whether an end was frozen when last looked at.
    frozen: bool,
}

struct Segment {
    /// When its last transmission leaves the sender.
    leaves: u64,
    arrives: u64,
    content: Content,
}

enum Content {
    Bytes(Bytes),
    Fin,
}

struct Unacked {
    sent: u64,
    acked: u64,
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
        Self { id, port, ends: [client, server], flows: [Flow::new(), Flow::new()], held: None }
    }

    /// Whether software can still learn anything from it.
    fn is_over(&self) -> bool {
        self.ends.iter().all(|end| matches!(end.state, EndState::Closed | EndState::Gone))
    }
}

impl Flow {
    fn new() -> Self {
        Self { reader_armed: NEVER, writer_armed: NEVER, ..Self::default() }
    }

    fn reclaim(&mut self, now: u64) {
        while self.returning.front().is_some_and(|(at, _)| *at <= now) {
            let (_, bytes) = self.returning.pop_front().unwrap_or_default();
            self.in_window -= bytes;
        }
        while self.unacked.front().is_some_and(|entry| entry.acked <= now) {
            self.unacked.pop_front();
        }
    }

    /// How many segments come before the first that is not like this: a stream has no holes, so that what follows a
    /// segment that does not arrive does not arrive either.
    fn leading(&self, like_this: impl Fn(&Segment) -> bool) -> usize {
        self.segments.iter().position(|segment| !like_this(segment)).unwrap_or(self.segments.len())
    }

    /// Drops all but the leading segments that are like this.
    fn keep_leading(&mut self, like_this: impl Fn(&Segment) -> bool) {
        self.segments.truncate(self.leading(like_this));
    }

    fn give_back(&mut self, at: u64, bytes: usize) {
        let many = self.returning.len() >= 32;
        match self.returning.back_mut() {
            // Many small reads that nobody waits for are one window update.
            Some((last, sum)) if *last >= at || many => {
                *last = at.max(*last);
                *sum += bytes;
            }
            _ => self.returning.push_back((at, bytes)),
        }
    }
}

/// When a byte first sent at `sent` is transmitted again: the first attempt at or after `from`.
pub(super) fn next_attempt(sent: u64, from: u64) -> u64 {
    let (mut at, mut rto) = (sent, FIRST_RTO);
    while at < from {
        at += rto;
        rto = (rto * 2).min(LAST_RTO);
    }
    at
}

impl Net {
    /// When a burst sent now leaves for good, after as many losses as the dice say.
    fn attempt(&mut self, way: Way, now: u64, bytes: usize) -> u64 {
        let (mut at, mut rto) = (now, FIRST_RTO);
        let mut lost = way.loses(bytes, &mut self.dice);
        while lost && at - now <= self.time_out {
            at += rto;
            rto = (rto * 2).min(LAST_RTO);
            // Only the lost packet is sent again.
            lost = way.loses(0, &mut self.dice);
        }
        at
    }
}

/// A connection by number, with everything that its rules look at.
struct Scene<'a> {
    net: &'a mut Net,
    machines: &'a [Machine],
    now: u64,
    due: Vec<(u64, NetDue)>,
    wakes: &'a mut VecDeque<Waker>,
}

impl Kernel {
    /// Plays one connection's rules; what they put on the agenda and whom they wake is done afterwards.
    fn scene<R>(
        &mut self,
        index: u32,
        generation: u32,
        act: impl FnOnce(&mut Scene<'_>, &mut Connection) -> R,
    ) -> Option<R> {
        let slot = self.net.connections.get_mut(index as usize)?;
        if slot.generation != generation {
            return None;
        }
        let mut connection = slot.connection.take()?;
        // The buffer is kept from scene to scene: this is the path of every byte.
        let due = std::mem::take(&mut self.net.due);
        let mut scene =
            Scene { net: &mut self.net, machines: &self.machines, now: self.now, due, wakes: &mut self.wakes };
        let result = act(&mut scene, &mut connection);
        let mut due = scene.due;
        for (at, due) in due.drain(..) {
            self.at(at.max(self.now), Due::Net { connection: index, generation, due });
        }
        self.net.due = due;
        let slot = &mut self.net.connections[index as usize];
        if connection.is_over() {
            slot.generation = slot.generation.wrapping_add(1);
            self.net.free.push(index);
            for end in connection.ends {
                self.spent.extend(end.reader);
                self.spent.extend(end.writer);
            }
        } else {
            slot.connection = Some(connection);
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
                self.scene(index, generation, |scene, connection| scene.readable(connection, flow as usize));
            }
            NetDue::Writable { flow } => {
                self.scene(index, generation, |scene, connection| scene.writable(connection, flow as usize));
            }
            NetDue::TimeOut { flow } => {
                let failed =
                    self.scene(index, generation, |scene, connection| scene.time_out(connection, flow as usize));
                if let Some(Some((host, id))) = failed {
                    self.note(host, "timed-out", [id, 0, 0], || format!("connection {id} timed out"));
                }
            }
            NetDue::Reset { end } => {
                let reset = self.scene(index, generation, |scene, connection| {
                    scene.fail(connection, end as usize, io::ErrorKind::ConnectionReset)
                });
                if let Some(Some((host, id))) = reset {
                    self.note(host, "reset", [id, 0, 0], || format!("connection {id} was reset"));
                }
            }
        }
    }

    /// Reads what has arrived. `Ready(Ok(0 bytes))` is the end.
    pub(super) fn net_read(
        &mut self,
        (index, generation): (u32, u32),
        end: usize,
        cx: &mut Context<'_>,
        put: &mut dyn FnMut(&mut Bytes) -> usize,
    ) -> Poll<io::Result<()>> {
        let mut spent = Vec::new();
        let result =
            self.scene(index, generation, |scene, connection| scene.read(connection, end, cx, put, &mut spent));
        self.spent.append(&mut spent);
        result.unwrap_or_else(|| Poll::Ready(Err(io::ErrorKind::NotConnected.into())))
    }

    /// Takes as many bytes as there is credit for.
    pub(super) fn net_write(
        &mut self,
        (index, generation): (u32, u32),
        end: usize,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut spent = Vec::new();
        let result = self.scene(index, generation, |scene, connection| {
            let taken = scene.write(connection, end, cx, bytes, &mut spent);
            (taken, connection.id, connection.ends[end].host)
        });
        self.spent.append(&mut spent);
        let Some((taken, id, host)) = result else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        if let Poll::Ready(Ok(count)) = taken {
            let sum = xxh3_64(&bytes[..count]);
            self.note(host, "write", [id * 2 + end as u64, count as u64, sum], || {
                format!("{count} bytes on connection {id}")
            });
        }
        taken
    }

    /// Says that this end will write no more.
    pub(super) fn net_shutdown(&mut self, (index, generation): (u32, u32), end: usize) {
        self.scene(index, generation, |scene, connection| scene.say_fin(connection, end));
    }

    /// Closes an end that software has dropped: FIN, or RST when bytes were left unread.
    pub(super) fn net_drop(&mut self, (index, generation): (u32, u32), end: usize) {
        let told = self.scene(index, generation, |scene, connection| {
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

    /// Looks at every connection again: a cut, a heal, a freeze, a thaw, a boot or an impairment happened.
    pub(crate) fn paths_changed(&mut self) {
        for index in 0..self.net.connections.len() {
            let generation = self.net.connections[index].generation;
            self.scene(index as u32, generation, |scene, connection| {
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
                self.scene(index as u32, generation, |scene, connection| act(scene, connection, end));
            }
        }
    }

    /// Runs a handshake step's changes on the connection.
    pub(super) fn on_connection<R>(
        &mut self,
        (index, generation): (u32, u32),
        act: impl FnOnce(&mut Connection) -> R,
    ) -> Option<R> {
        self.net.connection(index, generation).map(act)
    }

    /// Fails an end during the handshake.
    pub(super) fn net_fail(&mut self, (index, generation): (u32, u32), end: usize, kind: io::ErrorKind) {
        self.scene(index, generation, |scene, connection| scene.fail(connection, end, kind));
    }
}

impl Scene<'_> {
    fn way(&self, connection: &Connection, from: usize) -> Way {
        self.net.topology.way(self.machines, connection.ends[from].host, connection.ends[1 - from].host)
    }

    fn is_blocked(&self, connection: &Connection, from: usize) -> bool {
        let (a, b) = (connection.ends[from].host, connection.ends[1 - from].host);
        self.net.topology.is_blocked(self.machines, a, b)
    }

    fn is_frozen(&self, connection: &Connection) -> bool {
        connection.ends.iter().any(|end| self.machines[end.host as usize].is_frozen())
    }

    // Sending.

    fn write(
        &mut self,
        connection: &mut Connection,
        end: usize,
        cx: &mut Context<'_>,
        bytes: &[u8],
        spent: &mut Vec<Waker>,
    ) -> Poll<io::Result<usize>> {
        match connection.ends[end].state {
            EndState::Failed(kind) => return Poll::Ready(Err(kind.into())),
            EndState::Open if !connection.ends[end].write_closed => {}
            _ => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let flow = &mut connection.flows[end];
        flow.reclaim(self.now);
        let credit = WINDOW - flow.in_window;
        if credit == 0 {
            Kernel::park(&mut connection.ends[end].writer, cx.waker(), spent);
            self.arm_writer(connection, end);
            return Poll::Pending;
        }
        let count = bytes.len().min(credit);
        flow.in_window += count;
        self.send(connection, end, Content::Bytes(Bytes::copy_from_slice(&bytes[..count])));
        Poll::Ready(Ok(count))
    }

    fn say_fin(&mut self, connection: &mut Connection, end: usize) {
        let side = &mut connection.ends[end];
        if side.state == EndState::Open && !side.write_closed {
            side.write_closed = true;
            self.send(connection, end, Content::Fin);
        }
    }

    /// Gives a segment to the network.
    fn send(&mut self, connection: &mut Connection, end: usize, content: Content) {
        let now = self.now;
        let size = match &content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Fin => 1,
        };
        connection.flows[end].reclaim(now);
        let blocked = (self.is_blocked(connection, end), self.is_blocked(connection, 1 - end));
        connection.flows[end].blocked = blocked;
        connection.flows[end].frozen = self.is_frozen(connection);
        let reaches_software = matches!(connection.ends[1 - end].state, EndState::Open | EndState::Opening);
        if !reaches_software {
            connection.flows[end].unacked.push_back(Unacked { sent: now, acked: NEVER });
            self.arm_time_out(connection, end);
            self.expect_reset(connection, end, now);
            return;
        }
        let stalled = connection.flows[end].segments.back().is_some_and(|segment| segment.arrives == NEVER);
        let (leaves, arrives) =
            if blocked.0 || stalled { (NEVER, NEVER) } else { self.transmit(connection, end, now, size) };
        let acked =
            if blocked.1 || arrives == NEVER { NEVER } else { arrives + self.way(connection, 1 - end).least_ns };
        let flow = &mut connection.flows[end];
        flow.segments.push_back(Segment { leaves, arrives, content });
        flow.unacked.push_back(Unacked { sent: now, acked });
        if acked == NEVER || acked - now > self.net.time_out {
            self.arm_time_out(connection, end);
        }
        self.arm_reader(connection, end);
    }

    /// When a burst leaves and arrives if it is first sent at `ready`.
    fn transmit(&mut self, connection: &mut Connection, end: usize, ready: u64, size: usize) -> (u64, u64) {
        let way = self.way(connection, end);
        let hosts = (connection.ends[end].host, connection.ends[1 - end].host);
        let ready = self.net.attempt(way, ready, size);
        let Net { topology, dice, .. } = &mut *self.net;
        let (leaves, arrives) = topology.carry(self.machines, hosts, way, ready, size, dice);
        let flow = &mut connection.flows[end];
        flow.last_arrival = arrives.max(flow.last_arrival);
        (leaves, flow.last_arrival)
    }

    /// The other end is no more: its kernel, if there is one, answers the next transmission with a RST.
    fn expect_reset(&mut self, connection: &Connection, end: usize, sent: u64) {
        let peer = &self.machines[connection.ends[1 - end].host as usize];
        let flow = &connection.flows[end];
        if peer.power == Power::Off || flow.blocked != (false, false) {
            return;
        }
        let there = self.way(connection, end).latency(&mut self.net.dice);
        let back = self.way(connection, 1 - end).latency(&mut self.net.dice);
        let at = next_attempt(sent, self.now).max(self.now) + there + back;
        self.due.push((at, NetDue::Reset { end: end as u8 }));
    }

    fn arm_time_out(&mut self, connection: &mut Connection, end: usize) {
        let flow = &mut connection.flows[end];
        if flow.time_out_armed {
            return;
        }
        let waiting =
            flow.unacked.iter().find(|entry| entry.acked == NEVER || entry.acked - entry.sent > self.net.time_out);
        if let Some(entry) = waiting {
            flow.time_out_armed = true;
            self.due.push((entry.sent.saturating_add(self.net.time_out), NetDue::TimeOut { flow: end as u8 }));
        }
    }

    /// Answers whether the sender has given up, with its host and the connection's number.
    fn time_out(&mut self, connection: &mut Connection, end: usize) -> Option<(u32, u64)> {
        let flow = &mut connection.flows[end];
        flow.time_out_armed = false;
        flow.reclaim(self.now);
        let oldest = flow.unacked.front()?;
        if self.now - oldest.sent >= self.net.time_out {
            return self.fail(connection, end, io::ErrorKind::TimedOut);
        }
        self.arm_time_out(connection, end);
        None
    }

    fn writable(&mut self, connection: &mut Connection, end: usize) {
        connection.flows[end].writer_armed = NEVER;
        connection.flows[end].reclaim(self.now);
        if connection.flows[end].in_window < WINDOW {
            self.wakes.extend(connection.ends[end].writer.take());
        } else {
            self.arm_writer(connection, end);
        }
    }

    fn arm_writer(&mut self, connection: &mut Connection, end: usize) {
        let flow = &mut connection.flows[end];
        let Some((at, _)) = flow.returning.front() else { return };
        if *at != NEVER && *at < flow.writer_armed && connection.ends[end].writer.is_some() {
            flow.writer_armed = *at;
            self.due.push((*at, NetDue::Writable { flow: end as u8 }));
        }
    }

    // Receiving.

    fn read(
        &mut self,
        connection: &mut Connection,
        end: usize,
        cx: &mut Context<'_>,
        put: &mut dyn FnMut(&mut Bytes) -> usize,
        spent: &mut Vec<Waker>,
    ) -> Poll<io::Result<()>> {
        let flow = &mut connection.flows[1 - end];
        let mut taken = 0;
        while let Some(segment) = flow.segments.front_mut() {
            if segment.arrives > self.now {
                break;
            }
            let Content::Bytes(bytes) = &mut segment.content else {
                if taken == 0 {
                    return Poll::Ready(Ok(()));
                }
                break;
            };
            let count = put(bytes);
            taken += count;
            if bytes.is_empty() {
                flow.segments.pop_front();
            } else {
                break;
            }
        }
        if taken > 0 {
            self.return_credit(connection, end, taken);
            return Poll::Ready(Ok(()));
        }
        match connection.ends[end].state {
            EndState::Failed(kind) => return Poll::Ready(Err(kind.into())),
            EndState::Open | EndState::Opening => {}
            EndState::Closed | EndState::Gone => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
        Kernel::park(&mut connection.ends[end].reader, cx.waker(), spent);
        self.arm_reader(connection, 1 - end);
        Poll::Pending
    }

    fn return_credit(&mut self, connection: &mut Connection, end: usize, bytes: usize) {
        let sender = 1 - end;
        let at = if self.is_blocked(connection, end) { NEVER } else { self.now + self.way(connection, end).least_ns };
        connection.flows[sender].give_back(at, bytes);
        self.arm_writer(connection, sender);
    }

    fn readable(&mut self, connection: &mut Connection, flow: usize) {
        connection.flows[flow].reader_armed = NEVER;
        let arrived = connection.flows[flow].segments.front().is_some_and(|segment| segment.arrives <= self.now);
        if arrived {
            self.wakes.extend(connection.ends[1 - flow].reader.take());
        } else {
            self.arm_reader(connection, flow);
        }
    }

    fn arm_reader(&mut self, connection: &mut Connection, flow: usize) {
        if connection.ends[1 - flow].reader.is_none() {
            return;
        }
        let queue = &mut connection.flows[flow];
        let Some(first) = queue.segments.front() else { return };
        if first.arrives != NEVER && first.arrives < queue.reader_armed {
            queue.reader_armed = first.arrives;
            self.due.push((first.arrives, NetDue::Readable { flow: flow as u8 }));
        }
    }

    // Ends and endings.

    /// Fails an end: what has arrived can still be read, then the error comes.
    fn fail(&mut self, connection: &mut Connection, end: usize, kind: io::ErrorKind) -> Option<(u32, u64)> {
        let side = &mut connection.ends[end];
        if !matches!(side.state, EndState::Open | EndState::Opening) {
            // An end that nobody holds any more just ends.
            return None;
        }
        let was = std::mem::replace(&mut side.state, EndState::Failed(kind));
        self.wakes.extend(side.reader.take());
        self.wakes.extend(side.writer.take());
        let (host, now) = (side.host, self.now);
        if was == EndState::Opening {
            self.abandon(connection);
        }
        connection.flows[end].keep_leading(|segment| segment.leaves <= now);
        connection.flows[end].unacked.clear();
        connection.flows[1 - end].keep_leading(|segment| segment.arrives <= now);
        Some((host, connection.id))
    }

    /// Closes an end as a kernel does: FIN when all was read, RST when not.
    fn close(&mut self, connection: &mut Connection, end: usize, into: EndState) {
        let was = connection.ends[end].state;
        if was == EndState::Open {
            let now = self.now;
            let unread = connection.flows[1 - end]
                .segments
                .iter()
                .any(|segment| segment.arrives <= now && matches!(segment.content, Content::Bytes(_)));
            if unread {
                self.send_reset(connection, 1 - end);
            } else {
                self.say_fin(connection, end);
            }
        }
        let side = &mut connection.ends[end];
        side.state = into;
        self.wakes.extend(side.reader.take());
        self.wakes.extend(side.writer.take());
        match was {
            EndState::Open => self.refuse_what_comes(connection, 1 - end),
            EndState::Opening if end == 0 => self.abandon(connection),
            _ => {}
        }
    }

    /// The client gave up before the handshake was done: the listener's half of it is dropped.
    fn abandon(&mut self, connection: &mut Connection) {
        let server = &mut connection.ends[1];
        if server.state == EndState::Open
            && let Some(port) = self.net.ports.get_mut(&(server.host, connection.port))
        {
            port.unreserve();
        }
        server.state = EndState::Gone;
    }

    /// Sends a RST to an end, once: a lost one is sent again when that end speaks.
    fn send_reset(&mut self, connection: &Connection, to: usize) {
        if !self.is_blocked(connection, 1 - to) {
            let at = self.now + self.way(connection, 1 - to).latency(&mut self.net.dice);
            self.due.push((at, NetDue::Reset { end: to as u8 }));
        }
    }

    /// The receiver of this flow has closed: what is still under way meets a RST.
    fn refuse_what_comes(&mut self, connection: &mut Connection, flow: usize) {
        let now = self.now;
        let under_way = connection.flows[flow]
            .segments
            .iter()
            .find(|segment| segment.arrives > now && matches!(segment.content, Content::Bytes(_)))
            .map(|segment| segment.arrives);
        if let Some(arrives) = under_way {
            if arrives == NEVER || self.is_blocked(connection, 1 - flow) {
                self.arm_time_out(connection, flow);
            } else {
                let at = arrives + self.way(connection, 1 - flow).least_ns;
                self.due.push((at, NetDue::Reset { end: flow as u8 }));
            }
        }
        connection.flows[flow].keep_leading(|segment| segment.arrives <= now);
    }

    /// Takes an end away without a word: its host has lost power.
    fn vanish(&mut self, connection: &mut Connection, end: usize) {
        let now = self.now;
        if end == 0 && connection.ends[0].state == EndState::Opening {
            self.abandon(connection);
        }
        let side = &mut connection.ends[end];
        side.state = EndState::Gone;
        self.wakes.extend(side.reader.take());
        self.wakes.extend(side.writer.take());
        // Only what had left the host arrives.
        let sending = &mut connection.flows[end];
        sending.keep_leading(|segment| segment.leaves <= now);
        sending.unacked.clear();
        // What it had not acknowledged it never will.
        let receiving = &mut connection.flows[1 - end];
        receiving.segments.clear();
        receiving.reclaim(now);
        for entry in &mut receiving.unacked {
            entry.acked = NEVER;
        }
        self.arm_time_out(connection, 1 - end);
    }

    /// Compares a flow's path with what it was; stalls what no longer gets through, resumes what now does.
    fn look_again(&mut self, connection: &mut Connection, flow: usize) {
        let is = (self.is_blocked(connection, flow), self.is_blocked(connection, 1 - flow));
        let was = std::mem::replace(&mut connection.flows[flow].blocked, is);
        let frozen = self.is_frozen(connection);
        let thawed = std::mem::replace(&mut connection.flows[flow].frozen, frozen) && !frozen;
        if is.0 && !was.0 {
            self.stall(connection, flow);
        }
        if is.1 && !was.1 {
            self.stall_acks(connection, flow);
        }
        let peer_gone = matches!(connection.ends[1 - flow].state, EndState::Gone | EndState::Closed);
        if peer_gone || (was != is && is == (false, false)) || (was.0 && !is.0) {
            self.resume(connection, flow, thawed);
        }
    }

    /// Goes on with a handshake that waited for a host to thaw.
    fn let_go(&mut self, connection: &mut Connection) {
        if let Some((host, due)) = connection.held
            && !self.machines[host as usize].is_frozen()
        {
            connection.held = None;
            self.due.push((self.now, due));
        }
    }

    fn stall(&mut self, connection: &mut Connection, flow: usize) {
        let now = self.now;
        let (from, to) = (connection.ends[flow].host, connection.ends[1 - flow].host);
        let only_sender_frozen =
            !self.machines[to as usize].is_frozen() && !self.net.topology.is_cut(self.machines, from, to);
        let queue = &mut connection.flows[flow];
        queue.reclaim(now);
        // What a sender sent before it froze is on its way; what meets a cut is lost, what meets a frozen receiver waits.
        let gets_there = |segment: &Segment| segment.arrives <= now || (segment.leaves <= now && only_sender_frozen);
        let arriving = queue.leading(gets_there);
        for segment in queue.segments.range_mut(arriving..) {
            (segment.leaves, segment.arrives) = (NEVER, NEVER);
        }
        let stalled = queue.segments.len() - arriving;
        // One unacknowledged entry per segment: those of the stalled ones are the last.
        for entry in queue.unacked.iter_mut().rev().take(stalled) {
            entry.acked = NEVER;
        }
        let last_arriving = arriving.checked_sub(1).map_or(now, |last| queue.segments[last].arrives.max(now));
        queue.last_arrival = queue.last_arrival.min(last_arriving);
        self.arm_time_out(connection, flow);
    }

    fn stall_acks(&mut self, connection: &mut Connection, flow: usize) {
        let now = self.now;
        let queue = &mut connection.flows[flow];
        queue.reclaim(now);
        for entry in &mut queue.unacked {
            entry.acked = NEVER;
        }
        for (at, _) in &mut queue.returning {
            *at = NEVER;
        }
        self.arm_time_out(connection, flow);
    }

    /// Transmits what was stalled: at the sender's next attempt after a cut, at once after a freeze, through which
    /// packets wait. Learns what was acknowledged meanwhile.
    fn resume(&mut self, connection: &mut Connection, flow: usize, thawed: bool) {
        let now = self.now;
        connection.flows[flow].reclaim(now);
        let oldest = connection.flows[flow].unacked.front().map(|entry| entry.sent);
        let sender_lives = matches!(connection.ends[flow].state, EndState::Open | EndState::Closed)
            || self.machines[connection.ends[flow].host as usize].power != Power::Off;
        if !matches!(connection.ends[1 - flow].state, EndState::Open | EndState::Opening) {
            if let Some(sent) = oldest {
                self.expect_reset(connection, flow, sent);
            }
            return;
        }
        let attempt = oldest.filter(|_| !thawed).map_or(now, |sent| next_attempt(sent, now));
        if sender_lives && !connection.flows[flow].blocked.0 {
            for place in 0..connection.flows[flow].segments.len() {
                if connection.flows[flow].segments[place].arrives == NEVER {
                    let size = match &connection.flows[flow].segments[place].content {
                        Content::Bytes(bytes) => bytes.len(),
                        Content::Fin => 1,
                    };
                    let (leaves, arrives) = self.transmit(connection, flow, attempt, size);
                    let segment = &mut connection.flows[flow].segments[place];
                    (segment.leaves, segment.arrives) = (leaves, arrives);
                }
            }
        }
        if connection.flows[flow].blocked == (false, false) {
            let round_trip = self.way(connection, flow).least_ns + self.way(connection, 1 - flow).least_ns;
            let back = self.way(connection, 1 - flow).least_ns;
            let queue = &mut connection.flows[flow];
            let acked = queue.last_arrival.max(now) + back;
            let acked = acked.max(attempt + round_trip);
            for entry in queue.unacked.iter_mut().filter(|entry| entry.acked == NEVER) {
                entry.acked = acked;
            }
            for (at, _) in queue.returning.iter_mut().filter(|(at, _)| *at == NEVER) {
                *at = now + back;
            }
        }
        self.arm_reader(connection, flow);
        self.arm_writer(connection, flow);
        if connection.flows[flow].unacked.iter().any(|entry| entry.acked == NEVER) {
            self.arm_time_out(connection, flow);
        }
    }
}
