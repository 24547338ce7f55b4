//! How hubs are made to agree: which errand a device needs next, and what its end means.
use super::{Errand, ErrandKind, Output, Placement, RETRY_AFTER, Stage};
use crate::history::{Event, Name};
use crate::iot::dps::allocation::HubIndex;
use crate::iot::dps::health::Check;
use crate::iot::dps::reach::Reach;
use crate::iot::dps::registration::Registration;
use std::time::Duration;

impl Placement {
    pub(super) fn checked(&mut self, now: Duration, index: HubIndex, check: Check, out: &mut Vec<Output>) {
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

    pub(super) fn done(&mut self, now: Duration, name: &Name, carried_out: bool, out: &mut Vec<Output>) {
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

    /// Begins the device's next errand: removals first, so that it is never let in at one hub while
    /// another that can be reached still has it; but a hub that fails a removal holds it up only once.
    pub(super) fn advance(&mut self, now: Duration, name: &Name, out: &mut Vec<Output>) {
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
