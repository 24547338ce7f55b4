//! Of exclusive and failover: one consumer gets everything, in order.
//!
//! ```text
//!           join                        delay over: rewind
//!   Idle ─────────> Taking over ───────────────────────────> Serving
//!    ^                  │   ^        another one is chosen      │
//!    │  the last leaves │   └───────────────────────────────────┤
//!    └──────────────────┴───────────────────────────────────────┘
//! ```
//!
//! Whoever becomes the active one gets first all that is not acknowledged, whoever holds it, then what is new (Apache
//! Pulsar, `PersistentDispatcherSingleActiveConsumer`). A single message cannot be sent again: to give one back sends all
//! of it again (<https://github.com/apache/pulsar/issues/4118>).
use super::selection::choose;
use super::{Dealing, Parting, Subscription};
use crate::history::{Event, SubscriptionMode};
use crate::streams::broker::input::SocketId;
use crate::streams::broker::log::Log;
use crate::streams::broker::output::Output;
use crate::streams::knobs::{GivenBack, Promotes, TakesOverAt};
use crate::streams::plan::Selection;
use std::collections::VecDeque;
use std::time::Duration;

/// What such a subscription has to know.
#[derive(Clone, Debug, Default)]
pub(super) struct OneActive {
    stage: Stage,
    /// The next position for the active one.
    next: u64,
    /// Everything below was sent to somebody before.
    sent_upto: u64,
    /// Sent again by themselves (the knob's).
    alone: VecDeque<u64>,
    /// Somebody was the active one before, in this boot of the broker.
    had_one: bool,
    /// Which of several gets the next one (the knob's).
    turn: usize,
}

#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Idle,
    /// Who was active before stays so `beside` (the knob's); by default nobody.
    TakingOver {
        until: Duration,
        beside: Vec<SocketId>,
    },
    Serving {
        active: SocketId,
        beside: Vec<SocketId>,
    },
}

impl OneActive {
    /// Begins without an active one.
    pub(super) fn at(first: u64) -> Self {
        Self { next: first, sent_upto: first, ..Self::default() }
    }

    /// When a takeover is over.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::TakingOver { until, .. } => Some(until),
            _ => None,
        }
    }

    /// The active one.
    pub(super) fn active(&self) -> Option<SocketId> {
        match self.stage {
            Stage::Serving { active, .. } => Some(active),
            _ => None,
        }
    }

    fn gets(&self, socket: SocketId) -> bool {
        match &self.stage {
            Stage::Idle => false,
            Stage::TakingOver { beside, .. } => beside.contains(&socket),
            Stage::Serving { active, beside } => *active == socket || beside.contains(&socket),
        }
    }
}

impl Subscription {
    fn one_active(&mut self) -> Option<&mut OneActive> {
        match &mut self.dealing {
            Dealing::One(one) => Some(one),
            _ => None,
        }
    }

    fn chosen(&self) -> Option<SocketId> {
        let selection = match self.mode {
            SubscriptionMode::Failover => self.options.selection,
            _ => Selection::FirstConnected,
        };
        Some(choose(selection, &self.topic, self.consumers.values())?.socket)
    }

    /// Looks who is to be the active one, after somebody has come or gone.
    pub(super) fn reconsider(&mut self, now: Duration, log: &Log, out: &mut Vec<Output>) {
        let chosen = self.chosen();
        let (delay, promotes) = (self.options.delay, self.knobs.promotes);
        let delayed = self.mode == SubscriptionMode::Failover && !delay.is_zero();
        let consumers = &self.consumers;
        let Dealing::One(one) = &mut self.dealing else { return };
        let Some(chosen) = chosen else {
            one.stage = Stage::Idle;
            return;
        };
        match &mut one.stage {
            Stage::Serving { active, beside } if *active == chosen => {
                beside.retain(|socket| consumers.contains_key(socket));
                return;
            }
            // A second change does not make the wait begin again.
            Stage::TakingOver { beside, .. } => {
                beside.retain(|socket| consumers.contains_key(socket));
                return;
            }
            Stage::Serving { .. } | Stage::Idle => {}
        }
        let beside = match (std::mem::take(&mut one.stage), promotes) {
            (Stage::Serving { active, mut beside }, Promotes::BesideTheOld) => {
                beside.push(active);
                beside.retain(|socket| consumers.contains_key(socket));
                beside
            }
            _ => Vec::new(),
        };
        let until = if delayed && one.had_one { now + delay } else { now };
        one.stage = Stage::TakingOver { until, beside };
        self.take_over(now, log, out);
    }

