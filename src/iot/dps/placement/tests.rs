use super::*;
use crate::history::Reason;
use proptest::prelude::*;
use std::time::UNIX_EPOCH;

const A: HubIndex = HubIndex(0);
const B: HubIndex = HubIndex(1);
const SECOND: Duration = Duration::from_secs(1);
const REBALANCE_AFTER: Duration = Duration::from_secs(30);

/// A provisioning service, its hubs, and the errands between them.
struct Town {
    placement: Placement,
    now: Duration,
    /// What is on the service's disk.
    kept: BTreeMap<Name, Registration>,
    hubs: Vec<FakeHub>,
    /// Errands that are under way, oldest first.
    under_way: Vec<(Name, Errand)>,
    /// Errands that their asker gave up, and that may still arrive.
    lingering: Vec<(Name, Errand)>,
    recorded: Vec<Event>,
}

/// A hub as it should be: an errand that comes late undoes nothing newer.
#[derive(Default)]
struct FakeHub {
    up: bool,
    registered: BTreeMap<Name, u64>,
    removed: BTreeMap<Name, u64>,
}

impl FakeHub {
    fn carry_out(&mut self, device: &Name, errand: Errand) {
        let removed = self.removed.entry(device.clone()).or_default();
        match errand.kind {
            ErrandKind::Register if errand.generation > *removed => {
                let held = self.registered.entry(device.clone()).or_default();
                *held = (*held).max(errand.generation);
            }
            ErrandKind::Register => {}
            ErrandKind::Remove => {
                *removed = errand.generation.max(*removed);
                if self.registered.get(device).is_some_and(|held| *held <= errand.generation) {
                    self.registered.remove(device);
                }
            }
        }
    }
}

fn names(hubs: usize) -> Vec<Name> {
    (0..hubs).map(|hub| format!("hub-{}", (b'a' + hub as u8) as char).into()).collect()
}

impl Town {
    /// Two hubs or more, both known to be up.
    fn new(hubs: usize) -> Self {
        let mut town = Self {
            placement: Placement::new(Policy::Even, REBALANCE_AFTER, &names(hubs), BTreeMap::new()),
            now: Duration::ZERO,
            kept: BTreeMap::new(),
            hubs: (0..hubs).map(|_| FakeHub { up: true, ..FakeHub::default() }).collect(),
            under_way: Vec::new(),
            lingering: Vec::new(),
            recorded: Vec::new(),
        };
        town.check_hubs();
        town
    }
    fn tell(&mut self, input: Input) {
        let outputs = self.placement.handle(self.moment(), input);
        self.carry(outputs);
    }
    fn moment(&self) -> Moment {
        Moment { now: self.now, wall_clock: UNIX_EPOCH + self.now }
    }
    fn carry(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Keep(device) => {
                    let registration = self.placement.registration(&device).unwrap().clone();
                    self.kept.insert(device, registration);
                }
                Output::Run(device, errand) => self.under_way.push((device, errand)),
                Output::Record(event) => self.recorded.push(event),
            }
        }
    }
    /// Lets time pass, second by second, with every tick in its place.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.placement.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.tell(Input::Tick);
        }
        self.now = end;
    }
    fn check_hubs(&mut self) {
        for hub in 0..self.hubs.len() {
            let check = if self.hubs[hub].up { Check::Answered(SECOND) } else { Check::Missed };
            self.tell(Input::Checked(HubIndex(hub), check));
        }
    }
    fn fall(&mut self, hub: HubIndex) {
        self.hubs[hub.0].up = false;
        self.check_hubs();
        self.check_hubs();
    }
    fn rise(&mut self, hub: HubIndex) {
        self.hubs[hub.0].up = true;
        self.check_hubs();
        self.check_hubs();
    }
    /// Carries out what is under way until nothing is.
    fn deliver_all(&mut self) {
        while !self.under_way.is_empty() {
            self.deliver(0, Fate::Answered);
        }
    }
    fn deliver(&mut self, index: usize, fate: Fate) {
        let (device, errand) = self.under_way.remove(index);
        let hub = &mut self.hubs[errand.hub.0];
        let reached = hub.up && fate != Fate::Lost;
        if reached && fate != Fate::Lingers {
            hub.carry_out(&device, errand);
        }
        if fate == Fate::Lingers {
            self.lingering.push((device.clone(), errand));
        }
        self.tell(Input::Done(device, reached && fate == Fate::Answered));
    }
    fn register(&mut self, device: &str) {
        self.tell(Input::Register { device: device.into(), model: None });
    }
    /// Registers, and polls until it is assigned: where?
    fn provision(&mut self, device: &str) -> Option<HubIndex> {
        self.register(device);
        for _ in 0..3 {
            self.deliver_all();
            self.tell(Input::Poll(device.into()));
            if let Status::Assigned(registration) = self.placement.status(device) {
                return Some(registration.belongs);
            }
        }
        None
    }
    fn fail_over(&mut self, device: &str, stay: Duration) -> Result<HubIndex, ManualError> {
        let moved = self.placement.fail_over(self.moment(), &device.into(), stay)?;
        self.carry(moved.outputs);
        Ok(moved.home)
    }
    fn fail_back(&mut self, device: &str) -> Result<HubIndex, ManualError> {
        let moved = self.placement.fail_back(self.moment(), &device.into())?;
        self.carry(moved.outputs);
        Ok(moved.home)
    }
    fn holders(&self, device: &str) -> Vec<HubIndex> {
        let holds = |(_, hub): &(usize, &FakeHub)| hub.registered.contains_key(device);
        self.hubs.iter().enumerate().filter(holds).map(|(index, _)| HubIndex(index)).collect()
    }
    fn restart(&mut self) {
        self.placement = Placement::new(Policy::Even, REBALANCE_AFTER, &names(self.hubs.len()), self.kept.clone());
        self.lingering.append(&mut self.under_way);
        self.check_hubs();
    }
    fn allocations(&self) -> Vec<(String, Reason)> {
        let allocated = |event: &Event| match event {
            Event::Allocated { to, reason, .. } => Some((to.to_string(), *reason)),
            _ => None,
        };
        self.recorded.iter().filter_map(allocated).collect()
    }
}

