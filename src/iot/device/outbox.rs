//! Messages on their way to a hub: bounded, in order, kept until they are acknowledged.
use crate::history::{MessageId, Name};
use crate::iot::knobs::{Resends, SendBuffer};
use crate::wire::mqtt::{Packet, Publish, Quality, next_packet_id};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

/// A message that the application has given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which message of which producer it is.
    pub id: MessageId,
    /// Where it is published, properties included.
    pub topic: String,
    /// Its body.
    pub payload: Bytes,
    /// When the application gave it.
    pub given: Duration,
}

/// ```text
///            send                ended                 send, session resumed
///  Waiting ───────> InFlight ───────────> Unanswered ─────────────────────> InFlight
///                      │                      │        send, other session ─────^
///                      └────── PUBACK ────────┴──────> (gone: confirmed)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    InFlight {
        packet: u16,
        since: Duration,
    },
    /// Its session ended before the PUBACK came.
    Unanswered {
        packet: u16,
    },
}

#[derive(Debug)]
struct Held {
    message: Message,
    state: State,
    sent_before: bool,
}

/// Holds messages in the application's order; whatever is not [`Waiting`](State::Waiting) comes first.
#[derive(Debug)]
pub struct Outbox {
    held: VecDeque<Held>,
    /// The most messages held: when it is full the application waits.
    room: usize,
    /// The most messages in flight.
    window: usize,
    last_packet: u16,
    resends: Resends,
    buffer: SendBuffer,
    /// What the application gave last.
    newest: Bytes,
    /// The hub of the last session, and whether its session goes on: then what is unanswered keeps its packet ids.
    session: Option<(Name, bool)>,
}

/// A message to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Which message it is.
    pub id: MessageId,
    /// The PUBLISH.
    pub packet: Packet,
    /// Not for the first time.
    pub again: bool,
}

impl Outbox {
    /// Begins empty, with no session.
    pub fn new(room: usize, window: usize, resends: Resends, buffer: SendBuffer) -> Self {
        Self {
            held: VecDeque::new(),
            room,
            window,
            last_packet: 0,
            resends,
            buffer,
            newest: Bytes::new(),
            session: None,
        }
    }

    /// Says whether the application has to wait.
    pub fn is_full(&self) -> bool {
        self.held.len() >= self.room
    }

    /// Says whether every message was acknowledged.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes a message from the application.
    ///
    /// # Errors
    /// The message itself, when there is no room: nothing is dropped, the application waits.
    pub fn offer(&mut self, message: Message) -> Result<(), Message> {
        if self.is_full() {
            return Err(message);
        }
        self.newest = message.payload.clone();
        self.held.push_back(Held { message, state: State::Waiting, sent_before: false });
        Ok(())
    }

    /// Begins a session. `present`: the hub kept the one before.
    ///
    /// A packet id means something only within a session (OASIS MQTT 3.1.1, section 4.4), and a session only at the hub
    /// that holds it: elsewhere what is unanswered is published anew.
    pub fn began(&mut self, hub: &Name, present: bool) {
        let same = self.session.as_ref().is_some_and(|(last, _)| last == hub);
        self.session = Some((hub.clone(), same && present));
        self.ended();
    }

    /// Ends the session: what was in flight is to be sent again, before anything else and in its order.
    pub fn ended(&mut self) {
        for held in &mut self.held {
            if let State::InFlight { packet, .. } = held.state {
                held.state = State::Unanswered { packet };
            }
        }
    }

    /// Takes the next message to send. `None`: the window is full, or all are sent.
    pub fn send(&mut self, now: Duration) -> Option<Sending> {
        let in_flight = self.in_flight();
        if in_flight >= self.window {
            return None;
        }
        let resumed = matches!(self.session, Some((_, true)));
        let next = self.next()?;
        let (packet, dup) = match self.held[next].state {
            State::Unanswered { packet } if resumed => (packet, true),
            _ => (self.fresh_packet_id(), false),
        };
        let held = &mut self.held[next];
        held.state = State::InFlight { packet, since: now };
        let again = std::mem::replace(&mut held.sent_before, true);
        let Message { id, topic, mut payload, .. } = held.message.clone();
        if again && self.buffer == SendBuffer::Reused {
            // Where it lies and how long it is was noted when it was given; the application has written there since.
            payload = self.newest.slice(..payload.len().min(self.newest.len()));
        }
        let quality = Quality::AtLeastOnce { id: packet, dup };
        Some(Sending { id, packet: Packet::Publish(Publish { topic, payload, retain: false, quality }), again })
    }

    /// Takes a PUBACK: the message is the hub's now. `None`: it acknowledges nothing that is in flight.
    pub fn acknowledged(&mut self, id: u16) -> Option<MessageId> {
        let in_flight = |held: &Held| matches!(held.state, State::InFlight { packet, .. } if packet == id);
        let position = self.held.iter().position(in_flight)?;
        self.held.remove(position).map(|held| held.message.id)
    }

    /// Says since when the longest waiting message in flight waits for its PUBACK.
    pub fn waiting_since(&self) -> Option<Duration> {
        let since = self.sent().filter_map(|held| match held.state {
            State::InFlight { since, .. } => Some(since),
            _ => None,
        });
        since.min()
    }

    /// Says when the application gave the oldest message.
    pub fn oldest_given(&self) -> Option<Duration> {
        self.held.front().map(|held| held.message.given)
    }

    /// Drops what the application gave at this time or before.
    pub fn drop_given_until(&mut self, limit: Duration) {
        while self.held.pop_front_if(|held| held.message.given <= limit).is_some() {}
    }

    /// Gives all messages up.
    pub fn give_up(&mut self) -> impl Iterator<Item = MessageId> {
        std::mem::take(&mut self.held).into_iter().map(|held| held.message.id)
    }

    /// Makes a packet id that no message holds.
    pub fn fresh_packet_id(&mut self) -> u16 {
        loop {
            self.last_packet = next_packet_id(self.last_packet);
            let taken = |held: &Held| match held.state {
                State::InFlight { packet, .. } | State::Unanswered { packet } => packet == self.last_packet,
                State::Waiting => false,
            };
            if !self.sent().any(taken) {
                return self.last_packet;
            }
        }
    }

    /// The place of the message to send next: what was sent before comes before what was not.
    fn next(&self) -> Option<usize> {
        let unsent = |held: &Held| !matches!(held.state, State::InFlight { .. });
        match self.resends {
            Resends::InOrder => self.held.iter().position(unsent),
            Resends::NewestFirst => {
                let sent = self.sent().count();
                let again = (0..sent).rev().find(|place| unsent(&self.held[*place]));
                again.or_else(|| (sent < self.held.len()).then_some(sent))
            }
        }
    }

    /// Whatever was ever sent.
    fn sent(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().take_while(|held| held.state != State::Waiting)
    }

    fn in_flight(&self) -> usize {
        self.sent().filter(|held| matches!(held.state, State::InFlight { .. })).count()
    }
}

#[cfg(test)]
mod tests;
