use super::*;
use crate::streams::broker::topic::Topic;
use crate::streams::plan::Scope;
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

fn connecting() -> Connecting {
    Connecting {
        brokers: vec!["broker-west".into(), "broker-east".into()],
        creates: Creates::First,
        time_out: 10 * SECOND,
        keep_alive: 20 * SECOND,
        back_off: (SECOND, 30 * SECOND),
        on_close: OnClose::Reconnects,
        on_refusal: OnRefusal::Retries,
    }
}

/// A client's session, its clock, and what it did.
struct Story {
    session: Session,
    now: Duration,
    events: Vec<Event>,
    /// What it has asked and opened, and not given up: as `POST /apid/otp at broker-west`.
    asked: Vec<String>,
    pings: usize,
    hung_up: Option<bool>,
    exited: bool,
}

impl Story {
    fn of(plan: Connecting, boot: u32) -> Self {
        let stream = StreamPlan { name: "orders".into(), scope: Scope::Global };
        let attachment = Attachment::Producer { topic: Topic::new(Scope::Global, "orders"), name: None };
        let session = Session::new("till".into(), plan, stream, attachment, boot, lizard_sim::dice(7, "back-off"));
        Self { session, now: Duration::ZERO, events: vec![], asked: vec![], pings: 0, hung_up: None, exited: false }
    }

    fn begun(plan: Connecting) -> Self {
        let mut story = Self::of(plan, 1);
        let _ = story.ticks();
        story
    }

    fn opened(plan: Connecting) -> Self {
        let mut story = Self::begun(plan);
        story.answers(Ask::Streams, listed(true));
        story.gets_in();
        story
    }

    fn take(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Ask(broker, request) => {
                    self.asked.push(format!("{} {} at {broker}", request.method, request.target));
                }
                Output::Open { broker, target, session } => self.asked.push(format!("{session}: {target} at {broker}")),
                Output::Ping => self.pings += 1,
                Output::HangUp { politely } => {
                    self.asked.clear();
                    self.hung_up = Some(politely);
                }
                Output::Record(event) => self.events.push(event),
                Output::Exited => self.exited = true,
                Output::Send(_) | Output::Stopped => {}
            }
        }
    }

    fn ticks(&mut self) -> Turn {
        let mut out = Vec::new();
        let turn = self.session.tick(self.now, &mut out);
        self.take(out);
        turn
    }

    /// Lets it wait as long as it wants to.
    fn waits(&mut self) -> Duration {
        let before = self.now;
        while self.asked.is_empty() {
            self.now = self.session.due().expect("it waits").max(self.now);
            let _ = self.ticks();
        }
        self.now - before
    }

    fn answers(&mut self, ask: Ask, answer: Result<Response, String>) {
        let mut out = Vec::new();
        self.session.answered(self.now, ask, answer, &mut out);
        self.take(out);
    }

    fn is_opened(&mut self, outcome: Result<(), Failure>) -> Turn {
        let mut out = Vec::new();
        let turn = self.session.opened(self.now, outcome, &mut out);
        self.take(out);
        turn
    }

    /// It has its password, and the broker lets it in.
    fn gets_in(&mut self) {
        self.answers(Ask::Password, Ok(Response::json(200, &json!({"otp": "x"}))));
        assert_eq!(self.is_opened(Ok(())), Turn::Began);
        self.asked.clear();
    }

    fn loses(&mut self) -> Turn {
        let mut out = Vec::new();
        let turn = self.session.lost(self.now, Cause::Reset, &mut out);
        self.take(out);
        turn
    }

    fn refusals(&self) -> Vec<(&str, &str)> {
        let refusal = |event: &'_ Event| matches!(event, Event::Refused { .. });
        let told = self.events.iter().filter(|event| refusal(event));
        told.filter_map(|event| match event {
            Event::Refused { service, why, .. } => Some((&**service, why.as_str())),
            _ => None,
        })
        .collect()
    }
}

fn listed(present: bool) -> Result<Response, String> {
    let topic = if present { "c8globals.orders" } else { "c8globals.other" };
    Ok(Response::json(200, &json!({"result": [{"topic": topic}]})))
}

fn no(status: u16, message: &str) -> Failure {
    let body = json!({"code": status, "error": true, "errorMessage": message, "errorNum": 1});
    Failure::refusal(&Response::json(status, &body))
}

fn unreachable() -> Result<Response, String> {
    Err("connection refused".to_owned())
}

