//! The application's data: taken on its periods, sent while there is a session, given up only when the device stops.
use super::{Device, Output, Phase, State, first};
use crate::history::{Event, MessageId};
use crate::iot::device::commands::Step;
use crate::iot::device::outbox::Message;
use crate::iot::knobs::SendTimeOut;
use crate::iot::moment::Moment;
use crate::wire::mqtt::Packet;
use crate::wire::payload::digest;
use std::time::Duration;

/// With the knob `send-time-out: 4s-drop`: how long the application waits for one message, as the high-availability
/// sample in Python does, before it goes on as if that one had been sent.
const SEND_TIME_OUT: Duration = Duration::from_secs(4);

impl Device {
    /// What follows from anything that happened: data is taken from the application and sent, and it goes on with its
    /// work.
    pub(super) fn go_on(&mut self, moment: Moment) {
        let now = moment.now;
        if matches!(self.state, State::Stopped) {
            return;
        }
        self.work(now);
        if self.stopping.is_none() && now < self.plan.until {
            self.offer(now);
            self.report(now);
        }
        if matches!(self.state, State::AtHub { phase: Phase::Settled, .. }) {
            self.send_all(now);
        }
        if let Some(limit) = self.stopping
            && (self.is_idle() || now >= limit)
        {
            self.close();
            self.state = State::Stopped;
            for message in self.outbox.give_up() {
                self.outputs.push(Output::Record(Event::GivenUp { message, why: "stopped" }));
            }
            self.outputs.push(Output::Stopped);
        }
    }

    /// The application's work goes on with or without a session.
    fn work(&mut self, now: Duration) {
        if let Some(due) = self.next_drop()
            && due <= now
        {
            self.outbox.drop_given_until(now - SEND_TIME_OUT);
        }
        let steps = self.commands.go_on(now);
        self.follow_commands(now, steps);
        for operation in self.methods.go_on(now) {
            self.outputs.push(Output::Record(Event::MethodRun { operation }));
        }
    }

    pub(super) fn follow_commands(&mut self, now: Duration, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Record(event) => self.outputs.push(Output::Record(event)),
                Step::Acknowledge(id) => self.send(now, Packet::PubAck { id }),
            }
        }
    }

    /// Says when the application stops waiting for its oldest message.
    pub(super) fn next_drop(&self) -> Option<Duration> {
        match self.plan.knobs.send_time_out {
            SendTimeOut::Waits => None,
            SendTimeOut::DropsAfterFourSeconds => self.outbox.oldest_given().map(|given| given + SEND_TIME_OUT),
        }
    }

    fn is_idle(&self) -> bool {
        let asked = self.outbox.is_empty() && self.reports.waiting_since().is_none();
        asked && self.commands.is_idle() && self.methods.is_idle()
    }

    pub(super) fn offer(&mut self, now: Duration) {
        let Some(telemetry) = &mut self.telemetry else { return };
        while telemetry.due <= now && !self.outbox.is_full() {
            let id = MessageId { producer: telemetry.producer, number: telemetry.next.number };
            let payload = telemetry.next.to_bytes();
            let offered = Event::Offered { message: id, digest: digest(&payload) };
            let topic = telemetry_topic(&self.plan.host, id.number);
            if self.outbox.offer(Message { id, topic, payload, given: now }).is_err() {
                return;
            }
            self.outputs.push(Output::Record(offered));
            telemetry.next.number += 1;
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
        if let Some(report) = self.reports.send(now) {
            self.send(now, report);
        }
        if let Some(request) = self.desired.send(now) {
            self.send(now, request);
        }
        while self.methods.has_answer() {
            // An answer's id is not looked for among telemetry's: 65,000 messages lie between two of the same.
            let id = self.outbox.fresh_packet_id();
            let answer = self.methods.send(now, id);
            answer.into_iter().for_each(|answer| self.send(now, Packet::Publish(answer)));
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
        first([
            self.reports.waiting_since(),
            self.desired.waiting_since(),
            self.outbox.waiting_since(),
            self.methods.waiting_since(),
        ])
    }
}

/// Telemetry's topic, with its system properties: message id, content type and encoding
/// (Microsoft docs, iot-hub-mqtt-support).
fn telemetry_topic(device: &str, number: u64) -> String {
    let (number, others) = (number.to_string(), "&%24.ct=application%2Fjson&%24.ce=utf-8");
    ["devices/", device, "/messages/events/%24.mid=", &number, others].concat()
}
