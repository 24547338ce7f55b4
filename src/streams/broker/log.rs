//! What a stream keeps: messages by position, for as long as somebody needs them.
use super::message::Message;
use super::message_id::WireId;
use crate::history::MessageId;
use std::collections::VecDeque;
use std::time::Duration;

/// One stored message.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id on the wire.
    pub id: WireId,
    /// When it was stored here: from then on its time to live counts.
    pub at: Duration,
    /// Where it was published: region and position there; `None`: here.
    pub origin: Option<(String, u64)>,
    /// Which built-in message it is; `None`: somebody else's.
    pub made: Option<MessageId>,
    /// The message.
    pub message: Message,
}

/// Messages by position. Each is kept for so many who need it, and forgotten when the last one has released it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    first: u64,
    /// Boxed, so that a gap behind a message that is stuck costs next to nothing.
    kept: VecDeque<Option<Box<Kept>>>,
    count: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    needed: usize,
    entry: Entry,
}

impl Log {
    /// Begins at a position.
    pub fn at(first: u64) -> Self {
        Self { first, ..Self::default() }
    }

    /// The first position that may be kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The position after the last.
    pub fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Counts what is kept.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Says whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a message at the end, for so many.
    pub fn push(&mut self, entry: Entry, needed: usize) {
        self.kept.push_back((needed > 0).then(|| Box::new(Kept { needed, entry })));
        self.count += usize::from(needed > 0);
        self.trim();
    }

    /// Passes positions over, up to this one.
    pub fn skip_to(&mut self, end: u64) {
        while self.end() < end {
            self.kept.push_back(None);
            self.trim();
        }
    }

    /// Finds a message; `None`: nobody needs it any more, or it is not there yet.
    pub fn get(&self, position: u64) -> Option<&Entry> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.kept.get(index)?.as_ref().map(|kept| &kept.entry)
    }

    /// The oldest message.
    pub fn oldest(&self) -> Option<(u64, &Entry)> {
        self.from(0).next()
    }

    /// What is kept from a position on.
    pub fn from(&self, position: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let skipped = usize::try_from(position.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.kept.len());
        let positions = self.first + skipped as u64..;
        positions.zip(self.kept.range(skipped..)).filter_map(|(at, kept)| Some((at, &kept.as_ref()?.entry)))
    }

    /// Keeps a message for one more.
    pub fn hold(&mut self, position: u64) {
        if let Some(Some(kept)) = self.slot(position) {
            kept.needed += 1;
        }
    }

    /// One less needs a message.
    pub fn release(&mut self, position: u64) {
        let Some(Some(kept)) = self.slot(position) else { return };
        kept.needed -= 1;
        if kept.needed == 0 {
            self.forget(position);
        }
    }

    /// Forgets a message, whoever needs it.
    pub fn forget(&mut self, position: u64) {
        if let Some(slot) = self.slot(position)
            && slot.take().is_some()
        {
            self.count -= 1;
            self.trim();
        }
    }

    fn slot(&mut self, position: u64) -> Option<&mut Option<Box<Kept>>> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.kept.get_mut(index)
    }

    fn trim(&mut self) {
        while let Some(None) = self.kept.front() {
            self.kept.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(position: u64) -> Entry {
        let message = Message {
            payload: "".into(),
            properties: Default::default(),
            key: None,
            event_time: None,
            publish_time: 0,
        };
        Entry { id: WireId { ledger: 1, entry: position }, at: Duration::ZERO, origin: None, made: None, message }
    }

    #[test]
    fn a_message_is_kept_until_the_last_one_has_released_it() {
        let mut log = Log::at(7);
        log.push(entry(7), 2);
        log.push(entry(8), 1);
        log.push(entry(9), 0);
        log.release(8);
        log.release(7);
        assert_eq!((log.first(), log.len(), log.get(8).is_some()), (7, 1, false), "the first one is still needed");
        log.hold(7);
        log.release(7);
        log.release(7);
        assert_eq!((log.first(), log.end(), log.is_empty()), (10, 10, true));
        log.skip_to(12);
        log.push(entry(12), 1);
        assert_eq!(log.oldest().map(|(at, _)| at), Some(12));
        log.forget(12);
        log.release(12);
        assert_eq!(log.from(0).count(), 0);
    }
}
