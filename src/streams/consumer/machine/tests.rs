use super::*;
use crate::history::{DestinationId, Producer, ProducerId, Roster, SubscriptionMode};
use crate::streams::client::request::Ask;
use crate::streams::knobs::{OnClose, OnRefusal};
use crate::streams::plan::{Connecting, Creates, Scope, StreamPlan};
use crate::wire::http::Response;
use crate::wire::payload::Payload;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
const ALL_OF_THEM: u32 = 1_000_000;

fn plan(mode: SubscriptionMode) -> ConsumerPlan {
    ConsumerPlan {
        host: "worker".into(),
        site: "field".into(),
        starts: Duration::ZERO,
        stream: StreamPlan { name: "orders".into(), scope: Scope::Global },
        subscription: "workers".into(),
        mode,
        destination: DestinationId(0),
        handles_in: (SECOND, SECOND),
        queue: 1000,
        priority: 0,
        ack_time_out: None,
        gives_back_ppm: 0,
        give_back_delay: 60 * SECOND,
        connecting: Connecting {
            brokers: vec!["broker-west".into()],
            creates: Creates::Never,
            time_out: 10 * SECOND,
            keep_alive: 1000 * SECOND,
            back_off: (SECOND, 30 * SECOND),
            on_close: OnClose::Reconnects,
            on_refusal: OnRefusal::Retries,
        },
        acks: Acks::AfterHandling,
        after_giving_back: AfterGivingBack::Waits,
    }
}

fn shared() -> ConsumerPlan {
    plan(SubscriptionMode::Shared)
}

fn failover() -> ConsumerPlan {
    plan(SubscriptionMode::Failover)
}

/// A consumer in a session, its clock, and what it did.
struct Story {
    consumer: Consumer,
    now: Duration,
    events: Vec<Event>,
    sent: Vec<String>,
    asks: bool,
    hung_up: Option<bool>,
    stopped: bool,
}

impl Story {
    fn of(plan: ConsumerPlan) -> Self {
        let till = Producer { name: "till".into(), host: "till".into() };
        let producers = Producers::of(&Roster { producers: vec![till], ..Roster::default() });
        let dice = |label| lizard_sim::dice(7, label);
        let chance = Chance { back_off: dice("back-off"), handling: dice("handling"), giving_back: dice("back") };
        let consumer = Consumer::new(plan, producers, 1, chance);
        let (events, sent) = (Vec::new(), Vec::new());
        let mut story =
            Self { consumer, now: Duration::ZERO, events, sent, asks: false, hung_up: None, stopped: false };
        story.gets_in();
        story
    }

    fn gets_in(&mut self) {
        while !std::mem::take(&mut self.asks) {
            let due = self.consumer.due().expect("it tries again");
            self.runs(due);
        }
        self.consumer.answered(self.now, Ask::Password, Ok(Response::json(200, &json!({"otp": "x"}))));
        self.collect();
        self.consumer.opened(self.now, Ok(()));
        self.collect();
        self.hung_up = None;
    }

    fn collect(&mut self) {
        for output in self.consumer.outputs() {
            match output {
                Output::Ask(..) => self.asks = true,
                Output::Send(text) => self.sent.push(text),
                Output::HangUp { politely } => self.hung_up = Some(politely),
                Output::Record(event) => self.events.push(event),
                Output::Stopped => self.stopped = true,
                Output::Open { .. } | Output::Exited | Output::Ping => {}
            }
        }
    }

    /// Lets the clock run up to `until`, looking whenever the consumer wants to.
    fn runs(&mut self, until: Duration) {
        for _ in 0..10_000 {
            match self.consumer.due() {
                Some(due) if due <= until => self.now = self.now.max(due),
                _ => {
                    self.now = self.now.max(until);
                    return;
                }
            }
            self.consumer.tick(self.now);
            self.collect();
        }
        panic!("the consumer never rests");
    }

    fn hears(&mut self, frame: &Value) {
        self.consumer.heard(self.now, Some(&frame.to_string()));
        self.collect();
    }

