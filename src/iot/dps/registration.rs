//! What the provisioning service keeps of one device.
use super::allocation::HubIndex;
use crate::history::Reason;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// One device's registration: where it belongs, and where it must still be removed.
///
/// A device is registered at no hub outside `belongs` and `owed`; each is on disk before a hub hears of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registration {
    /// The hub of its first assignment: where it goes back to.
    pub(super) home: HubIndex,
    /// The hub that it is told to work at.
    pub(super) belongs: HubIndex,
    /// Why it belongs there.
    pub(super) reason: Reason,
    /// An operator sent it away from its home.
    pub(super) away: Option<Away>,
    /// Its model, as it last named one when it registered.
    pub(super) model: Option<String>,
    /// Counts its assignments from 1. Hubs are told it with each registration and removal, so that
    /// one that was under way for long cannot undo a later one.
    pub(super) generation: u64,
    /// Hubs that may still hold it: to be removed there, up to this generation.
    pub(super) owed: BTreeMap<HubIndex, u64>,
    /// When it was first assigned, by the service's wall clock.
    pub(super) created: SystemTime,
    /// When it was last assigned, by the same clock.
    pub(super) updated: SystemTime,
}

/// A manual failover that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Away {
    /// From then on it is to go home, as soon as it can. Virtual time since the world began.
    pub(super) until: Duration,
}

impl Registration {
    /// Registers a device for the first time.
    pub(super) fn new(home: HubIndex, at: SystemTime) -> Self {
        Self {
            home,
            belongs: home,
            reason: Reason::Initial,
            away: None,
            model: None,
            generation: 1,
            owed: BTreeMap::new(),
            created: at,
            updated: at,
        }
    }

    /// Moves it to another hub, and owes the one that had it a removal. At home no manual failover lasts.
    pub(super) fn move_to(&mut self, hub: HubIndex, reason: Reason, at: SystemTime) {
        self.owed.insert(self.belongs, self.generation);
        // A later registration supersedes a removal that was not sent yet.
        self.owed.remove(&hub);
        self.belongs = hub;
        self.reason = reason;
        if hub == self.home {
            self.away = None;
        }
        self.generation += 1;
        self.updated = at;
    }

    /// The `substatus` of an assigned device (Microsoft docs, REST API of the provisioning service,
    /// Device Registration State). A device that moved is `deviceDataReset`: nothing of its twin is
    /// carried over, since the hub it comes from is down when it matters.
    pub(super) fn substatus(&self) -> &'static str {
        match (self.generation, self.belongs == self.home) {
            (1, _) => "initialAssignment",
            (_, true) => "reprovisionedToInitialAssignment",
            (_, false) => "deviceDataReset",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const A: HubIndex = HubIndex(0);
    const B: HubIndex = HubIndex(1);

    #[test]
    fn a_move_owes_the_old_hub_a_removal_and_a_return_takes_an_unsent_one_back() {
        let mut device = Registration::new(A, UNIX_EPOCH);
        assert_eq!((device.reason, device.substatus()), (Reason::Initial, "initialAssignment"));
        device.move_to(B, Reason::Failover, UNIX_EPOCH + Duration::from_secs(9));
        assert_eq!(device.owed, BTreeMap::from([(A, 1)]));
        assert_eq!((device.belongs, device.generation), (B, 2));
        assert_eq!((device.reason, device.substatus()), (Reason::Failover, "deviceDataReset"));
        device.move_to(A, Reason::Rebalance, UNIX_EPOCH + Duration::from_secs(10));
        assert_eq!(device.owed, BTreeMap::from([(B, 2)]));
        assert_eq!((device.reason, device.substatus()), (Reason::Rebalance, "reprovisionedToInitialAssignment"));
        assert_eq!((device.created, device.updated), (UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(10)));
    }

    #[test]
    fn a_manual_failover_ends_at_home_and_nowhere_else() {
        let mut device = Registration::new(A, UNIX_EPOCH);
        device.move_to(B, Reason::ManualFailover, UNIX_EPOCH);
        device.away = Some(Away { until: Duration::from_secs(300) });
        device.move_to(HubIndex(2), Reason::Failover, UNIX_EPOCH);
        assert!(device.away.is_some());
        device.move_to(A, Reason::Revert, UNIX_EPOCH);
        assert_eq!(device.away, None);
    }
}
