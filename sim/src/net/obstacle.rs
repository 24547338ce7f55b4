//! What stands in a connection's way: how cuts and freezes stall its flows, and how they go on afterwards.

use super::connection::{Connection, EndState};
use super::flow::{Content, Segment};
use super::scene::Scene;
use super::sending::next_attempt;
use crate::kernel::NEVER;
use crate::machine::Power;

impl Scene<'_> {
    /// Compares a flow's path with what it was; stalls what no longer gets through, resumes what now does.
    pub(super) fn look_again(&mut self, connection: &mut Connection, flow: usize) {
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
    pub(super) fn let_go(&mut self, connection: &mut Connection) {
        if let Some((host, due)) = connection.held
            && !self.machines[host as usize].is_frozen()
        {
            connection.held = None;
            self.due.push((self.now, due));
        }
    }

    pub(super) fn stall(&mut self, connection: &mut Connection, flow: usize) {
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

    pub(super) fn stall_acks(&mut self, connection: &mut Connection, flow: usize) {
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
    pub(super) fn resume(&mut self, connection: &mut Connection, flow: usize, thawed: bool) {
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
