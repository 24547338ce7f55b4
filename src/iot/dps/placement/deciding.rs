//! How a device's place is chosen: when it asks, and when its home calls it back.
use super::{Device, Hub, Output, Placement, Stage, device};
use crate::history::{Event, Name, Reason};
use crate::iot::dps::allocation::{Candidate, HubIndex, choose};
use crate::iot::dps::reach::Reach;
use crate::iot::dps::registration::Registration;
use crate::iot::moment::Moment;

impl Placement {
    pub(super) fn ask(&mut self, at: Moment, name: &Name, anew: bool, out: &mut Vec<Output>) {
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
            out.push(Output::Record(Event::Allocated { client: name.clone(), to, reason: registration.reason }));
        }
        self.advance(at.now, name, out);
    }

    /// Decides for a device that asks: home once that has settled; else where it is, if that is usable; else home; else
    /// by the policy. One that an operator sent away goes home when its time is over, and not because home has settled.
    /// `None`: no hub is usable, or one that matters is not known yet, so it must wait.
    fn decide(&self, name: &Name) -> Option<(HubIndex, Reason)> {
        let reach = |hub: HubIndex| self.hubs[hub.0].reach;
        let Some(Device { registration, .. }) = self.devices.get(name) else {
            return Some((self.choose(name, &[])?, Reason::Initial));
        };
        let Registration { home, belongs, .. } = *registration;
        if self.stays.are_over_for(name) && reach(home).is_usable() {
            Some((home, Reason::Revert))
        } else if registration.away.is_none() && reach(home) == Reach::Settled {
            Some((home, Reason::Rebalance))
        } else if reach(belongs).is_usable() {
            Some((belongs, registration.reason))
        } else if reach(belongs) == Reach::Unknown {
            None
        } else if reach(home).is_usable() {
            Some((home, Reason::Failover))
        } else {
            Some((self.choose(name, &[])?, Reason::Failover))
        }
    }

    /// Chooses by the policy, among all usable hubs but these.
    pub(super) fn choose(&self, device: &Name, but: &[HubIndex]) -> Option<HubIndex> {
        if self.hubs.iter().any(|hub| hub.reach == Reach::Unknown) {
            return None;
        }
        let usable = |(index, hub): &(usize, &Hub)| hub.reach.is_usable() && !but.contains(&HubIndex(*index));
        let usable = self.hubs.iter().enumerate().filter(usable);
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

    pub(super) fn assign(&mut self, at: Moment, name: &Name, to: HubIndex, reason: Reason, out: &mut Vec<Output>) {
        let device = device(&mut self.devices, name);
        let from = device.registration.belongs;
        if from == to {
            return;
        }
        device.registration.move_to(to, reason, at.wall_clock);
        if device.registration.away.is_none() {
            self.stays.end(name);
        }
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

    /// Keeps the model that a device names.
    pub(super) fn name_model(&mut self, name: &Name, model: Option<String>, out: &mut Vec<Output>) {
        let Some(device) = self.devices.get_mut(name) else {
            return;
        };
        if model.is_some() && device.registration.model != model {
            device.registration.model = model;
            out.push(Output::Keep(name.clone()));
        }
    }

    /// Calls home every device whose home has settled, unless an operator sent it away. One whose present hub is not usable is left
    /// alone: the call could not reach it, and should its hub only look bad from here, it is content.
    /// It is called when that hub settles too, or goes home when it asks.
    pub(super) fn rebalance(&mut self, at: Moment, out: &mut Vec<Output>) {
        let reach = |hub: HubIndex| self.hubs[hub.0].reach;
        let astray = |(name, device): (&Name, &Device)| {
            let Registration { home, belongs, away, .. } = device.registration;
            let astray = home != belongs && away.is_none();
            let called = astray && reach(home) == Reach::Settled && reach(belongs).is_usable();
            called.then(|| (name.clone(), home))
        };
        let called: Vec<_> = self.devices.iter().filter_map(astray).collect();
        for (device, home) in called {
            self.assign(at, &device, home, Reason::Rebalance, out);
            self.advance(at.now, &device, out);
        }
    }
}
