//! Of shared: consumers take turns, as far as they have room; what one loses goes to the others first.
//!
//! A position that is not acknowledged is in exactly one place: in one consumer's hands, among those to be sent again, or
//! not sent yet.
use super::{Consumers, Dealing, Parting, Subscription};
use crate::streams::broker::input::SocketId;
use crate::streams::broker::log::Log;
use crate::streams::broker::output::Output;
use crate::streams::knobs::{Shares, Turns};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What such a subscription has to know.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    /// The next position that was not sent yet.
    next: u64,
    /// To be sent again.
    again: BTreeSet<u64>,
    /// How often each was sent again.
    redeliveries: BTreeMap<u64, u32>,
    /// Whose turn it is.
    turn: usize,
    /// For one consumer, while others have it in hand (the knob's).
    besides: VecDeque<(SocketId, u64)>,
}

impl Shared {
    /// Begins at a position.
    pub(super) fn at(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    pub(super) fn joined(&mut self, socket: SocketId, consumers: &Consumers, knob: Shares) {
        if knob == Shares::AgainWithJoiners {
            let others = consumers.values().filter(|other| other.socket != socket);
            self.besides.extend(others.flat_map(|other| other.room.all()).map(|position| (socket, position)));
        }
    }

    pub(super) fn left(&mut self, index: usize, socket: SocketId, held: &[u64]) {
        if index < self.turn {
            self.turn -= 1;
        }
        self.besides.retain(|(to, _)| *to != socket);
        self.given_back(socket, held);
    }

    pub(super) fn given_back(&mut self, _: SocketId, positions: &[u64]) {
        for position in positions {
            self.again.insert(*position);
            *self.redeliveries.entry(*position).or_default() += 1;
        }
    }

    pub(super) fn acked(&mut self, position: u64) {
        self.again.remove(&position);
        self.redeliveries.remove(&position);
    }
}

impl Subscription {
    pub(super) fn deal_in_turn(&mut self, now: Duration, log: &Log, out: &mut Vec<Output>) {
        self.deal_besides(now, log, out);
        loop {
            let Dealing::Shared(shared) = &mut self.dealing else { return };
            let again = shared.again.first().copied();
            let position = match again {
                Some(position) => position,
                None => {
                    let next = self.cursor.unacked_from(shared.next);
                    shared.next = next;
                    if next >= log.end() {
                        return;
                    }
                    next
                }
            };
            let Some(index) = turn_of(&self.consumers, shared.turn, self.knobs.turns) else { return };
            let Some((&to, _)) = self.consumers.get_index(index) else { return };
            shared.again.remove(&position);
            shared.next = shared.next.max(position + 1);
            let redeliveries = shared.redeliveries.get(&position).copied().unwrap_or_default();
            if log.get(position).is_none() || self.is_dead(to, position, redeliveries) {
                continue;
            }
            if let Dealing::Shared(shared) = &mut self.dealing {
                shared.turn = index + 1;
            }
            self.send(now, to, position, Parting { again: redeliveries > 0, redeliveries }, log, out);
        }
    }

    fn deal_besides(&mut self, now: Duration, log: &Log, out: &mut Vec<Output>) {
        loop {
            let Dealing::Shared(shared) = &mut self.dealing else { return };
            let Some((to, position)) = shared.besides.front().copied() else { return };
            if !self.consumers.get(&to).is_some_and(|consumer| consumer.room.is_free()) {
                return;
            }
            shared.besides.pop_front();
            if !self.cursor.is_acked(position) {
                self.send(now, to, position, Parting { again: true, redeliveries: 0 }, log, out);
            }
        }
    }
}

/// Whose turn it is: of those with room the highest rank, and of these the next one.
fn turn_of(consumers: &Consumers, turn: usize, knob: Turns) -> Option<usize> {
    let count = consumers.len();
    let first = match knob {
        Turns::RoundRobin => turn.checked_rem(count)?,
        Turns::FirstWithRoom => 0,
    };
    let mut best: Option<usize> = None;
    for index in (first..count).chain(0..first).filter(|index| consumers[*index].room.is_free()) {
        let priority = consumers[index].priority;
        if best.is_none_or(|best| priority < consumers[best].priority) {
            best = Some(index);
        }
        // There is no higher one: the others need not be asked.
        if priority == 0 {
            break;
        }
    }
    best
}