    fn gets(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            let payload = STANDARD.encode(Payload::new("till", number).to_bytes());
            self.hears(&json!({"messageId": format!("id-{number}"), "payload": payload, "redeliveryCount": 0}));
        }
    }

    fn breaks(&mut self) {
        self.consumer.broken(self.now, Cause::Eof);
        self.collect();
    }

    fn stops(&mut self) {
        self.consumer.stop(self.now);
        self.collect();
    }

    /// What it told its broker since the last look: `ack id-1`.
    fn told(&mut self) -> Vec<String> {
        let word = |text: String| {
            let frame: Value = serde_json::from_str(&text).unwrap();
            let what = frame.get("type").map_or("ack", |kind| kind.as_str().unwrap());
            format!("{what} {}", frame["messageId"].as_str().unwrap())
        };
        self.sent.drain(..).map(word).collect()
    }

    /// What the history was told about messages since the last look: `received 1`.
    fn history(&mut self) -> Vec<String> {
        let word = |event: Event| {
            let word = match &event {
                Event::Delivered { .. } => "delivered",
                Event::Received { .. } => "received",
                Event::Acked { .. } => "acked",
                Event::Unacked { .. } => "unacked",
                _ => return None,
            };
            Some(format!("{word} {}", event.message()?.number))
        };
        self.events.drain(..).filter_map(word).collect()
    }
}

#[test]
fn messages_are_handled_one_after_the_other_and_acknowledged_then() {
    let mut story = Story::of(shared());
    story.gets([0, 1]);
    assert!(story.told().is_empty());
    story.runs(SECOND);
    assert_eq!(story.told(), ["ack id-0"]);
    story.runs(2 * SECOND);
    assert_eq!(story.told(), ["ack id-1"]);
    let all = ["delivered 0", "delivered 1", "received 0", "acked 0", "received 1", "acked 1"];
    assert_eq!(story.history(), all);
}

#[test]
fn the_application_sees_the_decoded_payload() {
    let mut story = Story::of(shared());
    story.gets([3]);
    story.runs(SECOND);
    let digest = digest(&Payload::new("till", 3).to_bytes());
    let message = MessageId { producer: ProducerId(0), number: 3 };
    assert!(story.events.contains(&Event::Received { message, destination: DestinationId(0), digest }));
}

#[test]
fn a_foreign_message_is_handled_and_acknowledged_too() {
    let mut story = Story::of(shared());
    story.hears(&json!({"messageId": "x", "payload": "SGVsbG8="}));
    story.runs(SECOND);
    assert_eq!(story.told(), ["ack x"]);
    let unrecognised = Event::Unrecognised { destination: DestinationId(0), digest: digest(b"Hello") };
    assert!(story.events.contains(&unrecognised));
}

#[test]
fn what_it_is_at_when_the_session_ends_is_finished_and_not_acknowledged_and_the_rest_let_go() {
    let mut story = Story::of(failover());
    story.gets([0, 1, 2]);
    story.history();
    story.breaks();
    assert_eq!(story.history(), ["unacked 1", "unacked 2"]);
    story.runs(SECOND);
    assert_eq!(story.history(), ["received 0", "unacked 0"]);
    assert!(story.told().is_empty());
}

#[test]
fn what_comes_again_before_it_is_finished_is_handled_once_and_acknowledged_in_the_new_session() {
    let mut story = Story::of(ConsumerPlan { handles_in: (20 * SECOND, 20 * SECOND), ..failover() });
    story.gets([0, 1]);
    story.breaks();
    story.gets_in();
    story.gets([0, 1]);
    story.history();
    story.runs(20 * SECOND);
    assert_eq!(story.history(), ["received 0", "acked 0"]);
    assert_eq!(story.told(), ["ack id-0"]);
}

#[test]
fn with_the_knob_it_acknowledges_first_and_handles_what_it_has_whatever_happens() {
    let mut story = Story::of(ConsumerPlan { acks: Acks::BeforeHandling, ..failover() });
    story.gets([0, 1]);
    assert_eq!(story.told(), ["ack id-0", "ack id-1"]);
    story.breaks();
    story.runs(2 * SECOND);
    assert_eq!(
        story.history(),
        ["delivered 0", "acked 0", "delivered 1", "acked 1", "received 0", "received 1"],
        "nobody else would get them"
    );
}

#[test]
fn a_message_is_given_back_once_instead_of_being_handled() {
    let mut story = Story::of(ConsumerPlan { gives_back_ppm: ALL_OF_THEM, ..shared() });
    story.gets([0]);
    assert_eq!(story.told(), ["negativeAcknowledge id-0"]);
    assert_eq!(story.history(), ["delivered 0", "unacked 0"]);
    story.gets([0]);
    story.runs(SECOND);
    assert_eq!(story.told(), ["ack id-0"]);
}

#[test]
fn a_shared_subscription_goes_on_with_the_next_when_one_was_given_back() {
    let mut story = Story::of(shared());
    story.gets([0, 1]);
    story.consumer.plan.gives_back_ppm = ALL_OF_THEM;
    story.runs(SECOND);
    story.consumer.plan.gives_back_ppm = 0;
    story.gets([2]);
    story.runs(3 * SECOND);
    assert_eq!(story.told(), ["ack id-0", "negativeAcknowledge id-1", "ack id-2"]);
}

