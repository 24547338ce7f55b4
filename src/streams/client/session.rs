//! A client's way to a broker, and its session there.
use super::program::Output;
use super::request::{Ask, Failure, creation, lists, password, streams};
use crate::back_off::{BackOff, Pace};
use crate::history::{Cause, DestinationId, Event, Name};
use crate::keep_alive::{KeepAlive, Pulse};
use crate::streams::broker::input::Attachment;
use crate::streams::knobs::{OnClose, OnRefusal};
use crate::streams::plan::{Connecting, Creates, StreamPlan};
use crate::streams::wire::answer::read_one_time_password;
use crate::streams::wire::attachment::target;
use crate::wire::http::Response;
use lizard_sim::Dice;
use std::time::Duration;

/// Numbers of one boot begin at a million times the boots before it: none is ever used twice, and nothing need be kept
/// on a disk. A program would have to live for weeks without a boot to use a million.
pub const NUMBERS_OF_A_BOOT: u64 = 1_000_000;

/// ```text
///     ┌──────────── refused, not reached: the next broker ────────────┐
///     v                                                               │
///  Resting ──> Knocking: Stream ──there──> Password ──> Socket ──101──┴──> Open
///     ^                                                                     │
///     └────────────────── lost, left: after a wait ─────────────────────────┘
/// ```
///
/// A broker is tried at once after another; the back-off comes after the last one. With `creates: races` the stream is
/// looked for and created beside the way to the socket, with `creates: never` not at all. The knobs `on-close` and
/// `on-refusal` lead from where they say to `Over`, and so does a stop.
#[derive(Debug)]
enum State {
    Resting { until: Duration },
    Knocking { broker: Name, step: Step },
    Open { broker: Name, session: u64, keep_alive: KeepAlive },
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Stream,
    Password,
    Socket { session: u64 },
}

/// What the caller has to know about what has just happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Turn {
    /// The session, or that there is none, is as it was.
    Same,
    /// A session has begun.
    Began,
    /// The session has ended.
    Ended,
}

/// One client's sessions, one after the other.
#[derive(Debug)]
pub struct Session {
    client: Name,
    plan: Connecting,
    stream: StreamPlan,
    attachment: Attachment,
    receives: Option<DestinationId>,
    state: State,
    back_off: BackOff,
    pace: Pace,
    /// The broker to try next.
    next: usize,
    last: u64,
}

impl Session {
    /// Begins without one, ready to connect at once. `boot` counts from 1; `dice` are for the back-off.
    pub fn new(
        client: Name,
        plan: Connecting,
        stream: StreamPlan,
        attachment: Attachment,
        boot: u32,
        dice: Dice,
    ) -> Self {
        Self {
            client,
            back_off: BackOff::new(plan.back_off, dice),
            plan,
            stream,
            attachment,
            receives: None,
            state: State::Resting { until: Duration::ZERO },
            pace: Pace::default(),
            next: 0,
            last: u64::from(boot.saturating_sub(1)) * NUMBERS_OF_A_BOOT,
        }
    }

    /// Its sessions are subscriptions of this destination, and say so in the history.
    #[must_use]
    pub fn subscribing(mut self, destination: DestinationId) -> Self {
        self.receives = Some(destination);
        self
    }

    /// The number of the open session.
    pub fn number(&self) -> Option<u64> {
        match self.state {
            State::Open { session, .. } => Some(session),
            _ => None,
        }
    }

    /// Says whether it will never connect again.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Says when to look at the clock.
    pub fn due(&self) -> Option<Duration> {
        match &self.state {
            State::Resting { until } => Some(*until),
            State::Open { keep_alive, .. } => Some(keep_alive.due()),
            State::Knocking { .. } | State::Over => None,
        }
    }

    /// Looks at the clock.
    pub fn tick(&mut self, now: Duration, out: &mut Vec<Output>) -> Turn {
        match &mut self.state {
            State::Resting { until } if now >= *until => self.knock(now, out),
            State::Open { keep_alive, .. } => match keep_alive.look(now) {
                Pulse::Dead => return self.lost(now, Cause::Silence, out),
                Pulse::Ping => out.push(Output::Ping),
                Pulse::Quiet => {}
            },
            _ => {}
        }
        Turn::Same
    }

