//! A broker that dies remembers what is on its disk, in every mode.
use super::*;
use SubscriptionMode::{Exclusive, Failover, KeyShared, Shared};

/// Two consumers, some acknowledgements on the disk, some not: what comes again after a crash?
fn after_a_crash(mode: SubscriptionMode, compacts: bool) -> (Vec<u64>, Vec<u64>) {
    let mut stage = Stage::new();
    stage.producer().consumer(2, mode, "a");
    if mode != Exclusive {
        stage.consumer(3, mode, "b");
    }
    stage.publish(0..10);
    let got = [stage.got(2), stage.got(3)].concat();
    assert_eq!(got.len(), 10);
    let ack = |stage: &mut Stage, number| {
        let holder = if stage.ids.contains_key(&(2, number)) { 2 } else { 3 };
        stage.ack(holder, [number]);
    };
    ack(&mut stage, 0);
    ack(&mut stage, 4);
    stage.after(SECOND);
    // This one is acknowledged in memory only.
    ack(&mut stage, 5);
    if compacts {
        stage.compact();
    }
    stage.restart().consumer(2, mode, "a").producer().publish([10]);
    let again = stage.got(2);
    stage.close(2).consumer(3, mode, "b").after(SECOND);
    (again, stage.got(3))
}

#[test]
fn an_exclusive_consumer_gets_what_is_unacked_again_in_order_and_then_what_is_new() {
    let expected = vec![1, 2, 3, 5, 6, 7, 8, 9, 10];
    assert_eq!(after_a_crash(Exclusive, false), (expected.clone(), expected));
}

#[test]
fn the_active_consumer_gets_what_is_unacked_again_in_order_and_then_what_is_new() {
    let expected = vec![1, 2, 3, 5, 6, 7, 8, 9, 10];
    assert_eq!(after_a_crash(Failover, false), (expected.clone(), expected));
}

#[test]
fn shared_consumers_get_what_is_unacked_again() {
    let expected = vec![1, 2, 3, 5, 6, 7, 8, 9, 10];
    assert_eq!(after_a_crash(Shared, false), (expected.clone(), expected));
}

#[test]
fn key_shared_consumers_get_what_is_unacked_again() {
    let expected = vec![1, 2, 3, 5, 6, 7, 8, 9, 10];
    assert_eq!(after_a_crash(KeyShared, false), (expected.clone(), expected));
}

#[test]
fn a_disk_that_was_summed_up_tells_the_same_and_more_of_what_was_in_memory() {
    let expected = vec![1, 2, 3, 6, 7, 8, 9, 10];
    for mode in [Exclusive, Failover, Shared, KeyShared] {
        assert_eq!(after_a_crash(mode, true), (expected.clone(), expected.clone()));
    }
}

#[test]
fn what_is_stored_is_told_of_once_more_after_a_crash_under_the_same_number() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish([0, 1]);
    let stored = |stage: &mut Stage| {
        stage.take(|output| match output {
            Output::RecordOnce { serial, event: Event::Stored { message } } => Some((*serial, message.number)),
            _ => None,
        })
    };
    assert_eq!(stored(&mut stage), [(0, 0), (1, 1)]);
    stage.restart();
    assert_eq!(stored(&mut stage), [(0, 0), (1, 1)]);
    stage.compact().restart().producer().publish([2]);
    assert_eq!(stored(&mut stage).last(), Some(&(2, 2)), "a new one has a new number");
}

#[test]
fn ids_are_the_same_after_a_crash_and_new_ones_are_of_a_new_ledger() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish([0]);
    let before = stage.id(2, 0);
    stage.restart().consumer(2, Exclusive, "a").producer().publish([1]);
    assert_eq!((stage.id(2, 0), stage.id(2, 1)), (before, "CAIQAQ==".into()));
}

#[test]
fn acknowledgements_that_the_disk_refused_are_written_later() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish(0..3).ack(2, [0, 2]);
    stage.disk_fails = true;
    stage.after(SECOND * 3 / 2);
    stage.disk_fails = false;
    stage.after(SECOND).restart().consumer(2, Exclusive, "a");
    assert_eq!(stage.got(2), [1]);
}

#[test]
fn a_stream_made_again_after_its_deletion_never_uses_a_position_twice() {
    let mut stage = Stage::new();
    stage.producer().consumer(2, Exclusive, "a").publish([0, 1]);
    let old = stage.id(2, 1);
    assert!(matches!(stage.call(Call::Delete { topic: orders(), force: true }), Answer::Done { status: 202, .. }));
    assert_eq!(stage.closed(), [TILL, 2]);
    stage.producer().consumer(2, Exclusive, "a").publish([2]).tell(Input::Ack { socket: 2, id: old });
    stage.restart().consumer(2, Exclusive, "a");
    assert_eq!(stage.got(2), [2]);
}