    /// Makes the chosen one the active one, if it is time.
    pub(super) fn take_over(&mut self, now: Duration, log: &Log, out: &mut Vec<Output>) {
        let (chosen, first) = (self.chosen(), self.cursor.first());
        let Dealing::One(one) = &mut self.dealing else { return };
        let (Stage::TakingOver { until, beside }, Some(active)) = (&mut one.stage, chosen) else { return };
        if *until > now {
            return;
        }
        let mut beside = std::mem::take(beside);
        beside.retain(|socket| *socket != active);
        let held = self.cursor.unacked_below(one.sent_upto);
        one.next = match self.knobs.takes_over_at {
            TakesOverAt::Newest if one.had_one => log.end(),
            TakesOverAt::FirstUnacked | TakesOverAt::Newest => first,
        };
        one.alone.clear();
        one.had_one = true;
        one.stage = Stage::Serving { active, beside };
        if let (Some(destination), Some(consumer)) = (self.options.destination, self.consumers.get(&active)) {
            out.push(Output::Record(Event::Activated { destination, client: consumer.client.clone(), held }));
        }
    }

    /// A consumer has given these back, or had its time for them.
    pub(super) fn sends_again(&mut self, from: SocketId, positions: &[u64]) {
        let (knob, first) = (self.knobs.given_back, self.cursor.first());
        let Some(one) = self.one_active() else { return };
        // Who is not active has nothing to say, and a takeover rewinds anyhow.
        if !one.gets(from) || positions.is_empty() {
            return;
        }
        match knob {
            GivenBack::Rewinds => {
                one.next = first;
                self.take_out_of_hand(from);
            }
            GivenBack::SendsAlone => one.alone.extend(positions),
        }
    }

    /// Everything that a consumer has not acknowledged goes out again: what it has in hand takes no room beside that.
    fn take_out_of_hand(&mut self, socket: SocketId) {
        let Some(consumer) = self.consumers.get_mut(&socket) else { return };
        for position in consumer.room.all().collect::<Vec<_>>() {
            if let Some(due) = consumer.room.held(position).and_then(|held| held.due) {
                self.due.remove(&(due.at, position, socket));
            }
            consumer.room.lost(position, false);
        }
    }

    pub(super) fn deal_to_the_active(&mut self, now: Duration, log: &Log, out: &mut Vec<Output>) {
        loop {
            let Dealing::One(one) = &mut self.dealing else { return };
            let Some(to) = one.turn_of(&self.consumers) else { return };
            let alone = std::iter::from_fn(|| one.alone.pop_front())
                .find(|position| !self.cursor.is_acked(*position) && log.get(*position).is_some());
            let position = match alone {
                Some(position) => position,
                None => {
                    let mut next = self.cursor.unacked_from(one.next);
                    while next < log.end() && log.get(next).is_none() {
                        next = self.cursor.unacked_from(next + 1);
                    }
                    one.next = next;
                    if next >= log.end() {
                        return;
                    }
                    one.next += 1;
                    next
                }
            };
            let again = position < one.sent_upto;
            one.sent_upto = one.sent_upto.max(position + 1);
            one.turn += 1;
            // How often it was sent is not counted in these modes (https://github.com/apache/pulsar/issues/6721).
            self.send(now, to, position, Parting { again, redeliveries: 0 }, log, out);
        }
    }
}

impl OneActive {
    /// Who gets the next one: the active one, if it has room.
    fn turn_of(&self, consumers: &super::Consumers) -> Option<SocketId> {
        let (active, beside) = match &self.stage {
            Stage::Idle => return None,
            Stage::TakingOver { beside, .. } => (None, beside),
            Stage::Serving { active, beside } => (Some(*active), beside),
        };
        let all = || active.into_iter().chain(beside.iter().copied());
        let count = all().count();
        let first = self.turn.checked_rem(count)?;
        let free = |socket: &SocketId| consumers.get(socket).is_some_and(|consumer| consumer.room.is_free());
        all().chain(all()).skip(first).take(count).find(free)
    }
}
