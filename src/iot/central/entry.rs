//! What lies in central's ledger: what was new, and how far a hub was read for it, in one record.
use super::commands::Command;
use super::intake::Intake;
use super::whereabouts::Stay;
use crate::history::Name;
use crate::wire::json;
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
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
pub(super) struct Entry {
    /// The hub that was read, and the offset from which it is read on. `None`: it came from elsewhere.
    #[serde(default)]
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
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
#[cfg_attr(test, derive(Serialize))]
#[serde(rename_all = "kebab-case")]
pub(super) enum Record {
    Whole(Box<Intake>),
    Entry(Entry),
}

/// Room for an entry with a few receipts.
const SMALL: usize = 256;

impl Record {
    /// Writes what stands for all entries so far.
    pub(super) fn whole(intake: &Intake) -> Vec<u8> {
        let mut json = br#"{"whole":"#.to_vec();
        write(&mut json, intake);
        json.push(b'}');
        json
    }
}

impl Entry {
    /// Writes the entry as a record of the ledger: by hand, in serde's order, since there is one for every message.
    pub(super) fn to_record(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(SMALL);
        json.extend_from_slice(br#"{"entry":{"#);
        if let Some((hub, next)) = &self.read {
            json.extend_from_slice(br#""read":["#);
            json::write_text(&mut json, hub);
            json.push(b',');
            write(&mut json, next);
            json.extend_from_slice(b"],");
        }
        json.extend_from_slice(br#""serial":"#);
        write(&mut json, &self.serial);
        json.extend_from_slice(br#","receipts":["#);
        for (place, receipt) in self.receipts.iter().enumerate() {
            if place > 0 {
                json.push(b',');
            }
            receipt.write(&mut json);
        }
        json.extend_from_slice(b"]}}");
        json
    }
}

fn write(json: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(json, value).expect("names, numbers, texts and JSON are always JSON");
}

impl Receipt {
    fn write(&self, json: &mut Vec<u8>) {
        let Self::Message { producer, number, digest } = self else { return write(json, self) };
        json.extend_from_slice(br#"{"message":{"producer":"#);
        json::write_text(json, producer);
        json.extend_from_slice(br#","number":"#);
        write(json, number);
        json.extend_from_slice(br#","digest":"#);
        write(json, digest);
        json.extend_from_slice(b"}}");
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_as_serde_writes_it() {
        let device = || Name::from("x\"yz");
        let message = |number| Receipt::Message { producer: "xyz/telemetry".into(), number, digest: u64::MAX - number };
        let others = vec![Receipt::Reported { device: device(), number: 3 }, message(1), message(2)];
        for (read, receipts) in [(None, vec![]), (Some((device(), 7)), vec![message(0)]), (Some((device(), 8)), others)]
        {
            let entry = Entry { read, serial: 4, receipts };
            let expected = serde_json::to_string(&Record::Entry(entry.clone())).unwrap();
            assert_eq!(String::from_utf8(entry.to_record()).unwrap(), expected);
        }
        let whole = Record::whole(&Intake::default());
        let expected = serde_json::to_string(&Record::Whole(Box::default())).unwrap();
        assert_eq!(String::from_utf8(whole).unwrap(), expected);
    }
}
