//! Exclusive and failover: one gets everything, in order.
use super::*;
use crate::streams::knobs::{GivenBack, Promotes, TakesOverAt, TimedOutRoom};
use SubscriptionMode::{Exclusive, Failover};

fn selecting(selection: Selection) -> Stage {
    Stage::with(|plan| plan.subscriptions[0].selection = selection)
}

#[test]
fn the_standby_takes_over_every_unacked_message_in_order_after_the_delay_and_then_what_is_new() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Failover, "a").consumer(3, Failover, "b").publish(0..4).ack(2, [1]);
    assert_eq!((stage.got(2), stage.got(3)), (vec![0, 1, 2, 3], vec![]));
    stage.close(2).publish([4]);
    stage.after(SECOND / 2);
    assert_eq!(stage.got(3), [0_u64; 0], "the delay");
    stage.after(SECOND / 2);
    assert_eq!(stage.got(3), [0, 2, 3, 4]);
    assert_eq!(stage.activated(), [("a".into(), 0), ("b".into(), 3)]);
}

#[test]
fn every_dispatch_is_told_of_and_whether_it_is_not_the_first() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Failover, "a").consumer(3, Failover, "b").publish([0]).close(2).after(SECOND);
    let dispatched = |event: &Event| match event {
        Event::Dispatched { message, to, again } => Some((message.number, to.to_string(), *again)),
        _ => None,
    };
    let all: Vec<_> = stage.events().iter().filter_map(dispatched).collect();
    assert_eq!(all, [(0, "a".into(), false), (0, "b".into(), true)]);
}

#[test]
fn what_the_one_before_acknowledges_within_the_delay_is_not_sent_again() {
    let mut stage = selecting(Selection::Sorted);
    stage.producer().consumer(2, Failover, "b").publish([0, 1]).consumer(3, Failover, "a").ack(2, [0]).after(SECOND);
    assert_eq!(stage.got(3), [1], "b holds it, too, and a stole the role");
}

#[test]
fn who_joins_takes_nothing_from_the_first_connected() {
    let mut stage = selecting(Selection::FirstConnected);
    stage.producer().consumer(2, Failover, "b");
    stage.consumer_with(3, Failover, |options| (options.name, options.priority) = ("a".into(), 0));
    stage.after(SECOND).publish([0]);
    assert_eq!((stage.got(2), stage.got(3)), (vec![0], vec![]));
}

#[test]
fn sorted_prefers_the_highest_rank_and_then_the_first_name() {
    let mut stage = selecting(Selection::Sorted);
    let ranked = |rank: u32, name: &'static str| {
        move |options: &mut ConsumerOptions| (options.priority, options.name) = (rank, name.into())
    };
    stage
        .producer()
        .consumer_with(2, Failover, ranked(1, "a"))
        .consumer_with(3, Failover, ranked(0, "c"))
        .after(SECOND);
    stage.consumer_with(4, Failover, ranked(0, "b")).after(SECOND).close(4).after(SECOND).close(3).after(SECOND);
    let names: Vec<_> = stage.activated().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "c", "b", "c", "a"]);
}

#[test]
fn on_the_hash_ring_the_joining_of_some_changes_who_is_active_and_the_leaving_of_a_standby_never_does() {
    let mut changed = Vec::new();
    for name in ["b", "c", "d", "e", "f", "g", "h"] {
        let mut stage = selecting(Selection::HashRing);
        stage.consumer(2, Failover, "a").consumer(3, Failover, name).after(SECOND);
        let active = stage.activated();
        changed.push(active.len() == 2);
        let standby = if active.len() == 2 { 2 } else { 3 };
        stage.close(standby).after(SECOND);
        assert_eq!(stage.activated(), []);
    }
    assert!(changed.contains(&true) && changed.contains(&false), "{changed:?}");
}

#[test]
fn a_second_change_within_the_delay_does_not_make_it_begin_again() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Failover, "a").consumer(3, Failover, "b").consumer(4, Failover, "c").publish([0]);
    stage.close(2).after(SECOND * 3 / 4).close(3).after(SECOND / 4);
    assert_eq!(stage.got(4), [0]);
}

#[test]
fn an_exclusive_consumer_that_comes_back_does_not_wait() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish([0, 1]).ack(2, [0]).close(2).consumer(3, Exclusive, "a");
    assert_eq!(stage.got(3), [1]);
}

#[test]
fn it_is_sent_no_more_than_it_has_room_for() {
    let mut stage = Stage::new();
    stage.producer().consumer_with(2, Exclusive, |options| options.queue = 2).publish(0..5);
    assert_eq!(stage.got(2), [0, 1]);
    stage.ack(2, [1]);
    assert_eq!(stage.got(2), [2]);
    stage.ack(2, [1, 1]);
    assert_eq!(stage.got(2), [0_u64; 0], "an acknowledgement counts once");
    stage.nack(2, 0);
    assert_eq!(stage.got(2), [3], "what it gives back frees its room at once");
}

