//! What stands in a connection's way, and how its flows go on afterwards.
//!
//! | obstacle | what is under way or sent meanwhile | afterwards |
//! |---|---|---|
//! | cut | is lost | the sender transmits it again, at its next attempt |
//! | frozen host | waits at that host | goes on at once |
//! | hold | is kept by the network, whatever becomes of its sender | arrives in order, after its latency |
//!
//! What a hold has kept when a cut comes is lost to the cut, as what is under way is.

use super::connection::{Connection, EndState, NetDue};
use super::flow::{Segment, Unacked};
use super::handshake::SECOND;
use super::scene::Scene;
use super::sending::next_attempt;
use crate::agenda::NEVER;
use crate::machine::Power;

/// What was in the way of a flow that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    Cut,
    Freeze,
    Hold,
}

impl Scene<'_> {
    /// Compares a flow's path with what it was; stalls or keeps what no longer gets through, resumes what now does.
    pub(super) fn look_again(&mut self, connection: &mut Connection, flow: usize) {
        let is = (self.is_blocked(connection, flow), self.is_blocked(connection, 1 - flow));
        let was = std::mem::replace(&mut connection.flows[flow].blocked, is);
        let holds = (connection.passages[flow].held, connection.passages[1 - flow].held);
        let held = std::mem::replace(&mut connection.flows[flow].held, holds);
        let frozen = self.is_frozen(connection);
        let thawed = std::mem::replace(&mut connection.flows[flow].frozen, frozen) && !frozen;
        if is.0 && !was.0 {
            self.stall(connection, flow);
        }
        if is.1 && !was.1 {
            self.stall_acks(connection, flow);
        }
        if holds.0 && !held.0 {
            self.keep_segments(connection, flow);
        }
        if holds.1 && !held.1 {
            self.keep_acks(connection, flow);
        }
        let peer_gone = matches!(connection.ends[1 - flow].state, EndState::Gone | EndState::Closed);
        if (held.0 && !holds.0) || (held.1 && !holds.1) {
            self.resume(connection, flow, Obstacle::Hold);
        } else if peer_gone || (was != is && is == (false, false)) || (was.0 && !is.0) {
            self.resume(connection, flow, if thawed { Obstacle::Freeze } else { Obstacle::Cut });
        }
    }

    /// Goes on with packets outside the flows: those that waited for a host to thaw, those that a hold kept.
    pub(super) fn let_go(&mut self, connection: &mut Connection) {
        if let Some((host, due)) = connection.waits_for_thaw
            && !self.machines[host as usize].is_frozen()
        {
            connection.waits_for_thaw = None;
            self.arm(self.now, due);
        }
        for (from, packet) in std::mem::take(&mut connection.kept) {
            let passage = connection.passages[from];
            if passage.cut {
                // The lost ACK of a handshake is asked for again; SYNs and their answers are repeated by the client.
                if packet == NetDue::Accepted {
                    self.arm(self.now + SECOND, packet);
                }
            } else if passage.held {
                connection.keep(from, packet);
            } else {
                let arrives = self.now + passage.way.latency(self.dice);
                // A RST does not overtake the bytes that were kept with it.
                let first =
                    if matches!(packet, NetDue::Reset { .. }) { connection.flows[from].last_arrival } else { 0 };
                self.arm(arrives.max(first), packet);
            }
        }
    }

    fn stall(&mut self, connection: &mut Connection, flow: usize) {
        let now = self.now;
        let cut = connection.passages[flow].cut;
        let receiver_frozen = self.machines[connection.ends[1 - flow].host as usize].is_frozen();
        let queue = &mut connection.flows[flow];
        queue.reclaim(now);
        // What a sender sent before it froze is on its way; what meets a cut is lost, what meets a frozen receiver waits.
        let gets_there = |segment: &Segment| {
            let has_left = segment.leaves <= now && !cut;
            segment.arrives <= now || (has_left && (!receiver_frozen || segment.arrives == NEVER))
        };
        let arriving = queue.leading(gets_there);
        for segment in queue.segments.range_mut(arriving..) {
            (segment.leaves, segment.arrives) = (NEVER, NEVER);
        }
        let stalled = queue.segments.len() - arriving;
        // One unacknowledged entry per segment: those of the stalled ones are the last.
        for entry in queue.unacked.iter_mut().rev().take(stalled) {
            (entry.answered, entry.acked) = (NEVER, NEVER);
        }
        let arrivals = queue.segments.range(..arriving).map(|segment| segment.arrives);
        let last_arriving = arrivals.rev().find(|arrives| *arrives != NEVER).map_or(now, |arrives| arrives.max(now));
        queue.last_arrival = queue.last_arrival.min(last_arriving);
        self.arm_time_out(connection, flow);
    }

    fn stall_acks(&mut self, connection: &mut Connection, flow: usize) {
        let now = self.now;
        let queue = &mut connection.flows[flow];
        queue.reclaim(now);
        for entry in &mut queue.unacked {
            (entry.answered, entry.acked) = (NEVER, NEVER);
        }
        for (at, _) in &mut queue.returning {
            *at = NEVER;
        }
        self.arm_time_out(connection, flow);
    }

    /// The network keeps what is under way.
    fn keep_segments(&mut self, connection: &mut Connection, flow: usize) {
        let now = self.now;
        let queue = &mut connection.flows[flow];
        queue.reclaim(now);
        let arrived = queue.leading(|segment| segment.arrives <= now);
        for segment in queue.segments.range_mut(arrived..) {
            segment.arrives = NEVER;
        }
        let kept = queue.segments.len() - arrived;
        for entry in queue.unacked.iter_mut().rev().take(kept) {
            (entry.answered, entry.acked) = (NEVER, NEVER);
        }
        queue.last_arrival = queue.last_arrival.min(now);
        self.arm_time_out(connection, flow);
    }

    /// The network keeps the acknowledgements that are under way.
    fn keep_acks(&mut self, connection: &mut Connection, flow: usize) {
        let queue = &mut connection.flows[flow];
        queue.reclaim(self.now);
        for entry in &mut queue.unacked {
            entry.acked = NEVER;
        }
        for (at, _) in &mut queue.returning {
            *at = NEVER;
        }
        self.arm_time_out(connection, flow);
    }

    /// Transmits what was stalled: at the sender's next attempt after a cut, at once after a freeze, through which
    /// packets wait. Delivers what was kept. Learns what was acknowledged meanwhile.
    fn resume(&mut self, connection: &mut Connection, flow: usize, after: Obstacle) {
        let now = self.now;
        connection.flows[flow].reclaim(now);
        let oldest = connection.flows[flow].unacked.front().map(|entry| entry.sent);
        let next = oldest.map_or(now, |sent| next_attempt(sent, now));
        if !matches!(connection.ends[1 - flow].state, EndState::Open | EndState::Opening) {
            if oldest.is_some() {
                // What a hold has kept needs no further attempt to be answered.
                self.expect_reset(connection, flow, if after == Obstacle::Hold { now } else { next });
            }
            return;
        }
        let attempt = match after {
            Obstacle::Cut => next,
            Obstacle::Freeze => now,
            Obstacle::Hold => connection.flows[flow].retry.max(now),
        };
        connection.flows[flow].retry = attempt;
        self.send_on(connection, flow, attempt);
        self.acknowledge_on(connection, flow, attempt);
        self.arm_reader(connection, flow);
        self.arm_writer(connection, flow);
        if connection.flows[flow].unacked.iter().any(|entry| entry.acked == NEVER) {
            self.arm_time_out(connection, flow);
        }
    }

    /// Goes on with what cannot arrive so far, in its order: what the network has not got is transmitted, what it has
    /// is delivered, each if nothing is in the way any more.
    fn send_on(&mut self, connection: &mut Connection, flow: usize, attempt: u64) {
        let (from, to) = (connection.ends[flow].host, connection.ends[1 - flow].host);
        let sender_lives = matches!(connection.ends[flow].state, EndState::Open | EndState::Closed)
            || self.machines[from as usize].power != Power::Off;
        let transmits = sender_lives && !connection.flows[flow].blocked.0;
        let delivers =
            !connection.flows[flow].held.0 && !self.machines[to as usize].is_frozen() && !connection.passages[flow].cut;
        for place in 0..connection.flows[flow].segments.len() {
            let segment = &connection.flows[flow].segments[place];
            if segment.arrives != NEVER {
                continue;
            }
            let mut leaves = segment.leaves;
            if leaves == NEVER {
                if !transmits {
                    break;
                }
                let size = segment.content.len();
                leaves = self.depart(connection, flow, attempt, size);
            }
            let arrives = if delivers { self.arrive(connection, flow, leaves) } else { NEVER };
            let segment = &mut connection.flows[flow].segments[place];
            (segment.leaves, segment.arrives) = (leaves, arrives);
        }
    }

    /// Goes on with the acknowledgements of what arrives, and with the credit.
    fn acknowledge_on(&mut self, connection: &mut Connection, flow: usize, attempt: u64) {
        let now = self.now;
        let (there, back) = (connection.passages[flow].way.least_ns, connection.passages[1 - flow].way.least_ns);
        let queue = &mut connection.flows[flow];
        if queue.blocked == (false, false) && !queue.held.0 {
            let answered = queue.last_arrival.max(now).max(attempt + there);
            for entry in queue.unacked.iter_mut().filter(|entry| entry.answered == NEVER) {
                entry.answered = answered;
            }
        }
        if !queue.blocked.1 && !queue.held.1 {
            let known = |entry: &&mut Unacked| entry.acked == NEVER && entry.answered != NEVER;
            for entry in queue.unacked.iter_mut().filter(known) {
                entry.acked = entry.answered.max(now) + back;
            }
            for (at, _) in queue.returning.iter_mut().filter(|(at, _)| *at == NEVER) {
                *at = now + back;
            }
        }
    }
}
