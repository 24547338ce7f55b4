//! A hub that returns: what it missed, and the devices whose home it is.
use super::*;

#[test]
fn a_hub_that_returns_first_hears_of_the_removals_that_it_missed() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fall(A);
    town.provision("xyz");
    town.rise(A);
    assert_eq!(town.under_way, [("xyz".into(), Errand { hub: A, kind: ErrandKind::Remove, generation: 1 })]);
    // Until then nobody is sent there.
    town.register("new");
    assert_eq!(town.kept["new"].belongs, B);
    town.deliver_all();
    assert_eq!(town.holders("xyz"), [B]);
    assert_eq!(town.provision("newer"), Some(A));
}

#[test]
fn a_removal_that_a_returned_hub_does_not_answer_is_sent_again_every_second() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fall(A);
    town.provision("xyz");
    town.rise(A);
    town.deliver(0, Fate::Lost);
    assert_eq!(town.under_way, []);
    town.pass(RETRY_AFTER);
    town.deliver(0, Fate::Unanswered);
    town.pass(RETRY_AFTER);
    town.deliver_all();
    assert_eq!(town.holders("xyz"), [B]);
    assert!(town.kept["xyz"].owed.is_empty());
}

#[test]
fn after_a_while_at_home_a_hub_calls_its_devices_back() {
    let mut town = Town::with_xyz_away();
    town.pass(REBALANCE_AFTER - SECOND);
    assert_eq!(town.under_way, []);
    assert_eq!(town.provision("xyz"), Some(B), "one that asks before stays");
    town.pass(SECOND);
    // It is removed at hub-b, which closes its connection; then it asks.
    assert_eq!(town.under_way, [("xyz".into(), Errand { hub: B, kind: ErrandKind::Remove, generation: 2 })]);
    town.deliver_all();
    assert_eq!(town.holders("xyz"), []);
    assert_eq!(town.provision("xyz"), Some(A));
    assert_eq!(town.holders("xyz"), [A]);
    let whole = [("hub-a", Reason::Initial), ("hub-b", Reason::Failover), ("hub-a", Reason::Rebalance)];
    assert_eq!(town.allocations(), whole.map(|(hub, reason)| (hub.to_owned(), reason)));
}

#[test]
fn a_device_that_asks_while_it_is_called_home_waits_until_the_other_hub_has_let_go() {
    let mut town = Town::with_xyz_called_home();
    town.register("xyz");
    assert_eq!(town.under_way.len(), 1, "only the removal at hub-b");
    town.deliver(0, Fate::Answered);
    assert_eq!(town.under_way, [("xyz".into(), Errand { hub: A, kind: ErrandKind::Register, generation: 3 })]);
}

#[test]
fn a_hub_that_fails_a_removal_holds_the_device_up_only_once() {
    let mut town = Town::with_xyz_called_home();
    town.register("xyz");
    town.deliver(0, Fate::Lost);
    town.deliver(0, Fate::Answered);
    assert!(matches!(town.placement.status("xyz"), Status::Assigned(r) if r.belongs == A));
    town.pass(RETRY_AFTER);
    town.deliver_all();
    assert_eq!(town.holders("xyz"), [A]);
}

#[test]
fn a_home_that_fails_again_before_its_device_asked_sends_it_elsewhere() {
    let mut town = Town::with_xyz_called_home();
    town.deliver_all();
    town.fall(A);
    assert_eq!(town.provision("xyz"), Some(B));
    assert_eq!(town.allocations()[3], ("hub-b".into(), Reason::Failover));
}

#[test]
fn a_device_is_not_called_from_a_hub_that_cannot_be_told_until_that_hub_is_back() {
    let mut town = Town::with_xyz_away();
    town.fall(B);
    town.pass(REBALANCE_AFTER);
    assert_eq!(town.kept["xyz"].belongs, B);
    town.rise(B);
    town.pass(REBALANCE_AFTER);
    town.deliver_all();
    assert_eq!(town.provision("xyz"), Some(A));
}
