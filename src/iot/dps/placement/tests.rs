mod assigning;
mod homecoming;
mod manual;
mod whatever_happens;

use super::*;
use crate::history::Reason;
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
    /// Two hubs; xyz, whose home is hub-a, is at hub-b, and hub-a has just come back.
    fn with_xyz_away() -> Self {
        let mut town = Self::new(2);
        town.provision("xyz");
        town.fall(A);
        town.provision("xyz");
        town.rise(A);
        town.deliver_all();
        town
    }
    /// The same at the moment when hub-a has settled.
    fn with_xyz_called_home() -> Self {
        let mut town = Self::with_xyz_away();
        town.pass(REBALANCE_AFTER);
        town
    }
    /// Two hubs; an operator has sent xyz from hub-a to hub-b for 300 s.
    fn with_xyz_failed_over() -> Self {
        let mut town = Self::new(2);
        town.provision("xyz");
        town.fail_over("xyz", 300 * SECOND).unwrap();
        town.provision("xyz");
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
