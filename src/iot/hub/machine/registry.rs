//! What the control plane changes: who may connect, and what is desired of a device.
use super::{Effect, Hub, RequestId, enqueued};
use crate::iot::hub::record::Record;
use crate::iot::knobs::MovedDevice;
use crate::iot::moment::Moment;
use serde_json::{Map, Value};

impl Hub {
    /// Registers a device, unless a removal of this generation or a later one is known. The answer comes as
    /// [`Output::Answer`](super::Output::Answer), when it is durable. Without a generation the request counts as the
    /// latest.
    pub fn register(&mut self, moment: Moment, request: RequestId, device: &str, generation: Option<u64>) {
        // Written even when it seems to change nothing: a removal may be waiting before it.
        let record = Record::Registered { device: device.to_owned(), generation, enqueued: enqueued(moment) };
        self.commit(Some(record), Effect::Registry { request, removed: None });
    }

    /// Removes a device and closes its connection, unless a registration of a later generation is known; answers as
    /// [`register`](Self::register) does.
    pub fn remove(&mut self, moment: Moment, request: RequestId, device: &str, generation: Option<u64>) {
        match self.settings.knobs.moved_device {
            MovedDevice::CloseAndRefuse => {
                let record = Record::Removed { device: device.to_owned(), generation, enqueued: enqueued(moment) };
                self.commit(Some(record), Effect::Registry { request, removed: Some(device.into()) });
            }
            MovedDevice::CloseOnly => {
                self.commit(None, Effect::Dismissed { request, device: device.into(), generation });
            }
        }
    }

    /// Merges a patch, already checked, into what is desired of a device, if that is in the state that `if_match` names;
    /// answers as [`register`](Self::register) does.
    pub fn desire(&mut self, request: RequestId, device: &str, if_match: Option<String>, patch: Map<String, Value>) {
        let record = Record::Desired { device: device.to_owned(), if_match, patch: patch.clone() };
        self.commit(Some(record), Effect::Desired { request, device: device.into(), patch });
    }
}