    /// Takes the answer to what was asked.
    pub fn answered(&mut self, now: Duration, ask: Ask, answer: Result<Response, String>, out: &mut Vec<Output>) {
        let answer = answer.map_err(Failure::silence);
        match ask {
            Ask::Streams => self.told_streams(now, answer, out),
            // Somebody else was faster: that is as good.
            Ask::Creation => {
                let created = answer.and_then(|answer| match answer.status {
                    409 => Ok(()),
                    _ => accepted(&answer),
                });
                self.stream_is_there(now, created, out);
            }
            Ask::Password => {
                let State::Knocking { step: Step::Password, .. } = &self.state else { return };
                let read = |answer: Response| {
                    accepted(&answer)?;
                    read_one_time_password(&answer).ok_or_else(nonsense)
                };
                match answer.and_then(read) {
                    Ok(password) => self.open(&password, out),
                    Err(failure) => self.refused(now, failure, out),
                }
            }
        }
    }

    /// Takes the outcome of the handshake.
    pub fn opened(&mut self, now: Duration, outcome: Result<(), Failure>, out: &mut Vec<Output>) -> Turn {
        let State::Knocking { broker, step: Step::Socket { session } } = &self.state else { return Turn::Same };
        let (client, service, session) = (self.client.clone(), broker.clone(), *session);
        if let Err(failure) = outcome {
            self.refused(now, failure, out);
            return Turn::Same;
        }
        let keep_alive = KeepAlive::new(self.plan.keep_alive, now);
        self.state = State::Open { broker: service.clone(), session, keep_alive };
        out.push(Output::Record(Event::Connected { client, service, session }));
        out.extend(self.receives.map(|destination| Output::Record(Event::Subscribed { destination })));
        Turn::Began
    }

    /// Notes that it makes progress: the next wait is a short one again.
    pub fn works(&mut self) {
        self.back_off.reset();
    }

    /// Notes that something came.
    pub fn heard(&mut self, now: Duration) {
        if let State::Open { keep_alive, .. } = &mut self.state {
            keep_alive.heard(now);
        }
    }

    /// Sends a text, if there is a session.
    pub fn send(&mut self, now: Duration, text: String, out: &mut Vec<Output>) {
        if let State::Open { keep_alive, .. } = &mut self.state {
            keep_alive.sent(now);
            out.push(Output::Send(text));
        }
    }

    /// The connection is lost, or to be treated so.
    pub fn lost(&mut self, now: Duration, cause: Cause, out: &mut Vec<Output>) -> Turn {
        let State::Open { broker, session, .. } = &self.state else { return Turn::Same };
        let (client, service, session) = (self.client.clone(), broker.clone(), *session);
        out.push(Output::Record(Event::SessionLost { client, service, session, cause }));
        out.push(Output::HangUp { politely: false });
        self.ended(now, out)
    }

    /// Leaves a broker that does not do what it should, in words.
    pub fn leave(&mut self, now: Duration, why: String, out: &mut Vec<Output>) -> Turn {
        let State::Open { broker, session, .. } = &self.state else { return Turn::Same };
        let (client, service, session) = (self.client.clone(), broker.clone(), *session);
        out.push(Output::Record(Event::Refused { client: client.clone(), service: service.clone(), why }));
        out.push(Output::Record(Event::SessionClosed { client, service, session }));
        out.push(Output::HangUp { politely: true });
        self.ended(now, out)
    }

