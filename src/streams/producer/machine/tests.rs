use super::*;
use crate::history::{Name, ProducerId};
use crate::streams::client::request::Ask;
use crate::streams::knobs::{OnClose, OnRefusal};
use crate::streams::plan::{Connecting, Creates, Scope, StreamPlan};
use crate::wire::http::Response;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn plan() -> ProducerPlan {
    ProducerPlan {
        host: "till".into(),
        site: "field".into(),
        starts: Duration::ZERO,
        until: 600 * SECOND,
        stream: StreamPlan { name: "orders".into(), scope: Scope::Global },
        producer: ProducerId(0),
        every: SECOND,
        keys: 0,
        in_flight: 100,
        buffer: 1000,
        send_time_out: 30 * SECOND,
        connecting: Connecting {
            brokers: vec!["broker-west".into()],
            creates: Creates::Never,
            time_out: 10 * SECOND,
            keep_alive: 20 * SECOND,
            back_off: (SECOND, 30 * SECOND),
            on_close: OnClose::Reconnects,
            on_refusal: OnRefusal::Retries,
        },
        reads_answers: ReadsAnswers::Each,
    }
}

/// A producer, its clock, and what it did.
struct Story {
    producer: Producer,
    now: Duration,
    events: Vec<Event>,
    sent: Vec<String>,
    asks: bool,
    opens: bool,
    hung_up: Option<bool>,
    exited: bool,
    stopped: bool,
}

impl Story {
    fn of(plan: ProducerPlan, boot: u32) -> Self {
        let producer = Producer::new(plan, "till", boot, lizard_sim::dice(7, "back-off"), Duration::ZERO);
        let (events, sent) = (Vec::new(), Vec::new());
        let (asks, opens, hung_up, exited, stopped) = (false, false, None, false, false);
        Self { producer, now: Duration::ZERO, events, sent, asks, opens, hung_up, exited, stopped }
    }

    /// A producer in its first session, its first message out.
    fn in_session(plan: ProducerPlan) -> Self {
        let mut story = Self::of(plan, 1);
        story.gets_in();
        story
    }

    fn gets_in(&mut self) {
        while !self.asks {
            let due = self.producer.due().expect("it tries again");
            self.runs(due);
        }
        self.asks = false;
        self.producer.answered(self.now, Ask::Password, Ok(Response::json(200, &json!({"otp": "x"}))));
        self.collect();
        assert!(std::mem::take(&mut self.opens));
        self.producer.opened(self.now, Ok(()));
        self.collect();
    }

    fn collect(&mut self) {
        for output in self.producer.outputs() {
            match output {
                Output::Ask(..) => self.asks = true,
                Output::Open { .. } => self.opens = true,
                Output::Send(text) => self.sent.push(text),
                Output::HangUp { politely } => self.hung_up = Some(politely),
                Output::Record(event) => self.events.push(event),
                Output::Exited => self.exited = true,
                Output::Stopped => self.stopped = true,
                Output::Ping => {}
            }
        }
    }

    /// Lets the clock run up to `until`, looking whenever the producer wants to.
    fn runs(&mut self, until: Duration) {
        for _ in 0..10_000 {
            match self.producer.due() {
                Some(due) if due <= until => self.now = self.now.max(due),
                _ => {
                    self.now = self.now.max(until);
                    return;
                }
            }
            self.producer.tick(self.now);
            self.collect();
        }
        panic!("the producer never rests");
    }

    fn hears(&mut self, frame: &Value) {
        self.producer.heard(self.now, Some(&frame.to_string()));
        self.collect();
    }

    fn confirms(&mut self, number: u64) {
        self.hears(&json!({"result": "ok", "messageId": "CAAQAA==", "context": number.to_string()}));
    }

    fn breaks(&mut self) {
        self.producer.broken(self.now, Cause::Reset);
        self.collect();
    }

    fn stops(&mut self) {
        self.producer.stop(self.now);
        self.collect();
    }

    fn numbers(&self, pick: impl Fn(&Event) -> Option<MessageId>) -> Vec<u64> {
        self.events.iter().filter_map(pick).map(|message| message.number).collect()
    }

    /// What is on the wire since the last look: the contexts.
    fn published(&mut self) -> Vec<u64> {
        let context = |text: String| {
            let frame: Value = serde_json::from_str(&text).unwrap();
            frame["context"].as_str().unwrap().parse().unwrap()
        };
        self.sent.drain(..).map(context).collect()
    }
}

fn offered(event: &Event) -> Option<MessageId> {
    if let Event::Offered { message, .. } = event { Some(*message) } else { None }
}

fn confirmed(event: &Event) -> Option<MessageId> {
    if let Event::Confirmed { message } = event { Some(*message) } else { None }
}

fn given_up(event: &Event) -> Option<MessageId> {
    if let Event::GivenUp { message, .. } = event { Some(*message) } else { None }
}

fn sent_again(event: &Event) -> Option<MessageId> {
    if let Event::Sent { message, again: true, .. } = event { Some(*message) } else { None }
}

#[test]
fn a_message_is_offered_on_its_period_and_sent_when_there_is_a_session() {
    let mut story = Story::of(plan(), 1);
    story.runs(3 * SECOND);
    assert_eq!(story.numbers(offered), [0, 1, 2, 3]);
    assert!(story.sent.is_empty());
    story.gets_in();
    assert_eq!(story.published(), [0, 1, 2, 3]);
}

#[test]
fn a_message_is_base64_and_says_whose_it_is() {
    let mut story = Story::in_session(ProducerPlan { keys: 2, ..plan() });
    story.runs(SECOND);
    let frame: Value = serde_json::from_str(&story.sent[1]).unwrap();
    let body = STANDARD.decode(frame["payload"].as_str().unwrap()).unwrap();
    assert_eq!(Payload::parse(&body), Ok(Payload::new("till", 1)));
    assert_eq!((frame["context"].as_str(), frame["key"].as_str()), (Some("1"), Some("key-1")));
}

