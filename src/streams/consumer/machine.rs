//! The consumer itself: a session, the messages in its hand, and an application that handles one after the other.
use super::hand::{Arrival, Hand};
use crate::history::{Cause, Event, MessageId};
use crate::streams::broker::frame::ClientFrame;
use crate::streams::broker::input::{Attachment, ConsumerOptions};
use crate::streams::broker::topic::Topic;
use crate::streams::client::program::{Output, Program};
use crate::streams::client::session::{Session, Turn};
use crate::streams::knobs::{Acks, AfterGivingBack};
use crate::streams::plan::ConsumerPlan;
use crate::streams::wire::attachment::NACK_DELAY;
use crate::streams::wire::frame::{Delivered, Heard, read_heard, to_text};
use crate::wire::payload::{Producers, digest};
use lizard_sim::Dice;
use rand::RngExt as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How long a consumer that is asked to stop goes on with what it handles at most: a host is ended ten seconds after it
/// was asked, and wants to say goodbye before.
const GOODBYE: Duration = Duration::from_secs(8);

/// Beyond its delay, how long a message that was given back is waited for.
const COMES_AGAIN: Duration = Duration::from_secs(10);

/// A broker's clock for an acknowledgement runs from when it sent the message, and until the acknowledgement arrives:
/// within this of the time-out the message may come again, and within half of it if that is shorter.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// A consumer's streams of chance.
#[expect(missing_docs, reason = "each field's name tells it")]
pub struct Chance {
    pub back_off: Dice,
    pub handling: Dice,
    pub giving_back: Dice,
}

/// One boot of a consumer.
///
/// ```text
///             its turn                          handling is over: acknowledged, if it can be
///  in hand ─────────────> being handled ──────────────────────────────────────────────────> (gone)
///     │ └──── its turn: given back ──> (gone; it comes again)
///     └── its session has ended, or one before it was given back: let go ──> (gone; it comes again)
/// ```
pub struct Consumer {
    plan: ConsumerPlan,
    producers: Producers,
    session: Session,
    hand: Hand,
    /// When the application is done with the first one in hand; `None`: it handles nothing.
    busy: Option<Duration>,
    handling: Dice,
    giving_back: Dice,
    /// What was given back and has not been handled since.
    given_back: BTreeSet<Arc<str>>,
    /// Where order counts: what was given back and has not come again, and until when it is waited for.
    awaited: Option<(Arc<str>, Duration)>,
    /// Asked to stop; then it goes on no longer than this.
    stopping: Option<Duration>,
    outputs: Vec<Output>,
}

impl Consumer {
    /// Starts a consumer. `boot` counts from 1.
    pub fn new(plan: ConsumerPlan, producers: Producers, boot: u32, chance: Chance) -> Self {
        let Chance { back_off, handling, giving_back } = chance;
        let attachment = Attachment::Consumer(options(&plan));
        let (name, connecting, stream) = (plan.host.clone(), plan.connecting.clone(), plan.stream.clone());
        let session = Session::new(name, connecting, stream, attachment, boot, back_off);
        let time_out = plan.ack_time_out.filter(|_| plan.acks == Acks::AfterHandling);
        Self {
            session: session.subscribing(plan.destination),
            hand: Hand::new(time_out.map(|time_out| time_out - ON_THE_WAY.min(time_out / 2))),
            busy: None,
            producers,
            handling,
            giving_back,
            given_back: BTreeSet::new(),
            awaited: None,
            stopping: None,
            outputs: Vec::new(),
            plan,
        }
    }

