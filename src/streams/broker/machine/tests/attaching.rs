//! Who is let in.
use super::*;
use crate::streams::knobs::SecondConsumer;
use SubscriptionMode::{Exclusive, Failover, Shared};

#[test]
fn a_subscription_begins_at_latest_and_then_keeps_what_comes_without_consumers() {
    let mut stage = Stage::new();
    stage.producer().publish([0, 1]).consumer(2, Exclusive, "a").close(2).publish([2, 3]);
    stage.consumer(3, Exclusive, "a");
    assert_eq!((stage.accepted(), stage.got(3)), (vec![TILL, 2, 3], vec![2, 3]), "the first ones are not picked up");
}

#[test]
fn a_consumer_is_let_in_when_its_subscription_is_durable() {
    let mut stage = Stage::new();
    stage.tell_only(Input::Attach {
        socket: 2,
        attachment: Attachment::Consumer(options(Exclusive, "a")),
        session: None,
    });
    assert_eq!(stage.accepted(), [0_u64; 0]);
    stage.disk_fails = true;
    stage.write();
    assert_eq!(stage.refused(), [(2, 503)]);
    stage.disk_fails = false;
    stage.consumer(3, Exclusive, "a");
    assert_eq!(stage.accepted(), [3]);
    stage.producer().publish([0]);
    stage.restart();
    assert_eq!(stage.consumer(4, Exclusive, "a").got(4), [0], "the stream and the subscription outlive a crash");
}

#[test]
fn a_subscription_born_with_its_stream_gets_the_first_message_whatever_other_streams_have() {
    let mut stage = Stage::new();
    stage.producer().publish(0..3);
    let other = Topic::parse("c8locals.notes").unwrap();
    stage.tell_only(Input::Publish { socket: TILL, message: message(3), context: None });
    let notes = ConsumerOptions { topic: other.clone(), ..options(Exclusive, "a") };
    stage.tell_only(Input::Attach { socket: 2, attachment: Attachment::Consumer(notes), session: None });
    stage.tell_only(Input::Publish { socket: TILL, message: message(4), context: None });
    while stage.write() {}
    let call = Call::Publish { topic: other, message: message(9) };
    assert!(matches!(stage.call(call), Answer::Done { status: 200, .. }));
    assert_eq!(stage.got(2), [9]);
}

#[test]
fn an_unknown_stream_is_refused_if_the_region_says_so() {
    let mut stage = Stage::with(|plan| plan.unknown_stream = UnknownStream::Refuses);
    stage.producer().consumer(2, Exclusive, "a");
    assert_eq!(stage.refused(), [(TILL, 404), (2, 404)]);
    stage.call(Call::Create { topic: orders() });
    stage.producer().consumer(2, Exclusive, "a");
    assert_eq!(stage.accepted(), [TILL, 2]);
}

#[test]
fn a_second_exclusive_consumer_is_refused_as_soon_as_the_first_shows_that_it_lives() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").consumer(3, Exclusive, "b").consumer(4, Exclusive, "c");
    assert_eq!((stage.probed(), stage.accepted(), stage.refused()), (vec![2], vec![TILL, 2], vec![]));
    stage.tell(Input::Alive { socket: 2 });
    assert_eq!(stage.refused(), [(3, 409), (4, 409)]);
    stage.publish([0]).after(60 * SECOND);
    assert_eq!((stage.got(2), stage.closed()), (vec![0], vec![]), "the first one is undisturbed");
}

#[test]
fn a_second_exclusive_consumer_takes_the_place_of_one_that_is_dead() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish([0]).consumer(3, Exclusive, "a").consumer(4, Exclusive, "b");
    stage.after(5 * SECOND);
    assert_eq!((stage.closed(), stage.accepted()), (vec![2], vec![TILL, 2, 3]));
    assert_eq!(stage.got(3), [0]);
    assert_eq!(stage.probed(), [2, 3], "and now it is its turn to be asked");
    stage.tell(Input::Alive { socket: 3 });
    assert_eq!(stage.refused(), [(4, 409)]);
}