const LIST: &str = "GET /_fabric/_system/_api/streams?global=true at broker-west";
const CREATE: &str = "POST /_fabric/_system/_api/streams/orders?global=true at broker-west";
const PASSWORD: &str = "POST /apid/otp at broker-west";
const SOCKET: &str = "1: /_ws/ws/v2/producer/persistent/_mm/c8global._system/c8globals.orders?otp=x at broker-west";

#[test]
fn the_stream_is_created_only_if_it_is_absent_and_before_the_socket_is_opened() {
    let mut story = Story::begun(connecting());
    assert_eq!(story.asked, [LIST]);
    story.answers(Ask::Streams, listed(false));
    assert_eq!(story.asked, [LIST, CREATE]);
    story.answers(Ask::Creation, Ok(Response::json(202, &json!({"code": 202}))));
    assert_eq!(story.asked, [LIST, CREATE, PASSWORD]);
    story.answers(Ask::Password, Ok(Response::json(200, &json!({"otp": "x"}))));
    assert_eq!(story.asked, [LIST, CREATE, PASSWORD, SOCKET]);

    let mut story = Story::begun(connecting());
    story.answers(Ask::Streams, listed(true));
    assert_eq!(story.asked, [LIST, PASSWORD]);
}

#[test]
fn who_is_told_that_somebody_else_has_created_the_stream_goes_on() {
    let mut story = Story::begun(connecting());
    story.answers(Ask::Streams, listed(false));
    story.answers(Ask::Creation, Ok(Response::json(409, &json!({"errorMessage": "stream already exists"}))));
    assert_eq!(story.asked.last().map(String::as_str), Some(PASSWORD));
}

#[test]
fn who_races_asks_for_both_and_does_not_care_what_becomes_of_the_stream() {
    let mut story = Story::begun(Connecting { creates: Creates::Races, ..connecting() });
    assert_eq!(story.asked, [LIST, PASSWORD]);
    story.answers(Ask::Password, Ok(Response::json(200, &json!({"otp": "x"}))));
    assert_eq!(story.asked.last().map(String::as_str), Some(SOCKET), "the socket comes first");
    story.answers(Ask::Streams, listed(false));
    assert_eq!(story.asked.last().map(String::as_str), Some(CREATE));
    assert_eq!(story.is_opened(Ok(())), Turn::Began);
    story.answers(Ask::Creation, Ok(Response::json(409, &json!({"errorMessage": "stream already exists"}))));
    assert_eq!(story.session.number(), Some(1));
    assert!(story.refusals().is_empty());
}

#[test]
fn who_never_creates_asks_for_a_password_only() {
    let story = Story::begun(Connecting { creates: Creates::Never, ..connecting() });
    assert_eq!(story.asked, [PASSWORD]);
}

#[test]
fn brokers_are_tried_in_their_order_and_the_wait_comes_after_the_last() {
    let mut story = Story::begun(connecting());
    story.answers(Ask::Streams, unreachable());
    assert_eq!(story.asked, [LIST.replace("west", "east")], "at once");
    story.answers(Ask::Streams, unreachable());
    assert_eq!(story.refusals(), [("broker-west", "connection refused"), ("broker-east", "connection refused")]);
    assert!(story.asked.is_empty());
    assert!(story.waits() > Duration::ZERO);
    assert_eq!(story.asked, [LIST], "with the first again");
}

#[test]
fn a_refused_handshake_is_told_in_the_brokers_words_and_tried_again() {
    let mut story = Story::begun(Connecting { brokers: vec!["broker-west".into()], ..connecting() });
    story.answers(Ask::Streams, listed(true));
    story.answers(Ask::Password, Ok(Response::json(200, &json!({"otp": "x"}))));
    assert_eq!(story.is_opened(Err(no(409, "Exclusive consumer is already connected"))), Turn::Same);
    assert_eq!(story.refusals(), [("broker-west", "409 Exclusive consumer is already connected")]);
    story.waits();
    assert_eq!(story.asked, [LIST]);
}

#[test]
fn with_the_knob_a_refusal_is_the_end_and_a_broker_that_is_not_there_is_none() {
    let mut story = Story::begun(Connecting { on_refusal: OnRefusal::GivesUp, ..connecting() });
    story.answers(Ask::Streams, unreachable());
    assert!(!story.exited);
    story.answers(Ask::Streams, Ok(Response::json(401, &json!({"errorMessage": "forbidden"}))));
    assert!(story.exited && story.session.is_over());
    assert_eq!(story.session.due(), None);
}

