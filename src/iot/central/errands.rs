//! What must be brought to which hub now: commands and desired properties, to wherever the device is.
//!
//! Nothing of this is durable. After a restart everything open is brought again; hub and device know a command again by
//! its id, and a change of desired properties by its number.
use super::commands::{Command, Commands};
use super::desired::Desired;
use super::whereabouts::{Stay, Whereabouts};
use crate::history::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// First and longest wait after a failure, doubling. A hub that comes back waits no longer than this for its errands.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// Something to bring to a hub.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Errand {
    /// Whom it is about.
    pub(super) device: Name,
    /// Where the device is.
    pub(super) stay: Stay,
    /// What the hub is to be given.
    pub(super) what: Load,
}

/// What is brought to a hub.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Load {
    /// A command, with the time that is left of it when it sets out.
    Command(Arc<Command>),
    /// The whole document, and the number of its last change.
    Desired(serde_json::Map<String, serde_json::Value>, u64),
}

/// How an errand ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The hub has it.
    Taken,
    /// The hub holds as many commands for this device as it may: there is room when one of them is done.
    Full,
    /// Refused, or the outcome is not known.
    Failed,
}

/// What central knows that matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed<'a> {
    /// Which hub has which device.
    pub(super) whereabouts: &'a Whereabouts,
    /// The commands that are not done.
    pub(super) commands: &'a Commands,
    /// What is desired of every device.
    pub(super) desired: &'a Desired,
}

/// Every device's errands.
#[derive(Debug, Default)]
pub(super) struct Errands {
    devices: BTreeMap<Name, Lanes>,
    /// Devices of which something changed since [`Errands::due`].
    stirred: BTreeSet<Name>,
    /// When which device is to be looked at again.
    retries: BTreeSet<(Duration, Name)>,
}

/// One device's errands at the hub that has it. A command and a change of desired properties do not wait for each other.
#[derive(Debug, Default)]
struct Lanes {
    /// Where the device was when this began; what follows is about that stay alone.
    stay: Option<Stay>,
    /// The commands that the hub has.
    held: BTreeSet<String>,
    /// The hub has the desired properties up to this change.
    applied: u64,
    commands: Lane,
    desired: Lane,
}

/// One errand at a time, so that none overtakes another.
///
/// ```text
///   Free -- begins --> Busy -- taken --> Free
///    ^                  |
///    +-- its time --- Resting <-- failed
///    |                    |
///    +-- its time, -- Crowded <-- the hub is full
///        or stirred
/// ```
#[derive(Debug, Default)]
struct Lane {
    state: State,
    failures: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    Busy,
    Resting {
        until: Duration,
    },
    /// As resting; but there may be room sooner.
    Crowded {
        until: Duration,
    },
}

impl Errands {
    /// Begins after a restart: everything open is to be brought.
    pub(super) fn of(owed: Owed<'_>) -> Self {
        let stirred = owed.commands.devices().chain(owed.desired.devices()).cloned().collect();
        Self { stirred, ..Self::default() }
    }

    /// Something changed about a device: where it is, what it is owed, or how much room its hub has.
    pub(super) fn stir(&mut self, device: &Name) {
        if let Some(lanes) = self.devices.get_mut(device) {
            // Whoever rests because the hub is full may find room now.
            lanes.commands.wake();
        }
        self.stirred.insert(device.clone());
    }

    /// The errands to begin now.
    pub(super) fn due(&mut self, now: Duration, owed: Owed<'_>) -> Vec<Errand> {
        while self.retries.first().is_some_and(|(due, _)| *due <= now) {
            let (_, device) = self.retries.pop_first().expect("looked at it above");
            self.stirred.insert(device);
        }
        let mut errands = Vec::new();
        for device in std::mem::take(&mut self.stirred) {
            self.begin(now, &device, owed, &mut errands);
        }
        errands
    }

    /// An errand ended.
    pub(super) fn done(&mut self, now: Duration, errand: &Errand, outcome: Outcome) {
        let Some(lanes) = self.devices.get_mut(&errand.device) else { return };
        let current = lanes.stay.as_ref() == Some(&errand.stay);
        let lane = match &errand.what {
            Load::Command(_) => &mut lanes.commands,
            Load::Desired(..) => &mut lanes.desired,
        };
        lane.ends(now, outcome, current);
        if outcome == Outcome::Taken && current {
            match &errand.what {
                Load::Command(command) => drop(lanes.held.insert(command.id.clone())),
                Load::Desired(_, number) => lanes.applied = lanes.applied.max(*number),
            }
        }
        self.stirred.insert(errand.device.clone());
    }

    /// When [`Errands::due`] is to be called again, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.retries.first().map(|(due, _)| *due)
    }

    /// Says whether [`Errands::due`] is to be called at once.
    pub(super) fn is_stirred(&self) -> bool {
        !self.stirred.is_empty()
    }

    /// Says whether a command is at the hub that has the device.
    pub(super) fn is_held(&self, device: &str, id: &str) -> bool {
        self.devices.get(device).is_some_and(|lanes| lanes.held.contains(id))
    }

    fn begin(&mut self, now: Duration, device: &Name, owed: Owed<'_>, errands: &mut Vec<Errand>) {
        let lanes = self.devices.entry(device.clone()).or_default();
        let stay = owed.whereabouts.stay(device);
        if lanes.stay.as_ref() != stay {
            lanes.moves(stay.cloned());
        }
        let Some(stay) = stay else { return };
        lanes.held.retain(|id| owed.commands.has(device, id));
        let command = owed.commands.of(device).find(|command| !lanes.held.contains(&command.id));
        let number = owed.desired.number(device);
        let desired = (number > lanes.applied).then(|| owed.desired.document(device)).flatten();
        let command = command.map(|command| (Load::Command(command.clone()), &mut lanes.commands));
        let desired = desired.map(|document| (Load::Desired(document, number), &mut lanes.desired));
        for (what, lane) in command.into_iter().chain(desired) {
            match lane.state {
                State::Busy => {}
                State::Resting { until } | State::Crowded { until } if until > now => {
                    self.retries.insert((until, device.clone()));
                }
                State::Free | State::Resting { .. } | State::Crowded { .. } => {
                    lane.state = State::Busy;
                    errands.push(Errand { device: device.clone(), stay: stay.clone(), what });
                }
            }
        }
    }
}

impl Lanes {
    /// The device is elsewhere, or came anew: what the last hub had is to be brought again.
    fn moves(&mut self, stay: Option<Stay>) {
        self.stay = stay;
        self.held.clear();
        self.applied = 0;
        for lane in [&mut self.commands, &mut self.desired] {
            lane.failures = 0;
            if lane.state != State::Busy {
                lane.state = State::Free;
            }
        }
    }
}

impl Lane {
    fn ends(&mut self, now: Duration, outcome: Outcome, current: bool) {
        match outcome {
            // What happened at a hub that the device has left says nothing of the next.
            _ if !current => self.state = State::Free,
            Outcome::Taken => *self = Self::default(),
            Outcome::Full => self.state = State::Crowded { until: now + self.back_off() },
            Outcome::Failed => self.state = State::Resting { until: now + self.back_off() },
        }
    }

    fn back_off(&mut self) -> Duration {
        let wait = (BACK_OFF.0 * 2_u32.pow(self.failures.min(8))).min(BACK_OFF.1);
        self.failures += 1;
        wait
    }

    fn wake(&mut self) {
        if matches!(self.state, State::Crowded { .. }) {
            self.state = State::Free;
        }
    }
}

#[cfg(test)]
mod tests;