/// What becomes of an errand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// It never arrives.
    Lost,
    /// It is carried out, and the answer is lost.
    Unanswered,
    /// Its asker gives up, and it arrives later.
    Lingers,
}

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
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fall(A);
    town.provision("xyz");
    town.rise(A);
    town.deliver_all();
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
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fall(A);
    town.provision("xyz");
    town.rise(A);
    town.deliver_all();
    town.pass(REBALANCE_AFTER);
    town.register("xyz");
    assert_eq!(town.under_way.len(), 1, "only the removal at hub-b");
    town.deliver(0, Fate::Answered);
    assert_eq!(town.under_way, [("xyz".into(), Errand { hub: A, kind: ErrandKind::Register, generation: 3 })]);
}

#[test]
fn a_hub_that_fails_a_removal_holds_the_device_up_only_once() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fall(A);
    town.provision("xyz");
    town.rise(A);
    town.deliver_all();
    town.pass(REBALANCE_AFTER);
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
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fall(A);
    town.provision("xyz");
    town.rise(A);
    town.deliver_all();
    town.pass(REBALANCE_AFTER);
    town.deliver_all();
    town.fall(A);
    assert_eq!(town.provision("xyz"), Some(B));
    assert_eq!(town.allocations()[3], ("hub-b".into(), Reason::Failover));
}

#[test]
fn a_device_is_not_called_from_a_hub_that_cannot_be_told_until_that_hub_is_back() {
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fall(A);
    town.provision("xyz");
    town.rise(A);
    town.deliver_all();
    town.fall(B);
    town.pass(REBALANCE_AFTER);
    assert_eq!(town.kept["xyz"].belongs, B);
    town.rise(B);
    town.pass(REBALANCE_AFTER);
    town.deliver_all();
    assert_eq!(town.provision("xyz"), Some(A));
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
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fail_over("xyz", 300 * SECOND).unwrap();
    town.provision("xyz");
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
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fail_over("xyz", 300 * SECOND).unwrap();
    town.provision("xyz");
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
    let mut town = Town::new(2);
    town.provision("xyz");
    town.fail_over("xyz", 300 * SECOND).unwrap();
    town.provision("xyz");
    town.fall(B);
    assert_eq!(town.provision("xyz"), Some(A));
    assert_eq!(town.allocations().pop(), Some(("hub-a".into(), Reason::Failover)));
    assert_eq!(town.kept["xyz"].away, None);
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

#[derive(Clone, Debug)]
enum Step {
    Register(usize),
    Poll(usize),
    Fall(usize),
    Rise(usize),
    Check,
    Pass(u64),
    Deliver(usize, Fate),
    Arrive(usize),
    Restart,
    FailOver(usize, u64),
    FailBack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let fate = prop_oneof![
        4 => Just(Fate::Answered),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Unanswered),
        1 => Just(Fate::Lingers),
    ];
    prop_oneof![
        4 => (0usize..4).prop_map(Step::Register),
        4 => (0usize..4).prop_map(Step::Poll),
        1 => (0usize..3).prop_map(Step::Fall),
        2 => (0usize..3).prop_map(Step::Rise),
        4 => Just(Step::Check),
        3 => (1u64..40).prop_map(Step::Pass),
        8 => (any::<usize>(), fate).prop_map(|(which, fate)| Step::Deliver(which, fate)),
        2 => any::<usize>().prop_map(Step::Arrive),
        1 => Just(Step::Restart),
        2 => (0usize..4, 1u64..100).prop_map(|(device, stay)| Step::FailOver(device, stay)),
        1 => (0usize..4).prop_map(Step::FailBack),
    ]
}

