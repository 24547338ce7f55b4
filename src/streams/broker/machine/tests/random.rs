//! Consumers that come, go, acknowledge, give back and time out at random, over a broker that crashes: nothing that was
//! confirmed is lost, whatever happens, and each mode keeps its word on the way.
use super::*;
use crate::streams::knobs::{GivenBack, Shares, TakesOverAt};
use SubscriptionMode::{Exclusive, Failover, KeyShared, Shared};
use proptest::prelude::*;
use std::collections::BTreeSet;

const CONSUMERS: std::ops::Range<SocketId> = 10..13;

#[derive(Clone, Debug)]
enum Step {
    Publish(u8),
    Join(u8),
    Leave(u8),
    /// A consumer acknowledges the oldest, or some other message it holds.
    Ack(u8, u8),
    Nack(u8, u8),
    Wait(u8),
    Crash,
    PowerLoss,
    DiskFails(bool),
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u8..6).prop_map(Step::Publish),
        3 => any::<u8>().prop_map(Step::Join),
        2 => any::<u8>().prop_map(Step::Leave),
        8 => (any::<u8>(), 0_u8..3).prop_map(|(who, which)| Step::Ack(who, which)),
        2 => (any::<u8>(), 0_u8..3).prop_map(|(who, which)| Step::Nack(who, which)),
        3 => (0_u8..90).prop_map(Step::Wait),
        1 => Just(Step::Crash),
        1 => Just(Step::PowerLoss),
        1 => any::<bool>().prop_map(Step::DiskFails),
        1 => Just(Step::Compact),
    ]
}

/// What the consumers and the producer know.
struct Crowd {
    stage: Stage,
    mode: SubscriptionMode,
    next: u64,
    confirmed: BTreeSet<u64>,
    received: BTreeSet<u64>,
    joined: BTreeMap<SocketId, SocketId>,
    last_socket: SocketId,
    /// What each open socket was sent and has not settled.
    holds: BTreeMap<SocketId, Vec<u64>>,
    /// The last one that an active consumer was sent.
    last: Option<u64>,
}

impl Crowd {
    fn new(mode: SubscriptionMode, knobs: BrokerKnobs) -> Self {
        let mut stage = Stage::with_knobs(|of_plan| *of_plan = knobs);
        stage.producer().consumer(9, mode, "first").close(9);
        let (joined, holds) = (BTreeMap::new(), BTreeMap::new());
        let (confirmed, received) = (BTreeSet::new(), BTreeSet::new());
        Self { stage, mode, next: 0, confirmed, received, joined, last_socket: 100, holds, last: None }
    }