#[test]
fn where_order_counts_nothing_is_handled_until_the_one_given_back_comes_again() {
    let mut story = Story::of(ConsumerPlan { gives_back_ppm: ALL_OF_THEM, ..failover() });
    story.gets([0, 1, 2]);
    story.consumer.plan.gives_back_ppm = 0;
    assert_eq!(story.history(), ["delivered 0", "unacked 0", "delivered 1", "unacked 1", "delivered 2", "unacked 2"]);
    story.gets([0, 1, 2]);
    story.runs(3 * SECOND);
    assert_eq!(story.told(), ["negativeAcknowledge id-0", "ack id-0", "ack id-1", "ack id-2"]);
}

#[test]
fn one_given_back_that_does_not_come_again_is_asked_for_in_a_new_session() {
    let mut story = Story::of(ConsumerPlan { gives_back_ppm: ALL_OF_THEM, ..failover() });
    story.gets([0, 1]);
    story.runs(69 * SECOND);
    assert_eq!(story.hung_up, None);
    story.runs(70 * SECOND);
    assert_eq!(story.hung_up, Some(true));
    story.gets_in();
    story.gets([0]);
    story.runs(story.now + SECOND);
    assert_eq!(story.told().last().map(String::as_str), Some("ack id-0"));
}

#[test]
fn a_message_whose_time_out_passes_in_hand_may_come_again_and_is_still_one() {
    let plan = ConsumerPlan { ack_time_out: Some(10 * SECOND), handles_in: (15 * SECOND, 15 * SECOND), ..shared() };
    let mut story = Story::of(plan);
    story.gets([0]);
    story.runs(5 * SECOND);
    story.gets([1]);
    story.history();
    story.runs(9 * SECOND);
    assert_eq!(story.history(), ["unacked 0"], "a second before, for the way there and back");
    story.runs(10 * SECOND);
    story.gets([0]);
    story.runs(15 * SECOND);
    assert_eq!(story.history(), ["delivered 0", "unacked 1", "received 0", "acked 0"]);
    assert_eq!(story.told(), ["ack id-0"]);
}

#[test]
fn where_one_gets_everything_a_late_message_takes_all_that_follow_along() {
    let plan = ConsumerPlan { ack_time_out: Some(10 * SECOND), handles_in: (15 * SECOND, 15 * SECOND), ..failover() };
    let mut story = Story::of(plan);
    story.gets([0]);
    story.runs(8 * SECOND);
    story.gets([1]);
    story.history();
    story.runs(9 * SECOND);
    story.gets([2]);
    assert_eq!(story.history(), ["unacked 0", "unacked 1", "delivered 2", "unacked 2"]);
}

#[test]
fn who_is_stopped_finishes_what_it_is_at_acknowledges_it_and_says_goodbye() {
    let mut story = Story::of(failover());
    story.gets([0, 1]);
    story.history();
    story.stops();
    assert!(!story.stopped);
    story.gets([2]);
    story.runs(SECOND);
    assert!(story.stopped);
    assert_eq!(story.told(), ["ack id-0"]);
    assert_eq!(story.history(), ["unacked 1", "delivered 2", "unacked 2", "received 0", "acked 0"]);
    assert_eq!(story.hung_up, Some(true));
    assert_eq!(story.consumer.due(), None);
}

#[test]
fn who_is_stopped_and_is_slow_does_not_finish() {
    let mut story = Story::of(ConsumerPlan { handles_in: (60 * SECOND, 60 * SECOND), ..failover() });
    story.gets([0]);
    story.stops();
    story.runs(20 * SECOND);
    assert!(story.stopped);
    assert_eq!(story.history(), ["delivered 0", "unacked 0"]);
}

#[test]
fn what_is_no_frame_is_a_broken_protocol_and_an_answer_to_something_else_is_nothing() {
    let mut story = Story::of(failover());
    story.hears(&json!({"endOfTopic": false}));
    assert_eq!(story.hung_up, None);
    story.hears(&json!([1]));
    assert_eq!(story.hung_up, Some(false));
}

#[test]
fn a_machine_that_was_frozen_over_many_deadlines_rests_again() {
    let plan = ConsumerPlan { ack_time_out: Some(10 * SECOND), gives_back_ppm: 500_000, ..failover() };
    let mut story = Story::of(plan);
    story.gets(0..20);
    story.now = 600 * SECOND;
    story.runs(700 * SECOND);
    assert!(story.consumer.due().is_none_or(|due| due > story.now));
}
