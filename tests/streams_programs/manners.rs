//! Whatever a broker does, programs neither panic nor hammer nor give up, and when it behaves again all is delivered.
use crate::stub::{Manners, Script, Seen, stub};
use crate::world::{BROKER, Played, SECOND, consumer, consumer_plan, part, play, producer_plan, till};
use giant_lizard::history::{Cause, Event, SubscriptionMode};
use giant_lizard::invariant::Verdict;
use giant_lizard::streams::knobs::{OnClose, OnRefusal, ReadsAnswers};
use giant_lizard::streams::plan::{Connecting, ConsumerPlan, Creates, ProducerPlan};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn honest() -> Script {
    vec![(Duration::ZERO, Manners::Honest)]
}

/// Not honest for the first minute.
fn at_first(manners: Manners) -> Script {
    vec![(Duration::ZERO, manners), (60 * SECOND, Manners::Honest)]
}

/// Honest for a minute, then not, then honest again.
fn for_a_while(manners: Manners) -> Script {
    vec![(Duration::ZERO, Manners::Honest), (60 * SECOND, manners), (120 * SECOND, Manners::Honest)]
}

fn one_consumer() -> ConsumerPlan {
    consumer_plan("consumer-1", SubscriptionMode::Exclusive)
}

fn play_with(script: Script, producer: ProducerPlan, consumers: Vec<ConsumerPlan>) -> (Played, Vec<&'static str>) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let broker = {
        let seen = seen.clone();
        part(BROKER, "west", move |host| stub(host, script.clone(), seen.clone()))
    };
    let mut parts = vec![broker, till(producer)];
    parts.extend(consumers.into_iter().map(consumer));
    let played = play(0, SubscriptionMode::Exclusive, parts, vec![]);
    let asked = seen.lock().expect("no stub has panicked").asked.clone();
    (played, asked)
}

/// Plays a script; nothing may be lost, repeated without a cause, or out of order.
fn survives(script: Script) -> Played {
    let (played, _) = play_with(script, producer_plan(), vec![one_consumer()]);
    assert_eq!(played.violations(), [""; 0]);
    let messages = &played.findings.messages;
    assert_eq!((messages.offered, messages.lost, messages.indeterminate), (240, 0, 0));
    assert!(messages.received >= 238, "{messages:?}");
    played
}

fn refusals(played: &Played, with: &str) -> usize {
    played.count(|event| matches!(event, Event::Refused { why, .. } if why.contains(with)))
}

fn losses(played: &Played, by: Cause) -> usize {
    played.count(|event| matches!(event, Event::SessionLost { cause, .. } if *cause == by))
}

#[test]
fn with_an_honest_broker_nobody_connects_twice() {
    let (played, asked) = play_with(honest(), producer_plan(), vec![one_consumer()]);
    assert_eq!(played.violations(), [""; 0]);
    assert_eq!(played.count(|event| matches!(event, Event::Connecting { .. })), 2);
    let count = |word: &str| asked.iter().filter(|asked| **asked == word).count();
    assert_eq!(["list", "password", "producer", "consumer"].map(count), [2, 2, 1, 1]);
    assert!((1..=2).contains(&count("create")), "{asked:?}");
}

#[test]
fn who_races_comes_with_its_socket_and_its_stream_at_once() {
    let racing = |connecting: Connecting| Connecting { creates: Creates::Races, ..connecting };
    let producer = ProducerPlan { connecting: racing(producer_plan().connecting), ..producer_plan() };
    let consumer = ConsumerPlan { connecting: racing(one_consumer().connecting), ..one_consumer() };
    let (played, asked) = play_with(honest(), producer, vec![consumer]);
    assert_eq!(played.violations(), [""; 0]);
    assert!(asked.contains(&"create"), "{asked:?}");
    let place = |word: &str| asked.iter().position(|asked| *asked == word).unwrap();
    assert!(place("password") < place("create"), "{asked:?}");
}

