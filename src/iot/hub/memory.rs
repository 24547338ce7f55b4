//! What a hub remembers: the fold over the records of its ledger.
use super::record::Record;
use super::twin::{PatchError, Twin};
use crate::iot::ledger::Place;
use std::collections::{BTreeMap, BTreeSet};

/// A registered device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// What it reported.
    pub twin: Twin,
    /// The filters of its persistent session; `None`: it has no session here.
    pub session: Option<BTreeSet<String>>,
}

/// A device's place in the registry. The generation counts its assignments at the provisioning service: a request
/// that was long on its way cannot undo a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Registered { generation: u64, device: Device },
    Removed { generation: u64 },
}

/// What a record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is so now.
    Done,
    /// It changed nothing: it was so already.
    Unchanged,
    /// It changed nothing: a later assignment of the device is known.
    Stale,
    /// The twin has this version now.
    Version(u64),
    /// The twin could not take it.
    Refused(PatchError),
}

/// Devices and the feed, as the records leave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    devices: BTreeMap<String, Standing>,
    /// Telemetry and changes of twins, by offset.
    feed: Vec<Place>,
}

impl Memory {
    /// Takes in the next record.
    pub fn apply(&mut self, record: Record, place: Place) -> Applied {
        match record {
            Record::Telemetry(_) => {
                self.feed.push(place);
                Applied::Done
            }
            Record::Registered { device, generation } => self.register(device, generation),
            Record::Removed { device, generation } => self.remove(device, generation),
            Record::Reported { device, patch, .. } => {
                match self.device_mut(&device).map(|device| device.twin.report(&patch)) {
                    Some(Ok(version)) => {
                        self.feed.push(place);
                        Applied::Version(version)
                    }
                    Some(Err(error)) => Applied::Refused(error),
                    None => Applied::Refused(PatchError::Gone),
                }
            }
            Record::Session { device, filters } => match self.device_mut(&device) {
                Some(device) => {
                    device.session = filters.map(|filters| filters.into_iter().collect());
                    Applied::Done
                }
                None => Applied::Unchanged,
            },
        }
    }

    fn register(&mut self, id: String, generation: Option<u64>) -> Applied {
        match self.devices.get_mut(&id) {
            Some(Standing::Registered { generation: known, .. }) => {
                *known = generation.map_or(*known, |asked| asked.max(*known));
                Applied::Unchanged
            }
            Some(Standing::Removed { generation: removed }) if generation.is_some_and(|asked| asked <= *removed) => {
                Applied::Stale
            }
            other => {
                let after = match other {
                    Some(Standing::Removed { generation }) => *generation + 1,
                    _ => 1,
                };
                let standing =
                    Standing::Registered { generation: generation.unwrap_or(after), device: Device::default() };
                self.devices.insert(id, standing);
                Applied::Done
            }
        }
    }

    fn remove(&mut self, id: String, generation: Option<u64>) -> Applied {
        let (known, applied) = match self.devices.get(&id) {
            Some(Standing::Registered { generation: known, .. }) if generation.is_some_and(|asked| asked < *known) => {
                return Applied::Stale;
            }
            Some(Standing::Registered { generation, .. }) => (*generation, Applied::Done),
            Some(Standing::Removed { generation }) => (*generation, Applied::Unchanged),
            None => (0, Applied::Unchanged),
        };
        let generation = generation.unwrap_or(known).max(known);
        self.devices.insert(id, Standing::Removed { generation });
        applied
    }

    /// A device that is registered.
    pub fn device(&self, id: &str) -> Option<&Device> {
        match self.devices.get(id)? {
            Standing::Registered { device, .. } => Some(device),
            Standing::Removed { .. } => None,
        }
    }

    fn device_mut(&mut self, id: &str) -> Option<&mut Device> {
        match self.devices.get_mut(id)? {
            Standing::Registered { device, .. } => Some(device),
            Standing::Removed { .. } => None,
        }
    }

    /// The offset that the next message or change of a twin will have.
    pub fn next_offset(&self) -> u64 {
        self.feed.len() as u64
    }