#[test]
fn an_ok_confirms_the_message_that_it_answers_and_no_other() {
    let mut story = Story::in_session(plan());
    story.runs(2 * SECOND);
    story.confirms(1);
    story.confirms(1);
    story.confirms(77);
    assert_eq!(story.numbers(confirmed), [1]);
}

#[test]
fn what_is_not_confirmed_is_sent_again_in_the_next_session_before_anything_newer() {
    let mut story = Story::in_session(plan());
    story.runs(3 * SECOND);
    story.confirms(1);
    story.published();
    story.breaks();
    story.gets_in();
    let now = story.published();
    assert_eq!(now[..3], [0, 2, 3]);
    assert_eq!(story.numbers(sent_again), [0, 2, 3]);
}

#[test]
fn a_full_buffer_makes_the_application_wait_and_drops_nothing() {
    let mut story = Story::in_session(ProducerPlan { buffer: 3, ..plan() });
    story.runs(20 * SECOND);
    assert_eq!(story.numbers(offered), [0, 1, 2]);
    story.confirms(0);
    assert_eq!(story.numbers(offered), [0, 1, 2, 3], "room for one");
    story.confirms(1);
    assert_eq!(story.numbers(offered), [0, 1, 2, 3], "nothing is made up for");
}

#[test]
fn nothing_new_is_offered_after_the_end_and_a_machine_frozen_over_it_rests() {
    let mut story = Story::in_session(ProducerPlan { until: 3 * SECOND, ..plan() });
    story.now = 10 * SECOND;
    story.producer.tick(story.now);
    story.collect();
    assert_eq!(story.numbers(offered), [0]);
    assert!(story.producer.due().is_none_or(|due| due > story.now));
}

#[test]
fn an_answer_that_does_not_come_costs_the_session() {
    let mut story = Story::in_session(plan());
    for second in 1..30 {
        story.runs(second * SECOND);
        story.producer.heard(story.now, None);
    }
    assert_eq!(story.hung_up, None);
    story.runs(30 * SECOND);
    assert_eq!(story.hung_up, Some(false));
    let lost = |event: &Event| matches!(event, Event::SessionLost { cause: Cause::TimeOut, .. });
    assert!(story.events.iter().any(lost));
}

#[test]
fn another_answer_than_ok_ends_the_session_so_that_nothing_overtakes_the_message() {
    let mut story = Story::in_session(plan());
    story.runs(SECOND);
    story.published();
    story.hears(&json!({"result": "send-error:8", "errorMsg": "disk full", "context": "0"}));
    assert_eq!(story.hung_up, Some(true));
    let service: Name = "broker-west".into();
    let why = "send-error:8 disk full".to_owned();
    assert!(story.events.contains(&Event::Refused { client: "till".into(), service, why }));
    story.gets_in();
    assert_eq!(story.published()[..2], [0, 1]);
}

#[test]
fn what_is_no_answer_is_a_broken_protocol() {
    let mut story = Story::in_session(plan());
    story.hears(&json!(["ok"]));
    let lost = |event: &Event| matches!(event, Event::SessionLost { cause: Cause::Protocol, .. });
    assert!(story.events.iter().any(lost));
}

#[test]
fn with_the_knob_nothing_is_sent_again_and_no_answer_is_waited_for() {
    let mut story = Story::in_session(ProducerPlan { reads_answers: ReadsAnswers::Never, ..plan() });
    story.runs(2 * SECOND);
    story.confirms(1);
    assert_eq!(story.numbers(confirmed), [1], "the history is told all the same");
    story.published();
    story.breaks();
    story.gets_in();
    assert!(story.published().iter().all(|number| *number > 2));
    let before = story.hung_up.take();
    story.hears(&json!({"result": "send-error:8", "errorMsg": "disk full", "context": "4"}));
    assert_eq!((before, story.hung_up), (Some(false), None));
}

#[test]
fn with_the_knob_a_program_whose_connection_ended_is_over() {
    let connecting = Connecting { on_close: OnClose::Exits, ..plan().connecting };
    let mut story = Story::in_session(ProducerPlan { connecting, ..plan() });
    story.breaks();
    assert!(story.exited);
    assert_eq!(story.producer.due(), None);
}

#[test]
fn who_is_stopped_waits_for_the_answers_and_says_goodbye() {
    let mut story = Story::in_session(plan());
    story.runs(SECOND);
    story.stops();
    story.runs(5 * SECOND);
    assert!(!story.stopped);
    assert_eq!(story.numbers(offered), [0, 1], "nothing new is taken");
    story.confirms(0);
    story.confirms(1);
    assert!(story.stopped);
    assert_eq!(story.hung_up, Some(true));
    assert!(story.numbers(given_up).is_empty());
    assert_eq!(story.producer.due(), None);
}

#[test]
fn who_is_stopped_without_a_broker_tells_what_it_gives_up() {
    let mut story = Story::of(plan(), 1);
    story.runs(2 * SECOND);
    story.stops();
    story.runs(30 * SECOND);
    assert!(story.stopped);
    assert_eq!(story.numbers(given_up), [0, 1, 2]);
}

#[test]
fn a_later_boot_uses_no_number_again() {
    let mut story = Story::of(plan(), 3);
    story.gets_in();
    assert_eq!(story.numbers(offered), [2_000_000]);
    assert!(story.events.iter().any(|event| matches!(event, Event::Connected { session: 2_000_001, .. })));
}
