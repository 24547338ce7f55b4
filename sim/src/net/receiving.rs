//! The receiver's side of a flow: reading, and the credit that it gives back.

use super::connection::{Connection, EndState, NetDue};
use super::flow::Content;
use super::scene::Scene;
use crate::agenda::NEVER;
use bytes::Bytes;
use std::io;
use std::task::{Context, Poll};

impl Scene<'_> {
    pub(super) fn read(
        &mut self,
        connection: &mut Connection,
        end: usize,
        cx: &mut Context<'_>,
        put: &mut dyn FnMut(&mut Bytes) -> usize,
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
        self.errands.park(&mut connection.ends[end].reader, cx.waker());
        self.arm_reader(connection, 1 - end);
        Poll::Pending
    }

    pub(super) fn return_credit(&mut self, connection: &mut Connection, end: usize, bytes: usize) {
        let sender = 1 - end;
        let back = connection.passages[end];
        let stuck = back.held || self.is_blocked(connection, end);
        let at = if stuck { NEVER } else { self.now + back.way.least_ns };
        connection.flows[sender].give_back(at, bytes);
        self.arm_writer(connection, sender);
    }

    pub(super) fn readable(&mut self, connection: &mut Connection, flow: usize) {
        connection.flows[flow].reader_armed = NEVER;
        let arrived = connection.flows[flow].segments.front().is_some_and(|segment| segment.arrives <= self.now);
        if arrived {
            self.errands.wake(connection.ends[1 - flow].reader.take());
        } else {
            self.arm_reader(connection, flow);
        }
    }

    pub(super) fn arm_reader(&mut self, connection: &mut Connection, flow: usize) {
        if connection.ends[1 - flow].reader.is_none() {
            return;
        }
        let queue = &mut connection.flows[flow];
        let Some(first) = queue.segments.front() else { return };
        if first.arrives != NEVER && first.arrives < queue.reader_armed {
            queue.reader_armed = first.arrives;
            self.arm(queue.reader_armed, NetDue::Readable { flow: flow as u8 });
        }
    }
}