#[test]
fn a_lost_session_is_followed_by_a_new_one_with_a_number_of_its_own() {
    let mut story = Story::opened(connecting());
    assert_eq!(story.session.number(), Some(1));
    assert_eq!(story.loses(), Turn::Ended);
    assert_eq!((story.hung_up, story.session.number()), (Some(false), None));
    story.waits();
    story.answers(Ask::Streams, listed(true));
    story.gets_in();
    assert_eq!(story.session.number(), Some(2));
    let mut second_boot = Story::of(connecting(), 2);
    let _ = second_boot.ticks();
    second_boot.answers(Ask::Streams, listed(true));
    second_boot.gets_in();
    assert_eq!(second_boot.session.number(), Some(1_000_001));
}

#[test]
fn with_the_knob_a_lost_session_is_the_last() {
    let mut story = Story::opened(Connecting { on_close: OnClose::Exits, ..connecting() });
    assert_eq!(story.loses(), Turn::Ended);
    assert!(story.exited && story.session.is_over());
}

#[test]
fn a_session_is_told_with_its_subscription_which_begins_before_the_handshake() {
    let mut story = Story::of(connecting(), 1);
    story.session = story.session.subscribing(DestinationId(3));
    let _ = story.ticks();
    story.answers(Ask::Streams, listed(true));
    story.answers(Ask::Password, Ok(Response::json(200, &json!({"otp": "x"}))));
    let destination = DestinationId(3);
    assert_eq!(story.events.last(), Some(&Event::SubscribeStarted { destination }));
    assert_eq!(story.is_opened(Ok(())), Turn::Began);
    let connected = Event::Connected { client: "till".into(), service: "broker-west".into(), session: 1 };
    assert_eq!(story.events[2..], [connected, Event::Subscribed { destination }]);
}

#[test]
fn an_idle_broker_is_pinged_and_one_that_is_silent_for_half_as_long_again_is_dead() {
    let mut story = Story::opened(connecting());
    story.now = 20 * SECOND;
    assert_eq!((story.ticks(), story.pings), (Turn::Same, 1));
    story.now = 30 * SECOND;
    assert_eq!(story.ticks(), Turn::Ended);
    let lost = |event: &Event| matches!(event, Event::SessionLost { cause: Cause::Silence, .. });
    assert!(story.events.last().is_some_and(lost));
}

#[test]
fn waits_grow_until_something_works() {
    let mut story = Story::begun(Connecting { brokers: vec!["broker-west".into()], ..connecting() });
    let mut longest = Duration::ZERO;
    for _ in 0..30 {
        story.answers(Ask::Streams, unreachable());
        longest = longest.max(story.waits());
    }
    assert!(longest > 10 * SECOND && longest <= 30 * SECOND, "{longest:?}");
    story.answers(Ask::Streams, listed(true));
    story.gets_in();
    story.session.works();
    let _ = story.loses();
    assert!(story.waits() <= SECOND);
}

#[test]
fn no_more_than_eight_connects_in_ten_seconds_whatever_happens() {
    let mut story = Story::begun(connecting());
    let mut connects = vec![story.now];
    for _ in 0..30 {
        // Each session is lost as soon as it is won.
        story.answers(Ask::Streams, listed(true));
        story.gets_in();
        story.session.works();
        let _ = story.loses();
        story.waits();
        connects.push(story.now);
    }
    for window in connects.windows(9) {
        assert!(window[8] - window[0] >= 10 * SECOND, "{window:?}");
    }
}

#[test]
fn an_answer_that_is_none_is_a_refusal_and_no_panic() {
    let mut story = Story::begun(connecting());
    story.answers(Ask::Streams, Ok(Response::json(200, &json!("streams"))));
    assert_eq!(story.refusals(), [("broker-west", "an answer that is none")]);
    story.answers(Ask::Streams, listed(true));
    story.answers(Ask::Password, Ok(Response::json(200, &json!({}))));
    assert_eq!(story.refusals().len(), 2);
}

#[test]
fn a_goodbye_is_said_once_and_nothing_follows() {
    let mut story = Story::opened(connecting());
    let mut out = Vec::new();
    story.session.close(&mut out);
    story.session.close(&mut out);
    story.take(out);
    assert_eq!(story.hung_up, Some(true));
    let closed = Event::SessionClosed { client: "till".into(), service: "broker-west".into(), session: 1 };
    assert_eq!(story.events.last(), Some(&closed));
    assert_eq!(story.session.due(), None);
}
