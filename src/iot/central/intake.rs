//! What central has taken in: how far it read each hub, which messages it has, where devices are, and what it owes them.
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
use super::commands::Commands;
use super::desired::Desired;
use super::entry::{Arrival, Entry, Receipt, Record};
use super::errands::Owed;
use super::feed::Batch;
use super::ranges::Ranges;
use super::whereabouts::Whereabouts;
use crate::history::Name;
use crate::iot::knobs::DeDuplicates;
use crate::wire::json;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why central's ledger cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not central's record: {0}")]
pub(super) struct IntakeError(#[from] serde_json::Error);

/// The fold over all entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Intake {
    /// From which offset each hub is read on; a hub never read: from 0.
    next: BTreeMap<Name, u64>,
    /// By producer.
    seen: BTreeMap<Name, Ranges>,
    /// Each device's reported properties are known at this number.
    known: BTreeMap<Name, u64>,
    /// How many receipts there were.
    serial: u64,
    whereabouts: Whereabouts,
    commands: Commands,
    desired: Desired,
}

impl Intake {
    /// Reads records in the order of their writing, and gives what they come to and the entries among them: central
    /// may have died after they were durable and before anybody was told.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub(super) fn read(records: &[Vec<u8>]) -> Result<(Self, Vec<Entry>), IntakeError> {
        let (mut intake, mut entries) = (Self::default(), Vec::new());
        for record in records {
            match json::read(record)? {
                Record::Whole(whole) => {
                    intake = *whole;
                    entries.clear();
                }
                Record::Entry(entry) => {
                    intake.apply(&entry);
                    entries.push(entry);
                }
            }
        }
        Ok((intake, entries))
    }

    /// Forgets what was received and how far hubs were read, but not where devices are and what they are owed. Receipts
    /// are counted on.
    pub(super) fn begin_again(&mut self) {
        self.next.clear();
        self.seen.clear();
        self.known.clear();
    }

    /// The offset from which a hub is to be read on.
    pub(super) fn next(&self, hub: &str) -> u64 {
        self.next.get(hub).copied().unwrap_or_default()
    }

    /// Says whether this message was received already.
    pub(super) fn has(&self, producer: &str, number: u64) -> bool {
        self.seen.get(producer).is_some_and(|seen| seen.contains(number))
    }

    /// The serial number of the next receipt.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// What is owed to devices, and where they are.
    pub(super) fn owed(&self) -> Owed<'_> {
        Owed { whereabouts: &self.whereabouts, commands: &self.commands, desired: &self.desired }
    }

    /// Takes what a hub has from an offset on. The entry is to be made durable before anything else is taken. `None`:
    /// that is not where this hub is to be read on, or nothing is new.
    pub(super) fn take(&mut self, hub: &Name, from: u64, batch: Batch, de_duplicates: DeDuplicates) -> Option<Entry> {
        let Batch { arrivals, next } = batch;
        if from != self.next(hub) || next <= from {
            return None;
        }
        let receipts = Vec::with_capacity(arrivals.len());
        let mut entry = Entry { read: Some((hub.clone(), next)), serial: self.serial, receipts };
        for arrival in arrivals {
            if let Some(receipt) = self.receipt(arrival, de_duplicates) {
                self.learn(&receipt);
                entry.receipts.push(receipt);
            }
        }
        self.next.insert(hub.clone(), next);
        self.serial += entry.receipts.len() as u64;
        Some(entry)
    }

    /// Takes what came otherwise than from a hub. The entry is to be made durable before anything else is taken.
    pub(super) fn accept(&mut self, receipts: Vec<Receipt>) -> Entry {
        let entry = Entry { read: None, serial: self.serial, receipts };
        self.apply(&entry);
        entry
    }

    /// Says what is new about an arrival. `None`: nothing is.
    fn receipt(&self, arrival: Arrival, de_duplicates: DeDuplicates) -> Option<Receipt> {
        match arrival {
            Arrival::Message { producer, number, digest } => {
                let new = match de_duplicates {
                    DeDuplicates::ByNumber => !self.has(&producer, number),
                    DeDuplicates::Never => true,
                };
                new.then_some(Receipt::Message { producer, number, digest })
            }
            // It has no number to be known by: what a device sends twice is received twice.
            Arrival::Foreign { digest } => Some(Receipt::Foreign { digest }),
            // What a hub says late, after a newer change is known from another, is not news.
            Arrival::Reported { device, number } => {
                let new = self.known.get(&device).is_none_or(|known| *known < number);
                new.then_some(Receipt::Reported { device, number })
            }
            Arrival::Lifecycle { device, stay, came } => {
                let new = self.whereabouts.is_news(&device, &stay, came);
                new.then_some(Receipt::Lifecycle { device, stay, came })
            }
            Arrival::Completed { device, id } => {
                self.commands.has(&device, &id).then_some(Receipt::Completed { device, id })
            }
            Arrival::Acknowledged { device, number } => {
                self.desired.is_news(&device, number).then_some(Receipt::Acknowledged { device, number })
            }
        }
    }

    fn apply(&mut self, entry: &Entry) {
        if let Some((hub, next)) = &entry.read {
            self.next.insert(hub.clone(), *next);
        }
        self.serial = entry.serial + entry.receipts.len() as u64;
        entry.receipts.iter().for_each(|receipt| self.learn(receipt));
    }

    fn learn(&mut self, receipt: &Receipt) {
        match receipt {
            Receipt::Message { producer, number, .. } => {
                self.seen.entry(producer.clone()).or_default().insert(*number);
            }
            Receipt::Foreign { .. } => {}
            Receipt::Reported { device, number } => {
                self.known.insert(device.clone(), *number);
            }
            Receipt::Lifecycle { device, stay, came } => self.whereabouts.learn(device, stay.clone(), *came),
            Receipt::Command { device, command } => self.commands.add(device, command.clone()),
            Receipt::Completed { device, id } | Receipt::Expired { device, id, .. } => self.commands.remove(device, id),
            Receipt::Change { device, number, patch } => self.desired.change(device, *number, patch),
            Receipt::Acknowledged { device, number } => self.desired.acknowledge(device, *number),
        }
    }

    /// Writes everything, to stand for all entries so far.
    pub(super) fn to_record(&self) -> Vec<u8> {
        Record::whole(self)
    }
}

#[cfg(test)]
mod tests;
