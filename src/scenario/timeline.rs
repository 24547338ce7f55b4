//! What happens, and when: one item is a time and exactly one verb.
use super::duration::{DurationRange, OffsetRange};
use super::measure::{Drift, Rate, Share};
use super::name::{DeviceName, HostName, HubName, PlaceName, SiteName};
use super::schema::exactly_one_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One line of the timeline: when, and exactly one verb.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = one_verb)]
pub struct TimelineItem {
    /// When it happens. A range is drawn once for each seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DurationRange>,
    /// How often it happens: first after one such time (or at `at`), then again and again until `duration`.
    /// Each gap is drawn anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<DurationRange>,
    /// The giant lizard: every host of a site loses its power at one instant. Power is back after `for`, and each
    /// host boots 0..10 s later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<Attack>,
    /// Kills a host's software (kill -9): its kernel lives, so peers see FIN or RST and written data stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<Outage>,
    /// Takes a host's power: no FIN, unsynced writes are lost or torn, peers learn nothing until they speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_loss: Option<Outage>,
    /// Stops scheduling a host: packets wait, timers fire late, peers hear silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Spell>,
    /// Asks a host to stop: it says goodbye as its protocol does, then closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Outage>,
    /// Boots a host that is off or stopped; a host that is up is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Cuts the path between two hosts or sites: both ways with `between`, one way with `from` and `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Passage>,
    /// Keeps everything between two hosts or sites in the network, and lets it arrive in order when the hold ends:
    /// nothing is lost or sent again, it is only late. Both ways with `between`, one way with `from` and `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Passage>,
    /// Adds latency to every path in or out of a host or site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<Slow>,
    /// Loses a share of the segments in or out of a host or site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lossy: Option<Lossy>,
    /// Moves a host's wall clock, and lets it drift. Timers are not touched; tokens expire by the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_clock: Option<SkewClock>,
    /// Every append, rename and sync of a host's disk answers that the disk is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_full: Option<Spell>,
    /// Every call of a host's disk answers an I/O error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_error: Option<Spell>,
    /// Cuts the hosts of a site off one by one, and heals them in another order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swizzle: Option<Swizzle>,
    /// Lets a hub take less than it usually does: what comes beyond waits, and what waits too long is disconnected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<ThrottleHub>,
    /// The operator sends a command to a device, through central.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// The operator calls a method of a device, through central.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The operator changes desired properties of a device, through central.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Desired>,
    /// The operator sends a device to another hub; it comes back by itself after a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual_failover: Option<ManualFailover>,
    /// The operator calls a device back from its manual failover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual_failback: Option<OfDevice>,
    /// The operator asks where a device belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_info: Option<OfDevice>,
    /// Whose dice it rolls: what is not written down of it (when each host boots after an attack, in which order a swizzle
    /// cuts) is drawn as it was for that line of that file. `lizard shrink` writes it. Default its own place in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn_as: Option<String>,
}

/// The keys of an item that say when and how, not what.
pub(crate) const NO_VERB: [&str; 3] = ["at", "every", "drawn-as"];

impl TimelineItem {
    /// Tells which verb it has, as files spell it: `power-loss`.
    pub fn verb(&self) -> String {
        let item = serde_json::to_value(self).unwrap_or_default();
        let mut keys = item.as_object().into_iter().flat_map(Map::keys);
        keys.find(|key| !NO_VERB.contains(&key.as_str())).cloned().unwrap_or_default()
    }
}

fn one_verb(schema: &mut schemars::Schema) {
    exactly_one_of(schema, "verb", &NO_VERB);
}

/// `attack: { site: west, for: 5m }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Attack {
    /// The site whose hosts lose their power.
    pub site: SiteName,
    /// How long the power is away. Without it: until everything is put right at `duration`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
    /// The site stays dark even while settling. Default no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_good: bool,
}

/// `crash: { host: hub-b, for: 10s }`, and the same for `power-loss` and `stop`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Outage {
    /// The host it happens to.
    pub host: HostName,
    /// How long until it boots again. Without it: until everything is put right at `duration`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
    /// The host stays down even while settling. Default no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_good: bool,
}

/// `freeze: { host: hub-b, for: 10s }`, and the same for `disk-full` and `disk-error`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Spell {
    /// The host it happens to.
    pub host: HostName,
    /// How long it lasts. Without it: until everything is put right at `duration`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
}