    /// Takes a message from the broker.
    fn arrives(&mut self, now: Duration, delivery: Delivered) {
        let message = self.producers.message(&delivery.payload);
        let destination = self.plan.destination;
        self.record(message, |message| Event::Delivered { message, destination });
        let id: Arc<str> = delivery.message_id.into();
        if self.awaited.as_ref().is_some_and(|(awaited, _)| *awaited != id) {
            return self.not_acknowledged(message, "it comes again after the one before it");
        }
        self.awaited = None;
        let arrival = Arrival { id, message, digest: digest(&delivery.payload), session: self.session.number() };
        if self.plan.acks == Acks::BeforeHandling {
            self.acknowledge(now, &arrival);
        }
        if self.stopping.is_some() && self.plan.acks == Acks::AfterHandling {
            return self.not_acknowledged(message, "the consumer stops");
        }
        // The broker takes back what is late and all that comes after it.
        let taken_back = self.plan.mode.has_one_active() && self.hand.first_is_late();
        self.hand.take(now, arrival);
        if taken_back {
            self.not_acknowledged(message, "the one before it is late");
        }
    }

    /// Takes the application's next step, if it is time for one.
    fn goes_on(&mut self, now: Duration) -> bool {
        match self.busy {
            Some(done) if done <= now => self.is_done(now),
            Some(_) => return false,
            None => {
                let Some(first) = self.hand.first().cloned() else { return false };
                if self.gives_back(&first) {
                    self.give_back(now);
                } else {
                    let (least, most) = self.plan.handles_in;
                    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
                    let takes = self.handling.random_range(nanos(least)..=nanos(most.max(least)));
                    self.busy = Some(now + Duration::from_nanos(takes));
                }
            }
        }
        true
    }

    /// The application is done with the first one in hand.
    fn is_done(&mut self, now: Duration) {
        self.busy = None;
        let Some(done) = self.hand.pop() else { return };
        let (destination, digest) = (self.plan.destination, done.digest);
        self.given_back.remove(&done.id);
        match done.message {
            Some(message) => self.outputs.push(Output::Record(Event::Received { message, destination, digest })),
            None => self.outputs.push(Output::Record(Event::Unrecognised { destination, digest })),
        }
        if self.plan.acks == Acks::AfterHandling {
            match done.session {
                Some(_) => self.acknowledge(now, &done),
                None => self.not_acknowledged(done.message, "its session had ended"),
            }
        }
    }

    fn acknowledge(&mut self, now: Duration, arrival: &Arrival) {
        self.session.send(now, to_text(&ClientFrame::Ack(arrival.id.to_string())), &mut self.outputs);
        let destination = self.plan.destination;
        self.record(arrival.message, |message| Event::Acked { message, destination });
    }

    /// Draws whether a message is given back: once at most, and only one that is not acknowledged and can still be.
    fn gives_back(&mut self, arrival: &Arrival) -> bool {
        let ppm = self.plan.gives_back_ppm;
        let can = arrival.session.is_some() && self.plan.acks == Acks::AfterHandling;
        let could = ppm > 0 && can && !self.given_back.contains(&arrival.id);
        could && self.giving_back.random_range(0..1_000_000) < ppm
    }

    /// Gives the first one in hand back.
    ///
    /// Where one consumer gets everything in order, a broker then sends all again that is not acknowledged, from that
    /// one on. What is in hand is let go, and what still comes is not taken until that one does, as Apache Pulsar's own
    /// client clears its queue; else what comes after it would be handled before it, and twice (apache/pulsar, pull
    /// request 9681).
    fn give_back(&mut self, now: Duration) {
        let Some(arrival) = self.hand.pop() else { return };
        self.session.send(now, to_text(&ClientFrame::Nack(arrival.id.to_string())), &mut self.outputs);
        self.not_acknowledged(arrival.message, "given back");
        self.given_back.insert(arrival.id.clone());
        if self.plan.mode.has_one_active() && self.plan.after_giving_back == AfterGivingBack::Waits {
            self.awaited = Some((arrival.id, now + self.plan.give_back_delay + COMES_AGAIN));
            self.let_go(0, "it comes again after the one before it");
        }
    }

