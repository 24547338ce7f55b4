//! How far a subscription is.
use super::ranges::Ranges;

/// The first position that is not acknowledged, and what is, beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    first: u64,
    beyond: Ranges,
}

impl Cursor {
    /// Begins where nothing from this position on is acknowledged.
    pub fn at(first: u64) -> Self {
        Self { first, beyond: Ranges::default() }
    }

    /// The first position that is not acknowledged.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// What is acknowledged beyond the first that is not.
    pub fn beyond(&self) -> &Ranges {
        &self.beyond
    }

    /// Acknowledges one; says whether it was not before.
    pub fn ack(&mut self, position: u64) -> bool {
        if position < self.first {
            return false;
        }
        if position > self.first {
            return self.beyond.insert(position);
        }
        self.first += 1;
        if let Some(end) = self.beyond.take(self.first) {
            self.first = end;
        }
        true
    }

    /// Says whether one is acknowledged.
    pub fn is_acked(&self, position: u64) -> bool {
        position < self.first || self.beyond.contains(position)
    }

    /// The first position from this one on that is not acknowledged.
    pub fn unacked_from(&self, position: u64) -> u64 {
        let position = position.max(self.first);
        self.beyond.end_of(position).unwrap_or(position)
    }

    /// Counts what is not acknowledged below this position.
    pub fn unacked_below(&self, position: u64) -> u64 {
        position.saturating_sub(self.first) - self.beyond.count_below(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_over_what_was_acknowledged_out_of_order() {
        let mut cursor = Cursor::at(10);
        assert!(cursor.ack(11) && cursor.ack(12) && cursor.ack(14));
        assert_eq!((cursor.first(), cursor.unacked_below(16), cursor.unacked_from(11)), (10, 3, 13));
        assert!(cursor.ack(10));
        assert_eq!((cursor.first(), cursor.is_acked(13), cursor.is_acked(14)), (13, false, true));
        assert!(!cursor.ack(14) && !cursor.ack(3), "neither is new");
        assert!(cursor.ack(13));
        assert_eq!(cursor, Cursor::at(15), "and nothing is left beyond it");
    }
}
