//! What operators ask for: one device to another hub for a while, and back.
use super::{Output, Placement};
use crate::history::{Name, Reason};
use crate::iot::dps::allocation::HubIndex;
use crate::iot::dps::registration::{Away, Registration};
use crate::iot::moment::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The longest manual failover: a week.
pub(in crate::iot::dps) const LONGEST_STAY: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a manual failover or failback comes to.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::iot::dps) struct Moved {
    /// The device's own hub: where a failover will revert to, or a failback went.
    pub(in crate::iot::dps) home: HubIndex,
    /// What must be done, before anybody is told.
    pub(in crate::iot::dps) outputs: Vec<Output>,
}

/// Why a manual failover or failback is refused. Nothing moves then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::iot::dps) enum ManualError {
    #[error("registration not found")]
    Unknown,
    #[error("device is in manual failover already")]
    Away,
    #[error("device is not in manual failover")]
    NotAway,
    #[error("there is no healthy hub to move the device to")]
    NoHealthyHub,
}

/// When manual failovers end.
#[derive(Debug, Default)]
pub(super) struct Stays {
    /// Those that last, soonest first.
    lasting: BTreeSet<(Duration, Name)>,
    /// Those whose time is over, while home cannot take the device, or the device cannot be called.
    over: BTreeSet<Name>,
}

impl Stays {
    pub(super) fn of(kept: &BTreeMap<Name, Registration>) -> Self {
        let lasting = kept.iter().filter_map(|(name, kept)| Some((kept.away?.until, name.clone())));
        Self { lasting: lasting.collect(), over: BTreeSet::new() }
    }

    pub(super) fn next_end(&self) -> Option<Duration> {
        self.lasting.first().map(|(until, _)| *until)
    }

    pub(super) fn are_over_for(&self, device: &Name) -> bool {
        self.over.contains(device)
    }

    pub(super) fn end(&mut self, device: &Name) {
        self.lasting.retain(|(_, name)| name != device);
        self.over.remove(device);
    }
}

impl Placement {
    /// Sends a device to another healthy hub, by the policy, until `stay` is over: then it goes home, as soon as that is
    /// healthy. Meanwhile it is not called home because that has settled. Its own home is never chosen: one that is
    /// not at home by itself goes to a third hub, if there is one.
    ///
    /// # Errors
    /// [`ManualError`].
    pub(in crate::iot::dps) fn fail_over(
        &mut self,
        at: Moment,
        name: &Name,
        stay: Duration,
    ) -> Result<Moved, ManualError> {
        let registration = self.registration(name).ok_or(ManualError::Unknown)?;
        if registration.away.is_some() {
            return Err(ManualError::Away);
        }
        let (home, belongs) = (registration.home, registration.belongs);
        let to = self.choose(name, &[home, belongs]).ok_or(ManualError::NoHealthyHub)?;
        let mut outputs = Vec::new();
        self.assign(at, name, to, Reason::ManualFailover, &mut outputs);
        let until = at.now + stay;
        super::device(&mut self.devices, name).registration.away = Some(Away { until });
        self.stays.lasting.insert((until, name.clone()));
        self.advance(at.now, name, &mut outputs);
        Ok(Moved { home, outputs })
    }

    /// Calls a device home before its manual failover is over.
    ///
    /// # Errors
    /// [`ManualError`]: also when its home is not healthy.
    pub(in crate::iot::dps) fn fail_back(&mut self, at: Moment, name: &Name) -> Result<Moved, ManualError> {
        let registration = self.registration(name).ok_or(ManualError::Unknown)?;
        let home = registration.home;
        if registration.away.is_none() {
            return Err(ManualError::NotAway);
        }
        if !self.hubs[home.0].reach.is_usable() {
            return Err(ManualError::NoHealthyHub);
        }
        let mut outputs = Vec::new();
        self.assign(at, name, home, Reason::ManualFailback, &mut outputs);
        self.advance(at.now, name, &mut outputs);
        Ok(Moved { home, outputs })
    }

    /// Calls those home whose manual failover is over. As with a rebalance, the hub that has the device must be there
    /// too: else the call could not reach it. One that asks by itself goes home all the same.
    pub(super) fn revert(&mut self, at: Moment, out: &mut Vec<Output>) {
        while self.stays.next_end().is_some_and(|until| until <= at.now) {
            let (_, device) = self.stays.lasting.pop_first().expect("looked at it above");
            self.stays.over.insert(device);
        }
        let reach = |hub: HubIndex| self.hubs[hub.0].reach;
        let ready = |device: &&Name| {
            self.registration(device)
                .is_some_and(|kept| reach(kept.home).is_usable() && reach(kept.belongs).is_usable())
        };
        let ready: Vec<Name> = self.stays.over.iter().filter(ready).cloned().collect();
        for device in ready {
            let home = super::device(&mut self.devices, &device).registration.home;
            self.assign(at, &device, home, Reason::Revert, out);
            self.advance(at.now, &device, out);
        }
    }
}
