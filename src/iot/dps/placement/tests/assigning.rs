//! Where a device is sent that asks.
use super::*;

#[test]
fn an_unknown_device_of_the_group_is_assigned_once_its_hub_has_it() {
    let mut town = Town::new(2);
    town.register("xyz");
    assert_eq!(town.placement.status("xyz"), Status::Assigning);
    assert_eq!(town.kept["xyz"].belongs, A);
    town.tell(Input::Poll("xyz".into()));
    assert_eq!(town.placement.status("xyz"), Status::Assigning, "hub-a does not know it yet");
    assert_eq!(town.under_way.len(), 1);
    town.deliver_all();
    assert_eq!(town.holders("xyz"), [A]);
    assert!(matches!(town.placement.status("xyz"), Status::Assigned(r) if r.belongs == A && r.generation == 1));
    assert_eq!(town.allocations(), [("hub-a".into(), Reason::Initial)]);
}

#[test]
fn devices_spread_evenly_in_file_order() {
    let mut town = Town::new(2);
    let hubs = ["one", "two", "three", "four"].map(|device| town.provision(device));
    assert_eq!(hubs, [Some(A), Some(B), Some(A), Some(B)]);
}

#[test]
fn a_device_whose_hub_is_down_gets_another_and_the_old_one_is_owed_a_removal() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fall(A);
    assert_eq!(town.provision("xyz"), Some(B));
    assert_eq!(town.kept["xyz"].owed, BTreeMap::from([(A, 1)]));
    assert_eq!(town.holders("xyz"), [A, B], "hub-a, being dead, could not be told");
    assert_eq!(town.allocations()[1], ("hub-b".into(), Reason::Failover));
}

#[test]
fn a_hub_that_looks_down_moves_nobody_who_does_not_ask() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fall(A);
    town.pass(10 * REBALANCE_AFTER);
    assert_eq!(town.under_way, []);
    assert_eq!(town.kept["xyz"].belongs, A);
    town.rise(A);
    assert_eq!(town.provision("xyz"), Some(A));
    assert_eq!(town.kept["xyz"].generation, 1);
}

#[test]
fn without_a_usable_hub_everybody_waits_and_is_assigned_when_one_returns() {
    let mut town = Town::new(2);
    town.provision("old");
    town.fall(A);
    town.fall(B);
    assert!(!town.placement.may_place_soon());
    assert_eq!(town.provision("old"), None);
    assert_eq!(town.provision("new"), None);
    assert!(town.placement.registration("new").is_none());
    town.rise(B);
    assert_eq!(town.provision("new"), Some(B));
    assert_eq!(town.provision("old"), Some(B));
}

#[test]
fn a_device_is_moved_on_when_its_new_hub_falls_before_it_has_the_device() {
    let mut town = Town::new(3);
    town.provision("xyz");
    town.fall(A);
    town.register("xyz");
    town.deliver(0, Fate::Lost);
    town.fall(B);
    town.tell(Input::Poll("xyz".into()));
    town.deliver_all();
    assert!(matches!(town.placement.status("xyz"), Status::Assigned(r) if r.belongs == HubIndex(2)));
}

#[test]
fn registering_again_renews_the_registration_at_the_hub() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.hubs[0].registered.clear();
    town.register("xyz");
    assert_eq!(town.placement.status("xyz"), Status::Assigning);
    town.deliver_all();
    assert_eq!(town.holders("xyz"), [A]);
    assert_eq!(town.allocations().len(), 1, "nothing was decided anew");
}

#[test]
fn after_a_restart_it_knows_homes_assignments_and_what_it_owes() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.provision("other");
    town.fall(A);
    town.provision("xyz");
    town.restart();
    assert_eq!(town.placement.status("xyz"), Status::Assigning, "until it asks");
    assert_eq!(town.provision("xyz"), Some(B));
    town.rise(A);
    town.deliver_all();
    assert_eq!(town.holders("xyz"), [B]);
    town.pass(REBALANCE_AFTER);
    town.deliver_all();
    assert_eq!(town.provision("xyz"), Some(A));
}

#[test]
fn a_new_device_waits_until_every_hub_was_asked_for_its_health() {
    let mut town = Town::new(2);
    town.placement = Placement::new(Policy::Even, REBALANCE_AFTER, &names(2), BTreeMap::new());
    town.tell(Input::Checked(A, Check::Answered(SECOND)));
    town.tell(Input::Checked(B, Check::Missed));
    assert_eq!(town.provision("one"), None);
    assert!(town.placement.may_place_soon());
    town.tell(Input::Checked(B, Check::Answered(SECOND)));
    assert_eq!([town.provision("one"), town.provision("two")], [Some(A), Some(B)]);
}

#[test]
fn after_a_restart_nobody_is_moved_before_its_hub_was_asked_for_its_health() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.placement = Placement::new(Policy::Even, REBALANCE_AFTER, &names(2), town.kept.clone());
    town.tell(Input::Checked(A, Check::Missed));
    town.tell(Input::Checked(B, Check::Answered(SECOND)));
    assert_eq!(town.provision("xyz"), None);
    town.tell(Input::Checked(A, Check::Answered(SECOND)));
    assert_eq!(town.provision("xyz"), Some(A));
    assert_eq!(town.kept["xyz"].generation, 1);
}

#[test]
fn a_model_is_kept_as_it_was_last_named() {
    let mut town = Town::new(2);
    let named = |model: Option<&str>| Input::Register { device: "xyz".into(), model: model.map(str::to_owned) };
    for (model, kept) in [(None, None), (Some("a"), Some("a")), (None, Some("a")), (Some("b"), Some("b"))] {
        town.tell(named(model));
        assert_eq!(town.kept["xyz"].model.as_deref(), kept);
    }
    town.restart();
    assert_eq!(town.placement.registration("xyz").unwrap().model.as_deref(), Some("b"));
}