/// `start: { host: hub-b }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Start {
    /// The host that boots.
    pub host: HostName,
}

/// `partition: { between: [field, west], for: 20s }`, or `{ from: field, to: west }` for one direction; the same for
/// `hold`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Passage {
    /// The two ends, when it happens in both directions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<[PlaceName; 2]>,
    /// Where the packets come from that do not get through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PlaceName>,
    /// Where they were going.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PlaceName>,
    /// How long it lasts. Without it: until everything is put right at `duration`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
}

impl Passage {
    /// The two ends, and whether both directions are meant.
    pub(crate) fn directed(&self) -> (&PlaceName, &PlaceName, bool) {
        match (&self.between, &self.from, &self.to) {
            (Some([a, b]), ..) => (a, b, true),
            (None, Some(from), Some(to)) => (from, to, false),
            _ => unreachable!("loading refuses partitions and holds without ends"),
        }
    }
    /// The two ends.
    pub(crate) fn ends(&self) -> (&PlaceName, &PlaceName) {
        let (a, b, _) = self.directed();
        (a, b)
    }
}

/// `slow: { site: field, latency: 200ms..2s, for: 30s }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = one_place)]
pub struct Slow {
    /// The site whose paths are slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteName>,
    /// Or the one host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
    /// One-way latency added; a range is drawn anew for each segment.
    pub latency: DurationRange,
    /// How long it lasts. Without it: until everything is put right at `duration`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
}

/// `lossy: { host: hub-a, loss: 20%, for: 30s }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = one_place)]
pub struct Lossy {
    /// The site whose paths lose segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteName>,
    /// Or the one host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
    /// The share that is lost, each way.
    pub loss: Share,
    /// How long it lasts. Without it: until everything is put right at `duration`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
}

fn one_place(schema: &mut schemars::Schema) {
    exactly_one_of(schema, "place", &["latency", "loss", "for"]);
}

/// `skew-clock: { host: hub-a, by: -5m..5m, drift: 100ppm, for: 2m }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SkewClock {
    /// The host whose wall clock is wrong.
    pub host: HostName,
    /// How far the clock jumps.
    pub by: OffsetRange,
    /// How much faster than true time it runs from then on. Default not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// How long it lasts. Without it: until everything is put right at `duration`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
}

/// `swizzle: { site: west, over: 10s, for: 30s }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Swizzle {
    /// The site whose hosts are cut off.
    pub site: SiteName,
    /// Within which time they are cut off, and again healed, one by one. Default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<DurationRange>,
    /// When the healing begins. Without it: until everything is put right at `duration`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
}

/// `throttle: { hub: hub-a, to: 5/s, for: 1m }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ThrottleHub {
    /// The hub.
    pub hub: HubName,
    /// The most new connections it takes, and as many messages from devices.
    pub to: Rate,
    /// How long it lasts. Without it: until everything is put right at `duration`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
}

/// `command: { device: xyz, name: blink, ttl: 10m }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Command {
    /// The device; of a group, every one.
    pub device: DeviceName,
    /// What the command is called.
    pub name: String,
    /// Its body. Default null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
    /// How long it may wait for the device. Default 1h, as the hub's; at most 2 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<DurationRange>,
}

/// `method: { device: xyz, name: echo, payload: { n: 1 }, time-out: 30s }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Method {
    /// The device; of a group, every one.
    pub device: DeviceName,
    /// What the method is called. Built-in devices know `echo`, which answers with its payload, and answer 404 to others.
    pub name: String,
    /// Its body. Default null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
    /// How long the device has for its answer. Default 30s, as the service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_out: Option<DurationRange>,
}

/// `desired: { device: xyz, set: { fan: on } }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Desired {
    /// The device; of a group, every one.
    pub device: DeviceName,
    /// Properties to set; null removes one.
    pub set: Map<String, Value>,
}

/// `manual-failover: { device: xyz, ttl: 5m }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ManualFailover {
    /// The device; of a group, every one.
    pub device: DeviceName,
    /// When it comes back by itself, in whole minutes. Default 5m, as the service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<DurationRange>,
}

/// `manual-failback: { device: xyz }`, and the same for `registration-info`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OfDevice {
    /// The device; of a group, every one.
    pub device: DeviceName,
}
