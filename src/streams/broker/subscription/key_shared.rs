//! Of key-shared: all messages of one key go to one consumer, in order.
//!
//! Keys fall into slots, and each consumer has a range of slots: who joins gets half of the largest range, and who leaves
//! leaves its own to its neighbour (Apache Pulsar, `HashRangeAutoSplitStickyKeyConsumerSelector`). A slot whose messages
//! are in one consumer's hands goes to no other until they are settled, so that a key's order outlives a change (PIP-379;
//! before that, a whole consumer waited: <https://github.com/apache/pulsar/issues/23480>).
use super::{Consumers, Dealing, Parting, Subscription};
use crate::streams::broker::input::SocketId;
use crate::streams::broker::log::Log;
use crate::streams::broker::murmur::murmur;
use crate::streams::broker::output::Output;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many slots there are.
const SLOTS: u32 = 65_536;
/// What messages without a key have for one.
const NO_KEY: &str = "NONE_KEY";
/// The most messages passed over because their slot has to wait: bounds what a stuck consumer costs the others.
const LOOK_AHEAD: usize = 2000;

/// What such a subscription has to know.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyShared {
    /// The next position that was not looked at yet.
    next: u64,
    /// To be sent, again or when their slot is free: position to slot.
    waiting: BTreeMap<u64, u32>,
    /// How often each was sent again.
    redeliveries: BTreeMap<u64, u32>,
    /// What is in whose hands: position to slot.
    held: BTreeMap<u64, (u32, SocketId)>,
    /// Who has how many messages of a slot.
    busy: BTreeMap<u32, (SocketId, usize)>,
    /// Each one's last slot.
    ranges: BTreeMap<u32, SocketId>,
}

impl KeyShared {
    /// Begins at a position.
    pub(super) fn at(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    pub(super) fn joined(&mut self, socket: SocketId) {
        let mut first = 0;
        let mut largest: Option<(u32, u32)> = None;
        for last in self.ranges.keys() {
            if largest.is_none_or(|(low, high)| last - first > high - low) {
                largest = Some((first, *last));
            }
            first = last + 1;
        }
        let last = match largest {
            None => SLOTS - 1,
            Some((low, high)) => low + (high - low) / 2,
        };
        // With as many consumers as slots the newest gets none.
        self.ranges.entry(last).or_insert(socket);
    }

    pub(super) fn left(&mut self, socket: SocketId, held: &[u64]) {
        self.ranges.retain(|_, owner| *owner != socket);
        // The last range reaches to the end.
        if let Some((last, owner)) = self.ranges.pop_last() {
            self.ranges.insert(SLOTS - 1, owner);
            debug_assert!(last < SLOTS, "slots are below their number");
        }
        self.given_back(held);
    }

    pub(super) fn given_back(&mut self, positions: &[u64]) {
        for position in positions {
            if let Some(slot) = self.settled(*position) {
                self.waiting.insert(*position, slot);
                *self.redeliveries.entry(*position).or_default() += 1;
            }
        }
    }

    pub(super) fn acked(&mut self, position: u64) {
        self.settled(position);
        self.waiting.remove(&position);
        self.redeliveries.remove(&position);
    }

    /// It is in nobody's hands any more. Its slot, if it was.
    fn settled(&mut self, position: u64) -> Option<u32> {
        let (slot, _) = self.held.remove(&position)?;
        if let Some((_, count)) = self.busy.get_mut(&slot) {
            *count -= 1;
            if *count == 0 {
                self.busy.remove(&slot);
            }
        }
        Some(slot)
    }

    fn took(&mut self, to: SocketId, position: u64, slot: u32) {
        self.waiting.remove(&position);
        self.held.insert(position, (slot, to));
        self.busy.entry(slot).or_insert((to, 0)).1 += 1;
    }

    /// Who is to get a message of this slot now; `None`: it has to wait.
    fn receiver(&self, slot: u32, consumers: &Consumers) -> Option<SocketId> {
        let (_, owner) = self.ranges.range(slot..).next()?;
        let is_held_by_another = self.busy.get(&slot).is_some_and(|(holder, _)| holder != owner);
        let has_room = consumers.get(owner).is_some_and(|consumer| consumer.room.is_free());
        (!is_held_by_another && has_room).then_some(*owner)
    }
}

impl Subscription {
    pub(super) fn deal_by_key(&mut self, now: Duration, log: &Log, out: &mut Vec<Output>) {
        let has_room = |consumers: &Consumers| consumers.values().any(|consumer| consumer.room.is_free());
        // A slot one of whose messages waits: those behind it wait, too.
        let mut waiting_slots = BTreeSet::new();
        let Dealing::KeyShared(keyed) = &self.dealing else { return };
        if !has_room(&self.consumers) {
            return;
        }
        let waiting: Vec<_> = keyed.waiting.iter().map(|(position, slot)| (*position, *slot)).collect();
        for (position, slot) in waiting {
            if waiting_slots.contains(&slot) || !self.deal_one(now, position, slot, log, out) {
                waiting_slots.insert(slot);
            }
        }
        while has_room(&self.consumers) {
            let Dealing::KeyShared(keyed) = &mut self.dealing else { return };
            let position = self.cursor.unacked_from(keyed.next);
            keyed.next = position;
            if position >= log.end() || keyed.waiting.len() >= LOOK_AHEAD {
                return;
            }
            keyed.next += 1;
            let Some(entry) = log.get(position) else { continue };
            let slot = murmur(entry.message.key.as_deref().unwrap_or(NO_KEY).as_bytes()) % SLOTS;
            keyed.waiting.insert(position, slot);
            if waiting_slots.contains(&slot) || !self.deal_one(now, position, slot, log, out) {
                waiting_slots.insert(slot);
            }
        }
    }

    /// Sends one, if its receiver may have it now.
    fn deal_one(&mut self, now: Duration, position: u64, slot: u32, log: &Log, out: &mut Vec<Output>) -> bool {
        let Dealing::KeyShared(keyed) = &mut self.dealing else { return false };
        if log.get(position).is_none() {
            keyed.acked(position);
            return true;
        }
        let Some(to) = keyed.receiver(slot, &self.consumers) else { return false };
        keyed.took(to, position, slot);
        let redeliveries = keyed.redeliveries.get(&position).copied().unwrap_or_default();
        if !self.is_dead(to, position, redeliveries) {
            self.send(now, to, position, Parting { again: redeliveries > 0, redeliveries }, log, out);
        }
        true
    }
}