    /// Where what readers get lies, from an offset on, at most `most` of it.
    pub fn feed(&self, from: u64, most: usize) -> &[Place] {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.feed.len());
        let to = (from.saturating_add(most)).min(self.feed.len());
        &self.feed[from..to]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iot::hub::record::Telemetry;
    use crate::iot::hub::topic::Properties;

    const NOWHERE: Place = Place { at: 0, length: 0 };

    fn register(memory: &mut Memory, generation: Option<u64>) -> Applied {
        memory.apply(Record::Registered { device: "xyz".into(), generation }, NOWHERE)
    }

    fn remove(memory: &mut Memory, generation: Option<u64>) -> Applied {
        memory.apply(Record::Removed { device: "xyz".into(), generation }, NOWHERE)
    }

    fn report(memory: &mut Memory) -> Applied {
        let patch = serde_json::from_str(r#"{"n":1}"#).unwrap();
        memory.apply(Record::Reported { device: "xyz".into(), enqueued: String::new(), patch }, NOWHERE)
    }

    #[test]
    fn registering_again_keeps_the_twin_and_removing_drops_it() {
        let mut memory = Memory::default();
        assert_eq!(register(&mut memory, None), Applied::Done);
        assert_eq!(report(&mut memory), Applied::Version(2));
        assert_eq!(register(&mut memory, None), Applied::Unchanged);
        assert_eq!(memory.device("xyz").unwrap().twin.view().reported["n"], 1);
        assert_eq!(remove(&mut memory, None), Applied::Done);
        assert_eq!(report(&mut memory), Applied::Refused(PatchError::Gone));
        assert_eq!(register(&mut memory, None), Applied::Done);
        assert_eq!(memory.device("xyz"), Some(&Device::default()));
    }

    #[test]
    fn a_late_removal_does_not_undo_a_later_registration() {
        let mut memory = Memory::default();
        register(&mut memory, Some(3));
        assert_eq!(remove(&mut memory, Some(2)), Applied::Stale);
        assert!(memory.device("xyz").is_some());
        assert_eq!(remove(&mut memory, Some(3)), Applied::Done);
    }

    #[test]
    fn a_late_registration_does_not_undo_a_later_removal() {
        let mut memory = Memory::default();
        assert_eq!(remove(&mut memory, Some(3)), Applied::Unchanged);
        assert_eq!(register(&mut memory, Some(3)), Applied::Stale);
        assert_eq!(memory.device("xyz"), None);
        assert_eq!(register(&mut memory, Some(4)), Applied::Done);
        assert!(memory.device("xyz").is_some());
    }

    #[test]
    fn a_session_is_kept_until_it_is_forgotten() {
        let session = |filters: Option<&[&str]>| {
            let filters = filters.map(|filters| filters.iter().map(|&filter| filter.to_owned()).collect());
            Record::Session { device: "xyz".into(), filters }
        };
        let mut memory = Memory::default();
        assert_eq!(memory.apply(session(Some(&["f"])), NOWHERE), Applied::Unchanged, "nobody's session");
        register(&mut memory, None);
        memory.apply(session(Some(&["f"])), NOWHERE);
        assert_eq!(memory.device("xyz").unwrap().session, Some(["f".to_owned()].into()));
        memory.apply(session(None), NOWHERE);
        assert_eq!(memory.device("xyz").unwrap().session, None);
    }

    #[test]
    fn telemetry_is_found_by_offset_and_nothing_lies_beyond_the_end() {
        let mut memory = Memory::default();
        for at in 0..3 {
            let telemetry = Telemetry {
                device: "xyz".into(),
                enqueued: String::new(),
                properties: Properties::new(),
                body: String::new(),
            };
            memory.apply(Record::Telemetry(telemetry), Place { at, length: 1 });
        }
        assert_eq!(memory.next_offset(), 3);
        assert_eq!(memory.feed(1, 1), [Place { at: 1, length: 1 }]);
        assert_eq!(memory.feed(1, 100).len(), 2);
        assert_eq!(memory.feed(3, 100), []);
        assert_eq!(memory.feed(u64::MAX, 100), []);
    }
}