    /// Says goodbye, or stops trying, for good.
    pub fn close(&mut self, out: &mut Vec<Output>) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Open { broker: service, session, .. } => {
                let client = self.client.clone();
                out.push(Output::Record(Event::SessionClosed { client, service, session }));
                out.push(Output::HangUp { politely: true });
            }
            State::Knocking { .. } => out.push(Output::HangUp { politely: false }),
            State::Resting { .. } | State::Over => {}
        }
    }

    fn knock(&mut self, now: Duration, out: &mut Vec<Output>) {
        let at = self.pace.next_at(now);
        if at > now {
            self.state = State::Resting { until: at };
            return;
        }
        let Some(broker) = self.plan.brokers.get(self.next).cloned() else { return self.rest(now) };
        self.pace.connected(now);
        out.push(Output::Record(Event::Connecting { client: self.client.clone(), service: broker.clone() }));
        if self.plan.creates != Creates::Never {
            out.push(Output::Ask(broker.clone(), streams(&self.stream)));
        }
        let step = if self.plan.creates == Creates::First { Step::Stream } else { Step::Password };
        if step == Step::Password {
            out.push(Output::Ask(broker.clone(), password()));
        }
        self.state = State::Knocking { broker, step };
    }

    fn told_streams(&mut self, now: Duration, answer: Result<Response, Failure>, out: &mut Vec<Output>) {
        let (State::Knocking { broker, .. } | State::Open { broker, .. }) = &self.state else { return };
        let read = |answer: Response| {
            accepted(&answer)?;
            lists(&answer, &self.stream).ok_or_else(nonsense)
        };
        match answer.and_then(read) {
            Ok(false) => out.push(Output::Ask(broker.clone(), creation(&self.stream))),
            Ok(true) => self.stream_is_there(now, Ok(()), out),
            Err(failure) => self.stream_is_there(now, Err(failure), out),
        }
    }

    /// Whoever does not wait for the stream does not look at what became of it either.
    fn stream_is_there(&mut self, now: Duration, outcome: Result<(), Failure>, out: &mut Vec<Output>) {
        let State::Knocking { broker, step: step @ Step::Stream } = &mut self.state else { return };
        match outcome {
            Ok(()) => {
                *step = Step::Password;
                out.push(Output::Ask(broker.clone(), password()));
            }
            Err(failure) => self.refused(now, failure, out),
        }
    }

    fn open(&mut self, password: &str, out: &mut Vec<Output>) {
        let State::Knocking { broker, step } = &mut self.state else { return };
        self.last += 1;
        let session = self.last;
        *step = Step::Socket { session };
        out.extend(self.receives.map(|destination| Output::Record(Event::SubscribeStarted { destination })));
        out.push(Output::Open { broker: broker.clone(), target: target(&self.attachment, Some(password)), session });
    }

    fn refused(&mut self, now: Duration, Failure { why, by_broker }: Failure, out: &mut Vec<Output>) {
        let State::Knocking { broker, .. } = &self.state else { return };
        let (client, service) = (self.client.clone(), broker.clone());
        out.push(Output::Record(Event::Refused { client, service, why }));
        out.push(Output::HangUp { politely: false });
        if by_broker && self.plan.on_refusal == OnRefusal::GivesUp {
            return self.exit(out);
        }
        self.next += 1;
        if self.next < self.plan.brokers.len() { self.knock(now, out) } else { self.rest(now) }
    }

    fn ended(&mut self, now: Duration, out: &mut Vec<Output>) -> Turn {
        match self.plan.on_close {
            OnClose::Reconnects => self.rest(now),
            OnClose::Exits => self.exit(out),
        }
        Turn::Ended
    }

    /// Waits, and begins with the first broker again.
    fn rest(&mut self, now: Duration) {
        self.next = 0;
        self.state = State::Resting { until: now + self.back_off.next_wait() };
    }

    fn exit(&mut self, out: &mut Vec<Output>) {
        self.state = State::Over;
        out.push(Output::Exited);
    }
}

/// An answer is a yes, or a refusal.
fn accepted(answer: &Response) -> Result<(), Failure> {
    if answer.is_success() { Ok(()) } else { Err(Failure::refusal(answer)) }
}

fn nonsense() -> Failure {
    Failure::silence("an answer that is none")
}

#[cfg(test)]
mod tests;