#[test]
fn in_pull_mode_it_is_sent_what_it_asks_for_and_may_acknowledge_on_another_connection() {
    let mut stage = Stage::new();
    stage.producer().consumer_with(2, Failover, |options| options.pull = true).consumer(3, Failover, "z").publish(0..5);
    assert_eq!(stage.got(2), [0_u64; 0]);
    stage.tell(Input::Permit { socket: 2, messages: 2 });
    assert_eq!(stage.got(2), [0, 1]);
    let id = stage.id(2, 0);
    stage.tell(Input::Ack { socket: 3, id }).tell(Input::Permit { socket: 2, messages: 1 });
    assert_eq!((stage.got(2), stage.kept()), (vec![2], 4));
}

#[test]
fn a_message_given_back_brings_all_that_is_unacknowledged_again_in_order_after_its_delay() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish(0..4).ack(2, [1]).nack(2, 2);
    stage.after(59 * SECOND);
    assert_eq!(stage.got(2), [0, 1, 2, 3]);
    stage.after(SECOND);
    assert_eq!(stage.got_counted(2), [(0, 0), (2, 0), (3, 0)], "and how often is not counted");
}

#[test]
fn what_was_in_hand_when_all_is_sent_again_takes_no_room_twice() {
    let mut stage = Stage::new();
    stage.producer().consumer_with(2, Exclusive, |options| options.queue = 1).publish(0..3).nack(2, 0);
    assert_eq!(stage.got(2), [0, 1], "the room of the first is free for the second");
    stage.after(60 * SECOND);
    assert_eq!(stage.got(2), [0], "and then all begins again");
    stage.ack(2, [0]).ack(2, [1]);
    assert_eq!(stage.got(2), [1, 2], "acknowledged late, or not: it goes on");
}

#[test]
fn sends_alone_sends_a_message_that_was_given_back_after_later_ones() {
    let mut stage = Stage::with_knobs(|knobs| knobs.given_back = GivenBack::SendsAlone);
    stage.producer().consumer(2, Exclusive, "a").publish(0..3).nack(2, 0).after(60 * SECOND);
    assert_eq!(stage.got(2), [0, 1, 2, 0]);
}

#[test]
fn what_an_inactive_one_gives_back_is_not_sent_again() {
    let mut stage = selecting(Selection::Sorted);
    stage.producer().consumer(2, Failover, "b").publish([0]).consumer(3, Failover, "a").nack(2, 0).after(SECOND);
    assert_eq!(stage.got(3), [0]);
    stage.after(120 * SECOND);
    assert_eq!(stage.got(3), [0_u64; 0]);
}

#[test]
fn without_an_acknowledgement_in_time_a_message_is_sent_again_and_takes_its_room_once() {
    let mut stage = Stage::new();
    let impatient = |options: &mut ConsumerOptions| (options.queue, options.ack_time_out) = (2, Some(10 * SECOND));
    stage.producer().consumer_with(2, Exclusive, impatient).publish(0..3);
    assert_eq!(stage.got(2), [0, 1]);
    stage.after(10 * SECOND);
    assert_eq!(stage.got(2), [0, 1]);
    stage.ack(2, [0]).after(5 * SECOND);
    assert_eq!(stage.got(2), [2]);
}

#[test]
fn kept_room_of_timed_out_messages_stops_delivery_for_good() {
    let mut stage = Stage::with_knobs(|knobs| knobs.timed_out_room = TimedOutRoom::Kept);
    let impatient = |options: &mut ConsumerOptions| (options.queue, options.ack_time_out) = (2, Some(10 * SECOND));
    stage.producer().consumer_with(2, Exclusive, impatient).publish(0..3).after(60 * SECOND).ack(2, [0, 1]);
    assert_eq!(stage.got(2), [0, 1], "and never the third");
    stage.close(2).consumer(3, Exclusive, "a");
    assert_eq!(stage.got(3), [2], "until it connects again");
}

#[test]
fn newest_leaves_what_the_one_before_had_in_hand() {
    let mut stage = Stage::with_knobs(|knobs| knobs.takes_over_at = TakesOverAt::Newest);
    stage.producer().consumer(2, Failover, "a").consumer(3, Failover, "b").publish([0, 1]).close(2).after(SECOND);
    stage.publish([2]);
    assert_eq!(stage.got(3), [2]);
    assert_eq!(stage.kept(), 3, "nobody has acknowledged them");
}

#[test]
fn beside_the_old_has_two_active_ones() {
    let mut stage = Stage::with(|plan| {
        plan.subscriptions[0].selection = Selection::Sorted;
        plan.knobs.promotes = Promotes::BesideTheOld;
    });
    stage.producer().consumer(2, Failover, "b").consumer(3, Failover, "a").after(SECOND).publish(0..4);
    let (old, new) = (stage.got(2), stage.got(3));
    assert_eq!((old.len(), new.len()), (2, 2), "{old:?} {new:?}");
    stage.close(2).close(3).consumer(4, Failover, "c").after(SECOND);
    assert_eq!(stage.got(4), [0, 1, 2, 3]);
}
