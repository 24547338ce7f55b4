//! What is due when.

use crate::net::NetDue;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A time that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// Something that will happen at a known time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    Timer {
        slot: u32,
        generation: u32,
    },
    Net {
        connection: u32,
        generation: u32,
        due: NetDue,
    },
    /// A host that was asked to stop has had its time.
    StopsNow {
        host: u32,
        boot: u32,
    },
}

/// A heap by time, then by a tie-break drawn from the seed, then by sequence.
pub(crate) struct Agenda {
    heap: BinaryHeap<Item>,
    sequence: u64,
    ties: u64,
}

impl Agenda {
    pub(crate) fn new(seed: u64) -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0, ties: scramble(seed) }
    }

    pub(crate) fn add(&mut self, at: u64, due: Due) {
        debug_assert_ne!(at, NEVER);
        self.sequence += 1;
        let tie = (scramble(self.ties ^ self.sequence) >> 32) as u32;
        // What the sequence's upper half would tell apart, time has: the heap never holds four thousand million things.
        self.heap.push(Item::new(at, tie, self.sequence as u32, due));
    }

    /// The first thing, and when it is due.
    pub(crate) fn first(&self) -> Option<(u64, Due)> {
        self.heap.peek().map(|item| (item.at(), item.due))
    }

    pub(crate) fn drop_first(&mut self) {
        self.heap.pop();
    }

    /// Takes the first thing if it is due by `now`.
    pub(crate) fn take(&mut self, now: u64) -> Option<Due> {
        if self.heap.peek()?.at() > now {
            return None;
        }
        self.heap.pop().map(|item| item.due)
    }
}

/// The finaliser of splitmix64: a cheap, well-mixed permutation.
fn scramble(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

struct Item {
    /// Time, tie-break and sequence, in one number that compares as the three do: a heap does little but compare.
    key: u128,
    due: Due,
}

impl Item {
    fn new(at: u64, tie: u32, sequence: u32, due: Due) -> Self {
        Self { key: (u128::from(at) << 64) | (u128::from(tie) << 32) | u128::from(sequence), due }
    }

    fn at(&self) -> u64 {
        (self.key >> 64) as u64
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for Item {}
impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Item {
    /// Reversed: the heap's greatest item is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hosts tell the things of these tests apart.
    fn thing(host: u32) -> Due {
        Due::StopsNow { host, boot: 1 }
    }

    fn taken(agenda: &mut Agenda, now: u64) -> Option<u32> {
        agenda.take(now).map(|due| match due {
            Due::StopsNow { host, .. } => host,
            other => panic!("nobody added {other:?}"),
        })
    }

    #[test]
    fn what_is_due_first_is_taken_first_and_nothing_before_its_time() {
        let mut agenda = Agenda::new(7);
        for (at, host) in [(30, 3), (u64::MAX - 1, 4), (10, 1), (20, 2)] {
            agenda.add(at, thing(host));
        }
        assert_eq!(taken(&mut agenda, 9), None);
        assert_eq!([25, 25, 25].map(|now| taken(&mut agenda, now)), [Some(1), Some(2), None]);
        assert_eq!(agenda.first().map(|(at, _)| at), Some(30));
        assert_eq!([u64::MAX - 1; 3].map(|now| taken(&mut agenda, now)), [Some(3), Some(4), None]);
    }

    #[test]
    fn what_is_due_at_once_is_taken_in_an_order_that_is_the_seeds() {
        let order = |seed| {
            let mut agenda = Agenda::new(seed);
            (0..8).for_each(|host| agenda.add(5, thing(host)));
            [5; 8].map(|now| taken(&mut agenda, now).expect("eight were added"))
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
    }
}
