//! Decides where each device belongs, and makes the hubs agree.
use super::allocation::{Candidate, HubIndex, choose};
use super::health::{Check, Health};
use super::reach::Reach;
use super::registration::Registration;
use crate::history::{Event, Name, Reason};
use crate::iot::moment::Moment;
use crate::iot::plan::Policy;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A hub that did not carry out a registration or removal is asked again after this long, for as
/// long as its health checks say that it is there.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What happens to the provisioning service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A device registers. Its registration at the hub is made anew even if it should be there: a
    /// device that comes back may have been refused there.
    Register(Name),
    /// A device asks how its registration goes.
    Poll(Name),
    /// A hub's health was checked.
    Checked(HubIndex, Check),
    /// The device's errand ended: carried out, or (false) refused, or its outcome is not known.
    Done(Name, bool),
    /// The time of [`Placement::deadline`] has come.
    Tick,
}

/// What the provisioning service must do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Make the device's registration (see [`Placement::registration`]) durable, before anything that follows.
    Keep(Name),
    /// Ask the hub to do something; answer with [`Input::Done`].
    Run(Name, Errand),
    Record(Event),
}

/// What a hub is asked to do with one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errand {
    pub hub: HubIndex,
    pub kind: ErrandKind,
    pub generation: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrandKind {
    /// Let the device in.
    Register,
    /// Close the device's connection, and refuse it from now on.
    Remove,
}

/// How a device's registration goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status<'a> {
    /// The hub does not know of it yet, or no hub can take it.
    Assigning,
    Assigned(&'a Registration),
}

/// Every device's place.
///
/// It decides when asked: a device moves because it asked while its hub was not usable, or because
/// its home has been usable again for a while. That its hub looks bad from here moves no device that
/// is content with it.
#[derive(Debug)]
pub struct Placement {
    policy: Policy,
    rebalance_after: Duration,
    hubs: Vec<Hub>,
    devices: BTreeMap<Name, Device>,
    /// When which device's errands are due again.
    retries: BTreeSet<(Duration, Name)>,
}

#[derive(Debug)]
struct Hub {
    name: Name,
    health: Health,
    reach: Reach,
    /// How many devices belong to it.
    devices: usize,
    /// Which devices must still be removed there.
    owed: BTreeSet<Name>,
}

#[derive(Debug)]
struct Device {
    registration: Registration,
    stage: Stage,
    /// The errand under way; never two for one device, so that they cannot overtake one another.
    errand: Option<Errand>,
    /// Before this time the errand of this hub is not tried again.
    not_before: BTreeMap<HubIndex, Duration>,
    /// Whether this boot recorded where it belongs.
    stated: bool,
}

/// How far a device's registration at the hub it belongs to has come. Not durable: after a restart
/// every device is idle until it asks.
///
/// ```text
///   Idle ---- asks ----> Placing ---- hub has it ----> Placed
///    ^                      |  ^                          |
///    +------ moved ---------+  +------ registers ---------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Placing,
    Placed,
}

impl Placement {
    /// Begins with what was kept. Hubs are in file order.
    pub fn new(policy: Policy, rebalance_after: Duration, hubs: &[Name], kept: BTreeMap<Name, Registration>) -> Self {
        let hub = |name: &Name| Hub {
            name: name.clone(),
            health: Health::default(),
            reach: Reach::Unknown,
            devices: 0,
            owed: BTreeSet::new(),
        };
        let mut hubs: Vec<Hub> = hubs.iter().map(hub).collect();
        for (name, registration) in &kept {
            hubs[registration.belongs.0].devices += 1;
            for owed in registration.owed.keys() {
                hubs[owed.0].owed.insert(name.clone());
            }
        }
        let devices = kept.into_iter().map(|(name, kept)| (name, Device::new(kept))).collect();
        Self { policy, rebalance_after, hubs, devices, retries: BTreeSet::new() }
    }