#[test]
fn an_acknowledgement_is_a_sign_of_life() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish([0]).consumer(3, Exclusive, "b").ack(2, [0]);
    assert_eq!(stage.refused(), [(3, 409)]);
}

#[test]
fn locked_out_refuses_at_once_until_the_broker_notices_by_itself() {
    let mut stage = Stage::with(|plan| plan.half_open = HalfOpen::LockedOut);
    stage.consumer(2, Exclusive, "a").consumer(3, Exclusive, "a");
    assert_eq!((stage.probed(), stage.refused()), (vec![], vec![(3, 409)]));
    stage.close(2).consumer(4, Exclusive, "a");
    assert_eq!(stage.accepted(), [2, 4]);
}

#[test]
fn let_in_attaches_a_second_exclusive_consumer_beside_the_first() {
    let mut stage = Stage::with_knobs(|knobs| knobs.second_consumer = SecondConsumer::LetIn);
    stage.producer().consumer(2, Exclusive, "a").consumer(3, Exclusive, "b").publish([0]);
    assert_eq!((stage.accepted(), stage.got(2), stage.got(3)), (vec![TILL, 2, 3], vec![0], vec![]));
}

#[test]
fn another_mode_is_refused_while_there_are_consumers_and_taken_when_there_are_none() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Failover, "a").publish([0]).consumer(3, Shared, "b");
    assert_eq!(stage.refused(), [(3, 409)]);
    stage.close(2).consumer(4, Shared, "b");
    assert_eq!(stage.got(4), [0]);
}

#[test]
fn a_producers_name_belongs_to_one_at_a_time() {
    let mut stage = Stage::new();
    let named = || Attachment::Producer { topic: orders(), name: Some("till".into()) };
    stage.attach(2, named()).attach(3, named()).tell(Input::Alive { socket: 2 });
    assert_eq!(stage.refused(), [(3, 409)]);
    stage.attach(4, named()).close(2);
    assert_eq!(stage.accepted(), [2, 4], "it waited for the answer, and the holder left");
}

#[test]
fn sessions_are_told_of_when_they_open_and_when_they_end() {
    let mut stage = Stage::new();
    let session = Some(Session { client: "consumer-1".into(), number: 5 });
    stage.tell(Input::Attach { socket: 2, attachment: Attachment::Consumer(options(Exclusive, "x")), session });
    stage.close(2);
    let (client, session) = ("consumer-1".into(), 5);
    let opened = Event::SessionOpened { client, session };
    let ended = Event::SessionEnded { client: "consumer-1".into(), session, why: "eof" };
    let events = stage.events();
    assert_eq!((events.first(), events.last()), (Some(&opened), Some(&ended)));
    assert!(events.iter().any(|event| matches!(event, Event::Activated { client, .. } if &**client == "consumer-1")));
}

#[test]
fn the_only_consumer_ends_its_subscription_and_one_of_two_does_not() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Failover, "a").consumer(3, Failover, "b").publish([0]);
    stage.tell(Input::Unsubscribe { socket: 2 });
    assert_eq!((stage.closed(), stage.kept()), (vec![], 1));
    stage.close(3).tell(Input::Unsubscribe { socket: 2 });
    assert_eq!((stage.closed(), stage.kept()), (vec![2], 0));
    stage.restart().consumer(4, Failover, "a");
    assert_eq!(stage.got(4), [0_u64; 0], "a new subscription begins at latest");
}

#[test]
fn an_id_that_is_none_ends_the_connection_and_one_that_was_never_sent_changes_nothing() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish([0]);
    for unknown in ["CAEQZA==", "CAkQAA=="] {
        stage.tell(Input::Ack { socket: 2, id: unknown.into() });
    }
    assert_eq!((stage.closed(), stage.kept()), (vec![], 1));
    stage.publish([1]);
    assert_eq!(stage.got(2), [0, 1]);
    stage.tell(Input::Ack { socket: 2, id: "?".into() });
    assert_eq!(stage.closed(), [2]);
}
