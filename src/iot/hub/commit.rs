//! Group commit: what waits for the disk, in order, and what happens when it is there.
//!
//! ```text
//!   push ──> waiting ──begin──> writing ──finish──> done
//!              ^                   │
//!              └── while one batch is being synced, the next gathers
//! ```
use super::record::Record;
use std::collections::VecDeque;

/// The most entries that share one sync: bounds what one failed write takes with it.
const MOST_AT_ONCE: usize = 4096;

/// Something to write, and what to do once it is durable. Without a record it only keeps its place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<E> {
    /// What to write.
    pub record: Option<Record>,
    /// What to do then.
    pub effect: E,
}

/// Entries on their way to the disk. `E` is what the owner does about them.
#[derive(Debug)]
pub struct Commits<E> {
    waiting: VecDeque<Entry<E>>,
    writing: Option<Vec<Entry<E>>>,
}

impl<E> Default for Commits<E> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), writing: None }
    }
}

impl<E> Commits<E> {
    /// Puts an entry behind all others.
    pub fn push(&mut self, record: Option<Record>, effect: E) {
        self.waiting.push_back(Entry { record, effect });
    }

    /// Says whether something waits for the next batch.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Says whether nothing waits and nothing is being written.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.writing.is_none()
    }

    /// Starts the next batch: its records are to be appended and synced, then [`finish`](Self::finish) called.
    /// `None`: nothing waits, or a batch is being written. Empty: nothing of it is for the disk.
    pub fn begin(&mut self) -> Option<Vec<Vec<u8>>> {
        if self.writing.is_some() || self.waiting.is_empty() {
            return None;
        }
        let many = self.waiting.len().min(MOST_AT_ONCE);
        let batch: Vec<_> = self.waiting.drain(..many).collect();
        let records = batch.iter().filter_map(|entry| entry.record.as_ref()).map(Record::to_bytes).collect();
        self.writing = Some(batch);
        Some(records)
    }

    /// Ends the batch that [`begin`](Self::begin) started and gives back its entries in order.
    pub fn finish(&mut self) -> Vec<Entry<E>> {
        self.writing.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u32) -> Option<Record> {
        Some(Record::Registered { device: n.to_string(), generation: None, enqueued: String::new() })
    }

    fn effects(batch: Vec<Entry<u32>>) -> Vec<u32> {
        batch.into_iter().map(|entry| entry.effect).collect()
    }

    #[test]
    fn what_comes_during_a_sync_shares_the_next_one() {
        let mut commits = Commits::default();
        commits.push(record(1), 1);
        assert!(commits.begin().is_some());
        commits.push(record(2), 2);
        commits.push(record(3), 3);
        assert_eq!(commits.begin(), None, "one batch at a time");
        assert_eq!(effects(commits.finish()), [1]);
        assert_eq!(commits.begin().unwrap().len(), 2);
        assert_eq!(effects(commits.finish()), [2, 3]);
        assert!(commits.is_idle());
    }

    #[test]
    fn an_effect_without_a_record_waits_its_turn_and_writes_nothing() {
        let mut commits = Commits::default();
        commits.push(record(1), 1);
        commits.push(None, 2);
        assert_eq!(commits.begin().unwrap().len(), 1);
        assert_eq!(effects(commits.finish()), [1, 2]);
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut commits = Commits::default();
        (0..=MOST_AT_ONCE as u32).for_each(|n| commits.push(record(n), n));
        assert_eq!(commits.begin().unwrap().len(), MOST_AT_ONCE);
        commits.finish();
        assert_eq!(commits.begin().unwrap().len(), 1);
    }
}
