//! What lies in central's ledger: what was new, and how far a hub was read for it, in one record.
use super::commands::Command;
use super::intake::Intake;
use super::whereabouts::Stay;
use crate::history::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Something on a hub, in the hub's order.
///
/// A `digest` is that of the message's bytes, by which the judge knows whether they are those that were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// A message of a known producer.
    Message { producer: Name, number: u64, digest: u64 },
    /// A message that is no producer's.
    Foreign { digest: u64 },
    /// A device's reported properties changed, to its change of this number.
    Reported { device: Name, number: u64 },
    /// A device came to the hub's registry, or left it.
    Lifecycle { device: Name, stay: Stay, came: bool },
    /// A device acknowledged a command.
    Completed { device: Name, id: String },
    /// A device follows its desired properties of this number.
    Acknowledged { device: Name, number: u64 },
}

/// What central keeps at once, and what counts once it is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The hub that was read, and the offset from which it is read on. `None`: it came from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) read: Option<(Name, u64)>,
    /// The serial number of the first receipt; receipts are counted from 0, across restarts.
    pub(super) serial: u64,
    /// What was new.
    pub(super) receipts: Vec<Receipt>,
}

/// One thing that central took in: an [`Arrival`] that was news, or what an operator or the clock brought about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Receipt {
    Message {
        producer: Name,
        number: u64,
        digest: u64,
    },
    Foreign {
        digest: u64,
    },
    Reported {
        device: Name,
        number: u64,
    },
    Lifecycle {
        device: Name,
        stay: Stay,
        came: bool,
    },
    /// It was accepted, to be brought to the device.
    Command {
        device: Name,
        command: Arc<Command>,
    },
    Completed {
        device: Name,
        id: String,
    },
    /// A command's time is over.
    Expired {
        device: Name,
        id: String,
        /// The hub that has the device holds it too, and will say so itself.
        held: bool,
    },
    /// A change of desired properties was accepted, under this number.
    Change {
        device: Name,
        number: u64,
        patch: Map<String, Value>,
    },
    Acknowledged {
        device: Name,
        number: u64,
    },
}

/// A record of the ledger: a snapshot holds one `Whole`, the log `Entry`s.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Record {
    Whole(Box<Intake>),
    Entry(Entry),
}

/// The same, to be written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Written<'a> {
    Whole(&'a Intake),
    Entry(&'a Entry),
}

/// Room for an entry with a few receipts.
const SMALL: usize = 256;

impl Entry {
    /// Writes the entry for the ledger.
    pub(super) fn to_record(&self) -> Vec<u8> {
        Written::Entry(self).to_json()
    }
}

impl Written<'_> {
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(SMALL);
        serde_json::to_writer(&mut json, self).expect("names, numbers, texts and JSON are always JSON");
        json
    }
}

impl Receipt {
    /// The device about which something changed that may call for an errand.
    pub(super) fn stirs(&self) -> Option<&Name> {
        match self {
            Self::Lifecycle { device, .. }
            | Self::Command { device, .. }
            | Self::Completed { device, .. }
            | Self::Expired { device, .. }
            | Self::Change { device, .. } => Some(device),
            Self::Message { .. } | Self::Foreign { .. } | Self::Reported { .. } | Self::Acknowledged { .. } => None,
        }
    }
}
