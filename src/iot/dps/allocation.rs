//! Which hub a device gets.
//!
//! The policies are those of the Device Provisioning Service (Microsoft docs, iot-dps
//! concepts-service#allocation-policy): evenly weighted, lowest latency, static; `hashed` is ours.
use crate::history::Name;
use crate::iot::plan::Policy;
use std::cmp::Reverse;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A hub's place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct HubIndex(pub(super) usize);

/// A hub that could take a device.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    /// Its place in the file, by which ties are broken.
    pub(super) hub: HubIndex,
    /// Its name, which `hashed` hashes: another order in the file moves nobody.
    pub(super) name: &'a Name,
    /// How many devices belong to it.
    pub(super) devices: usize,
    /// How far it is, if it was ever measured. The real service measures from the device's side; this
    /// one from its own, by the round trip of its health checks.
    pub(super) latency: Option<Duration>,
}

/// Chooses among the candidates, given in file order; `None` when there are none.
///
/// - `even`: the fewest devices, ties in file order.
/// - `hashed`: by device and hub (rendezvous hashing), so that a hub that comes or goes moves only its own devices.
/// - `lowest-latency`: the nearest, ties in file order, hubs never measured last.
/// - `static`: the first in the file.
pub(super) fn choose(policy: &Policy, device: &str, candidates: &[Candidate<'_>]) -> Option<HubIndex> {
    let chosen = match policy {
        Policy::Even => candidates.iter().min_by_key(|c| (c.devices, c.hub)),
        Policy::Hashed => candidates.iter().min_by_key(|c| (Reverse(weight(device, c.name)), c.hub)),
        Policy::LowestLatency => candidates.iter().min_by_key(|c| (c.latency.unwrap_or(Duration::MAX), c.hub)),
        Policy::Static => candidates.iter().min_by_key(|c| c.hub),
    };
    chosen.map(|c| c.hub)
}

fn weight(device: &str, hub: &str) -> u64 {
    xxh3_64_with_seed(device.as_bytes(), xxh3_64_with_seed(hub.as_bytes(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn names() -> Vec<Name> {
        ["hub-a", "hub-b", "hub-c", "hub-d"].map(Name::from).to_vec()
    }

    fn candidates(names: &[Name]) -> Vec<Candidate<'_>> {
        let candidate = |(at, name)| Candidate { hub: HubIndex(at), name, devices: 0, latency: None };
        names.iter().enumerate().map(candidate).collect()
    }

    #[test]
    fn no_candidate_no_hub() {
        for policy in [Policy::Even, Policy::Hashed, Policy::LowestLatency, Policy::Static] {
            assert_eq!(choose(&policy, "xyz", &[]), None);
        }
    }

    #[test]
    fn even_takes_the_hub_with_the_fewest_devices_and_the_first_of_equals() {
        let names = names();
        let mut hubs = candidates(&names);
        assert_eq!(choose(&Policy::Even, "xyz", &hubs), Some(HubIndex(0)));
        hubs[0].devices = 2;
        hubs[1].devices = 1;
        hubs[2].devices = 1;
        hubs[3].devices = 3;
        assert_eq!(choose(&Policy::Even, "xyz", &hubs), Some(HubIndex(1)));
    }

    #[test]
    fn lowest_latency_takes_the_nearest_and_the_unmeasured_last() {
        let names = names();
        let mut hubs = candidates(&names);
        assert_eq!(choose(&Policy::LowestLatency, "xyz", &hubs), Some(HubIndex(0)));
        hubs[2].latency = Some(Duration::from_millis(30));
        assert_eq!(choose(&Policy::LowestLatency, "xyz", &hubs), Some(HubIndex(2)));
        hubs[1].latency = Some(Duration::from_millis(20));
        assert_eq!(choose(&Policy::LowestLatency, "xyz", &hubs), Some(HubIndex(1)));
    }

    #[test]
    fn static_takes_the_first_of_the_file_that_is_there() {
        let names = names();
        let hubs = candidates(&names);
        assert_eq!(choose(&Policy::Static, "xyz", &hubs), Some(HubIndex(0)));
        assert_eq!(choose(&Policy::Static, "xyz", &hubs[1..]), Some(HubIndex(1)));
    }

    #[test]
    fn hashed_spreads_devices_over_every_hub() {
        let names = names();
        let hubs = candidates(&names);
        let mut taken = BTreeMap::<HubIndex, usize>::new();
        for device in 0..1000 {
            let hub = choose(&Policy::Hashed, &format!("meter-{device:04}"), &hubs).unwrap();
            *taken.entry(hub).or_default() += 1;
        }
        assert!(taken.len() == 4 && taken.values().all(|n| (150..350).contains(n)), "{taken:?}");
    }

    proptest! {
        #[test]
        fn even_allocation_never_leaves_hubs_more_than_one_device_apart(devices in 0usize..200, hubs in 1usize..5) {
            let names = names();
            let mut candidates = candidates(&names[..hubs]);
            for device in 0..devices {
                let HubIndex(chosen) = choose(&Policy::Even, &format!("d{device}"), &candidates).unwrap();
                candidates[chosen].devices += 1;
            }
            let counts = candidates.iter().map(|c| c.devices);
            prop_assert!(counts.clone().max().unwrap() - counts.min().unwrap() <= 1);
        }

        #[test]
        fn a_hub_that_goes_moves_only_its_own_devices_when_hashed(device in "[a-z]{1,8}", gone in 0usize..4) {
            let names = names();
            let all = candidates(&names);
            let rest: Vec<_> = all.iter().filter(|c| c.hub != HubIndex(gone)).cloned().collect();
            let before = choose(&Policy::Hashed, &device, &all);
            if before != Some(HubIndex(gone)) {
                prop_assert_eq!(before, choose(&Policy::Hashed, &device, &rest));
            }
        }
    }
}
