//! What is asked over REST.
use super::*;
use crate::streams::plan::Scope;
use SubscriptionMode::{Exclusive, Shared};
use serde_json::{Value, json};

fn status(answer: &Answer) -> u16 {
    match answer {
        Answer::Done { status, .. } => *status,
        Answer::Refused(refusal) => refusal.status,
    }
}

fn result(answer: Answer) -> Value {
    match answer {
        Answer::Done { result: Some(Value::String(text)), .. } => serde_json::from_str(&text).unwrap(),
        Answer::Done { result: Some(value), .. } => value,
        other => panic!("{other:?}"),
    }
}

fn name() -> String {
    "workers".into()
}

#[test]
fn a_stream_is_created_once() {
    let mut stage = Stage::new();
    let create = || Call::Create { topic: orders() };
    assert_eq!(
        stage.call(create()),
        Answer::Done { status: 202, result: Some(json!({ "stream-id": "c8globals.orders" })) }
    );
    assert_eq!(status(&stage.call(create())), 409);
    stage.restart();
    assert_eq!(status(&stage.call(create())), 409);
}

#[test]
fn of_two_who_create_a_stream_at_once_one_is_refused() {
    let mut stage = Stage::new();
    for ticket in [1, 2] {
        stage.tell_only(Input::Rest { ticket, call: Call::Create { topic: orders() } });
    }
    while stage.write() {}
    let statuses = stage.take(|output| match output {
        Output::Reply(ticket, answer) => Some((*ticket, status(answer))),
        _ => None,
    });
    assert_eq!(statuses, [(1, 202), (2, 409)]);
}

#[test]
fn what_the_disk_refuses_is_not_done() {
    let mut stage = Stage::new();
    stage.disk_fails = true;
    assert_eq!(status(&stage.call(Call::Create { topic: orders() })), 503);
    stage.disk_fails = false;
    assert_eq!(status(&stage.call(Call::Create { topic: orders() })), 202);
}

#[test]
fn streams_are_listed_by_their_scope() {
    let mut stage = Stage::new();
    stage.call(Call::Create { topic: orders() });
    stage.call(Call::Create { topic: Topic::new(Scope::Local, "notes") });
    let mut topics = |scope| {
        let list = result(stage.call(Call::List { scope }));
        list.as_array().unwrap().iter().map(|one| one["topic"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(topics(None), ["c8globals.orders", "c8locals.notes"]);
    assert_eq!(topics(Some(Scope::Global)), ["c8globals.orders"]);
    let list = result(stage.call(Call::List { scope: Some(Scope::Local) }));
    assert_eq!((&list[0]["local"], &list[0]["type"], &list[0]["db"]), (&json!(true), &json!(4), &json!("_system")));
}

#[test]
fn a_stream_in_use_is_deleted_only_by_force() {
    let mut stage = Stage::new();
    let delete = |force| Call::Delete { topic: orders(), force };
    assert_eq!(status(&stage.call(delete(false))), 404);
    stage.producer();
    assert_eq!(status(&stage.call(delete(false))), 412);
    assert_eq!(status(&stage.call(delete(true))), 202);
    assert_eq!(stage.closed(), [TILL]);
    stage.restart();
    assert_eq!(status(&stage.call(delete(true))), 404);
}

#[test]
fn a_message_is_published_over_rest() {
    let mut stage = Stage::new();
    let publish = || Call::Publish { topic: orders(), message: message(0) };
    assert_eq!(status(&stage.call(publish())), 404);
    stage.consumer(2, Exclusive, "a");
    assert_eq!(status(&stage.call(publish())), 200);
    assert_eq!(stage.got(2), [0]);
}

#[test]
fn a_subscription_is_deleted_when_nobody_consumes() {
    let mut stage = Stage::new();
    let delete = || Call::DeleteSubscription { topic: orders(), subscription: name() };
    assert_eq!(status(&stage.call(delete())), 404);
    stage.producer().consumer(2, Shared, "a");
    assert_eq!(status(&stage.call(delete())), 412);
    let everywhere = |name: &str| Call::DeleteSubscriptionEverywhere { subscription: name.into(), scope: None };
    assert_eq!(status(&stage.call(everywhere("workers"))), 412);
    assert_eq!(status(&stage.call(everywhere("nobody"))), 404);
    stage.close(2).publish([0]);
    assert_eq!((status(&stage.call(delete())), stage.kept()), (200, 0));
    stage.consumer(2, Shared, "a").close(2);
    assert_eq!(status(&stage.call(everywhere("workers"))), 200);
    assert_eq!(result(stage.call(Call::Subscriptions { topic: orders() })), json!([]));
}

#[test]
fn a_backlog_is_counted_and_cleared_durably() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Shared, "a").publish(0..5).ack(2, [1]);
    let backlog = |stage: &mut Stage| {
        result(stage.call(Call::Backlog { topic: orders() }))["cursorDetails"]["workers"]["cursorBacklog"].clone()
    };
    assert_eq!(backlog(&mut stage), json!(4));
    assert_eq!(status(&stage.call(Call::ClearBacklog { subscription: Some(name()), scope: None })), 200);
    assert_eq!((backlog(&mut stage), stage.kept()), (json!(0), 0));
    stage.restart().consumer(2, Shared, "a");
    stage.outputs.clear();
    assert_eq!((backlog(&mut stage), stage.got(2)), (json!(0), vec![]));
}

#[test]
fn stats_tell_who_is_active() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, SubscriptionMode::Failover, "a").consumer(3, SubscriptionMode::Failover, "b");
    stage.publish(0..3);
    let stats = result(stage.call(Call::Stats { topic: orders() }));
    let workers = &stats["subscriptions"]["workers"];
    assert_eq!((&workers["type"], &workers["activeConsumerName"]), (&json!("Failover"), &json!("a")));
    assert_eq!(workers["consumers"][0]["unackedMessages"], json!(3));
    assert_eq!(stats["msgInCounter"], json!(3));
}

#[test]
fn messages_older_than_some_age_are_forgotten() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Shared, "a").publish([0]).after(10 * SECOND).publish([1]);
    assert_eq!(status(&stage.call(Call::Expire { topic: orders(), age: 5 * SECOND })), 200);
    assert_eq!(stage.kept(), 1);
    stage.restart().consumer(2, Shared, "a");
    assert_eq!(stage.got(2), [1]);
}

#[test]
fn the_time_to_live_is_changed_for_good() {
    let mut stage = Stage::new();
    assert_eq!(result(stage.call(Call::Ttl)), json!(72 * 3600));
    stage.producer().consumer(2, Shared, "a").publish([0]);
    assert_eq!(status(&stage.call(Call::SetTtl { time_to_live: 20 * SECOND })), 200);
    stage.restart();
    assert_eq!(result(stage.call(Call::Ttl)), json!(20));
    stage.after(21 * SECOND);
    assert_eq!(stage.kept(), 0);
}
