//! What a hub remembers: the fold over the records of its ledger.
use super::queue::{Full, Queue};
use super::record::Record;
use super::twin::{PatchError, Twin};
use crate::ledger::Place;
use std::collections::{BTreeMap, BTreeSet};

/// A registered device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// What is desired of it, and what it reported.
    pub twin: Twin,
    /// Messages for it.
    pub queue: Queue,
    /// The filters of its persistent session; `None`: it has no session here.
    pub session: Option<BTreeSet<String>>,
}

/// A device's place in the registry. The generation counts its assignments at the provisioning service: a request
/// that was long on its way cannot undo a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Registered { generation: u64, device: Box<Device> },
    Removed { generation: u64 },
}

/// What a record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is so now.
    Done,
    /// It changed nothing: it was so already.
    Unchanged,
    /// It changed nothing: it was meant for another state than this (a later assignment of the device is known, or its
    /// desired properties have changed since).
    Stale,
    /// The twin has this version now.
    Version(u64),
    /// The twin could not take it.
    Refused(PatchError),
    /// There is no room in the queue.
    Full,
    /// The device is not registered.
    NotFound,
}

/// Devices and the feed, as the records leave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    devices: BTreeMap<String, Standing>,
    /// What readers get, by offset.
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
            Record::Registered { device, generation, .. } => {
                let known = self.generation(&device);
                let applied = self.register(&device, generation);
                // Readers learn of it when it changed something, also when only the assignment is another one.
                if applied != Applied::Stale && (applied == Applied::Done || self.generation(&device) != known) {
                    self.feed.push(place);
                }
                applied
            }
            Record::Removed { device, generation, .. } => {
                let applied = self.remove(&device, generation);
                self.tell(place, applied)
            }
            Record::Reported { device, patch, .. } => {
                match self.device_mut(&device).map(|device| device.twin.reported.patch(&patch)) {
                    Some(Ok(version)) => {
                        self.feed.push(place);
                        Applied::Version(version)
                    }
                    Some(Err(error)) => Applied::Refused(error),
                    None => Applied::NotFound,
                }
            }
            Record::Desired { device, if_match: Some(etag), .. } if self.etag(&device).is_some_and(|is| is != etag) => {
                Applied::Stale
            }
            Record::Desired { device, patch, .. } => {
                match self.device_mut(&device).map(|device| device.twin.desired.patch(&patch)) {
                    Some(Ok(version)) => Applied::Version(version),
                    Some(Err(error)) => Applied::Refused(error),
                    None => Applied::NotFound,
                }
            }
            Record::Queued { device, message } => match self.device_mut(&device).map(|it| it.queue.push(message)) {
                Some(Ok(true)) => Applied::Done,
                Some(Ok(false)) => Applied::Unchanged,
                Some(Err(Full)) => Applied::Full,
                None => Applied::NotFound,
            },
            Record::Settled { device, id, .. } => {
                let was_there = self.device_mut(&device).is_some_and(|device| device.queue.remove(&id));
                self.tell(place, if was_there { Applied::Done } else { Applied::Unchanged })
            }
            Record::Session { device, filters } => match self.device_mut(&device) {
                Some(device) => {
                    if filters.is_none() {
                        device.queue.purge();
                    }
                    device.session = filters.map(|filters| filters.into_iter().collect());
                    Applied::Done
                }
                None => Applied::NotFound,
            },
        }
    }

    /// Lets readers know of what changed something.
    fn tell(&mut self, place: Place, applied: Applied) -> Applied {
        if applied == Applied::Done {
            self.feed.push(place);
        }
        applied
    }

    /// Every queue that is not empty, with its device.
    pub fn queues_mut(&mut self) -> impl Iterator<Item = (&str, &mut Queue)> {
        self.devices.iter_mut().filter_map(|(id, standing)| match standing {
            Standing::Registered { device, .. } if !device.queue.is_empty() => Some((id.as_str(), &mut device.queue)),
            _ => None,
        })
    }

    /// Names the state of a device's desired properties: by its assignment and their version, so that neither a later
    /// change nor a later stay of the device at this hub has the same name.
    pub fn etag(&self, id: &str) -> Option<String> {
        match self.devices.get(id)? {
            Standing::Registered { generation, device } => {
                Some(format!("{generation}.{}", device.twin.desired.version()))
            }
            Standing::Removed { .. } => None,
        }
    }

    fn generation(&self, id: &str) -> Option<u64> {
        match self.devices.get(id)? {
            Standing::Registered { generation, .. } | Standing::Removed { generation } => Some(*generation),
        }
    }

    fn register(&mut self, id: &str, generation: Option<u64>) -> Applied {
        match self.devices.get_mut(id) {
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
                let standing = Standing::Registered { generation: generation.unwrap_or(after), device: Box::default() };
                self.devices.insert(id.to_owned(), standing);
                Applied::Done
            }
        }
    }

    fn remove(&mut self, id: &str, generation: Option<u64>) -> Applied {
        let applied = self.removal(id, generation);
        if applied != Applied::Stale {
            let known = self.generation(id).unwrap_or(0);
            let generation = generation.unwrap_or(known).max(known);
            self.devices.insert(id.to_owned(), Standing::Removed { generation });
        }
        applied
    }

    /// Says what a removal would come to.
    pub fn removal(&self, id: &str, generation: Option<u64>) -> Applied {
        match self.devices.get(id) {
            Some(Standing::Registered { generation: known, .. }) if generation.is_some_and(|asked| asked < *known) => {
                Applied::Stale
            }
            Some(Standing::Registered { .. }) => Applied::Done,
            _ => Applied::Unchanged,
        }
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

    /// The messages for a device that is registered.
    pub fn queue_mut(&mut self, id: &str) -> Option<&mut Queue> {
        self.device_mut(id).map(|device| &mut device.queue)
    }

    /// The offset that the next event for readers will have.
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
    use crate::iot::hub::feed::FeedbackStatus;
    use crate::iot::hub::properties::Properties;
    use crate::iot::hub::queue::Message;
    use crate::iot::hub::record::Telemetry;
    use bytes::Bytes;
    use std::time::Duration;

    const NOWHERE: Place = Place { at: 0, length: 0 };

    fn register(memory: &mut Memory, generation: Option<u64>) -> Applied {
        memory.apply(Record::Registered { device: "xyz".into(), generation, enqueued: String::new() }, NOWHERE)
    }

    fn remove(memory: &mut Memory, generation: Option<u64>) -> Applied {
        memory.apply(Record::Removed { device: "xyz".into(), generation, enqueued: String::new() }, NOWHERE)
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
        assert_eq!(report(&mut memory), Applied::NotFound);
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
        assert_eq!(memory.apply(session(Some(&["f"])), NOWHERE), Applied::NotFound, "nobody's session");
        register(&mut memory, None);
        memory.apply(session(Some(&["f"])), NOWHERE);
        assert_eq!(memory.device("xyz").unwrap().session, Some(["f".to_owned()].into()));
        memory.apply(session(None), NOWHERE);
        assert_eq!(memory.device("xyz").unwrap().session, None);
    }

    #[test]
    fn readers_learn_of_a_coming_or_leaving_only_when_it_changed_something() {
        let mut memory = Memory::default();
        let mut told = |generation: Option<u64>, comes: bool| {
            let before = memory.next_offset();
            if comes {
                register(&mut memory, generation)
            } else {
                remove(&mut memory, generation)
            };
            memory.next_offset() > before
        };
        assert!(told(Some(1), true));
        assert!(!told(Some(1), true), "so it was already");
        assert!(told(Some(3), true), "another assignment");
        assert!(!told(Some(2), false), "too late");
        assert!(told(Some(3), false));
        assert!(!told(Some(4), false), "it had left");
        assert!(!told(Some(4), true), "too late");
        assert!(told(Some(5), true));
    }

    #[test]
    fn a_message_is_queued_once_and_its_end_is_told_once() {
        let mut memory = Memory::default();
        let message = Message {
            id: "op-3".into(),
            properties: Properties::new(),
            body: String::new(),
            expires: Duration::from_secs(60),
        };
        let queued = || Record::Queued { device: "xyz".into(), message: message.clone() };
        let settled = || Record::Settled {
            device: "xyz".into(),
            id: "op-3".into(),
            status: FeedbackStatus::Success,
            enqueued: String::new(),
        };
        assert_eq!(memory.apply(queued(), NOWHERE), Applied::NotFound);
        register(&mut memory, None);
        let before = memory.next_offset();
        assert_eq!(memory.apply(queued(), NOWHERE), Applied::Done);
        assert_eq!(memory.apply(queued(), NOWHERE), Applied::Unchanged);
        assert_eq!(memory.apply(settled(), NOWHERE), Applied::Done);
        assert_eq!(memory.apply(settled(), NOWHERE), Applied::Unchanged);
        assert_eq!(memory.next_offset(), before + 1);
        memory.apply(queued(), NOWHERE);
        memory.apply(Record::Session { device: "xyz".into(), filters: None }, NOWHERE);
        assert!(memory.device("xyz").unwrap().queue.is_empty(), "a clean session takes it along");
    }

    #[test]
    fn telemetry_is_found_by_offset_and_nothing_lies_beyond_the_end() {
        let mut memory = Memory::default();
        for at in 0..3 {
            let telemetry = Telemetry {
                device: "xyz".into(),
                enqueued: String::new(),
                properties: Properties::new(),
                payload: Bytes::new(),
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