    fn pick(&self, who: u8) -> Option<SocketId> {
        self.joined.values().nth(usize::from(who) % self.joined.len().max(1)).copied()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish(count) => {
                for number in self.next..self.next + u64::from(count) {
                    if self.mode == KeyShared {
                        self.stage.publish_keyed(number, &format!("{}", number % 5));
                    } else {
                        self.stage.publish([number]);
                    }
                    if matches!(self.stage.answers()[..], [ServerFrame::Confirmed { .. }]) {
                        self.confirmed.insert(number);
                    }
                }
                self.next += u64::from(count);
            }
            Step::Join(who) => {
                let name = CONSUMERS.start + u64::from(who) % 3;
                if !self.joined.contains_key(&name) {
                    self.last_socket += 1;
                    let socket = self.last_socket;
                    self.stage.consumer_with(socket, self.mode, |options| {
                        options.name = format!("consumer-{name}");
                        options.queue = 4;
                        options.ack_time_out = (name == CONSUMERS.start).then_some(20 * SECOND);
                    });
                    // Who is asked whether it lives, lives.
                    for holder in self.stage.probed() {
                        self.stage.tell(Input::Alive { socket: holder });
                    }
                    if self.stage.accepted().contains(&socket) {
                        self.joined.insert(name, socket);
                        self.holds.insert(socket, Vec::new());
                    }
                }
            }
            Step::Leave(who) => {
                if let Some(socket) = self.pick(who) {
                    self.joined.retain(|_, each| *each != socket);
                    self.holds.remove(&socket);
                    self.stage.close(socket);
                }
            }
            Step::Ack(who, which) | Step::Nack(who, which) => {
                let Some(socket) = self.pick(who) else { return };
                let Some(held) = self.holds.get_mut(&socket) else { return };
                let Some(index) = held.len().checked_sub(1).map(|last| last.min(which.into())) else { return };
                let number = held.remove(index);
                if matches!(step, Step::Ack(..)) {
                    self.received.insert(number);
                    self.stage.ack(socket, [number]);
                } else {
                    self.stage.nack(socket, number);
                }
            }
            Step::Wait(seconds) => drop(self.stage.after(u32::from(seconds) * SECOND)),
            Step::Crash | Step::PowerLoss => {
                self.joined.clear();
                self.holds.clear();
                if matches!(step, Step::PowerLoss) {
                    // What was being written is gone.
                    self.stage.tell_only(Input::Publish { socket: TILL, message: message(self.next), context: None });
                    self.next += 1;
                    let _ = self.stage.broker.begin_commit();
                }
                self.stage.restart();
                self.stage.producer();
            }
            Step::DiskFails(fails) => self.stage.disk_fails = fails,
            Step::Compact => drop(self.stage.compact()),
        }
        self.look();
    }

    /// Takes what was sent, and checks what the mode promises.
    fn look(&mut self) {
        let sockets: Vec<_> = self.joined.values().copied().collect();
        for socket in sockets {
            let got = self.stage.got(socket);
            let expires = self.joined.get(&CONSUMERS.start) == Some(&socket);
            if let Some(held) = self.holds.get_mut(&socket) {
                held.extend(&got);
            }
            match self.mode {
                Exclusive | Failover => self.in_order(&got),
                Shared | KeyShared if !expires => self.not_twice(socket, &got),
                Shared | KeyShared => {}
            }
        }
        for socket in self.stage.closed() {
            self.joined.retain(|_, each| *each != socket);
            self.holds.remove(&socket);
        }
        self.stage.outputs.clear();
    }

    /// Each is the next one after the last that is not acknowledged, or goes back to the first that is not.
    fn in_order(&mut self, got: &[u64]) {
        for number in got {
            let after = self.last.map_or(0, |last| last + 1);
            let passes_over = |from: u64| {
                from > *number || self.confirmed.range(from..*number).any(|passed| !self.received.contains(passed))
            };
            assert!(!passes_over(after) || !passes_over(0), "{number} after {:?} of {got:?}", self.last);
            self.last = Some(*number);
        }
    }

    /// No other open consumer holds it.
    fn not_twice(&self, socket: SocketId, got: &[u64]) {
        for (other, held) in self.holds.iter().filter(|(other, _)| **other != socket) {
            let times_out = self.joined.get(&CONSUMERS.start) == Some(other);
            let both: Vec<_> = got.iter().filter(|number| held.contains(number)).collect();
            assert!(times_out || both.is_empty(), "{socket} and {other} both hold {both:?}");
        }
    }

    /// Everybody else is gone and the disk works: one patient consumer gets all that is left.
    fn ends(mut self) {
        self.stage.disk_fails = false;
        for socket in self.joined.values().copied().collect::<Vec<_>>() {
            self.stage.close(socket);
        }
        self.stage.outputs.clear();
        self.stage.consumer(9999, self.mode, "last").after(5 * SECOND);
        loop {
            let got = self.stage.got(9999);
            if got.is_empty() {
                break;
            }
            self.received.extend(&got);
            self.stage.ack(9999, got);
        }
        let lost: Vec<_> = self.confirmed.difference(&self.received).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
        assert_eq!(self.stage.kept(), 0, "and nothing is kept of what everybody has");
        self.stage.after(2 * SECOND).restart().consumer(1, self.mode, "last");
        assert_eq!(self.stage.got(1), [0_u64; 0], "not after a crash either");
    }
}

fn play(mode: SubscriptionMode, steps: &[Step]) {
    play_with(BrokerKnobs::default(), mode, steps);
}

fn play_with(knobs: BrokerKnobs, mode: SubscriptionMode, steps: &[Step]) {
    let mut crowd = Crowd::new(mode, knobs);
    steps.iter().for_each(|step| crowd.step(step));
    crowd.ends();
}

#[test]
#[should_panic(expected = "lost [0, 1]")]
fn the_crowd_notices_a_takeover_that_begins_at_the_newest() {
    let knobs = BrokerKnobs { takes_over_at: TakesOverAt::Newest, ..BrokerKnobs::default() };
    play_with(knobs, Failover, &[Step::Join(0), Step::Publish(2), Step::Leave(0)]);
}

#[test]
#[should_panic(expected = "both hold [0, 1]")]
fn the_crowd_notices_a_message_that_is_shared_with_two() {
    let knobs = BrokerKnobs { shares: Shares::AgainWithJoiners, ..BrokerKnobs::default() };
    play_with(knobs, Shared, &[Step::Join(1), Step::Publish(2), Step::Join(2)]);
}

#[test]
#[should_panic(expected = "after Some")]
fn the_crowd_notices_a_message_that_is_sent_out_of_order() {
    let knobs = BrokerKnobs { given_back: GivenBack::SendsAlone, ..BrokerKnobs::default() };
    let steps = [Step::Join(1), Step::Publish(3), Step::Nack(0, 1), Step::Wait(70)];
    play_with(knobs, Exclusive, &steps);
}

proptest! {
    #[test]
    fn exclusive_keeps_order_and_loses_nothing(steps in prop::collection::vec(step(), 0..80)) {
        play(Exclusive, &steps);
    }
    #[test]
    fn failover_keeps_order_and_loses_nothing(steps in prop::collection::vec(step(), 0..80)) {
        play(Failover, &steps);
    }
    #[test]
    fn shared_gives_no_message_to_two_and_loses_nothing(steps in prop::collection::vec(step(), 0..80)) {
        play(Shared, &steps);
    }
    #[test]
    fn key_shared_gives_no_message_to_two_and_loses_nothing(steps in prop::collection::vec(step(), 0..80)) {
        play(KeyShared, &steps);
    }
}
