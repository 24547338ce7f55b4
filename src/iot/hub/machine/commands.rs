//! Cloud-to-device messages: from the control plane to the device, and what becomes of them.
use super::{ConnectionId, Effect, Hub, Output, RequestId, enqueued};
use crate::history::{Event, Name};
use crate::iot::hub::alarms::Alarm;
use crate::iot::hub::connection::Ending;
use crate::iot::hub::feed::FeedbackStatus;
use crate::iot::hub::queue::{Delivery, Message};
use crate::iot::hub::record::Record;
use crate::iot::hub::topic::{command, commands_filter};
use crate::iot::moment::Moment;
use crate::iot::tag::tagged;
use crate::wire::mqtt::{Packet, Publish, Quality};
use base64_simd::STANDARD as BASE64;

impl Hub {
    /// Queues a message for a device; the answer comes as [`Output::Answer`], when it is durable.
    pub fn queue(&mut self, request: RequestId, device: &str, message: Message) {
        let effect = Effect::Queued { request, device: device.into(), id: message.id.clone() };
        self.commit(Some(Record::Queued { device: device.to_owned(), message }), effect);
    }

    /// Takes a device's PUBACK: the message is done with when that is durable.
    pub(super) fn acknowledged(&mut self, moment: Moment, from: ConnectionId, device: &Name, packet: u16) {
        // Without a queue it is a device whose removal is just becoming true: the connection ends with that.
        let Some(queue) = self.memory.queue_mut(device) else { return };
        match queue.acknowledge(packet) {
            Ok(Some(id)) => self.settle(moment, device, id, Some(from)),
            Ok(None) => {}
            Err(_) => self.end(moment, from, Ending::Acknowledgement),
        }
    }

    fn settle(&mut self, moment: Moment, device: &Name, id: String, from: Option<ConnectionId>) {
        let status = if from.is_some() { FeedbackStatus::Success } else { FeedbackStatus::Expired };
        let record = Record::Settled { device: device.to_string(), id: id.clone(), status, enqueued: enqueued(moment) };
        self.commit(Some(record), Effect::Settled { device: device.clone(), id, from });
    }

    /// Does what can be done for a device's queue now: lets messages go whose time is over, and sends the others if the
    /// device listens.
    pub(super) fn serve(&mut self, moment: Moment, device: &Name) {
        if self.memory.device(device).is_none_or(|device| device.queue.is_empty()) {
            return self.alarms.set(Alarm::Queue(device.clone()), None);
        }
        let listening = self.listening(device, &commands_filter(device));
        let Some(queue) = self.memory.queue_mut(device) else { return };
        queue.release(moment.now);
        let overdue = queue.overdue(moment.now);
        let deliveries = listening.map(|to| (to, queue.deliver(moment.now)));
        self.alarms.set(Alarm::Queue(device.clone()), queue.alarm());
        for id in overdue {
            self.settle(moment, device, id, None);
        }
        if let Some((to, deliveries)) = deliveries {
            deliveries.into_iter().for_each(|delivery| self.dispatch(to, device, delivery));
        }
    }

    fn dispatch(&mut self, to: ConnectionId, device: &Name, delivery: Delivery) {
        let Delivery { packet, again, message } = delivery;
        if let Some(operation) = tagged(&message.id) {
            self.outputs.push(Output::Record(Event::CommandDispatched { operation, again }));
        }
        let publish = Publish {
            topic: command(device, &message.id, &message.properties),
            payload: BASE64.decode_to_vec(&message.body).unwrap_or_default().into(),
            retain: false,
            quality: Quality::AtLeastOnce { id: packet, dup: again },
        };
        self.send(to, Packet::Publish(publish));
    }
}
