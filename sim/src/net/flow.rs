//! One direction of a connection: what is under way, unread or unacknowledged.

use crate::agenda::NEVER;
use bytes::Bytes;
use std::collections::VecDeque;

#[derive(Default)]
pub(super) struct Flow {
    /// Not yet read, in order; those that cannot arrive for now are at the back, with `arrives` = [`NEVER`], behind
    /// a cut or a freeze with `leaves` = [`NEVER`] too: the network has not got them.
    pub(super) segments: VecDeque<Segment>,
    /// Sent and not known to be acknowledged.
    pub(super) unacked: VecDeque<Unacked>,
    /// Bytes under way, unread, or read with the news still under way.
    pub(super) in_window: usize,
    /// Credit on its way back to the writer: when it arrives and how much.
    pub(super) returning: VecDeque<(u64, usize)>,
    pub(super) last_arrival: u64,
    /// When the armed `Readable` is due; [`NEVER`]: none is armed.
    pub(super) reader_armed: u64,
    pub(super) writer_armed: u64,
    pub(super) time_out_armed: bool,
    /// Whether the way there, and the way back, were blocked when last looked at.
    pub(super) blocked: (bool, bool),
    /// Whether the network kept what goes there, and back, when last looked at.
    pub(super) held: (bool, bool),
    /// When the sender transmits again what the latest cut took.
    pub(super) retry: u64,
    /// Whether an end was frozen when last looked at.
    pub(super) frozen: bool,
}

pub(super) struct Segment {
    /// When its last transmission leaves the sender.
    pub(super) leaves: u64,
    pub(super) arrives: u64,
    pub(super) content: Content,
}

pub(super) enum Content {
    Bytes(Bytes),
    Fin,
}

pub(super) struct Unacked {
    pub(super) sent: u64,
    /// When the acknowledgement leaves the receiver.
    pub(super) answered: u64,
    pub(super) acked: u64,
}

impl Content {
    /// How many bytes it is to the network.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Fin => 1,
        }
    }
}

impl Flow {
    pub(super) fn new() -> Self {
        Self { reader_armed: NEVER, writer_armed: NEVER, ..Self::default() }
    }

    pub(super) fn reclaim(&mut self, now: u64) {
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
    pub(super) fn leading(&self, like_this: impl Fn(&Segment) -> bool) -> usize {
        self.segments.iter().position(|segment| !like_this(segment)).unwrap_or(self.segments.len())
    }

    /// Drops all but the leading segments that are like this.
    pub(super) fn keep_leading(&mut self, like_this: impl Fn(&Segment) -> bool) {
        self.segments.truncate(self.leading(like_this));
    }

    pub(super) fn give_back(&mut self, at: u64, bytes: usize) {
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
