//! What central has taken in: how far it read each hub, and which messages it has.
//!
//! Exactly once: an [`Entry`] says how far a hub was read and what was new in it, in one record of the
//! ledger. A message counts as received when its entry is durable. What the hub sends again after a crash
//! between reading and storing was never received; what a device sent twice, to one hub or two, is known
//! by its number.
//!
//! Order: messages of one hub are received in that hub's order. Across two hubs nothing can be promised:
//! what lies on the disk of a hub that is down arrives when the hub is back, after what the device sent
//! to another hub in the meantime. So a route through several hubs is not ordered, and only a scenario
//! with one hub may claim `order`.
use super::ranges::Ranges;
use crate::history::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something new on a hub, in the hub's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A message of a known producer.
    Message { producer: Name, number: u64, digest: u64 },
    /// A message that is no producer's.
    Foreign { digest: u64 },
    /// A device's reported properties changed, to its change of this number.
    Reported { device: Name, number: u64 },
}

/// What central keeps of one batch of arrivals, and what counts once it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub hub: Name,
    /// The offset from which the hub is read on.
    pub next: u64,
    /// The serial number of the first receipt; receipts are counted from 0, across restarts.
    pub serial: u64,
    pub receipts: Vec<Receipt>,
}

/// One thing that central took in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receipt {
    Message { producer: Name, number: u64, digest: u64 },
    Foreign { digest: u64 },
    Reported { device: Name, number: u64 },
}

/// A record of central's ledger: a snapshot holds one `Whole`, the log `Entry`s.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Record {
    Whole(Intake),
    Entry(Entry),
}

/// Why central's ledger cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not central's record: {0}")]
pub struct IntakeError(#[from] serde_json::Error);

/// The fold over all entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// From which offset each hub is read on; a hub never read: from 0.
    next: BTreeMap<Name, u64>,
    /// By producer.
    seen: BTreeMap<Name, Ranges>,
    /// Each device's reported properties are known at this number.
    known: BTreeMap<Name, u64>,
    /// How many receipts there were.
    serial: u64,
}

impl Intake {
    /// Reads records in the order of their writing, and gives what they come to and the last entry: central
    /// may have died after it was durable and before anybody was told.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub fn read(records: &[Vec<u8>]) -> Result<(Self, Option<Entry>), IntakeError> {
        let (mut intake, mut last) = (Self::default(), None);
        for record in records {
            match serde_json::from_slice(record)? {
                Record::Whole(whole) => (intake, last) = (whole, None),
                Record::Entry(entry) => {
                    intake.apply(&entry);
                    last = Some(entry);
                }
            }
        }
        Ok((intake, last))
    }

    /// The offset from which a hub is to be read on.
    pub fn next(&self, hub: &str) -> u64 {
        self.next.get(hub).copied().unwrap_or_default()
    }

    /// Says whether this message was received already.
    pub fn has(&self, producer: &str, number: u64) -> bool {
        self.seen.get(producer).is_some_and(|seen| seen.contains(number))
    }

    /// Takes what a hub has from an offset on; `next` is the offset after it. The entry is to be made
    /// durable before anything else is taken. `None`: that is not where this hub is to be read on, or
    /// nothing is new.
    pub fn take(&mut self, hub: &Name, from: u64, arrivals: Vec<Arrival>, next: u64) -> Option<Entry> {
        if from != self.next(hub) || next <= from {
            return None;
        }
        let mut entry = Entry { hub: hub.clone(), next, serial: self.serial, receipts: Vec::new() };
        for arrival in arrivals {
            if let Some(receipt) = self.receive(arrival) {
                entry.receipts.push(receipt);
            }
        }
        self.next.insert(hub.clone(), next);
        self.serial += entry.receipts.len() as u64;
        Some(entry)
    }

    fn receive(&mut self, arrival: Arrival) -> Option<Receipt> {
        match arrival {
            Arrival::Message { producer, number, digest } => {
                let new = self.seen.entry(producer.clone()).or_default().insert(number);
                new.then_some(Receipt::Message { producer, number, digest })
            }
            // It has no number to be known by: what a device sends twice is received twice.
            Arrival::Foreign { digest } => Some(Receipt::Foreign { digest }),
            // What a hub says late, after a newer change is known from another, is not news.
            Arrival::Reported { device, number } if self.known.get(&device).is_some_and(|known| *known >= number) => {
                None
            }
            Arrival::Reported { device, number } => {
                self.known.insert(device.clone(), number);
                Some(Receipt::Reported { device, number })
            }
        }
    }

    fn apply(&mut self, entry: &Entry) {
        self.next.insert(entry.hub.clone(), entry.next);
        self.serial = entry.serial + entry.receipts.len() as u64;
        for receipt in &entry.receipts {
            match receipt {
                Receipt::Message { producer, number, .. } => {
                    self.seen.entry(producer.clone()).or_default().insert(*number);
                }
                Receipt::Foreign { .. } => {}
                Receipt::Reported { device, number } => {
                    self.known.insert(device.clone(), *number);
                }
            }
        }
    }

    /// Writes everything, to stand for all entries so far.
    pub fn to_record(&self) -> Vec<u8> {
        to_json(&Record::Whole(self.clone()))
    }
}

