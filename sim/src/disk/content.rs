//! One file's bytes.
use super::pages::Pages;
use crate::Dice;
use rand::RngExt;

/// What a file holds, in the page cache and on the platter.
///
/// ```text
/// cache:    [ synced | appended since ]
/// platter:  [ synced | shorn          ]
/// ```
///
/// The synced part is stored once, so appending and syncing cost what they add, however long the file is.
#[derive(Debug, Default)]
pub(super) struct Content {
    cache: Pages,
    /// How many of the cache's first bytes are on the platter.
    synced: usize,
    /// What the platter still holds after them, because a truncation has not been synced.
    shorn: Vec<u8>,
    /// Counts the truncations, so that a sync can tell whether one overtook it.
    truncations: u64,
}

/// How far a file had come when a sync began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    len: usize,
    truncations: u64,
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.cache.len()
    }

    /// Reads at most `len` bytes: fewer where the file ends.
    pub(super) fn read(&self, offset: usize, len: usize) -> Vec<u8> {
        self.cache.copy(offset, len)
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.cache.append(bytes);
    }

    /// Cuts the file, or lengthens it with zeros.
    pub(super) fn truncate(&mut self, len: usize) {
        if len >= self.cache.len() {
            self.cache.append(&vec![0; len - self.cache.len()]);
            return;
        }
        if len < self.synced {
            let mut cut = self.cache.copy(len, self.synced - len);
            cut.append(&mut self.shorn);
            self.shorn = cut;
            self.synced = len;
        }
        self.cache.truncate(len);
        self.truncations += 1;
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { len: self.cache.len(), truncations: self.truncations }
    }

    /// Makes durable what was there at `mark`. Where a truncation came between, the bytes of then are gone from the
    /// cache, and what there is now takes their place: a sync may do more than it vouches for.
    pub(super) fn settle(&mut self, mark: Mark) {
        self.synced = if self.truncations == mark.truncations { self.synced.max(mark.len) } else { self.cache.len() };
        self.shorn.clear();
    }

    /// Leaves what the platter holds: either as it was before an unsynced truncation, or some prefix of what was
    /// appended after it.
    pub(super) fn power_loss(&mut self, dice: &mut Dice) {
        if !self.shorn.is_empty() && dice.random_range(0..2u32) == 0 {
            self.cache.truncate(self.synced);
            self.cache.append(&std::mem::take(&mut self.shorn));
        } else {
            let unsynced = self.cache.len() - self.synced;
            self.cache.truncate(self.synced + survivors(unsynced, dice));
            self.shorn.clear();
        }
        self.synced = self.cache.len();
    }
}

/// Draws how many of `unsynced` bytes, or changes of names, reached the platter before the power went: half the time
/// none, because that is what hurts, else any number of the first.
pub(super) fn survivors(unsynced: usize, dice: &mut Dice) -> usize {
    if unsynced == 0 || dice.random_range(0..2u32) == 0 {
        return 0;
    }
    usize::try_from(dice.random_range(0..=unsynced as u64)).unwrap_or(unsynced)
}
