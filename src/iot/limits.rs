//! What the IoT system does not promise to live through, and which invariants may then be violated. Chaos stays inside
//! (`envelope`); a written timeline may leave it, and `lizard check` then says so.
//!
//! Everything here follows from two facts of the real services. Telemetry is in one hub until central has read it there.
//! A device's buffer is in its memory.
use super::planning::CENTRAL;
use super::section::{Device, IotSection};
use crate::scenario::{Outage, TimelineItem};

/// A limit that a fault leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// What the system comes to.
    pub(crate) what: String,
    /// What would have stayed inside.
    pub(crate) inside: String,
    /// The invariants that may be violated then, though no client does anything wrong.
    pub(crate) voids: Vec<&'static str>,
}

/// The system that a fault happens to.
pub(crate) struct Limits<'a> {
    /// Who takes part.
    pub(crate) section: &'a IotSection,
    /// How many messages clients may give up.
    pub(crate) given_up: u64,
}

impl Limits<'_> {
    /// Finds the limits that an item of a timeline leaves, or can leave with some seeds.
    pub(crate) fn beyond(&self, item: &TimelineItem) -> Vec<Beyond> {
        let mut found: Vec<Beyond> = self.unread(item).into_iter().collect();
        for outage in [&item.crash, &item.power_loss, &item.stop].into_iter().flatten() {
            found.extend(self.for_good(outage));
        }
        if let Some(attack) = item.attack.as_ref().filter(|attack| attack.for_good) {
            found.extend(self.gone(&attack.site));
        }
        if let Some(stop) = &item.stop {
            found.extend(self.gives_up(stop));
        }
        found
    }

    /// What makes central read one hub later than another.
    fn unread(&self, item: &TimelineItem) -> Option<Beyond> {
        let is_central = |place: &str| place == CENTRAL || *self.section.central.site == *place;
        let kept_apart = [&item.partition, &item.hold].into_iter().flatten().any(|passage| {
            let (a, b) = passage.ends();
            let hubs = self.hubs_between(a, b, is_central).len();
            (1..self.section.hubs.len()).contains(&hubs)
        });
        let burdens = [
            item.slow.as_ref().map(|slow| (&slow.site, &slow.host)),
            item.lossy.as_ref().map(|lossy| (&lossy.site, &lossy.host)),
        ];
        let of_place = |place: &str| is_central(place) || self.hubs().any(|hub| hub.0 == place || hub.1 == place);
        let burdened = burdens
            .into_iter()
            .flatten()
            .any(|(site, host)| site.as_deref().is_some_and(of_place) || host.as_deref().is_some_and(of_place));
        let stores_late =
            [&item.disk_full, &item.disk_error].into_iter().flatten().any(|spell| *spell.host == *CENTRAL);
        let late = kept_apart || burdened || stores_late;
        (late && self.section.hubs.len() > 1).then(|| Beyond {
            what: "`central` may read a device's old hub later than its new one".into(),
            inside: "one hub, or `order: { waived: ... }`: several hubs keep no common order".into(),
            voids: vec!["order"],
        })
    }

    /// The hubs at one end of a passage, where somebody else is at its other end.
    fn hubs_between(&self, a: &str, b: &str, is_there: impl Fn(&str) -> bool) -> Vec<&str> {
        let at = |hub: &(&str, &str), place: &str| hub.0 == place || hub.1 == place;
        self.hubs().filter(|hub| at(hub, a) && is_there(b) || at(hub, b) && is_there(a)).map(|(name, _)| name).collect()
    }

    /// Each hub and its site.
    fn hubs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.section.hubs.iter().map(|(name, hub)| (name.as_str(), &*hub.site))
    }

    fn for_good(&self, outage: &Outage) -> Option<Beyond> {
        if outage.for_good { self.gone(&outage.host) } else { None }
    }

    /// A host or a site that never comes back, with what only it had.
    fn gone(&self, place: &str) -> Option<Beyond> {
        let central = place == CENTRAL || *self.section.central.site == *place;
        let hub = self.section.hubs.iter().find(|(name, hub)| *name == place || *hub.site == *place);
        let inside = "`for: ...` instead of `for-good`".to_owned();
        if central {
            let mut voids = vec!["no-confirmed-loss", "no-loss", "twin-converges"];
            if self.section.devices.values().any(|device| device.commands) {
                voids.push("command-arrives");
            }
            return Some(Beyond { what: "`central` is owed everything and never comes back".into(), inside, voids });
        }
        let (name, _) = hub?;
        Some(Beyond {
            what: format!("what central has not read from `{name}` is gone with it"),
            inside,
            voids: vec!["no-confirmed-loss", "no-loss"],
        })
    }

    /// A device that is told to stop.
    fn gives_up(&self, stop: &Outage) -> Option<Beyond> {
        let device = self.section.devices.iter().any(|device| is_named(device, &stop.host));
        (device && self.given_up == 0).then(|| Beyond {
            what: format!("`{}` gives up what its hub has not confirmed when it stops", stop.host),
            inside: "`no-loss: { given-up: N }`, or a device that is not stopped".into(),
            voids: vec!["no-loss"],
        })
    }
}

fn is_named((group, device): (&String, &Device), name: &str) -> bool {
    group == name || device.members(group).iter().any(|member| member == name)
}
