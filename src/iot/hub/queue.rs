//! Cloud-to-device messages that wait for a device, in the order in which they came
//! (Microsoft docs, iot-hub-devguide-messages-c2d).
//!
//! ```text
//!              deliver               PUBACK
//!   Enqueued ───────────> Locked ──────────────> Leaving ── durable ──> (gone)
//!    ^ ^  │                 │                      │ ^
//!    │ │  └── its time is over ────────────────────│─┘
//!    │ └── 60 s, or the connection ended           │
//!    └──────────── could not be stored ────────────┘
//! ```
//!
//! What is queued is durable; who holds it now, and what has been sent, is known to one boot alone.
use super::properties::Properties;
use crate::wire::mqtt::next_packet_id;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// The most messages that wait for one device; the next one is answered 403004.
pub const DEEPEST: usize = 50;

/// How long a message that was sent and not acknowledged is held back from being sent again.
pub const LOCK: Duration = Duration::from_secs(60);

/// A message on its way to a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its sender's name for it: one of its kind in a queue.
    pub id: String,
    /// The application's.
    pub properties: Properties,
    /// The payload in base64, byte for byte.
    pub body: String,
    /// When its time is over, since the world began.
    pub expires: Duration,
}

/// What to send to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The packet id that it keeps as long as it is queued (MQTT 3.1.1, 4.4: re-sent with the original one).
    pub packet: u16,
    /// It may have been sent before.
    pub again: bool,
    /// What it is.
    pub message: Message,
}

/// Fifty messages are queued already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{DEEPEST} messages are queued already")]
pub struct Full;

/// An acknowledgement that is not the next one owed (MQTT 3.1.1, 4.6.0-2; azure-iot-sdk-csharp, issue 157).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("acknowledged out of order")]
pub struct OutOfOrder;

/// One device's queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    waiting: VecDeque<Waiting>,
    last_packet: u16,
    /// What the connection was sent and has not acknowledged, each sending counted.
    owed: VecDeque<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    message: Message,
    packet: u16,
    sent: bool,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Enqueued,
    Locked { until: Duration },
    Leaving,
}

impl Queue {
    /// Puts a message behind all others, and says whether it is new: one that is still queued is not queued twice.
    ///
    /// # Errors
    /// [`Full`].
    pub fn push(&mut self, message: Message) -> Result<bool, Full> {
        if self.waiting.iter().any(|waiting| waiting.message.id == message.id) {
            return Ok(false);
        }
        if self.waiting.len() >= DEEPEST {
            return Err(Full);
        }
        let mut packet = next_packet_id(self.last_packet);
        while self.waiting.iter().any(|waiting| waiting.packet == packet) {
            packet = next_packet_id(packet);
        }
        self.last_packet = packet;
        self.waiting.push_back(Waiting { message, packet, sent: false, standing: Standing::Enqueued });
        Ok(true)
    }

