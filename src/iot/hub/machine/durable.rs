//! What a hub does once something is on its disk, or could not be put there.
use super::{Answer, Effect, Hub, LAZY_FLUSH, Output};
use crate::history::Event;
use crate::iot::hub::commit::Entry;
use crate::iot::hub::connection::{Connection, Ending};
use crate::iot::hub::memory::Applied;
use crate::iot::hub::record::Record;
use crate::iot::hub::topic::twin_answer;
use crate::iot::ledger::Place;
use crate::iot::moment::Moment;
use crate::wire::mqtt::Publish;
use std::time::Duration;

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

    /// Hands what the knob holds back to the disk, when its time has come or the hub is stopping. When to call again.
    pub fn flush(&mut self, now: Duration) -> Option<Duration> {
        let due = self.lazy_since? + LAZY_FLUSH;
        if now < due && !self.draining {
            return Some(due);
        }
        self.lazy_since = None;
        for (record, message) in std::mem::take(&mut self.lazy) {
            self.commit(Some(record), Effect::Telemetry { message, ack: None });
        }
        None
    }

    /// Says whether something waits for the disk, at once or later.
    pub fn wants_disk(&self) -> bool {
        self.commits.is_waiting() || self.lazy_since.is_some()
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
            Effect::Send(to, packet) => self.send(to, packet),
            Effect::Registry { request, removed } => {
                if let (Some(device), Applied::Done) = (removed, applied)
                    && let Some(connection) = self.live.get(&device).copied()
                {
                    self.end(moment, connection, Ending::Removed);
                }
                self.outputs.push(Output::Answer(request, Answer::Now(applied)));
            }
        }
    }

    fn failed(&mut self, moment: Moment, effect: Effect) {
        match effect {
            Effect::Nothing | Effect::Telemetry { ack: None, .. } => {}
            Effect::Telemetry { ack: Some((from, _)), .. }
            | Effect::Reported { from, .. }
            | Effect::Twin { from, .. }
            | Effect::Send(from, _) => self.end(moment, from, Ending::Storage),
            Effect::Registry { request, .. } => {
                self.outputs.push(Output::Answer(request, Answer::Failed));
            }
        }
    }
}
