//! How much a consumer may be sent, and what it has in hand.
use super::input::SocketId;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most that `receiverQueueSize` can be (Apache Pulsar, `ConsumerHandler`).
const LARGEST_QUEUE: u32 = 1000;

/// How much a consumer or reader may be sent, and what it was sent and has not settled.
///
/// Each frame that is sent takes room until its message is acknowledged or given back; a message that was sent twice
/// takes it twice. What nobody was sent frees no room, unlike in the real proxy, which counts any acknowledgement.
#[derive(Clone, Debug)]
pub struct Room {
    grants: Grants,
    taken: u64,
    held: BTreeMap<u64, Held>,
}

#[derive(Clone, Debug)]
enum Grants {
    /// So many at a time.
    Push { most: u64 },
    /// So many more.
    Pull { permits: u64 },
}

/// A message in a consumer's hands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    /// Frames of it that take room.
    frames: u64,
    /// When it is to be sent again.
    pub due: Option<Due>,
}

/// When and why a message is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: Duration,
    /// Given back; else its acknowledgement's time is over then.
    pub given_back: bool,
}

impl Room {
    /// Begins empty, for so many at a time.
    pub fn push(queue: u32) -> Self {
        Self::new(Grants::Push { most: queue.clamp(1, LARGEST_QUEUE).into() })
    }

    /// Begins empty, without a permit.
    pub fn pull() -> Self {
        Self::new(Grants::Pull { permits: 0 })
    }

    fn new(grants: Grants) -> Self {
        Self { grants, taken: 0, held: BTreeMap::new() }
    }

    /// Says whether one more may be sent.
    pub fn is_free(&self) -> bool {
        match self.grants {
            Grants::Push { most } => self.taken < most,
            Grants::Pull { permits } => permits > 0,
        }
    }

    /// Takes so many more. In push mode permits mean nothing.
    pub fn permit(&mut self, more: u32) {
        if let Grants::Pull { permits } = &mut self.grants {
            *permits = permits.saturating_add(more.into());
        }
    }

    /// A message goes out. Gives when it was to be sent again before, which is superseded.
    pub fn sent(&mut self, position: u64, due: Option<Due>) -> Option<Due> {
        if let Grants::Pull { permits } = &mut self.grants {
            *permits = permits.saturating_sub(1);
        }
        self.taken += 1;
        let held = self.held.entry(position).or_default();
        held.frames += 1;
        std::mem::replace(&mut held.due, due)
    }

    /// It is acknowledged by the consumer. Gives when it was to be sent again, which it is not any more.
    pub fn acked(&mut self, position: u64) -> Option<Due> {
        let held = self.held.get_mut(&position)?;
        let due = held.due.take();
        self.taken -= held.frames.min(1);
        held.frames = held.frames.saturating_sub(1);
        if held.frames == 0 {
            self.held.remove(&position);
        }
        due
    }

    /// It is given back, and due then. It is in the consumer's hands until that time, without taking room. Gives when it
    /// was to be sent again before; `Err`: it is not in its hands, or was given back before.
    pub fn gave_back(&mut self, position: u64, at: Duration) -> Result<Option<Due>, NotHeld> {
        let held = self.held.get_mut(&position).ok_or(NotHeld)?;
        if held.due.is_some_and(|due| due.given_back) {
            return Err(NotHeld);
        }
        self.taken -= held.frames.min(1);
        held.frames = held.frames.saturating_sub(1);
        Ok(held.due.replace(Due { at, given_back: true }))
    }

    /// It is out of the consumer's hands. `keeps_room`: not for the room, until the connection ends.
    pub fn lost(&mut self, position: u64, keeps_room: bool) {
        if let Some(held) = self.held.remove(&position)
            && !keeps_room
        {
            self.taken -= held.frames;
        }
    }

    /// Finds a message in the consumer's hands.
    pub fn held(&self, position: u64) -> Option<&Held> {
        self.held.get(&position)
    }

    /// What is in the consumer's hands, in order.
    pub fn all(&self) -> impl Iterator<Item = u64> {
        self.held.keys().copied()
    }

    /// How many frames take room.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// How many permits are left, or how much room.
    pub fn left(&self) -> u64 {
        match self.grants {
            Grants::Push { most } => most.saturating_sub(self.taken),
            Grants::Pull { permits } => permits,
        }
    }
}

/// A message that a consumer gives back and does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHeld;

/// One of a subscription's consumers.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its socket.
    pub socket: SocketId,
    /// `consumerName`.
    pub name: String,
    /// As the history calls it: the client's name, if it says so, else `consumerName`.
    pub client: crate::history::Name,
    /// Its rank; 0 is the highest.
    pub priority: u32,
    /// How long it may take to acknowledge; `None`: for ever.
    pub ack_time_out: Option<Duration>,
    /// How long a message waits that it gives back.
    pub nack_delay: Duration,
    /// Where messages go that nobody can handle.
    pub dead_letter: Option<super::input::DeadLetter>,
    /// What it may be sent, and what it has in hand.
    pub room: Room,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_frame_takes_room_until_it_is_settled() {
        let mut room = Room::push(2);
        room.sent(5, None);
        room.sent(5, None);
        assert!(!room.is_free(), "the same message twice takes it twice");
        room.acked(5);
        assert_eq!((room.is_free(), room.held(5).is_some()), (true, true));
        room.acked(5);
        room.acked(5);
        room.acked(77);
        assert_eq!((room.taken(), room.held(5).is_some()), (0, false), "and no other frees any");
    }

    #[test]
    fn what_is_given_back_takes_no_room_and_stays_in_hand_until_its_time() {
        let mut room = Room::push(0);
        let time_out = Due { at: at(9), given_back: false };
        room.sent(5, Some(time_out));
        assert!(!room.is_free(), "a queue of 0 takes one");
        assert_eq!(room.gave_back(5, at(60)), Ok(Some(time_out)));
        assert_eq!(room.gave_back(5, at(60)), Err(NotHeld), "it was given back before");
        assert_eq!(room.gave_back(6, at(60)), Err(NotHeld));
        assert!(room.is_free() && room.held(5).is_some());
        room.lost(5, false);
        assert_eq!((room.taken(), room.all().count()), (0, 0));
    }

    #[test]
    fn in_pull_mode_only_permits_count() {
        let mut room = Room::pull();
        assert!(!room.is_free());
        room.permit(1);
        room.sent(1, None);
        room.acked(1);
        assert!(!room.is_free(), "an acknowledgement is no permit");
        assert_eq!(room.left(), 0);
    }

    #[test]
    fn a_message_lost_to_its_time_out_can_keep_its_room() {
        let mut room = Room::push(2);
        room.sent(1, None);
        room.sent(2, None);
        room.lost(1, true);
        room.acked(1);
        assert!(!room.is_free());
        room.lost(2, false);
        assert!(room.is_free());
    }
}