    /// Takes a message out for good, and says whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.message.id != id);
        self.waiting.len() < before
    }

    /// Takes every message out.
    pub fn purge(&mut self) {
        self.waiting.clear();
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Remembers, after a boot, that an earlier one may have sent what is queued.
    pub fn booted(&mut self) {
        self.waiting.iter_mut().for_each(|waiting| waiting.sent = true);
    }

    /// Locks everything that is enqueued and gives it out, to be sent to the device's connection.
    pub fn deliver(&mut self, now: Duration) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.standing == Standing::Enqueued) {
            waiting.standing = Standing::Locked { until: now + LOCK };
            let again = std::mem::replace(&mut waiting.sent, true);
            self.owed.push_back(waiting.packet);
            deliveries.push(Delivery { packet: waiting.packet, again, message: waiting.message.clone() });
        }
        deliveries
    }

    /// Takes a PUBACK. Which message is done with, as soon as that is durable; `None`: it was already.
    ///
    /// # Errors
    /// [`OutOfOrder`]; nothing is changed then.
    pub fn acknowledge(&mut self, packet: u16) -> Result<Option<String>, OutOfOrder> {
        if self.owed.front() != Some(&packet) {
            return Err(OutOfOrder);
        }
        self.owed.pop_front();
        let waiting = self.waiting.iter_mut().find(|waiting| waiting.packet == packet);
        Ok(waiting.filter(|waiting| waiting.standing != Standing::Leaving).map(|waiting| {
            waiting.standing = Standing::Leaving;
            waiting.message.id.clone()
        }))
    }

    /// Takes the end of the device's connection: what it did not acknowledge is enqueued again.
    pub fn parted(&mut self) {
        self.owed.clear();
        self.unlock(|_| true);
    }

    /// Enqueues again what has been locked for too long.
    pub fn release(&mut self, now: Duration) {
        self.unlock(|until| until <= now);
    }

    fn unlock(&mut self, over: impl Fn(Duration) -> bool) {
        for waiting in &mut self.waiting {
            if matches!(waiting.standing, Standing::Locked { until } if over(until)) {
                waiting.standing = Standing::Enqueued;
            }
        }
    }

    /// Picks what is enqueued and whose time is over: it is gone as soon as that is durable.
    pub fn overdue(&mut self, now: Duration) -> Vec<String> {
        let mut overdue = Vec::new();
        for waiting in &mut self.waiting {
            if waiting.standing == Standing::Enqueued && waiting.message.expires <= now {
                waiting.standing = Standing::Leaving;
                overdue.push(waiting.message.id.clone());
            }
        }
        overdue
    }

    /// Takes back that a message is leaving: that could not be stored.
    pub fn stays(&mut self, id: &str) {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.message.id == id) {
            waiting.standing = Standing::Enqueued;
        }
    }

    /// When to [`release`](Self::release) or look for what is [`overdue`](Self::overdue) next.
    pub fn alarm(&self) -> Option<Duration> {
        let alarm = |waiting: &Waiting| match waiting.standing {
            Standing::Enqueued => Some(waiting.message.expires),
            Standing::Locked { until } => Some(until),
            Standing::Leaving => None,
        };
        self.waiting.iter().filter_map(alarm).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: Duration = Duration::from_secs(1 << 40);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn message(id: &str, expires: Duration) -> Message {
        Message { id: id.into(), properties: Properties::new(), body: String::new(), expires }
    }

    fn queue(ids: &[&str]) -> Queue {
        let mut queue = Queue::default();
        ids.iter().for_each(|id| assert_eq!(queue.push(message(id, FOREVER)), Ok(true)));
        queue
    }

    fn sent(deliveries: &[Delivery]) -> Vec<(&str, u16, bool)> {
        deliveries.iter().map(|it| (it.message.id.as_str(), it.packet, it.again)).collect()
    }

    #[test]
    fn messages_are_delivered_once_in_their_order_and_leave_when_acknowledged() {
        let mut queue = queue(&["a", "b"]);
        assert_eq!(sent(&queue.deliver(at(0))), [("a", 1, false), ("b", 2, false)]);
        assert_eq!(queue.deliver(at(1)), [], "they are locked");
        assert_eq!(queue.acknowledge(1), Ok(Some("a".into())));
        assert!(queue.remove("a"));
        assert_eq!(queue.acknowledge(2), Ok(Some("b".into())));
        assert!(queue.remove("b") && queue.is_empty());
    }

    #[test]
    fn what_is_not_acknowledged_is_delivered_again_to_the_next_connection_under_the_same_packet_id() {
        let mut queue = queue(&["a", "b", "c"]);
        queue.deliver(at(0));
        queue.acknowledge(1).unwrap();
        queue.parted();
        assert_eq!(sent(&queue.deliver(at(1))), [("b", 2, true), ("c", 3, true)], "a is on its way out");
        assert_eq!(queue.acknowledge(1), Err(OutOfOrder), "of a connection that is gone");
        assert_eq!(queue.acknowledge(2), Ok(Some("b".into())));
    }

    #[test]
    fn acknowledgements_come_in_order_or_not_at_all() {
        let mut queue = queue(&["a", "b"]);
        assert_eq!(queue.acknowledge(1), Err(OutOfOrder), "nothing was sent");
        queue.deliver(at(0));
        assert_eq!(queue.acknowledge(2), Err(OutOfOrder));
        assert_eq!(queue.acknowledge(1), Ok(Some("a".into())));
    }

    #[test]
    fn after_a_minute_without_acknowledgement_a_message_is_sent_again_and_each_sending_is_acknowledged() {
        let mut queue = queue(&["a"]);
        queue.deliver(at(5));
        assert_eq!(queue.alarm(), Some(at(65)));
        queue.release(at(64));
        assert_eq!(queue.deliver(at(64)), []);
        queue.release(at(65));
        assert_eq!(sent(&queue.deliver(at(65))), [("a", 1, true)]);
        assert_eq!(queue.acknowledge(1), Ok(Some("a".into())));
        assert_eq!(queue.acknowledge(1), Ok(None), "of the second sending");
        assert_eq!(queue.acknowledge(1), Err(OutOfOrder));
    }

    #[test]
    fn the_fifty_first_message_is_refused_and_one_that_is_still_queued_is_not_queued_twice() {
        let ids: Vec<_> = (0..DEEPEST).map(|n| n.to_string()).collect();
        let mut queue = queue(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(queue.push(message("7", FOREVER)), Ok(false));
        assert_eq!(queue.push(message("x", FOREVER)), Err(Full));
        assert!(queue.remove("7"));
        assert_eq!(queue.push(message("x", FOREVER)), Ok(true));
    }

    #[test]
    fn a_message_expires_when_its_time_is_over_and_nobody_holds_it() {
        let mut queue = Queue::default();
        queue.push(message("a", at(10))).unwrap();
        queue.push(message("b", at(20))).unwrap();
        assert_eq!(queue.alarm(), Some(at(10)));
        assert_eq!(queue.overdue(at(9)), Vec::<String>::new());
        assert_eq!(queue.overdue(at(10)), ["a"]);
        assert_eq!(queue.overdue(at(10)), Vec::<String>::new(), "it is on its way out");
        queue.stays("a");
        assert_eq!(queue.overdue(at(11)), ["a"], "its end could not be stored");
        queue.remove("a");
        queue.deliver(at(12));
        assert_eq!(queue.overdue(at(21)), Vec::<String>::new(), "the device holds it");
        queue.parted();
        assert_eq!(queue.overdue(at(21)), ["b"]);
    }

    #[test]
    fn packet_ids_go_round_and_leave_out_those_in_use() {
        let mut queue = queue(&["a"]);
        queue.last_packet = u16::MAX;
        queue.push(message("b", FOREVER)).unwrap();
        assert_eq!(sent(&queue.deliver(at(0))), [("a", 1, false), ("b", 2, false)]);
    }

    #[test]
    fn what_an_earlier_boot_queued_may_have_been_sent_by_it() {
        let mut queue = queue(&["a"]);
        queue.booted();
        assert_eq!(sent(&queue.deliver(at(0))), [("a", 1, true)]);
    }
}
