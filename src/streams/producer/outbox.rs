//! Messages on their way to a broker: bounded, in order, kept until it says that they are stored.
use crate::history::MessageId;
use crate::streams::knobs::ReadsAnswers;
use std::collections::VecDeque;
use std::time::Duration;

/// A message that the application has given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Which message of which producer it is.
    pub id: MessageId,
    /// As it goes over the socket.
    pub text: String,
}

#[derive(Debug)]
struct Held {
    parcel: Parcel,
    /// When it was sent in this session.
    since: Duration,
    sent_before: bool,
}

/// Holds messages in the application's order; those that are in flight come first.
///
/// ```text
///            send               answered ok
///  Waiting ───────> in flight ───────────────> (gone: confirmed)
///     ^                 │
///     └──── ended ──────┘
/// ```
#[derive(Debug)]
pub struct Outbox {
    held: VecDeque<Held>,
    in_flight: usize,
    /// The most messages held: when it is full the application waits.
    room: usize,
    /// The most messages in flight.
    window: usize,
    reads: ReadsAnswers,
    /// With `reads-answers: never`: what was written in this session, whatever becomes of it. Nobody looks at these; an
    /// answer tells the history which one it was for.
    written: VecDeque<MessageId>,
}

/// A message to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// The message.
    pub parcel: Parcel,
    /// Not for the first time.
    pub again: bool,
}

impl Outbox {
    /// Begins empty.
    pub fn new(room: usize, window: usize, reads: ReadsAnswers) -> Self {
        Self { held: VecDeque::new(), in_flight: 0, room, window, reads, written: VecDeque::new() }
    }

    /// Says whether the application has to wait.
    pub fn is_full(&self) -> bool {
        self.held.len() >= self.room
    }

    /// Says whether nothing is left to be sent or answered.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes a message from the application, which has asked [`is_full`](Self::is_full) before.
    pub fn offer(&mut self, parcel: Parcel) {
        self.held.push_back(Held { parcel, since: Duration::ZERO, sent_before: false });
    }

    /// Takes the next message to send. `None`: the window is full, or all are sent.
    pub fn send(&mut self, now: Duration) -> Option<Sending> {
        if self.reads == ReadsAnswers::Never {
            let Held { parcel, sent_before: again, .. } = self.held.pop_front()?;
            self.written.push_back(parcel.id);
            return Some(Sending { parcel, again });
        }
        if self.in_flight >= self.window {
            return None;
        }
        let held = self.held.get_mut(self.in_flight)?;
        held.since = now;
        self.in_flight += 1;
        let again = std::mem::replace(&mut held.sent_before, true);
        Some(Sending { parcel: held.parcel.clone(), again })
    }

    /// Takes an ok: that message is the service's now. `None`: it is for nothing that was sent in this session.
    pub fn confirmed(&mut self, number: u64) -> Option<MessageId> {
        if self.reads == ReadsAnswers::Never {
            let place = self.written.iter().position(|id| id.number == number)?;
            return self.written.remove(place);
        }
        let place = self.held.iter().take(self.in_flight).position(|held| held.parcel.id.number == number)?;
        self.in_flight -= 1;
        self.held.remove(place).map(|held| held.parcel.id)
    }

    /// Ends the session: what was in flight is to be sent again, before anything else and in its order.
    pub fn ended(&mut self) {
        self.in_flight = 0;
        self.written.clear();
    }

    /// Says since when the message waits for its answer that has waited longest.
    pub fn waiting_since(&self) -> Option<Duration> {
        // They were sent one after the other.
        (self.in_flight > 0).then(|| self.held.front().map(|held| held.since)).flatten()
    }

    /// Gives all messages up.
    pub fn give_up(&mut self) -> impl Iterator<Item = MessageId> {
        self.in_flight = 0;
        std::mem::take(&mut self.held).into_iter().map(|held| held.parcel.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ProducerId;

    fn id(number: u64) -> MessageId {
        MessageId { producer: ProducerId(0), number }
    }

    fn with(messages: u64, reads: ReadsAnswers) -> Outbox {
        let mut outbox = Outbox::new(5, 3, reads);
        (0..messages).for_each(|number| outbox.offer(Parcel { id: id(number), text: number.to_string() }));
        outbox
    }

    fn send_all(outbox: &mut Outbox) -> Vec<(u64, bool)> {
        let sending = std::iter::from_fn(|| outbox.send(Duration::ZERO));
        sending.map(|sending| (sending.parcel.id.number, sending.again)).collect()
    }

    #[test]
    fn no_more_than_a_window_is_in_flight_and_each_ok_lets_one_more_go() {
        let mut outbox = with(5, ReadsAnswers::Each);
        assert!(outbox.is_full());
        assert_eq!(send_all(&mut outbox), [(0, false), (1, false), (2, false)]);
        assert_eq!(outbox.confirmed(1), Some(id(1)));
        assert_eq!(outbox.confirmed(1), None);
        assert!(!outbox.is_full());
        assert_eq!(send_all(&mut outbox), [(3, false)]);
    }

    #[test]
    fn what_was_not_answered_is_sent_again_first_and_in_its_order() {
        let mut outbox = with(5, ReadsAnswers::Each);
        send_all(&mut outbox);
        outbox.confirmed(1);
        outbox.ended();
        assert_eq!(outbox.confirmed(0), None, "its session is over");
        assert_eq!(send_all(&mut outbox), [(0, true), (2, true), (3, false)]);
    }

    #[test]
    fn the_wait_for_an_answer_counts_from_the_oldest_in_flight() {
        let mut outbox = with(2, ReadsAnswers::Each);
        assert_eq!(outbox.waiting_since(), None);
        let second = Duration::from_secs(1);
        outbox.send(second);
        outbox.send(2 * second);
        assert_eq!(outbox.waiting_since(), Some(second));
        outbox.confirmed(0);
        assert_eq!(outbox.waiting_since(), Some(2 * second));
        outbox.ended();
        assert_eq!(outbox.waiting_since(), None);
    }

    #[test]
    fn who_never_reads_answers_forgets_a_message_once_it_is_written() {
        let mut outbox = with(5, ReadsAnswers::Never);
        assert_eq!(send_all(&mut outbox).len(), 5, "nothing is waited for");
        assert!(outbox.is_empty());
        assert_eq!(outbox.confirmed(3), Some(id(3)), "an answer is an answer");
        outbox.ended();
        assert_eq!(outbox.send(Duration::ZERO), None, "nothing is sent again");
        assert_eq!(outbox.confirmed(4), None);
    }
}
