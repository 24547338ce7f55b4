//! The application's data: taken on its periods, sent while there is a session, given up only when the device stops.
use super::{Device, Output, Phase, State};
use crate::history::{Event, MessageId};
use crate::iot::device::outbox::Message;
use crate::iot::moment::Moment;
use crate::wire::mqtt::Packet;
use crate::wire::payload::{Payload, digest};
use std::time::Duration;

impl Device {
    /// What follows from anything that happened: data is taken from the application, and sent.
    pub(super) fn go_on(&mut self, moment: Moment) {
        let now = moment.now;
        if self.stopping.is_none() && now < self.plan.until {
            self.offer(now);
            self.report(now);
        }
        if matches!(self.state, State::AtHub { phase: Phase::Settled, .. }) {
            self.send_all(now);
        }
        if let Some(limit) = self.stopping
            && !matches!(self.state, State::Stopped)
            && ((self.outbox.is_empty() && self.reports.waiting_since().is_none()) || now >= limit)
        {
            self.close();
            self.state = State::Stopped;
            for message in self.outbox.give_up() {
                self.outputs.push(Output::Record(Event::GivenUp { message, why: "stopped" }));
            }
            self.outputs.push(Output::Stopped);
        }
    }

    pub(super) fn offer(&mut self, now: Duration) {
        let Some(telemetry) = &mut self.telemetry else { return };
        while telemetry.due <= now && !self.outbox.is_full() {
            let id = MessageId { producer: telemetry.producer, number: telemetry.next };
            let payload = Payload::new(telemetry.name.as_str(), telemetry.next).to_bytes();
            let offered = Event::Offered { message: id, digest: digest(&payload) };
            let topic = telemetry_topic(&self.plan.host, id.number);
            if self.outbox.offer(Message { id, topic, payload }).is_err() {
                return;
            }
            self.outputs.push(Output::Record(offered));
            telemetry.next += 1;
            // After having waited for room it goes on from now: it has not measured meanwhile.
            telemetry.due = (telemetry.due + telemetry.period).max(now + Duration::from_nanos(1));
        }
    }

    pub(super) fn report(&mut self, now: Duration) {
        let (Some(due), Some(period)) = (self.report_due, self.plan.reported) else { return };
        if due <= now {
            let number = self.reports.change();
            self.outputs.push(Output::Record(Event::Reported { client: self.name(), number }));
            self.report_due = Some((due + period).max(now + Duration::from_nanos(1)));
        }
    }

    pub(super) fn send_all(&mut self, now: Duration) {
        if let Some(packet) = self.reports.send(now) {
            self.send(now, packet);
        }
        while let Some(sending) = self.outbox.send(now) {
            let State::AtHub { session, .. } = &self.state else { return };
            let sent = Event::Sent { message: sending.id, session: *session, again: sending.again };
            self.outputs.push(Output::Record(sent));
            self.send(now, sending.packet);
        }
    }

    pub(super) fn send(&mut self, now: Duration, packet: Packet) {
        if let State::AtHub { keep_alive, .. } = &mut self.state {
            keep_alive.sent(now);
        }
        self.outputs.push(Output::Send(packet));
    }

    /// Says since when the oldest answer of the hub is outstanding.
    pub(super) fn oldest_request(&self) -> Option<Duration> {
        [self.outbox.waiting_since(), self.reports.waiting_since()].into_iter().flatten().min()
    }
}

/// Telemetry's topic, with its system properties: message id, content type and encoding
/// (Microsoft docs, iot-hub-mqtt-support).
fn telemetry_topic(device: &str, number: u64) -> String {
    format!("devices/{device}/messages/events/%24.mid={number}&%24.ct=application%2Fjson&%24.ce=utf-8")
}
