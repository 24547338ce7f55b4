//! Direct methods: asked by the control plane, run by the device while its caller waits.
use super::{Answer, ConnectionId, Hub, Output, RequestId};
use crate::iot::hub::alarms::Alarm;
use crate::iot::hub::memory::Applied;
use crate::iot::hub::topic::{METHODS_FILTER, method_request};
use crate::wire::mqtt::{Packet, Publish};
use bytes::Bytes;
use std::time::Duration;

/// A method to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodCall {
    /// Its request id on the wire; `None`: a number of the hub's own.
    pub rid: Option<String>,
    /// The method's name.
    pub name: String,
    /// JSON, or nothing.
    pub payload: Bytes,
    /// How long the device has to answer.
    pub time: Duration,
}

impl Hub {
    /// Asks a device to run a method; the answer comes as [`Output::Answer`]. Nothing is kept for a device that is not
    /// there, and nothing is asked twice.
    pub fn call(&mut self, now: Duration, request: RequestId, device: &str, call: MethodCall) {
        if self.memory.device(device).is_none() {
            return self.outputs.push(Output::Answer(request, Answer::Now(Applied::NotFound)));
        }
        let Some(to) = self.listening(device, METHODS_FILTER) else {
            return self.outputs.push(Output::Answer(request, Answer::NotOnline));
        };
        match self.calls.open(to, call.rid, request, now + call.time) {
            Some(rid) => {
                self.alarms.set(Alarm::Call, self.calls.alarm());
                let publish = Publish::at_most_once(method_request(&call.name, &rid), call.payload);
                self.send(to, Packet::Publish(publish));
            }
            None => self.outputs.push(Output::Answer(request, Answer::InUse)),
        }
    }

    /// Takes a device's answer; one that nobody waits for any more is ignored.
    pub(super) fn returned(&mut self, from: ConnectionId, status: i32, rid: String, payload: &[u8]) {
        if let Some(request) = self.calls.answered(from, rid) {
            let payload = serde_json::from_slice(payload).unwrap_or_default();
            self.outputs.push(Output::Answer(request, Answer::Returned { status, payload }));
            self.alarms.set(Alarm::Call, self.calls.alarm());
        }
    }

    /// Tells everybody who waits for a device's answer over a connection that ended.
    pub(super) fn hang_up(&mut self, connection: ConnectionId) {
        let callers = self.calls.parted(connection);
        self.leave_unanswered(callers);
    }

    pub(super) fn give_up_calls(&mut self, now: Duration) {
        let callers = self.calls.overdue(now);
        self.leave_unanswered(callers);
    }

    fn leave_unanswered(&mut self, callers: Vec<RequestId>) {
        self.outputs.extend(callers.into_iter().map(|caller| Output::Answer(caller, Answer::NoAnswer)));
        self.alarms.set(Alarm::Call, self.calls.alarm());
    }
}
