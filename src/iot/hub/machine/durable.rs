//! What a hub does once something is on its disk, or could not be put there.
use super::{Answer, Effect, Hub, Output, RequestId};
use crate::history::{Event, Name};
use crate::iot::hub::alarms::Alarm;
use crate::iot::hub::commit::Entry;
use crate::iot::hub::connection::{Connection, Ending};
use crate::iot::hub::memory::Applied;
use crate::iot::hub::record::Record;
use crate::iot::hub::topic::{DESIRED_FILTER, desired_change, twin_answer};
use crate::iot::hub::twin::versioned;
use crate::iot::moment::Moment;
use crate::iot::tag::tagged;
use crate::ledger::Place;
use crate::wire::mqtt::{Packet, Publish};
use serde_json::{Map, Value};
use std::time::Duration;

/// How long a hub waits before it tries again to let go of a message when its disk refused.
const DISK_RETRY: Duration = Duration::from_secs(1);

impl Hub {
    /// Starts a write: its records are to be appended to the ledger and synced, then
    /// [`committed`](Self::committed) called. `None`: nothing to write now. Empty: nothing of it is for the disk.
    pub fn begin_commit(&mut self) -> Option<Vec<Vec<u8>>> {
        self.commits.begin()
    }

    /// Ends a write: what it stored, at these places, is true now and answered; `None`: nothing of it was stored.
    pub fn committed(&mut self, moment: Moment, stored: Option<Vec<Place>>) {
        let batch = self.commits.finish();
        let Some(places) = stored else {
            batch.into_iter().for_each(|entry| self.failed(moment, entry.effect));
            return;
        };
        let mut places = places.into_iter();
        for Entry { record, effect } in batch {
            let applied = match record {
                Some(record) => {
                    let place = places.next().expect("every record that was begun has a place");
                    self.memory.apply(record, place)
                }
                None => Applied::Done,
            };
            self.done(moment, effect, applied);
        }
    }

    /// Hands what the knob holds back to the disk.
    pub(super) fn flush(&mut self) {
        self.alarms.set(Alarm::Flush, None);
        for (record, message) in std::mem::take(&mut self.lazy) {
            self.commit(Some(record), Effect::Telemetry { message, ack: None });
        }
    }

    /// Says whether something waits for the disk.
    pub fn wants_disk(&self) -> bool {
        self.commits.is_waiting()
    }

    /// Says whether everything is on the disk.
    pub fn is_idle(&self) -> bool {
        self.commits.is_idle() && self.lazy.is_empty()
    }

    pub(super) fn commit(&mut self, record: Option<Record>, effect: Effect) {
        self.commits.push(record, effect);
    }

    fn done(&mut self, moment: Moment, effect: Effect, applied: Applied) {
        match effect {
            Effect::Nothing => {}
            Effect::Telemetry { message, ack } => {
                if let Some(message) = message {
                    self.outputs.push(Output::Record(Event::Stored { message }));
                }
                self.acknowledge(ack);
            }
            Effect::Reported { from, ack, rid } => {
                let topic = match applied {
                    Applied::Version(version) => twin_answer(204, &rid, Some(version)),
                    _ => twin_answer(400, &rid, None),
                };
                self.answer(from, ack, Publish::at_most_once(topic, ""));
            }
            Effect::Twin { from, ack, rid } => {
                let Some(Connection::Open(live)) = self.connections.get(&from) else { return };
                let Some(view) = self.twin(&live.device) else { return };
                let body = serde_json::to_vec(&view).unwrap_or_default();
                self.answer(from, ack, Publish::at_most_once(twin_answer(200, &rid, None), body));
            }
            Effect::Acknowledge(from, id) => self.acknowledge(Some((from, id))),
            Effect::Send(to, packet) => self.send(to, packet),
            Effect::Subscribed { from, id, codes } => {
                self.send(from, Packet::SubAck { id, codes });
                if let Some(Connection::Open(live)) = self.connections.get(&from) {
                    self.serve(moment, &live.device.clone());
                }
            }
            Effect::Registry { request, removed } => {
                if let (Some(device), Applied::Done) = (removed, applied) {
                    self.dismiss(moment, &device);
                }
                self.outputs.push(Output::Answer(request, Answer::Now(applied)));
            }
            Effect::Dismissed { request, device, generation } => {
                let applied = self.memory.removal(&device, generation);
                if applied == Applied::Done {
                    self.dismiss(moment, &device);
                }
                self.outputs.push(Output::Answer(request, Answer::Now(applied)));
            }
            Effect::Desired { request, device, patch } => self.desired(request, &device, patch, applied),
            Effect::Queued { request, device, id } => {
                if let (Some(operation), Applied::Done) = (tagged(&id), applied) {
                    self.outputs.push(Output::Record(Event::CommandQueued { operation }));
                }
                self.outputs.push(Output::Answer(request, Answer::Now(applied)));
                self.serve(moment, &device);
            }
            Effect::Settled { device, id, from } => {
                if let (Some(operation), None, Applied::Done) = (tagged(&id), from, applied) {
                    self.outputs.push(Output::Record(Event::CommandExpired { operation }));
                }
                self.serve(moment, &device);
            }
        }
    }

    /// Tells a device what is desired of it now, if it listens, and whoever asked for it.
    fn desired(&mut self, request: RequestId, device: &Name, patch: Map<String, Value>, applied: Applied) {
        if let Applied::Version(version) = applied
            && let Some(to) = self.listening(device, DESIRED_FILTER)
        {
            let body = Value::Object(versioned(patch, version)).to_string();
            self.send(to, Packet::Publish(Publish::at_most_once(desired_change(version), body)));
        }
        let answer = match (applied, self.tagged_twin(device)) {
            (Applied::Version(_), Some(twin)) => Answer::Twin(twin),
            _ => Answer::Now(applied),
        };
        self.outputs.push(Output::Answer(request, answer));
    }

    /// Ends the connection of a device that has been removed.
    fn dismiss(&mut self, moment: Moment, device: &Name) {
        if let Some(connection) = self.live.get(device).copied() {
            self.end(moment, connection, Ending::Removed);
        }
    }

    fn failed(&mut self, moment: Moment, effect: Effect) {
        match effect {
            Effect::Nothing | Effect::Telemetry { ack: None, .. } => {}
            Effect::Telemetry { ack: Some((from, _)), .. }
            | Effect::Reported { from, .. }
            | Effect::Twin { from, .. }
            | Effect::Acknowledge(from, _)
            | Effect::Subscribed { from, .. }
            | Effect::Send(from, _) => self.end(moment, from, Ending::Storage),
            Effect::Registry { request, .. }
            | Effect::Dismissed { request, .. }
            | Effect::Desired { request, .. }
            | Effect::Queued { request, .. } => self.outputs.push(Output::Answer(request, Answer::Failed)),
            Effect::Settled { device, id, from } => {
                if let Some(queue) = self.memory.queue_mut(&device) {
                    queue.stays(&id);
                    // Not at once: a disk that refuses would be asked without end.
                    self.alarms.set(Alarm::Queue(device), Some(moment.now + DISK_RETRY));
                }
                if let Some(from) = from {
                    self.end(moment, from, Ending::Storage);
                }
            }
        }
    }
}
