//! Which messages were lost, came twice, came late or were given up: the tables of the page.
use super::trail::{Note, Subject, Trails};
use crate::history::{DestinationId, MessageId};
use std::collections::BTreeSet;
use std::time::Duration;

/// Rows of one table. Nobody reads more, and each has its trail on the page.
pub(super) const MOST_ROWS: usize = 200;

/// Longer than this from offered to received is late: more than any link's latency, so there was trouble or a queue.
pub(super) const LATE: Duration = Duration::from_secs(1);

/// A message that a destination received once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twice {
    pub(super) message: MessageId,
    pub(super) destination: DestinationId,
    pub(super) at: Duration,
    /// Something on its own way explains it.
    pub(super) caused: bool,
}

/// A message that its client told its application not to expect any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GivenUp {
    pub(super) message: MessageId,
    pub(super) at: Duration,
    pub(super) why: &'static str,
}

/// A first receipt that took long; the longest are the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Late {
    pub(super) took: Duration,
    pub(super) message: MessageId,
    pub(super) destination: DestinationId,
    pub(super) at: Duration,
}

/// Rows and how many there were in all.
#[derive(Clone, Debug, Default)]
pub(super) struct Fates {
    pub(super) twice: Vec<Twice>,
    pub(super) all_twice: u64,
    pub(super) given_up: Vec<GivenUp>,
    pub(super) all_given_up: u64,
    pub(super) late: BTreeSet<Late>,
    pub(super) all_late: u64,
}

impl Fates {
    pub(super) fn came_again(&mut self, row: Twice, trails: &mut Trails) {
        self.all_twice += 1;
        if self.twice.len() < MOST_ROWS {
            trails.note(Subject::Message(row.message), Note::TWICE);
            self.twice.push(row);
        }
    }

    pub(super) fn gave_up(&mut self, row: GivenUp, trails: &mut Trails) {
        self.all_given_up += 1;
        if self.given_up.len() < MOST_ROWS {
            trails.note(Subject::Message(row.message), Note::GIVEN_UP);
            self.given_up.push(row);
        }
    }

    /// Takes note of a first receipt, if it was late; the latest are kept.
    pub(super) fn came(&mut self, row: Late, trails: &mut Trails) {
        if row.took <= LATE {
            return;
        }
        self.all_late += 1;
        if self.late.len() == MOST_ROWS {
            if self.late.first().is_some_and(|least| row < *least) {
                return;
            }
            if let Some(least) = self.late.pop_first() {
                // It may be late at another destination, too.
                if !self.late.iter().any(|other| other.message == least.message) {
                    trails.forget(Subject::Message(least.message), Note::LATE);
                }
            }
        }
        trails.note(Subject::Message(row.message), Note::LATE);
        self.late.insert(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ProducerId;

    #[test]
    fn the_latest_are_kept_and_all_are_counted() {
        let mut fates = Fates::default();
        let mut trails = Trails::new(10, 10);
        for number in 0..1000 {
            let took = Duration::from_millis(number * 7 % 1000 * 10);
            let (message, destination) = (MessageId { producer: ProducerId(0), number }, DestinationId(0));
            fates.came(Late { took, message, destination, at: took }, &mut trails);
        }
        assert_eq!((fates.all_late, fates.late.len()), (899, MOST_ROWS), "what took a second is not late");
        let least = fates.late.first().map(|row| row.took);
        assert_eq!(least, Some(Duration::from_millis(8000)));
    }
}
