//! Where each device belongs, and what the hubs must still be told of it.
//!
//! [`deciding`] is how a place is chosen, [`manual`] what operators ask for, [`agreeing`] how hubs are made to agree.
mod agreeing;
mod deciding;
mod manual;

pub(super) use manual::{LONGEST_STAY, ManualError};

use super::allocation::HubIndex;
use super::health::{Check, Health};
use super::reach::Reach;
use super::registration::Registration;
use crate::history::{Event, Name};
use crate::iot::moment::Moment;
use crate::iot::plan::Policy;
use manual::Stays;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A hub that did not carry out a registration or removal is asked again after this long, for as
/// long as its health checks say that it is there.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What happens to the provisioning service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A device registers. Its registration at the hub is made anew even if it should be there: a
    /// device that comes back may have been refused there.
    Register {
        device: Name,
        /// As it names it now; one that names none keeps the one that it had.
        model: Option<String>,
    },
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
pub(super) enum Output {
    /// Make the device's registration (see [`Placement::registration`]) durable, before anything that follows.
    Keep(Name),
    /// Ask the hub to do something; answer with [`Input::Done`].
    Run(Name, Errand),
    /// Tell the history.
    Record(Event),
}

/// What a hub is asked to do with one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Errand {
    /// Who is asked.
    pub(super) hub: HubIndex,
    /// What for.
    pub(super) kind: ErrandKind,
    /// The assignment that it is about: a hub carries out no errand that a newer one has overtaken.
    pub(super) generation: u64,
}

/// Whether a device is to be let in or kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrandKind {
    /// Let the device in.
    Register,
    /// Close the device's connection, and refuse it from now on.
    Remove,
}

/// How a device's registration goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status<'a> {
    /// The hub does not know of it yet, or no hub can take it.
    Assigning,
    /// The hub lets it in.
    Assigned(&'a Registration),
}

/// Every device's place.
///
/// It decides when asked: a device moves because it asked while its hub was not usable, or because
/// its home has been usable again for a while. That its hub looks bad from here moves no device that
/// is content with it.
#[derive(Debug)]
pub(super) struct Placement {
    policy: Policy,
    rebalance_after: Duration,
    hubs: Vec<Hub>,
    devices: BTreeMap<Name, Device>,
    /// When which device's errands are due again.
    retries: BTreeSet<(Duration, Name)>,
    /// Manual failovers that last.
    stays: Stays,
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
    pub(super) fn new(
        policy: Policy,
        rebalance_after: Duration,
        hubs: &[Name],
        kept: BTreeMap<Name, Registration>,
    ) -> Self {
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
        let stays = Stays::of(&kept);
        let devices = kept.into_iter().map(|(name, kept)| (name, Device::new(kept))).collect();
        Self { policy, rebalance_after, hubs, devices, retries: BTreeSet::new(), stays }
    }

    /// Takes one input.
    pub(super) fn handle(&mut self, at: Moment, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Register { device, model } => {
                self.ask(at, &device, true, &mut out);
                self.name_model(&device, model, &mut out);
            }
            Input::Poll(device) => self.ask(at, &device, false, &mut out),
            Input::Checked(hub, check) => self.checked(at.now, hub, check, &mut out),
            Input::Done(device, carried_out) => self.done(at.now, &device, carried_out, &mut out),
            Input::Tick => self.tick(at, &mut out),
        }
        self.revert(at, &mut out);
        out
    }

    /// Names the time at which [`Input::Tick`] is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let settling = self.hubs.iter().filter_map(|hub| match hub.reach {
            Reach::Usable { since } => Some(since + self.rebalance_after),
            _ => None,
        });
        let retry = self.retries.first().map(|(due, _)| *due);
        settling.chain(retry).chain(self.stays.next_end()).min()
    }

    /// Says how a device's registration goes. A device never heard of is to be assigned yet: its
    /// group's key is all it needs.
    pub(super) fn status(&self, device: &str) -> Status<'_> {
        match self.devices.get(device) {
            Some(Device { stage: Stage::Placed, registration, .. }) => Status::Assigned(registration),
            _ => Status::Assigning,
        }
    }

    /// Says whether the device asked for its place and its hub has not been told of it yet.
    pub(super) fn is_being_placed(&self, device: &str) -> bool {
        self.devices.get(device).is_some_and(|device| device.stage == Stage::Placing)
    }

    /// What is kept of a device; `None` when it was never assigned.
    pub(super) fn registration(&self, device: &str) -> Option<&Registration> {
        self.devices.get(device).map(|device| &device.registration)
    }

    /// Counts the devices that were ever assigned.
    pub(super) fn device_count(&self) -> usize {
        self.devices.len()
    }

    /// Every device with what is kept of it.
    pub(super) fn registrations(&self) -> impl Iterator<Item = (&Name, &Registration)> {
        self.devices.iter().map(|(name, device)| (name, &device.registration))
    }

    /// Says whether devices can be placed now or as soon as every hub has been asked for its health; otherwise they
    /// must wait for a hub to come back.
    pub(super) fn may_place_soon(&self) -> bool {
        self.hubs.iter().any(|hub| hub.reach.is_usable() || hub.reach == Reach::Unknown)
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
