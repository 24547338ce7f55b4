//! What a broker writes to its disk.
use super::message::Message;
use super::topic::Topic;
use crate::history::{MessageId, Name};
use serde::{Deserialize, Serialize};

/// One fact. Their order in the ledger is the order in which they became true; each may be told twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// There is a stream, and its next position is this one.
    Stream {
        /// Its name.
        topic: Topic,
        /// Never one that it has had before, even if it was deleted in between.
        next: u64,
    },
    /// A stream is no more.
    Deleted {
        /// Its name.
        topic: Topic,
    },
    /// There is a subscription.
    Subscribed {
        /// Its stream.
        topic: Topic,
        /// Its name.
        subscription: String,
        /// The first position that it is to get.
        at: u64,
    },
    /// A subscription is no more.
    Unsubscribed {
        /// Its stream.
        topic: Topic,
        /// Its name.
        subscription: String,
    },
    /// A message was published.
    Entry(Box<EntryRecord>),
    /// A subscription has no need of these positions any more.
    Acked {
        /// Its stream.
        topic: Topic,
        /// Its name.
        subscription: String,
        /// First positions, and those after the last.
        ranges: Vec<(u64, u64)>,
    },
    /// Another region's broker has everything below this position.
    Replicated {
        /// The stream.
        topic: Topic,
        /// That broker.
        to: Name,
        /// Of this region.
        upto: u64,
    },
    /// Everything that another region published below this position is here.
    Received {
        /// The stream.
        topic: Topic,
        /// That region.
        origin: String,
        /// Of that region.
        upto: u64,
    },
    /// How long messages are kept that are not acknowledged.
    TimeToLive {
        /// In milliseconds.
        millis: u64,
    },
    /// So many messages have ever been stored here.
    Counted {
        /// All streams' together.
        stored: u64,
    },
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// The stream.
    pub topic: Topic,
    /// Its position there.
    pub position: u64,
    /// The broker's boot that stored it.
    pub ledger: u64,
    /// Counts what this broker has stored: all streams' together.
    pub serial: u64,
    /// When, in milliseconds of virtual time.
    pub at: u64,
    /// Where it was published, region and position there; `None`: here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<(String, u64)>,
    /// The message.
    pub message: Message,
    /// Which built-in message it is: read from the payload, not from the disk.
    #[serde(skip)]
    pub made: Option<MessageId>,
}

impl Record {
    /// Writes the record.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text, numbers and maps with text keys are always JSON")
    }

    /// Reads a record. `None`: no version of this broker wrote it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        let topic = || Topic::parse("c8globals.orders").unwrap();
        let subscription = || "workers".to_owned();
        let message = Message {
            payload: "aGk=".into(),
            properties: [("k".to_owned(), "v".to_owned())].into_iter().collect(),
            key: Some("a".into()),
            event_time: None,
            publish_time: 7,
        };
        let origin = Some(("west".to_owned(), 3));
        let entry =
            EntryRecord { topic: topic(), position: 9, ledger: 2, serial: 11, at: 5, origin, message, made: None };
        for record in [
            Record::Stream { topic: topic(), next: 4 },
            Record::Deleted { topic: topic() },
            Record::Subscribed { topic: topic(), subscription: subscription(), at: 4 },
            Record::Unsubscribed { topic: topic(), subscription: subscription() },
            Record::Entry(Box::new(entry)),
            Record::Acked { topic: topic(), subscription: subscription(), ranges: vec![(4, 6)] },
            Record::Replicated { topic: topic(), to: "broker-east".into(), upto: 6 },
            Record::Received { topic: topic(), origin: "west".into(), upto: 6 },
            Record::TimeToLive { millis: 21_600_000 },
            Record::Counted { stored: 12 },
        ] {
            assert_eq!(Record::read(&record.to_bytes()), Some(record));
        }
        assert_eq!(Record::read(b"{}"), None);
    }
}