    /// Takes one input.
    pub fn handle(&mut self, at: Moment, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Register(device) => self.ask(at, &device, true, &mut out),
            Input::Poll(device) => self.ask(at, &device, false, &mut out),
            Input::Checked(hub, check) => self.checked(at.now, hub, check, &mut out),
            Input::Done(device, carried_out) => self.done(at.now, &device, carried_out, &mut out),
            Input::Tick => self.tick(at, &mut out),
        }
        out
    }

    /// Names the time at which [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        let settling = self.hubs.iter().filter_map(|hub| match hub.reach {
            Reach::Usable { since } => Some(since + self.rebalance_after),
            _ => None,
        });
        settling.chain(self.retries.first().map(|(due, _)| *due)).min()
    }

    /// Says how a device's registration goes. A device never heard of is to be assigned yet: its
    /// group's key is all it needs.
    pub fn status(&self, device: &str) -> Status<'_> {
        match self.devices.get(device) {
            Some(Device { stage: Stage::Placed, registration, .. }) => Status::Assigned(registration),
            _ => Status::Assigning,
        }
    }

    /// What is kept of a device; `None` when it was never assigned.
    pub fn registration(&self, device: &str) -> Option<&Registration> {
        self.devices.get(device).map(|device| &device.registration)
    }

    /// Counts the devices that were ever assigned.
    pub fn device_count(&self) -> usize {
        self.devices.len()
    }

    /// Every device with what is kept of it.
    pub fn registrations(&self) -> impl Iterator<Item = (&Name, &Registration)> {
        self.devices.iter().map(|(name, device)| (name, &device.registration))
    }

    /// Says whether devices can be placed now or as soon as every hub has been asked for its health; otherwise they
    /// must wait for a hub to come back.
    pub fn may_place_soon(&self) -> bool {
        self.hubs.iter().any(|hub| hub.reach.is_usable() || hub.reach == Reach::Unknown)
    }

    fn ask(&mut self, at: Moment, name: &Name, anew: bool, out: &mut Vec<Output>) {
        let decision = self.decide(name);
        let known = self.devices.contains_key(name);
        match decision {
            None => {
                if let Some(device) = self.devices.get_mut(name) {
                    device.stage = Stage::Idle;
                }
                return;
            }
            Some((hub, _)) if !known => {
                let device = Device::new(Registration::new(hub, at.wall_clock));
                self.devices.insert(name.clone(), device);
                self.hubs[hub.0].devices += 1;
                out.push(Output::Keep(name.clone()));
            }
            Some((hub, reason)) => self.assign(at, name, hub, reason, out),
        }
        let device = device(&mut self.devices, name);
        if anew || device.stage == Stage::Idle {
            device.stage = Stage::Placing;
        }
        if !device.stated {
            device.stated = true;
            let registration = &device.registration;
            let to = self.hubs[registration.belongs.0].name.clone();
            out.push(Output::Record(Event::Allocated { client: name.clone(), to, reason: registration.reason() }));
        }
        self.advance(at.now, name, out);
    }

    /// Decides for a device that asks: home once that has settled; else where it is, if that is usable; else home; else
    /// by the policy. `None`: no hub is usable, or one that matters is not known yet, so it must wait.
    fn decide(&self, name: &Name) -> Option<(HubIndex, Reason)> {
        let reach = |hub: HubIndex| self.hubs[hub.0].reach;
        let Some(Device { registration, .. }) = self.devices.get(name) else {
            return Some((self.choose(name)?, Reason::Initial));
        };
        let Registration { home, belongs, .. } = *registration;
        if reach(home) == Reach::Settled {
            Some((home, Reason::Rebalance))
        } else if reach(belongs).is_usable() {
            Some((belongs, registration.reason()))
        } else if reach(belongs) == Reach::Unknown {
            None
        } else if reach(home).is_usable() {
            Some((home, Reason::Failover))
        } else {
            Some((self.choose(name)?, Reason::Failover))
        }
    }

    fn choose(&self, device: &Name) -> Option<HubIndex> {
        if self.hubs.iter().any(|hub| hub.reach == Reach::Unknown) {
            return None;
        }
        let usable = self.hubs.iter().enumerate().filter(|(_, hub)| hub.reach.is_usable());
        let candidates: Vec<_> = usable
            .map(|(index, hub)| Candidate {
                hub: HubIndex(index),
                name: &hub.name,
                devices: hub.devices,
                latency: hub.health.latency(),
            })
            .collect();
        choose(&self.policy, device, &candidates)
    }

    fn assign(&mut self, at: Moment, name: &Name, to: HubIndex, reason: Reason, out: &mut Vec<Output>) {
        let device = device(&mut self.devices, name);
        let from = device.registration.belongs;
        if from == to {
            return;
        }
        device.registration.move_to(to, at.wall_clock);
        device.stage = Stage::Idle;
        device.stated = true;
        device.not_before.clear();
        self.hubs[from.0].devices -= 1;
        self.hubs[from.0].owed.insert(name.clone());
        self.hubs[to.0].devices += 1;
        self.hubs[to.0].owed.remove(name);
        out.push(Output::Keep(name.clone()));
        let to = self.hubs[to.0].name.clone();
        out.push(Output::Record(Event::Allocated { client: name.clone(), to, reason }));
    }

    fn checked(&mut self, now: Duration, index: HubIndex, check: Check, out: &mut Vec<Output>) {
        let hub = &mut self.hubs[index.0];
        let Some(up) = hub.health.see(check) else {
            return;
        };
        out.push(Output::Record(Event::HealthSeen { service: hub.name.clone(), up }));
        if !up {
            hub.reach = Reach::Away;
            return;
        }
        hub.reach = Reach::Syncing;
        for device in hub.owed.clone() {
            self.advance(now, &device, out);
        }
        self.finish_sync(now, index);
    }

    fn finish_sync(&mut self, now: Duration, hub: HubIndex) {
        let hub = &mut self.hubs[hub.0];
        if hub.reach == Reach::Syncing && hub.owed.is_empty() {
            hub.reach = Reach::Usable { since: now };
        }
    }

    fn done(&mut self, now: Duration, name: &Name, carried_out: bool, out: &mut Vec<Output>) {
        let Some(device) = self.devices.get_mut(name) else {
            return;
        };
        let Some(errand) = device.errand.take() else {
            return;
        };
        let Registration { belongs, generation, ref mut owed, .. } = device.registration;
        if !carried_out {
            device.not_before.insert(errand.hub, now + RETRY_AFTER);
        } else if errand.kind == ErrandKind::Register {
            let current = errand.hub == belongs && errand.generation == generation;
            if current && device.stage == Stage::Placing {
                device.stage = Stage::Placed;
            }
        } else if owed.get(&errand.hub) == Some(&errand.generation) {
            owed.remove(&errand.hub);
            self.hubs[errand.hub.0].owed.remove(name);
            out.push(Output::Keep(name.clone()));
            self.finish_sync(now, errand.hub);
        }
        self.advance(now, name, out);
    }

    fn tick(&mut self, at: Moment, out: &mut Vec<Output>) {
        while self.retries.first().is_some_and(|(due, _)| *due <= at.now) {
            let (_, device) = self.retries.pop_first().expect("looked at it above");
            self.advance(at.now, &device, out);
        }
        let mut settled = false;
        for hub in &mut self.hubs {
            if matches!(hub.reach, Reach::Usable { since } if since + self.rebalance_after <= at.now) {
                hub.reach = Reach::Settled;
                settled = true;
            }
        }
        if settled {
            self.rebalance(at, out);
        }
    }

    /// Calls home every device whose home has settled. One whose present hub is not usable is left
    /// alone: the call could not reach it, and should its hub only look bad from here, it is content.
    /// It is called when that hub settles too, or goes home when it asks.
    fn rebalance(&mut self, at: Moment, out: &mut Vec<Output>) {
        let reach = |hub: HubIndex| self.hubs[hub.0].reach;
        let astray = |(name, device): (&Name, &Device)| {
            let Registration { home, belongs, .. } = device.registration;
            let called = home != belongs && reach(home) == Reach::Settled && reach(belongs).is_usable();
            called.then(|| (name.clone(), home))
        };
        let called: Vec<_> = self.devices.iter().filter_map(astray).collect();
        for (device, home) in called {
            self.assign(at, &device, home, Reason::Rebalance, out);
            self.advance(at.now, &device, out);
        }
    }

    /// Begins the device's next errand: removals first, so that it is never let in at one hub while
    /// another that can be reached still has it; but a hub that fails a removal holds it up only once.
    fn advance(&mut self, now: Duration, name: &Name, out: &mut Vec<Output>) {
        let Some(device) = self.devices.get_mut(name) else {
            return;
        };
        if device.errand.is_some() {
            return;
        }
        let registration = &device.registration;
        let removals = registration
            .owed
            .iter()
            .filter(|(hub, _)| self.hubs[hub.0].reach.is_up())
            .map(|(hub, generation)| Errand { hub: *hub, kind: ErrandKind::Remove, generation: *generation });
        let wanted = device.stage == Stage::Placing && self.hubs[registration.belongs.0].reach.is_usable();
        let placing = wanted.then_some(Errand {
            hub: registration.belongs,
            kind: ErrandKind::Register,
            generation: registration.generation,
        });
        let mut soonest: Option<Duration> = None;
        for errand in removals.chain(placing) {
            let due = device.not_before.get(&errand.hub).copied().unwrap_or_default();
            if due <= now {
                device.errand = Some(errand);
                out.push(Output::Run(name.clone(), errand));
                return;
            }
            soonest = Some(soonest.map_or(due, |soonest| soonest.min(due)));
        }
        if let Some(due) = soonest {
            self.retries.insert((due, name.clone()));
        }
    }
}

impl Device {
    fn new(registration: Registration) -> Self {
        Self { registration, stage: Stage::Idle, errand: None, not_before: BTreeMap::new(), stated: false }
    }
}

fn device<'a>(devices: &'a mut BTreeMap<Name, Device>, name: &Name) -> &'a mut Device {
    devices.get_mut(name).expect("a device that was decided for is known")
}

#[cfg(test)]
mod tests;
