//! What the IoT system does not promise to live through, and which invariants may then be violated. Chaos stays inside
//! (`envelope`); a written timeline may leave it, and `lizard check` then says so.
//!
//! Everything here follows from three facts of the real services. The provisioning service moves a device only when its
//! own health checks of a hub fail: a hub that answers those and serves no device keeps its devices. Telemetry is in one
//! hub until central has read it there. A device's buffer is in its memory.
use super::planning::{CENTRAL, DPS};
use super::section::{Device, IotSection};
use crate::scenario::{DurationRange, Outage, Passage, SkewClock, TimelineItem, written_out};
use std::time::Duration;

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
    /// The bounds that the scenario sets, or does not: of `recovers`, and of `command-arrives`.
    pub(crate) recovers: Duration,
    pub(crate) command_arrives: Duration,
    /// How many messages clients may give up.
    pub(crate) given_up: u64,
    /// When every fault ends, at the latest.
    pub(crate) end: Duration,
}

impl Limits<'_> {
    /// Finds the limits that an item of a timeline leaves, or can leave with some seeds.
    pub(crate) fn beyond(&self, item: &TimelineItem) -> Vec<Beyond> {
        let begins = item.at.or(item.every).map_or(Duration::ZERO, |at| at.least());
        let lasts =
            |lasting: &Option<DurationRange>| lasting.map_or(self.end.saturating_sub(begins), |lasting| lasting.most());
        let mut found = Vec::new();
        for spell in [&item.disk_full, &item.disk_error].into_iter().flatten() {
            let what = "can store nothing and so confirms nothing";
            found.extend(self.out_of_order(&spell.host, what, lasts(&spell.lasting)));
        }
        if let Some(skew) = &item.skew_clock {
            found.extend(self.skew(skew, lasts(&skew.lasting)));
        }
        for passage in [&item.partition, &item.hold].into_iter().flatten() {
            found.extend(self.cut_off(passage, lasts(&passage.lasting)));
        }
        found.extend(self.unread(item));
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

    /// A hub that the provisioning service finds in order, and that serves nobody for so long.
    fn out_of_order(&self, hub: &str, what: &str, lasts: Duration) -> Option<Beyond> {
        let another = self.section.hubs.keys().any(|other| other != hub);
        (self.section.hubs.contains_key(hub) && another)
            .then(|| self.stuck(&format!("`{hub}` {what}"), lasts))
            .flatten()
    }

    fn stuck(&self, what: &str, lasts: Duration) -> Option<Beyond> {
        let mut voids = Vec::new();
        if lasts >= self.recovers {
            voids.push("recovers");
        }
        if lasts >= self.command_arrives && self.section.devices.values().any(|device| device.commands) {
            voids.push("command-arrives");
        }
        let least = self.recovers.min(self.command_arrives);
        (!voids.is_empty()).then(|| Beyond {
            what: format!("{what} for up to {}, and its devices are sent back to it", written_out(lasts)),
            inside: format!(
                "less than {}: a device is moved only when its hub fails the provisioning service's health checks",
                written_out(least)
            ),
            voids,
        })
    }

    /// A hub whose clock is a whole token's life ahead calls the freshest token expired.
    fn skew(&self, skew: &SkewClock, lasts: Duration) -> Option<Beyond> {
        let life = self.section.devices.values().map(|device| device.token_life.least()).min()?;
        let drifted = lasts.as_nanos() as i128 * i128::from(skew.drift.unwrap_or_default().ppm.max(0)) / 1_000_000;
        let ahead = i128::from(skew.by.most_ns()) + drifted;
        if ahead < life.as_nanos() as i128 {
            return None;
        }
        let inside = format!("less than {} ahead: tokens are good for as long", written_out(life));
        let beyond = self.out_of_order(&skew.host, "calls every token expired", lasts)?;
        Some(Beyond { inside, ..beyond })
    }

    /// Hubs that devices cannot reach, and the provisioning service can.
    fn cut_off(&self, passage: &Passage, lasts: Duration) -> Option<Beyond> {
        let (a, b) = passage.ends();
        let dps = |place: &str| place == DPS || *self.section.dps.site == *place;
        if dps(a) || dps(b) {
            return None;
        }
        let hubs = self.hubs_between(a, b, |place| self.section.devices.iter().any(|device| is_at(device, place)));
        let others = hubs.len() < self.section.hubs.len();
        let first = hubs.first().filter(|_| others)?;
        self.stuck(&format!("`{first}` cannot be reached by devices"), lasts)
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

fn is_at(device: (&String, &Device), place: &str) -> bool {
    is_named(device, place) || *device.1.site == *place
}

fn is_named((group, device): (&String, &Device), name: &str) -> bool {
    group == name || device.members(group).iter().any(|member| member == name)
}
