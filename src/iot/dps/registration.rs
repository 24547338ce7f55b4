//! What the provisioning service keeps of one device.
use super::allocation::HubIndex;
use crate::history::Reason;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// One device's registration: where it belongs, and where it must still be removed.
///
/// A device is registered at no hub outside `belongs` and `owed`; each is on disk before a hub hears of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The hub of its first assignment: where it goes back to.
    pub home: HubIndex,
    pub belongs: HubIndex,
    /// Counts its assignments from 1. Hubs are told it with each registration and removal, so that
    /// one that was under way for long cannot undo a later one.
    pub generation: u64,
    /// Hubs that may still hold it: to be removed there, up to this generation.
    pub owed: BTreeMap<HubIndex, u64>,
    pub created: SystemTime,
    pub updated: SystemTime,
}

impl Registration {
    /// Registers a device for the first time.
    pub fn new(home: HubIndex, at: SystemTime) -> Self {
        Self { home, belongs: home, generation: 1, owed: BTreeMap::new(), created: at, updated: at }
    }

    /// Moves it to another hub, and owes the one that had it a removal.
    pub fn move_to(&mut self, hub: HubIndex, at: SystemTime) {
        self.owed.insert(self.belongs, self.generation);
        // A later registration supersedes a removal that was not sent yet.
        self.owed.remove(&hub);
        self.belongs = hub;
        self.generation += 1;
        self.updated = at;
    }

    /// Why it is where it is.
    pub fn reason(&self) -> Reason {
        match (self.generation, self.belongs == self.home) {
            (1, _) => Reason::Initial,
            (_, true) => Reason::Rebalance,
            (_, false) => Reason::Failover,
        }
    }

    /// The `substatus` of an assigned device (Microsoft docs, REST API of the provisioning service,
    /// Device Registration State). A device that moved is `deviceDataReset`: nothing of its twin is
    /// carried over, since the hub it comes from is down when it matters.
    pub fn substatus(&self) -> &'static str {
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
    use std::time::{Duration, UNIX_EPOCH};

    const A: HubIndex = HubIndex(0);
    const B: HubIndex = HubIndex(1);

    #[test]
    fn a_move_owes_the_old_hub_a_removal_and_a_return_takes_an_unsent_one_back() {
        let mut device = Registration::new(A, UNIX_EPOCH);
        assert_eq!((device.reason(), device.substatus()), (Reason::Initial, "initialAssignment"));
        device.move_to(B, UNIX_EPOCH + Duration::from_secs(9));
        assert_eq!(device.owed, BTreeMap::from([(A, 1)]));
        assert_eq!((device.belongs, device.generation), (B, 2));
        assert_eq!((device.reason(), device.substatus()), (Reason::Failover, "deviceDataReset"));
        device.move_to(A, UNIX_EPOCH + Duration::from_secs(10));
        assert_eq!(device.owed, BTreeMap::from([(B, 2)]));
        assert_eq!((device.reason(), device.substatus()), (Reason::Rebalance, "reprovisionedToInitialAssignment"));
        assert_eq!((device.created, device.updated), (UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(10)));
    }
}
