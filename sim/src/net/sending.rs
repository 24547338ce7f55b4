//! The sender's side of a flow: credit, transmission, retransmission, the time-out.

use super::connection::{Connection, EndState, NetDue};
use super::flow::{Content, Segment, Unacked};
use super::scene::Scene;
use super::topology::Way;
use crate::agenda::NEVER;
use crate::machine::Power;
use bytes::Bytes;
use std::io;
use std::task::{Context, Poll};

/// What a sender may have under way or unread at the other end: Linux's usual receive window before it grows.
const WINDOW: usize = 64 * 1024;
/// The first retransmission comes after this, ns (Linux's least RTO); each later one after twice the time.
const FIRST_RTO: u64 = 200_000_000;
/// Retransmissions are never further apart than this, ns.
const LAST_RTO: u64 = 30_000_000_000;

/// When a byte first sent at `sent` is transmitted again: the first attempt at or after `from`.
pub(super) fn next_attempt(sent: u64, from: u64) -> u64 {
    let (mut at, mut rto) = (sent, FIRST_RTO);
    while at < from {
        at += rto;
        rto = (rto * 2).min(LAST_RTO);
    }
    at
}

impl Scene<'_> {
    pub(super) fn write(
        &mut self,
        connection: &mut Connection,
        end: usize,
        cx: &mut Context<'_>,
        bytes: &[u8],
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
            self.errands.park(&mut connection.ends[end].writer, cx.waker());
            self.arm_writer(connection, end);
            return Poll::Pending;
        }
        let count = bytes.len().min(credit);
        flow.in_window += count;
        self.send(connection, end, Content::Bytes(Bytes::copy_from_slice(&bytes[..count])));
        Poll::Ready(Ok(count))
    }

    pub(super) fn say_fin(&mut self, connection: &mut Connection, end: usize) {
        let side = &mut connection.ends[end];
        if side.state == EndState::Open && !side.write_closed {
            side.write_closed = true;
            self.send(connection, end, Content::Fin);
        }
    }

    /// Gives a segment to the network.
    pub(super) fn send(&mut self, connection: &mut Connection, end: usize, content: Content) {
        let now = self.now;
        let size = content.len();
        let (there, back) = (connection.passages[end], connection.passages[1 - end]);
        let frozen = self.is_frozen(connection);
        let (blocked, held) = ((frozen || there.cut, frozen || back.cut), (there.held, back.held));
        let flow = &mut connection.flows[end];
        flow.reclaim(now);
        (flow.blocked, flow.held, flow.frozen) = (blocked, held, frozen);
        let reaches_software = matches!(connection.ends[1 - end].state, EndState::Open | EndState::Opening);
        if !reaches_software {
            connection.flows[end].unacked.push_back(Unacked { sent: now, answered: NEVER, acked: NEVER });
            self.arm_time_out(connection, end);
            self.expect_reset(connection, end, now);
            return;
        }
        let last = connection.flows[end].segments.back().map_or((0, 0), |last| (last.leaves, last.arrives));
        let stalled = blocked.0 || last.0 == NEVER;
        let leaves = if stalled { NEVER } else { self.depart(connection, end, now, size) };
        let kept = stalled || held.0 || last.1 == NEVER;
        let arrives = if kept { NEVER } else { self.arrive(connection, end, leaves) };
        let answered = if blocked.1 { NEVER } else { arrives };
        let lost = held.1 || answered == NEVER;
        let acked = if lost { NEVER } else { answered + back.way.least_ns };
        let flow = &mut connection.flows[end];
        flow.segments.push_back(Segment { leaves, arrives, content });
        flow.unacked.push_back(Unacked { sent: now, answered, acked });
        if acked == NEVER || acked - now > self.time_out {
            self.arm_time_out(connection, end);
        }
        self.arm_reader(connection, end);
    }

    /// When a burst leaves for good if it is first sent at `ready`.
    pub(super) fn depart(&mut self, connection: &Connection, end: usize, ready: u64, size: usize) -> u64 {
        let way = connection.passages[end].way;
        let ready = self.attempt(way, ready, size);
        let hosts = (connection.ends[end].host, connection.ends[1 - end].host);
        self.topology.depart(self.machines, hosts, way, ready, size)
    }

    /// When a burst sent now leaves for good, after as many losses as the dice say.
    fn attempt(&mut self, way: Way, now: u64, bytes: usize) -> u64 {
        let (mut at, mut rto) = (now, FIRST_RTO);
        let mut lost = way.loses(bytes, self.dice);
        while lost && at - now <= self.time_out {
            at += rto;
            rto = (rto * 2).min(LAST_RTO);
            // Only the lost packet is sent again.
            lost = way.loses(0, self.dice);
        }
        at
    }

    /// When a burst arrives that has left, or will: never before what was sent before it.
    pub(super) fn arrive(&mut self, connection: &mut Connection, end: usize, leaves: u64) -> u64 {
        let arrives = leaves.max(self.now) + connection.passages[end].way.latency(self.dice);
        let flow = &mut connection.flows[end];
        flow.last_arrival = arrives.max(flow.last_arrival);
        flow.last_arrival
    }

    /// The other end is no more: its kernel, if there is one, answers the transmission of this time with a RST.
    pub(super) fn expect_reset(&mut self, connection: &Connection, end: usize, attempt: u64) {
        let peer = &self.machines[connection.ends[1 - end].host as usize];
        let flow = &connection.flows[end];
        if peer.power == Power::Off || flow.blocked != (false, false) || flow.held.0 {
            return;
        }
        let there = connection.passages[end].way.latency(self.dice);
        let back = connection.passages[1 - end].way.latency(self.dice);
        self.arm(attempt + there + back, NetDue::Reset { end: end as u8 });
    }

    pub(super) fn arm_time_out(&mut self, connection: &mut Connection, end: usize) {
        let flow = &mut connection.flows[end];
        if flow.time_out_armed {
            return;
        }
        let waiting =
            flow.unacked.iter().find(|entry| entry.acked == NEVER || entry.acked - entry.sent > self.time_out);
        if let Some(entry) = waiting {
            flow.time_out_armed = true;
            self.arm(entry.sent.saturating_add(self.time_out), NetDue::TimeOut { flow: end as u8 });
        }
    }

    /// Answers whether the sender has given up, with its host and the connection's number.
    pub(super) fn time_out(&mut self, connection: &mut Connection, end: usize) -> Option<(u32, u64)> {
        let flow = &mut connection.flows[end];
        flow.time_out_armed = false;
        flow.reclaim(self.now);
        let oldest = flow.unacked.front()?;
        if self.now - oldest.sent >= self.time_out {
            return self.fail(connection, end, io::ErrorKind::TimedOut);
        }
        self.arm_time_out(connection, end);
        None
    }

    pub(super) fn writable(&mut self, connection: &mut Connection, end: usize) {
        connection.flows[end].writer_armed = NEVER;
        connection.flows[end].reclaim(self.now);
        if connection.flows[end].in_window < WINDOW {
            self.errands.wake(connection.ends[end].writer.take());
        } else {
            self.arm_writer(connection, end);
        }
    }

    pub(super) fn arm_writer(&mut self, connection: &mut Connection, end: usize) {
        let flow = &mut connection.flows[end];
        let Some((at, _)) = flow.returning.front() else { return };
        if *at != NEVER && *at < flow.writer_armed && connection.ends[end].writer.is_some() {
            flow.writer_armed = *at;
            self.arm(flow.writer_armed, NetDue::Writable { flow: end as u8 });
        }
    }
}
