//! The producer itself: an application that makes messages, an outbox, and a session.
use super::outbox::{Outbox, Parcel};
use crate::history::{Cause, Event, MessageId};
use crate::streams::broker::frame::ClientFrame;
use crate::streams::broker::input::Attachment;
use crate::streams::broker::message::Message;
use crate::streams::broker::topic::Topic;
use crate::streams::client::program::{Output, Program};
use crate::streams::client::session::{NUMBERS_OF_A_BOOT, Session, Turn};
use crate::streams::knobs::ReadsAnswers;
use crate::streams::plan::ProducerPlan;
use crate::streams::wire::frame::{Heard, read_heard, to_text};
use crate::wire::payload::{Payload, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lizard_sim::Dice;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a producer that is asked to stop waits for answers at most, before it gives its messages up: a host is ended
/// ten seconds after it was asked, and wants to say goodbye before.
const GOODBYE: Duration = Duration::from_secs(8);

/// One boot of a producer.
pub struct Producer {
    plan: ProducerPlan,
    /// Its name in the roster, which its messages carry.
    name: String,
    session: Session,
    outbox: Outbox,
    /// When its application makes the next message.
    due: Duration,
    next: u64,
    /// Asked to stop; then it waits no longer than this.
    stopping: Option<Duration>,
    outputs: Vec<Output>,
}

impl Producer {
    /// Starts a producer. `name`: as the roster calls it; `boot` counts from 1; `dice` are for the back-off.
    pub fn new(plan: ProducerPlan, name: &str, boot: u32, dice: Dice, now: Duration) -> Self {
        // It gives no name, as the public programs give none: a name is one producer's at a time, and it might be a
        // connection's that is dead, unknown to the broker.
        let attachment = Attachment::Producer { topic: Topic::new(plan.stream.scope, &plan.stream.name), name: None };
        let connecting = plan.connecting.clone();
        Self {
            session: Session::new(plan.host.clone(), connecting, plan.stream.clone(), attachment, boot, dice),
            outbox: Outbox::new(plan.buffer, plan.in_flight, plan.reads_answers),
            name: name.to_owned(),
            due: now,
            next: u64::from(boot.saturating_sub(1)) * NUMBERS_OF_A_BOOT,
            stopping: None,
            outputs: Vec::new(),
            plan,
        }
    }

    fn offer(&mut self, now: Duration) {
        while self.due <= now && !self.outbox.is_full() {
            let id = MessageId { producer: self.plan.producer, number: self.next };
            let payload = Payload::new(self.name.as_str(), id.number).to_bytes();
            self.outputs.push(Output::Record(Event::Offered { message: id, digest: digest(&payload) }));
            self.outbox.offer(Parcel { id, text: self.written(id.number, &payload) });
            self.next += 1;
            // After having waited for room it goes on from now: it has made nothing meanwhile.
            self.due = (self.due + self.plan.every).max(now + Duration::from_nanos(1));
        }
    }

    /// A message as it goes over the socket. Keys take turns; its number comes back with the answer.
    fn written(&self, number: u64, payload: &[u8]) -> String {
        let key = (self.plan.keys > 0).then(|| format!("key-{}", number % u64::from(self.plan.keys)));
        let payload = STANDARD.encode(payload).into();
        let message = Message { payload, properties: BTreeMap::new(), key, event_time: None, publish_time: 0 };
        to_text(&ClientFrame::Publish { message, context: Some(number.to_string()) })
    }

    fn answer_is_late(&self) -> Option<Duration> {
        self.outbox.waiting_since().map(|since| since + self.plan.send_time_out)
    }
}

impl Program for Producer {
    fn parts(&mut self) -> (&mut Session, &mut Vec<Output>) {
        (&mut self.session, &mut self.outputs)
    }

    fn told(&mut self, now: Duration, text: &str) -> Turn {
        match read_heard(text) {
            Ok(Heard::Confirmed { context, .. }) => {
                let number = context.and_then(|context| context.parse().ok());
                if let Some(message) = number.and_then(|number| self.outbox.confirmed(number)) {
                    self.outputs.push(Output::Record(Event::Confirmed { message }));
                    self.session.works();
                }
                Turn::Same
            }
            // What follows it must not be stored before it is: they go again together, in their order.
            Ok(Heard::Failed { result, message, .. }) if self.plan.reads_answers == ReadsAnswers::Each => {
                self.session.leave(now, format!("{result} {message}"), &mut self.outputs)
            }
            Ok(Heard::Failed { .. }) => Turn::Same,
            Ok(Heard::Message(_) | Heard::EndOfTopic(_)) | Err(_) => {
                self.session.lost(now, Cause::Protocol, &mut self.outputs)
            }
        }
    }

    fn follow(&mut self, turn: Turn) {
        if turn == Turn::Ended {
            self.outbox.ended();
        }
    }

    /// What follows from anything that happened: messages are taken from the application and sent.
    fn go_on(&mut self, now: Duration) {
        if self.session.is_over() {
            return;
        }
        if self.stopping.is_some() || now >= self.plan.until {
            // Also what a frozen machine should have made before.
            self.due = Duration::MAX;
        } else {
            self.offer(now);
        }
        if let Some(session) = self.session.number() {
            while let Some(sending) = self.outbox.send(now) {
                let message = sending.parcel.id;
                self.outputs.push(Output::Record(Event::Sent { message, session, again: sending.again }));
                self.session.send(now, sending.parcel.text, &mut self.outputs);
            }
        }
        if let Some(limit) = self.stopping
            && (self.outbox.is_empty() || now >= limit)
        {
            self.session.close(&mut self.outputs);
            for message in self.outbox.give_up() {
                self.outputs.push(Output::Record(Event::GivenUp { message, why: "stopped" }));
            }
            self.outputs.push(Output::Stopped);
        }
    }

    fn due(&self) -> Option<Duration> {
        if self.session.is_over() {
            return None;
        }
        // An application that waits for room waits for an answer, not for the clock; and after its end for nothing.
        let works = self.due < self.plan.until && !self.outbox.is_full();
        let application = works.then_some(self.due);
        [application, self.session.due(), self.answer_is_late(), self.stopping].into_iter().flatten().min()
    }

    fn stop(&mut self, now: Duration) {
        self.stopping.get_or_insert(now + self.plan.send_time_out.min(GOODBYE));
        self.go_on(now);
    }

    fn tick(&mut self, now: Duration) {
        let turn = self.session.tick(now, &mut self.outputs);
        self.follow(turn);
        if self.answer_is_late().is_some_and(|late| now >= late) {
            let turn = self.session.lost(now, Cause::TimeOut, &mut self.outputs);
            self.follow(turn);
        }
        self.go_on(now);
    }
}

#[cfg(test)]
mod tests;
