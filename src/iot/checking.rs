//! The `iot:` section: limits of the real services, and values that no device could work with.
use super::section::{Device, IotSection, LONGEST_KEEP_ALIVE};
use crate::scenario::{ChaosFault, Checker};
use std::time::Duration;

/// A device changes its token for a fresh one two minutes before: it must be good for as long before that.
const SHORTEST_TOKEN: Duration = Duration::from_secs(240);
/// Chaos moves clocks by up to ten minutes either way, which must stay under half of a token's life.
const SHORTEST_TOKEN_IN_CHAOS: Duration = Duration::from_secs(1200);

/// Says what is wrong with a section of sound shape.
pub(super) fn check(iot: &IotSection, checker: &mut Checker<'_>) {
    if iot.hubs.is_empty() && checker.root.nearest(&["iot", "hubs"]).entries().is_empty() {
        checker.say(checker.key(&["iot", "hubs"]), "there is no hub", "at least one hub");
    }
    if iot.devices.is_empty() && checker.root.nearest(&["iot", "devices"]).entries().is_empty() {
        checker.say(checker.key(&["iot", "devices"]), "there is no device", "at least one device");
    }
    checker.positive(iot.dps.health_check, &["iot", "dps", "health-check"]);
    for (name, device) in &iot.devices {
        let path = |key| ["iot", "devices", name.as_str(), key];
        for (key, range) in [("telemetry", device.telemetry), ("reported", device.reported)] {
            if let Some(range) = range {
                checker.positive(range, &path(key));
            }
        }
        let keep_alive = device.keep_alive;
        if keep_alive.least() < Duration::from_secs(1) || keep_alive.most() > LONGEST_KEEP_ALIVE {
            checker.say(
                checker.at(&path("keep-alive")),
                format!("`{keep_alive}` is no keep-alive"),
                "1s to 1177s: hubs count no longer ones",
            );
        }
        for (key, range) in [
            ("connect-time-out", device.connect_time_out),
            ("puback-time-out", device.puback_time_out),
            ("back-off", device.back_off),
        ] {
            checker.positive(range, &path(key));
        }
        identity(name, device, checker);
        if device.starts.most() > checker.scenario.duration.least() {
            checker.say(
                checker.at(&path("starts")),
                format!("`{name}` starts after the end"),
                checker.before_the_end(),
            );
        }
    }
}

/// Tokens and models.
fn identity(name: &str, device: &Device, checker: &mut Checker<'_>) {
    let path = |key| ["iot", "devices", name, key];
    if device.token_life.least() < SHORTEST_TOKEN {
        checker.say(
            checker.at(&path("token-life")),
            format!("a token of `{}` is hardly good for anything", device.token_life),
            "4m or more: a device changes it two minutes before it ends",
        );
    }
    let skewed = checker.scenario.chaos.as_ref().is_some_and(|chaos| chaos.faults.contains(&ChaosFault::SkewClock));
    if skewed && device.token_life.least() <= SHORTEST_TOKEN_IN_CHAOS {
        checker.say(
            checker.at(&path("token-life")),
            format!("tokens of `{}` do not live through the clocks of `chaos`", device.token_life),
            "more than 20m: chaos moves clocks by up to 10m either way, less than half of a token's life",
        );
    }
    let model = device.model.as_deref().unwrap_or("dtmi:sample:device;1");
    let is_model = model.strip_prefix("dtmi:").and_then(|rest| rest.split_once(';')).is_some_and(|(path, version)| {
        path.split(':').all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
            && version.parse::<u32>().is_ok_and(|version| version > 0)
    });
    if !is_model {
        checker.say(
            checker.at(&path("model")),
            format!("`{model}` is no model id"),
            "such as `dtmi:sample:failover;1`: letters, digits and `_` between colons, then a version",
        );
    }
}