    /// A session has ended. What the application is at is finished, and cannot be acknowledged; what waits is let go, for
    /// the broker gives it to somebody again. What is acknowledged already would come to nobody, and is handled.
    fn ended(&mut self) {
        self.awaited = None;
        self.hand.ended();
        if self.plan.acks == Acks::AfterHandling {
            self.let_go(usize::from(self.busy.is_some()), "its session has ended");
        }
    }

    fn let_go(&mut self, kept: usize, why: &'static str) {
        if kept == 0 {
            self.busy = None;
        }
        for arrival in self.hand.let_go(kept) {
            if self.plan.acks == Acks::AfterHandling {
                self.not_acknowledged(arrival.message, why);
            }
        }
    }

    fn not_acknowledged(&mut self, message: Option<MessageId>, why: &'static str) {
        let destination = self.plan.destination;
        self.record(message, |message| Event::Unacked { message, destination, why });
    }

    /// Foreign messages have no history.
    fn record(&mut self, message: Option<MessageId>, event: impl FnOnce(MessageId) -> Event) {
        self.outputs.extend(message.map(event).map(Output::Record));
    }
}

/// What it asks for when it subscribes.
fn options(plan: &ConsumerPlan) -> ConsumerOptions {
    ConsumerOptions {
        topic: Topic::new(plan.stream.scope, &plan.stream.name),
        subscription: plan.subscription.clone(),
        mode: plan.mode,
        name: plan.host.to_string(),
        priority: plan.priority,
        queue: plan.queue,
        ack_time_out: plan.ack_time_out,
        nack_delay: if plan.gives_back_ppm > 0 { plan.give_back_delay } else { NACK_DELAY },
        pull: false,
        dead_letter: None,
    }
}

impl Program for Consumer {
    fn parts(&mut self) -> (&mut Session, &mut Vec<Output>) {
        (&mut self.session, &mut self.outputs)
    }

    fn told(&mut self, now: Duration, text: &str) -> Turn {
        match read_heard(text) {
            Ok(Heard::Message(delivery)) => self.arrives(now, delivery),
            Ok(Heard::EndOfTopic(_)) => {}
            Ok(Heard::Confirmed { .. } | Heard::Failed { .. }) | Err(_) => {
                return self.session.lost(now, Cause::Protocol, &mut self.outputs);
            }
        }
        Turn::Same
    }

    fn follow(&mut self, turn: Turn) {
        match turn {
            Turn::Same => {}
            // To be subscribed is all that a consumer can do.
            Turn::Began => self.session.works(),
            Turn::Ended => self.ended(),
        }
    }

    /// What follows from anything that happened: the application goes on with its work.
    fn go_on(&mut self, now: Duration) {
        if self.session.is_over() {
            return;
        }
        while self.goes_on(now) {}
        for message in self.hand.late(now, self.plan.mode.has_one_active()) {
            self.not_acknowledged(Some(message), "its time is over");
        }
        if self.awaited.as_ref().is_some_and(|(_, until)| now >= *until) {
            let why = "what was given back does not come again".to_owned();
            let turn = self.session.leave(now, why, &mut self.outputs);
            self.follow(turn);
        }
        let idle = self.busy.is_none() && self.hand.first().is_none();
        if self.stopping.is_some_and(|limit| idle || now >= limit) {
            self.let_go(0, "the consumer stops");
            self.session.close(&mut self.outputs);
            self.outputs.push(Output::Stopped);
        }
    }

    fn due(&self) -> Option<Duration> {
        if self.session.is_over() {
            return None;
        }
        let awaited = self.awaited.as_ref().map(|(_, until)| *until);
        let own = [self.busy, self.hand.next_late(), awaited, self.stopping];
        own.into_iter().chain([self.session.due()]).flatten().min()
    }

    fn stop(&mut self, now: Duration) {
        self.stopping.get_or_insert(now + GOODBYE);
        if self.plan.acks == Acks::AfterHandling {
            self.let_go(usize::from(self.busy.is_some()), "the consumer stops");
        }
        self.go_on(now);
    }
}

#[cfg(test)]
mod tests;