#[test]
fn a_mute_broker_is_left_alone_after_the_time_out() {
    // Who has a session keeps it: only who comes meets the silence.
    let played = survives(at_first(Manners::Mute));
    assert!(refusals(&played, "no answer within") >= 4);
}

#[test]
fn refusals_of_any_kind_are_waited_out() {
    for status in [400, 401, 403, 404, 409, 429, 500, 503, 504] {
        let played = survives(at_first(Manners::Refuses(status)));
        assert!(refusals(&played, &format!("{status} not now")) >= 4);
    }
}

#[test]
fn a_babbling_broker_is_refused_its_answers() {
    let played = survives(at_first(Manners::Babbles));
    assert!(refusals(&played, "an answer that is none") >= 4);
}

#[test]
fn frames_that_are_none_end_the_session_and_nothing_else() {
    for script in
        [for_a_while(Manners::Sends("{")), for_a_while(Manners::Sends("[]")), for_a_while(Manners::SendsBytes)]
    {
        assert!(losses(&survives(script), Cause::Protocol) >= 2);
    }
    assert!(losses(&survives(for_a_while(Manners::Sends(r#"{"endOfTopic":true}"#))), Cause::Protocol) >= 1);
}

#[test]
fn a_broker_that_says_goodbye_is_come_back_to() {
    let played = survives(for_a_while(Manners::SaysGoodbye));
    assert!(losses(&played, Cause::Eof) >= 4);
}

#[test]
fn what_a_broker_cannot_store_is_sent_again_in_its_order() {
    let played = survives(for_a_while(Manners::StoresNothing));
    assert!(refusals(&played, "send-error:8 disk full") >= 2);
    assert_eq!(played.verdict("order"), Verdict::Held);
}

#[test]
fn an_answer_that_never_comes_costs_the_session_and_no_message() {
    let played = survives(for_a_while(Manners::FallsSilent));
    assert!(losses(&played, Cause::TimeOut) >= 1);
}

#[test]
fn who_gives_messages_back_gets_them_again_and_keeps_their_order() {
    let consumer = ConsumerPlan { gives_back_ppm: 100_000, ..one_consumer() };
    let producer = ProducerPlan { every: SECOND / 10, ..producer_plan() };
    let (played, _) = play_with(honest(), producer, vec![consumer]);
    assert_eq!(played.violations(), [""; 0]);
    assert_eq!(played.findings.messages.lost, 0);
    let given_back = played.count(|event| matches!(event, Event::Unacked { why: "given back", .. }));
    assert!((150..350).contains(&given_back), "{given_back}");
}

#[test]
fn with_the_knob_a_producer_loses_what_was_not_answered_and_does_not_know() {
    let producer = ProducerPlan { reads_answers: ReadsAnswers::Never, ..producer_plan() };
    let (calm, _) = play_with(honest(), producer.clone(), vec![one_consumer()]);
    assert_eq!(calm.violations(), [""; 0]);
    let (played, _) = play_with(for_a_while(Manners::StoresNothing), producer, vec![one_consumer()]);
    assert_eq!(played.verdict("no-loss"), Verdict::Violated);
    assert_ne!(played.verdict("no-confirmed-loss"), Verdict::Violated);
}

#[test]
fn with_the_knobs_a_goodbye_and_a_refusal_are_the_end() {
    let exits = Connecting { on_close: OnClose::Exits, ..one_consumer().connecting };
    let gives_up = Connecting { on_refusal: OnRefusal::GivesUp, ..one_consumer().connecting };
    for (script, connecting) in
        [(for_a_while(Manners::SaysGoodbye), exits), (at_first(Manners::Refuses(409)), gives_up)]
    {
        let consumer = ConsumerPlan { connecting, ..one_consumer() };
        let (played, _) = play_with(script, producer_plan(), vec![consumer]);
        assert_eq!(played.verdict("recovers"), Verdict::Violated);
        let connects = |event: &Event| matches!(event, Event::Connecting { client, .. } if &**client == "consumer-1");
        assert_eq!(played.count(connects), 1);
    }
}
