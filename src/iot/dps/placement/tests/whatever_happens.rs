//! Any order of events: nobody is at two hubs, and everybody ends at home.
use super::*;
use proptest::prelude::*;

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