impl Entry {
    /// Writes the entry for the ledger.
    pub fn to_record(&self) -> Vec<u8> {
        to_json(&Record::Entry(self.clone()))
    }
}

fn to_json(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("names and numbers are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(number: u64) -> Arrival {
        Arrival::Message { producer: "xyz/telemetry".into(), number, digest: number * 7 }
    }

    fn reported(number: u64) -> Arrival {
        Arrival::Reported { device: "xyz".into(), number }
    }

    fn numbers(entry: &Entry) -> Vec<u64> {
        let number = |receipt: &Receipt| match receipt {
            Receipt::Message { number, .. } | Receipt::Reported { number, .. } => Some(*number),
            Receipt::Foreign { .. } => None,
        };
        entry.receipts.iter().filter_map(number).collect()
    }

    #[test]
    fn a_message_is_received_once_from_whichever_hub_it_comes() {
        let (a, b) = (Name::from("hub-a"), Name::from("hub-b"));
        let mut intake = Intake::default();
        let first = intake.take(&a, 0, vec![message(0), message(1), message(1)], 3).unwrap();
        assert_eq!((numbers(&first), first.serial), (vec![0, 1], 0));
        let second = intake.take(&b, 0, vec![message(1), message(2)], 2).unwrap();
        assert_eq!((numbers(&second), second.serial), (vec![2], 2));
        assert_eq!((intake.next("hub-a"), intake.next("hub-b")), (3, 2));
        assert!(intake.has("xyz/telemetry", 2) && !intake.has("xyz/telemetry", 3));
    }

    #[test]
    fn what_begins_elsewhere_than_where_it_stopped_is_not_taken() {
        let hub = Name::from("hub-a");
        let mut intake = Intake::default();
        intake.take(&hub, 0, vec![message(0)], 1).unwrap();
        let before = intake.clone();
        for (from, next) in [(0, 1), (0, 2), (2, 3), (1, 1)] {
            assert_eq!(intake.take(&hub, from, vec![message(9)], next), None, "{from} to {next}");
        }
        assert_eq!(intake, before);
    }

    #[test]
    fn an_older_report_that_comes_late_is_not_news() {
        let (a, b) = (Name::from("hub-a"), Name::from("hub-b"));
        let mut intake = Intake::default();
        assert_eq!(numbers(&intake.take(&a, 0, vec![reported(0), reported(1)], 2).unwrap()), [0, 1]);
        assert_eq!(numbers(&intake.take(&b, 0, vec![reported(4)], 1).unwrap()), [4]);
        assert!(intake.take(&a, 2, vec![reported(3)], 3).unwrap().receipts.is_empty());
    }

    #[test]
    fn foreign_messages_are_received_as_often_as_they_come() {
        let mut intake = Intake::default();
        let foreign = || Arrival::Foreign { digest: 5 };
        let entry = intake.take(&"hub-a".into(), 0, vec![foreign(), foreign()], 2).unwrap();
        assert_eq!(entry.receipts, [Receipt::Foreign { digest: 5 }, Receipt::Foreign { digest: 5 }]);
    }

    #[test]
    fn a_hundred_thousand_messages_are_kept_in_little() {
        let mut intake = Intake::default();
        for batch in 0..100u64 {
            let arrivals = (batch * 1000..(batch + 1) * 1000).map(message).collect();
            intake.take(&"hub-a".into(), batch * 1000, arrivals, (batch + 1) * 1000).unwrap();
        }
        assert!(intake.to_record().len() < 200);
    }

    proptest! {
        #[test]
        fn the_ledger_gives_back_what_was_taken_and_the_last_entry(
            batches in prop::collection::vec((0usize..2, prop::collection::vec((0u64..30, any::<bool>()), 1..6)), 0..20),
            whole_at in 0usize..20,
        ) {
            let hubs = ["hub-a", "hub-b"].map(Name::from);
            let (mut intake, mut records, mut last) = (Intake::default(), Vec::new(), None);
            for (index, (hub, arrivals)) in batches.into_iter().enumerate() {
                let from = intake.next(&hubs[hub]);
                let next = from + arrivals.len() as u64;
                let arrivals = arrivals.into_iter().map(|(n, twin)| if twin { reported(n) } else { message(n) });
                let entry = intake.take(&hubs[hub], from, arrivals.collect(), next).unwrap();
                records.push(entry.to_record());
                last = Some(entry);
                if index == whole_at {
                    records = vec![intake.to_record()];
                    last = None;
                }
            }
            let read = Intake::read(&records).unwrap();
            prop_assert_eq!(read, (intake, last));
        }
    }
}
