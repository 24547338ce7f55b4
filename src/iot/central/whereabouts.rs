//! Which hub has which device, as the hubs' own lifecycle events tell it.
use crate::history::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A device's stay at a hub: where, and by which of its assignments. One that left and came back has another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Stay {
    /// The hub that has the device in its registry.
    pub(super) hub: Name,
    /// Of the provisioning service's assignments of this device.
    pub(super) generation: u64,
}

/// Where every device is.
///
/// Each hub tells of its own registry only, and the hubs are read independently: what one says may come long after
/// what another said later. The assignment's generation tells which is newest.
///
/// ```text
///   (unknown) -- created --> at a hub -- deleted there --> between hubs
///                             ^   |                          |
///          created, newer     +---+                          |
///                             ^--------- created, newer -----+
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Whereabouts {
    devices: BTreeMap<Name, Last>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    stay: Stay,
    /// It is still there, as far as is known.
    there: bool,
}

impl Whereabouts {
    /// Says where a device is; `None` when it never was anywhere, or left the last hub that had it.
    pub(super) fn stay(&self, device: &str) -> Option<&Stay> {
        self.devices.get(device).filter(|last| last.there).map(|last| &last.stay)
    }

    /// Says whether it changes anything that a device came to a hub, or left it.
    pub(super) fn is_news(&self, device: &str, stay: &Stay, came: bool) -> bool {
        match (self.devices.get(device), came) {
            (None, came) => came,
            (Some(last), true) => {
                // Whoever registers devices by hand names no generation: then the latest word counts.
                stay.generation > last.stay.generation
                    || stay.generation == last.stay.generation && !(last.there && last.stay == *stay)
            }
            (Some(last), false) => last.there && last.stay.hub == stay.hub && last.stay.generation <= stay.generation,
        }
    }

    /// Learns that a device came to a hub, or left it.
    pub(super) fn learn(&mut self, device: &Name, stay: Stay, came: bool) {
        if !self.is_news(device, &stay, came) {
            return;
        }
        if came {
            self.devices.insert(device.clone(), Last { stay, there: true });
        } else if let Some(last) = self.devices.get_mut(device) {
            last.there = false;
            last.stay.generation = last.stay.generation.max(stay.generation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stay(hub: &str, generation: u64) -> Stay {
        Stay { hub: hub.into(), generation }
    }

    #[test]
    fn the_hub_with_the_newest_assignment_has_the_device() {
        let (xyz, mut known) = (Name::from("xyz"), Whereabouts::default());
        assert_eq!(known.stay("xyz"), None);
        known.learn(&xyz, stay("hub-a", 1), true);
        known.learn(&xyz, stay("hub-b", 2), true);
        assert_eq!(known.stay("xyz"), Some(&stay("hub-b", 2)));
        // Hub A was down, and tells only now that it let go.
        known.learn(&xyz, stay("hub-a", 1), false);
        assert_eq!(known.stay("xyz"), Some(&stay("hub-b", 2)));
        known.learn(&xyz, stay("hub-b", 2), false);
        assert_eq!(known.stay("xyz"), None, "it is on its way");
        known.learn(&xyz, stay("hub-a", 3), true);
        assert_eq!(known.stay("xyz"), Some(&stay("hub-a", 3)));
    }

    #[test]
    fn what_an_older_assignment_says_late_is_not_news() {
        let (xyz, mut known) = (Name::from("xyz"), Whereabouts::default());
        known.learn(&xyz, stay("hub-b", 2), true);
        known.learn(&xyz, stay("hub-b", 2), false);
        known.learn(&xyz, stay("hub-a", 1), true);
        assert_eq!(known.stay("xyz"), None);
        assert!(!known.is_news("abc", &stay("hub-a", 1), false));
    }

    #[test]
    fn without_generations_the_latest_word_counts() {
        let (xyz, mut known) = (Name::from("xyz"), Whereabouts::default());
        known.learn(&xyz, stay("hub-a", 0), true);
        known.learn(&xyz, stay("hub-b", 0), true);
        assert_eq!(known.stay("xyz"), Some(&stay("hub-b", 0)));
        known.learn(&xyz, stay("hub-b", 0), false);
        known.learn(&xyz, stay("hub-b", 0), true);
        assert_eq!(known.stay("xyz"), Some(&stay("hub-b", 0)));
    }

    proptest! {
        #[test]
        fn in_whatever_order_the_hubs_are_read_the_last_move_wins(
            hubs in prop::collection::vec(0usize..3, 1..8), order in prop::collection::vec(any::<prop::sample::Index>(), 16),
        ) {
            // Each hub's own feed, in its own order: it came with generation n, and left before n + 1 came.
            let names = ["hub-a", "hub-b", "hub-c"];
            let mut feeds: Vec<Vec<(Stay, bool)>> = vec![Vec::new(); 3];
            for (index, hub) in hubs.iter().enumerate() {
                let generation = index as u64 + 1;
                feeds[*hub].push((stay(names[*hub], generation), true));
                if index + 1 < hubs.len() {
                    feeds[*hub].push((stay(names[*hub], generation), false));
                }
            }
            let (xyz, mut known) = (Name::from("xyz"), Whereabouts::default());
            for pick in order.iter().cycle() {
                let waiting: Vec<usize> = (0..3).filter(|hub| !feeds[*hub].is_empty()).collect();
                if waiting.is_empty() {
                    break;
                }
                let (stay, came) = feeds[*pick.get(&waiting)].remove(0);
                known.learn(&xyz, stay, came);
            }
            let last = stay(names[hubs[hubs.len() - 1]], hubs.len() as u64);
            prop_assert_eq!(known.stay("xyz"), Some(&last));
        }
    }
}
