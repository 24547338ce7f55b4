//! How an end fails, closes or vanishes, and what the other learns of it.

use super::connection::{Connection, EndState, NetDue};
use super::flow::Content;
use super::scene::Scene;
use crate::agenda::NEVER;
use std::io;

impl Scene<'_> {
    /// Fails an end: what has arrived can still be read, then the error comes.
    pub(super) fn fail(&mut self, connection: &mut Connection, end: usize, kind: io::ErrorKind) -> Option<(u32, u64)> {
        let side = &mut connection.ends[end];
        if !matches!(side.state, EndState::Open | EndState::Opening) {
            // An end that nobody holds any more just ends.
            return None;
        }
        let was = std::mem::replace(&mut side.state, EndState::Failed(kind));
        self.errands.wake(side.reader.take());
        self.errands.wake(side.writer.take());
        let (host, now) = (side.host, self.now);
        if was == EndState::Opening {
            self.abandon(connection);
        }
        connection.flows[end].keep_leading(|segment| segment.leaves <= now);
        connection.flows[end].unacked.clear();
        connection.flows[1 - end].keep_leading(|segment| segment.arrives <= now);
        Some((host, connection.id))
    }

    /// A RST reaches an end, if the network does not keep it.
    pub(super) fn reset_arrives(&mut self, connection: &mut Connection, end: usize) -> Option<(u32, u64)> {
        if connection.passages[1 - end].held {
            connection.keep(1 - end, NetDue::Reset { end: end as u8 });
            return None;
        }
        self.fail(connection, end, io::ErrorKind::ConnectionReset)
    }

    /// Closes an end as a kernel does: FIN when all was read, RST when not.
    pub(super) fn close(&mut self, connection: &mut Connection, end: usize, into: EndState) {
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
        self.errands.wake(side.reader.take());
        self.errands.wake(side.writer.take());
        match was {
            EndState::Open => self.refuse_what_comes(connection, 1 - end),
            EndState::Opening if end == 0 => self.abandon(connection),
            _ => {}
        }
    }

    /// The client gave up before the handshake was done: the listener's half of it is dropped.
    pub(super) fn abandon(&mut self, connection: &mut Connection) {
        let server = &mut connection.ends[1];
        if server.state == EndState::Open
            && let Some(port) = self.ports.get_mut(&(server.host, connection.port))
        {
            port.unreserve();
        }
        server.state = EndState::Gone;
    }

    /// Sends a RST to an end, once: a lost one is sent again when that end speaks.
    pub(super) fn send_reset(&mut self, connection: &mut Connection, to: usize) {
        if connection.passages[1 - to].held {
            connection.keep(1 - to, NetDue::Reset { end: to as u8 });
        } else if !self.is_blocked(connection, 1 - to) {
            let at = self.now + connection.passages[1 - to].way.latency(self.dice);
            self.arm(at, NetDue::Reset { end: to as u8 });
        }
    }

    /// The receiver of this flow has closed: what is still under way meets a RST.
    pub(super) fn refuse_what_comes(&mut self, connection: &mut Connection, flow: usize) {
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
                let at = arrives + connection.passages[1 - flow].way.least_ns;
                self.arm(at, NetDue::Reset { end: flow as u8 });
            }
        }
        connection.flows[flow].keep_leading(|segment| segment.arrives <= now);
    }

    /// Takes an end away without a word: its host has lost power.
    pub(super) fn vanish(&mut self, connection: &mut Connection, end: usize) {
        let now = self.now;
        if end == 0 && connection.ends[0].state == EndState::Opening {
            self.abandon(connection);
        }
        let side = &mut connection.ends[end];
        side.state = EndState::Gone;
        self.errands.wake(side.reader.take());
        self.errands.wake(side.writer.take());
        // Only what had left the host arrives.
        let sending = &mut connection.flows[end];
        sending.keep_leading(|segment| segment.leaves <= now);
        sending.unacked.clear();
        // What it had not acknowledged it never will.
        let receiving = &mut connection.flows[1 - end];
        receiving.segments.clear();
        receiving.reclaim(now);
        for entry in &mut receiving.unacked {
            (entry.answered, entry.acked) = (NEVER, NEVER);
        }
        self.arm_time_out(connection, 1 - end);
    }
}
