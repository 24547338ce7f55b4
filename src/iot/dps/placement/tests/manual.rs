//! What operators ask for.
use super::*;

#[test]
fn a_manual_failover_moves_the_device_and_reverts_when_its_time_is_over() {
    let mut town = Town::new(2);
    town.provision("xyz");
    assert_eq!(town.fail_over("xyz", 300 * SECOND), Ok(A));
    // It is removed at its own hub, which closes its connection; then it asks.
    assert_eq!(town.under_way, [("xyz".into(), Errand { hub: A, kind: ErrandKind::Remove, generation: 1 })]);
    assert_eq!(town.provision("xyz"), Some(B));
    assert_eq!(town.holders("xyz"), [B]);
    town.pass(299 * SECOND);
    assert_eq!(town.provision("xyz"), Some(B), "though its home has settled long ago");
    town.pass(SECOND);
    assert_eq!(town.under_way, [("xyz".into(), Errand { hub: B, kind: ErrandKind::Remove, generation: 2 })]);
    assert_eq!(town.provision("xyz"), Some(A));
    assert_eq!(town.kept["xyz"].away, None);
    let whole = [("hub-a", Reason::Initial), ("hub-b", Reason::ManualFailover), ("hub-a", Reason::Revert)];
    assert_eq!(town.allocations(), whole.map(|(hub, reason)| (hub.to_owned(), reason)));
}

#[test]
fn a_manual_failback_brings_the_device_home_at_once_and_nothing_reverts_later() {
    let mut town = Town::with_xyz_failed_over();
    assert_eq!(town.fail_back("xyz"), Ok(A));
    assert_eq!(town.provision("xyz"), Some(A));
    town.pass(400 * SECOND);
    let last = town.allocations().pop();
    assert_eq!(last, Some(("hub-a".into(), Reason::ManualFailback)));
    assert_eq!(town.fail_back("xyz"), Err(ManualError::NotAway));
}

#[test]
fn what_operators_cannot_have_moves_nothing() {
    let mut town = Town::new(2);
    assert_eq!(town.fail_over("xyz", SECOND), Err(ManualError::Unknown));
    assert_eq!(town.fail_back("xyz"), Err(ManualError::Unknown));
    town.provision("xyz");
    assert_eq!(town.fail_back("xyz"), Err(ManualError::NotAway));
    town.fall(B);
    assert_eq!(town.fail_over("xyz", SECOND), Err(ManualError::NoHealthyHub));
    assert_eq!((town.under_way.len(), town.kept["xyz"].generation), (0, 1));
    town.rise(B);
    town.fail_over("xyz", 300 * SECOND).unwrap();
    assert_eq!(town.fail_over("xyz", 300 * SECOND), Err(ManualError::Away));
    town.fall(A);
    assert_eq!(town.fail_back("xyz"), Err(ManualError::NoHealthyHub));
    assert_eq!(town.kept["xyz"].generation, 2);
}

#[test]
fn a_revert_waits_for_a_healthy_home() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fail_over("xyz", 60 * SECOND).unwrap();
    town.provision("xyz");
    town.fall(A);
    town.pass(100 * SECOND);
    assert_eq!(town.provision("xyz"), Some(B));
    town.rise(A);
    // At once, and not only when its home has settled.
    assert_eq!(town.under_way, [("xyz".into(), Errand { hub: B, kind: ErrandKind::Remove, generation: 2 })]);
    assert_eq!(town.provision("xyz"), Some(A));
    assert_eq!(town.allocations().pop(), Some(("hub-a".into(), Reason::Revert)));
}

#[test]
fn a_manual_failover_survives_a_restart_of_the_service() {
    let mut town = Town::with_xyz_failed_over();
    town.pass(100 * SECOND);
    town.restart();
    assert_eq!(town.fail_over("xyz", SECOND), Err(ManualError::Away));
    town.pass(199 * SECOND);
    assert_eq!(town.provision("xyz"), Some(B));
    assert_eq!(town.allocations().pop(), Some(("hub-b".into(), Reason::ManualFailover)), "said again, as it was");
    town.pass(SECOND);
    assert_eq!(town.provision("xyz"), Some(A));
}

#[test]
fn a_device_whose_manual_hub_fails_goes_home_and_is_no_longer_away() {
    let mut town = Town::with_xyz_failed_over();
    town.fall(B);
    assert_eq!(town.provision("xyz"), Some(A));
    assert_eq!(town.allocations().pop(), Some(("hub-a".into(), Reason::Failover)));
    assert_eq!(town.kept["xyz"].away, None);
}
