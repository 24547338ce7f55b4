//! Shared and key-shared: messages are dealt out to all.
use super::*;
use crate::streams::broker::input::DeadLetter;
use crate::streams::knobs::{Shares, Turns};
use SubscriptionMode::{KeyShared, Shared};

#[test]
fn consumers_take_turns_as_far_as_they_have_room() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Shared, "a").consumer_with(3, Shared, |options| options.queue = 1);
    stage.consumer(4, Shared, "c").publish(0..7);
    assert_eq!((stage.got(2), stage.got(3), stage.got(4)), (vec![0, 3, 5], vec![1], vec![2, 4, 6]));
    stage.ack(3, [1]).publish([7, 8]);
    assert_eq!((stage.got(2), stage.got(3), stage.got(4)), (vec![7], vec![8], vec![]));
}

#[test]
fn with_nobody_who_has_room_messages_wait() {
    let mut stage = Stage::new();
    stage.producer().consumer_with(2, Shared, |options| options.queue = 1).publish(0..3);
    assert_eq!(stage.got(2), [0]);
    stage.ack(2, [0]);
    assert_eq!(stage.got(2), [1]);
}

#[test]
fn the_highest_rank_comes_first_as_long_as_it_has_room() {
    let mut stage = Stage::new();
    stage.producer().consumer_with(2, Shared, |options| options.priority = 1);
    stage.consumer_with(3, Shared, |options| options.queue = 2).publish(0..3);
    assert_eq!((stage.got(2), stage.got(3)), (vec![2], vec![0, 1]));
}

#[test]
fn first_with_room_favours_the_first() {
    let mut stage = Stage::with_knobs(|knobs| knobs.turns = Turns::FirstWithRoom);
    stage.producer().consumer_with(2, Shared, |options| options.queue = 3).consumer(3, Shared, "b").publish(0..4);
    assert_eq!((stage.got(2), stage.got(3)), (vec![0, 1, 2], vec![3]));
}

#[test]
fn what_a_lost_consumer_had_goes_to_the_others_once_and_is_counted() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Shared, "a").consumer(3, Shared, "b").publish(0..6);
    stage.ack(2, [2]).ack(3, [1]).got(3);
    stage.close(2);
    assert_eq!(stage.got_counted(3), [(0, 1), (4, 1)]);
    stage.ack(3, [0, 3, 4, 5]);
    assert_eq!(stage.kept(), 0);
}

#[test]
fn a_message_given_back_is_sent_again_by_itself_and_one_that_is_acknowledged_meanwhile_is_not() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Shared, "a").publish(0..3).nack(2, 0).nack(2, 1).ack(2, [1]).got(2);
    stage.after(60 * SECOND);
    assert_eq!(stage.got_counted(2), [(0, 1)]);
    assert_eq!(stage.nack(2, 0).after(60 * SECOND).got_counted(2), [(0, 2)]);
}

#[test]
fn a_message_not_acknowledged_in_time_goes_to_the_next_one_and_the_late_ack_still_counts() {
    let mut stage = Stage::new();
    stage.producer().consumer_with(2, Shared, |options| options.ack_time_out = Some(5 * SECOND)).publish([0]);
    stage.consumer(3, Shared, "b").after(5 * SECOND);
    assert_eq!((stage.got(2), stage.got(3)), (vec![0], vec![0]));
    stage.ack(2, [0]);
    assert_eq!(stage.kept(), 0);
}

#[test]
fn again_with_joiners_sends_a_message_to_two() {
    let mut stage = Stage::with_knobs(|knobs| knobs.shares = Shares::AgainWithJoiners);
    stage.producer().consumer(2, Shared, "a").publish([0, 1]).ack(2, [0]).consumer(3, Shared, "b");
    assert_eq!((stage.got(2), stage.got(3)), (vec![0, 1], vec![1]));
}

#[test]
fn a_message_that_nobody_can_handle_goes_to_the_dead_letters() {
    let mut stage = Stage::new();
    let topic = Topic::parse("c8globals.orders-workers-DLQ").unwrap();
    let letter = DeadLetter { after: 1, topic: topic.clone() };
    stage.producer().consumer_with(2, Shared, |options| options.dead_letter = Some(letter)).publish([0, 1]);
    let dead = ConsumerOptions { topic, ..options(Shared, "undertaker") };
    stage.attach(3, Attachment::Consumer(dead));
    stage.nack(2, 0).after(60 * SECOND).nack(2, 0).after(62 * SECOND);
    assert_eq!((stage.got(2), stage.got(3)), (vec![0, 1, 0], vec![0]));
    assert_eq!(stage.kept(), 1, "it is done with where it came from");
}

#[test]
fn all_messages_of_one_key_go_to_one_consumer_in_order() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, KeyShared, "a").consumer(3, KeyShared, "b");
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for (number, key) in (0..).zip(keys.iter().cycle().take(32)) {
        stage.publish_keyed(number, key);
    }
    let (first, second) = (stage.got(2), stage.got(3));
    let keys_of = |numbers: &[u64]| numbers.iter().map(|number| number % 8).collect::<std::collections::BTreeSet<_>>();
    assert!(keys_of(&first).is_disjoint(&keys_of(&second)) && !first.is_empty() && !second.is_empty());
    assert!(first.is_sorted() && second.is_sorted());
    assert_eq!(first.len() + second.len(), 32);
}

#[test]
fn a_joiner_gets_a_key_when_what_the_one_before_has_of_it_is_settled() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, KeyShared, "a");
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for (number, key) in (0..).zip(keys) {
        stage.publish_keyed(number, key);
    }
    stage.got(2);
    stage.consumer(3, KeyShared, "b");
    for (number, key) in (8..).zip(keys) {
        stage.publish_keyed(number, key);
    }
    let stayed = stage.got(2);
    assert_eq!(stage.got(3), [0_u64; 0], "every key is still in the other's hands");
    let moved: Vec<_> = (8..16).filter(|number| !stayed.contains(number)).collect();
    assert!(!moved.is_empty() && !stayed.is_empty());
    stage.ack(2, [moved[0] - 8]);
    assert_eq!(stage.got(3), [moved[0]], "its predecessor was the last that was held of this key");
    stage.close(2);
    let rest = stage.got(3);
    assert_eq!(rest.len(), 8 - 1 + 8 - 1, "all the others: {rest:?}");
}

#[test]
fn a_consumer_without_room_does_not_keep_other_keys_from_other_consumers() {
    let mut stage = Stage::new();
    stage.producer().consumer_with(2, KeyShared, |options| options.queue = 1).consumer(3, KeyShared, "b");
    for number in 0..40 {
        stage.publish_keyed(number, &format!("key-{number}"));
    }
    let (stuck, free) = (stage.got(2), stage.got(3));
    assert_eq!(stuck.len(), 1);
    assert!(free.len() > 10, "{free:?}");
    stage.ack(2, stuck);
    assert_eq!(stage.got(2).len(), 1);
}
