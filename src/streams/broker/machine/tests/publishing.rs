//! Publishing, storing, forgetting; readers.
use super::*;
use crate::streams::broker::frame::SendError;
use crate::streams::knobs::Answers;
use SubscriptionMode::Exclusive;

fn ok(frame: &ServerFrame) -> bool {
    matches!(frame, ServerFrame::Confirmed { result: "ok", .. })
}

#[test]
fn a_message_is_confirmed_and_sent_on_when_it_is_stored_and_not_before() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a");
    stage.tell_only(Input::Publish { socket: TILL, message: message(0), context: Some("c".into()) });
    assert_eq!((stage.answers().len(), stage.got(2).len()), (0, 0));
    assert!(stage.write());
    let answers = stage.answers();
    assert!(
        matches!(&answers[..], [ServerFrame::Confirmed { context: Some(context), .. }] if context == "c"),
        "{answers:?}"
    );
    assert_eq!(stage.got(2), [0]);
    assert!(stage.events().iter().any(|event| matches!(event, Event::Stored { .. })));
}

#[test]
fn what_the_disk_refuses_is_answered_with_an_error_and_leaves_no_gap() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a");
    stage.disk_fails = true;
    stage.publish([0]);
    assert!(matches!(stage.answers()[..], [ServerFrame::Failed { result: SendError::Unknown, .. }]));
    stage.disk_fails = false;
    stage.producer().publish([1, 2]);
    assert_eq!(stage.answers().iter().filter(|frame| ok(frame)).count(), 2);
    assert_eq!(stage.restart().consumer(2, Exclusive, "a").got(2), [1, 2]);
}

#[test]
fn nothing_is_stored_of_a_producer_after_what_was_not() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a");
    let publish = |number| Input::Publish { socket: TILL, message: message(number), context: None };
    stage.tell_only(publish(0));
    let first = stage.broker.begin_commit();
    assert!(first.is_some_and(|records| !records.is_empty()));
    stage.tell_only(publish(1));
    stage.tell(Input::StoreFailed);
    assert_eq!(stage.answers().len(), 2, "both are told");
    assert_eq!((stage.closed(), stage.got(2)), (vec![TILL], vec![]));
    stage.tell(publish(2));
    assert!(stage.got(2).is_empty(), "nor what was still on its way");
    stage.producer().publish([0, 1, 2]);
    assert_eq!(stage.got(2), [0, 1, 2]);
}

#[test]
fn a_payload_that_is_no_base64_is_an_error_and_the_socket_stays_open() {
    let mut stage = Stage::new();
    stage.producer();
    let wrong = Message { payload: "not base64!".into(), ..message(0) };
    stage.tell(Input::Publish { socket: TILL, message: wrong, context: None });
    assert!(matches!(stage.answers()[..], [ServerFrame::Failed { result: SendError::PayloadEncoding, .. }]));
    stage.publish([0]);
    assert!(ok(&stage.answers()[0]));
}

#[test]
fn answers_before_storing_confirms_at_once_and_loses_what_was_not_flushed() {
    let mut stage = Stage::with_knobs(|knobs| knobs.answers = Answers::BeforeStoring);
    stage.producer().consumer(2, Exclusive, "a").publish([0, 1]);
    assert!(stage.answers().iter().all(ok));
    stage.after(Duration::from_secs(10)).publish([2]);
    assert_eq!(stage.got(2), [0, 1], "stored with the flush");
    assert!(ok(&stage.answers()[0]));
    assert_eq!(stage.restart().consumer(2, Exclusive, "a").got(2), [0, 1], "the last one is lost");
}

#[test]
fn a_stop_stores_everything_and_then_closes_the_sockets() {
    let mut stage = Stage::with_knobs(|knobs| knobs.answers = Answers::BeforeStoring);
    stage.producer().consumer(2, Exclusive, "a").publish([0]);
    stage.tell(Input::Stop);
    assert!(stage.broker.is_idle());
    assert_eq!(stage.closed(), [TILL, 2]);
    assert_eq!(stage.restart().consumer(2, Exclusive, "a").got(2), [0]);
}

#[test]
fn a_stop_does_not_wait_for_a_disk_that_refuses() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish([0]).ack(2, [0]);
    stage.disk_fails = true;
    stage.tell(Input::Stop);
    assert!(stage.broker.is_idle());
    assert_eq!(stage.closed(), [TILL, 2]);
}

#[test]
fn memory_and_disk_are_flat_in_what_everybody_has_acknowledged() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a");
    stage.publish([0]);
    for round in 0..20 {
        let numbers = 1 + round * 100..1 + (round + 1) * 100;
        stage.publish(numbers.clone()).ack(2, numbers);
        stage.outputs.clear();
    }
    assert_eq!(stage.kept(), 1, "the one that is stuck, although it is the oldest");
    let appended = stage.disk.len() as u64;
    assert!(appended < 4096 || stage.broker.snapshot(appended).is_some());
    stage.compact();
    assert!(stage.disk.len() < 10, "{}", stage.disk.len());
    assert_eq!(stage.restart().consumer(2, Exclusive, "a").got(2), [0]);
    stage.producer().publish([2001]);
    assert_eq!(stage.got(2), [2001]);
}

#[test]
fn nobody_needs_what_no_subscription_is_for() {
    let mut stage = Stage::new();
    stage.producer().publish(0..10);
    assert_eq!((stage.kept(), stage.answers().len()), (0, 10));
}

#[test]
fn what_is_not_acknowledged_is_forgotten_when_its_time_is_over() {
    let mut stage = Stage::with(|plan| plan.time_to_live = Duration::from_secs(60));
    stage.producer().consumer(2, Exclusive, "a").close(2).publish([0]).after(30 * SECOND).publish([1]);
    stage.after(31 * SECOND);
    assert_eq!(stage.kept(), 1);
    stage.after(2 * SECOND).restart();
    assert_eq!(stage.consumer(2, Exclusive, "a").got(2), [1]);
}

#[test]
fn a_reader_begins_where_it_says_and_needs_no_subscription() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish(0..4);
    let reader = |from| Attachment::Reader { topic: orders(), name: "r".into(), queue: 2, from };
    let id = stage.id(2, 1);
    stage.attach(3, reader(ReadFrom::Earliest)).attach(4, reader(ReadFrom::After(id)));
    stage.attach(5, reader(ReadFrom::Latest)).attach(6, reader(ReadFrom::After("?".into())));
    assert_eq!(stage.refused(), [(6, 400)]);
    assert_eq!((stage.got(3), stage.got(4), stage.got(5)), (vec![0, 1], vec![2, 3], vec![]), "as far as there is room");
    stage.ack(2, 0..4).ack(3, [0, 1]).publish([4]);
    assert_eq!((stage.got(3), stage.got(4), stage.got(5)), (vec![2, 3], vec![], vec![4]));
    stage.ack(2, [4]).close(3).close(4);
    assert_eq!(stage.kept(), 0, "what nobody will read is not kept");
}