impl Town {
    fn take(&mut self, step: Step) {
        let device = |index: usize| Name::from(format!("d{index}"));
        match step {
            Step::Register(index) => self.tell(Input::Register { device: device(index), model: None }),
            Step::Poll(index) => self.tell(Input::Poll(device(index))),
            Step::Fall(hub) => self.hubs[hub].up = false,
            Step::Rise(hub) => self.hubs[hub].up = true,
            Step::Check => self.check_hubs(),
            Step::Pass(seconds) => self.pass(Duration::from_secs(seconds)),
            Step::Deliver(which, fate) => {
                if let Some(index) = which.checked_rem(self.under_way.len()) {
                    self.deliver(index, fate);
                }
            }
            Step::Arrive(which) => {
                if let Some(index) = which.checked_rem(self.lingering.len()) {
                    let (device, errand) = self.lingering.remove(index);
                    self.hubs[errand.hub.0].carry_out(&device, errand);
                }
            }
            Step::Restart => self.restart(),
            Step::FailOver(index, stay) => {
                let before = self.kept.clone();
                if self.fail_over(&device(index), Duration::from_secs(stay)).is_err() {
                    assert_eq!(before, self.kept, "what is refused moves nothing");
                }
            }
            Step::FailBack(index) => {
                let before = self.kept.clone();
                if self.fail_back(&device(index)).is_err() {
                    assert_eq!(before, self.kept, "what is refused moves nothing");
                }
            }
        }
    }
    /// No hub holds a device that the disk does not account for, and no device is told of a hub that refuses it.
    fn agrees(&self) -> Result<(), TestCaseError> {
        for (index, hub) in self.hubs.iter().enumerate() {
            for device in hub.registered.keys() {
                let kept = &self.kept[device];
                let accounted = kept.belongs.0 == index || kept.owed.contains_key(&HubIndex(index));
                prop_assert!(accounted, "{device} at hub {index}: {kept:?}");
            }
        }
        for (device, kept) in &self.kept {
            prop_assert!(kept.away.is_none() || kept.belongs != kept.home, "{device} is at home: {kept:?}");
            prop_assert_eq!(self.placement.registration(device), Some(kept), "what is not on disk is not so");
            if let Status::Assigned(registration) = self.placement.status(device) {
                prop_assert!(self.holders(device).contains(&registration.belongs), "{device}");
            }
        }
        let counted: usize = self.placement.hubs.iter().map(|hub| hub.devices).sum();
        prop_assert_eq!(counted, self.kept.len());
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_happens_every_device_ends_at_home_and_nowhere_else(steps in prop::collection::vec(step(), 0..200)) {
        let mut town = Town::new(3);
        for step in steps {
            town.take(step);
            town.agrees()?;
        }
        for hub in 0..3 {
            town.hubs[hub].up = true;
        }
        for (device, errand) in std::mem::take(&mut town.lingering) {
            town.hubs[errand.hub.0].carry_out(&device, errand);
        }
        for _ in 0..30 {
            town.deliver_all();
            town.check_hubs();
            town.pass(5 * SECOND);
        }
        for device in town.kept.keys().cloned().collect::<Vec<_>>() {
            let registered = town.holders(&device);
            prop_assert!(registered.len() <= 1, "{device} at {registered:?}");
            let home = town.kept[&device].home;
            prop_assert_eq!(town.provision(&device), Some(home));
            prop_assert_eq!(town.holders(&device), [home]);
        }
        prop_assert!(town.kept.values().all(|kept| kept.owed.is_empty()));
    }
}
