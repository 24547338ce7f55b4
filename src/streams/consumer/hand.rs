//! The messages that a consumer has and has not handled yet.
use crate::history::MessageId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A message that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// By which the broker knows it.
    pub id: Arc<str>,
    /// Which message of which producer it is; `None`: it is foreign.
    pub message: Option<MessageId>,
    /// Of its decoded payload.
    pub digest: u64,
    /// The session in which it can be acknowledged; `None`: that is over.
    pub session: Option<u64>,
}

/// Arrivals in their order. The same id is there once: one that comes again before it was handled was taken from this
/// consumer and given to it again, and is still one message.
#[derive(Debug)]
pub struct Hand {
    arrivals: BTreeMap<u64, Held>,
    places: BTreeMap<Arc<str>, u64>,
    next: u64,
    /// How long the broker waits for an acknowledgement; `None`: for ever.
    time_out: Option<Duration>,
    /// When each will be late, with its place.
    deadlines: BTreeSet<(Duration, u64)>,
}

#[derive(Debug)]
struct Held {
    arrival: Arrival,
    /// `None`: it has been late already, or never will be.
    deadline: Option<Duration>,
}

impl Hand {
    /// Begins empty. `time_out`: an arrival that is in hand for so long is late.
    pub fn new(time_out: Option<Duration>) -> Self {
        let (arrivals, places, deadlines) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { arrivals, places, next: 0, time_out, deadlines }
    }

    /// Takes a message. One that is there already keeps its place, and has its time anew.
    pub fn take(&mut self, now: Duration, arrival: Arrival) {
        let place = match self.places.get(&arrival.id) {
            Some(place) => *place,
            None => {
                self.places.insert(arrival.id.clone(), self.next);
                self.next += 1;
                self.next - 1
            }
        };
        let deadline = self.time_out.map(|time_out| now + time_out);
        if let Some(before) = self.arrivals.insert(place, Held { arrival, deadline }) {
            self.forget_deadline(place, before.deadline);
        }
        self.deadlines.extend(deadline.map(|at| (at, place)));
    }

    /// The one whose turn it is.
    pub fn first(&self) -> Option<&Arrival> {
        self.arrivals.first_key_value().map(|(_, held)| &held.arrival)
    }

    /// Takes the one out whose turn it is.
    pub fn pop(&mut self) -> Option<Arrival> {
        let (place, held) = self.arrivals.pop_first()?;
        Some(self.gone(place, held))
    }

    /// Ends a session: none can be acknowledged any more.
    pub fn ended(&mut self) {
        self.arrivals.values_mut().for_each(|held| held.arrival.session = None);
    }

    /// Lets all go but the first `kept`.
    pub fn let_go(&mut self, kept: usize) -> Vec<Arrival> {
        let mut gone = Vec::new();
        while self.arrivals.len() > kept
            && let Some((place, held)) = self.arrivals.pop_last()
        {
            gone.push(self.gone(place, held));
        }
        gone.reverse();
        gone
    }

    /// When the next one is late.
    pub fn next_late(&self) -> Option<Duration> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Says whether the one whose turn it is has been late.
    pub fn first_is_late(&self) -> bool {
        self.time_out.is_some() && self.arrivals.first_key_value().is_some_and(|(_, held)| held.deadline.is_none())
    }

    /// Tells those that are late by now, in their order; `all` of them once one is. Each is told once.
    pub fn late(&mut self, now: Duration, all: bool) -> Vec<MessageId> {
        if self.next_late().is_none_or(|at| at > now) {
            return Vec::new();
        }
        let mut late = Vec::new();
        for held in self.arrivals.values_mut() {
            if held.deadline.is_some_and(|at| all || at <= now) {
                held.deadline = None;
                late.extend(held.arrival.message);
            }
        }
        self.deadlines.retain(|(at, _)| !all && *at > now);
        late
    }

    fn gone(&mut self, place: u64, held: Held) -> Arrival {
        self.places.remove(&held.arrival.id);
        self.forget_deadline(place, held.deadline);
        held.arrival
    }

    fn forget_deadline(&mut self, place: u64, deadline: Option<Duration>) {
        if let Some(at) = deadline {
            self.deadlines.remove(&(at, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ProducerId;

    const SECOND: Duration = Duration::from_secs(1);

    fn arrival(number: u64) -> Arrival {
        let message = Some(MessageId { producer: ProducerId(0), number });
        Arrival { id: number.to_string().into(), message, digest: number, session: Some(1) }
    }

    fn holding(numbers: &[u64]) -> Hand {
        let mut hand = Hand::new(Some(10 * SECOND));
        numbers.iter().for_each(|number| hand.take(*number as u32 * SECOND, arrival(*number)));
        hand
    }

    fn numbers(arrivals: impl IntoIterator<Item = Arrival>) -> Vec<u64> {
        arrivals.into_iter().map(|arrival| arrival.digest).collect()
    }

    fn rest(mut hand: Hand) -> Vec<u64> {
        numbers(std::iter::from_fn(move || hand.pop()))
    }

    #[test]
    fn messages_take_turns_as_they_have_come_and_one_that_comes_again_keeps_its_place() {
        let mut hand = holding(&[0, 1, 2]);
        hand.take(3 * SECOND, Arrival { session: Some(2), ..arrival(1) });
        assert_eq!(hand.pop().map(|first| first.digest), Some(0));
        assert_eq!(hand.first().and_then(|second| second.session), Some(2));
        hand.take(4 * SECOND, arrival(0));
        assert_eq!(rest(hand), [1, 2, 0]);
    }

    #[test]
    fn those_that_are_let_go_are_told_in_their_order() {
        let mut hand = holding(&[0, 1, 2]);
        assert_eq!(numbers(hand.let_go(1)), [1, 2]);
        hand.take(3 * SECOND, arrival(2));
        assert_eq!(rest(hand), [0, 2]);
    }

    #[test]
    fn each_is_late_once_and_one_that_comes_again_has_its_time_anew() {
        let mut hand = holding(&[0, 1, 2]);
        assert_eq!(hand.next_late(), Some(10 * SECOND));
        assert!(hand.late(9 * SECOND, false).is_empty());
        let late: Vec<u64> = hand.late(11 * SECOND, false).iter().map(|late| late.number).collect();
        assert_eq!(late, [0, 1]);
        assert!(hand.first_is_late());
        hand.take(12 * SECOND, arrival(0));
        assert!(!hand.first_is_late());
        assert_eq!(hand.next_late(), Some(12 * SECOND), "of 2");
        hand.let_go(0);
        assert_eq!(hand.next_late(), None);
    }

    #[test]
    fn where_one_takes_all_along_all_are_late_once_one_is() {
        let mut hand = holding(&[0, 1, 2]);
        assert!(hand.late(9 * SECOND, true).is_empty());
        assert_eq!(hand.late(10 * SECOND, true).len(), 3);
        assert_eq!(hand.next_late(), None);
    }
}
