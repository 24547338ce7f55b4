//! What the operator asks for: whether the device can do it, and whether the service would take it.
use super::super::duration::{DurationRange, written_out};
use super::super::timeline::{Command, Desired, Method, ThrottleHub, TimelineItem};
use super::Checker;
use crate::iot::section::Device;
use serde_json::Value;
use std::time::Duration;

/// The longest that a hub keeps a command (Microsoft docs, iot-hub-devguide-messages-c2d: 1 minute to 2 days).
const LONGEST_TTL: Duration = Duration::from_secs(2 * 24 * 3600);
/// How long a method may take (Microsoft docs, iot-hub-devguide-direct-methods: 5 to 300 seconds).
const TIME_OUTS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(300)];
/// The largest command, method payload, and desired section, in bytes (Microsoft docs, iot-hub-devguide-messages-c2d,
/// -direct-methods and -device-twins).
const LARGEST: [usize; 3] = [64 << 10, 128 << 10, 32 << 10];
/// How deep a twin may be, how long a key of it, how long a text (Microsoft docs, iot-hub-devguide-device-twins).
const TWIN: [usize; 3] = [10, 1 << 10, 4 << 10];

impl Checker<'_> {
    pub(super) fn operation(&mut self, item: &TimelineItem, index: &str) {
        if let Some(command) = &item.command {
            self.command(command, index);
        }
        if let Some(method) = &item.method {
            self.method(method, index);
        }
        if let Some(desired) = &item.desired {
            self.desired(desired, index);
        }
        if let Some(ttl) = item.manual_failover.as_ref().and_then(|failover| failover.ttl) {
            let whole = |time: Duration| time.as_nanos().is_multiple_of(60_000_000_000);
            if ttl.least() < Duration::from_secs(60) || !whole(ttl.least()) || !whole(ttl.most()) {
                self.say(
                    self.at(&["timeline", index, "manual-failover", "ttl"]),
                    format!("`{ttl}` is no time to stay away"),
                    "whole minutes, one or more: the service counts in `ttl-minutes`",
                );
            }
        }
        if let Some(throttle) = &item.throttle {
            self.throttle(throttle, index);
        }
    }

    fn command(&mut self, command: &Command, index: &str) {
        let path = |key| ["timeline", index, "command", key];
        self.able(&command.device, "commands", |device| device.commands, &path("device"));
        self.named_well(&command.name, &path("name"));
        self.fits(&command.payload, LARGEST[0], &path("payload"));
        if let Some(ttl) = command.ttl {
            self.positive(ttl, &path("ttl"));
            if ttl.most() > LONGEST_TTL {
                let message = format!("no hub keeps a command for `{ttl}`");
                self.say(self.at(&path("ttl")), message, "at most 2 days");
            }
        }
    }

    fn method(&mut self, method: &Method, index: &str) {
        let path = |key| ["timeline", index, "method", key];
        self.able(&method.device, "methods", |device| device.methods, &path("device"));
        self.named_well(&method.name, &path("name"));
        self.fits(&method.payload, LARGEST[1], &path("payload"));
        let is_fair = |range: &DurationRange| range.least() >= TIME_OUTS[0] && range.most() <= TIME_OUTS[1];
        if let Some(time_out) = method.time_out.filter(|time_out| !is_fair(time_out)) {
            let [least, most] = TIME_OUTS.map(written_out);
            self.say(
                self.at(&path("time-out")),
                format!("the service takes no time-out of `{time_out}`"),
                format!("{least} to {most}"),
            );
        }
    }

    fn desired(&mut self, desired: &Desired, index: &str) {
        let path = |key| ["timeline", index, "desired", key];
        self.able(&desired.device, "desired", |device| device.desired, &path("device"));
        let place = self.at(&path("set"));
        if desired.set.is_empty() && self.whole("timeline", index) {
            self.say(place, "nothing is changed", "at least one property, such as `fan: on`");
        }
        if desired.set.contains_key("change") {
            self.say(
                self.key(&["timeline", index, "desired", "set", "change"]),
                "`change` is taken",
                "another name: central numbers its changes by it",
            );
        }
        let set = Value::Object(desired.set.clone());
        self.fits(&set, LARGEST[2], &path("set"));
        if let Some(wrong) = wrong_in_twin(&set, 0) {
            self.say(
                place,
                wrong,
                "what a twin takes: 10 levels, keys up to 1 KiB without `.`, `$` and spaces, texts up to 4 KiB",
            );
        }
    }

    fn throttle(&mut self, throttle: &ThrottleHub, index: &str) {
        let Some(hub) = self.scenario.systems.iot.as_ref().and_then(|iot| iot.hubs.get(&*throttle.hub)) else { return };
        let (to, usual) = (throttle.to, hub.limit);
        if u128::from(to.count) * usual.every.as_nanos() >= u128::from(usual.count) * to.every.as_nanos() {
            self.say(
                self.at(&["timeline", index, "throttle", "to"]),
                format!("`{to}` is no less than the hub takes anyway"),
                format!("less than its `limit: {usual}`"),
            );
        }
    }

    /// Whether the device, the member of a group or the whole group has an ability.
    fn able(&mut self, name: &str, ability: &str, has: fn(&Device) -> bool, path: &[&str]) {
        let Some(iot) = &self.scenario.systems.iot else { return };
        let of_group = |(group, device): &(&String, &Device)| {
            *group == name || device.count.is_some() && name.strip_prefix(&***group).is_some_and(is_member)
        };
        let Some((group, device)) = iot.devices.iter().find(of_group) else { return };
        if !has(device) {
            let message = format!("`{name}` does not take this");
            self.say(self.at(path), message, format!("`{ability}: on` at `{group}`"));
        }
    }

    /// Names stand in topics and in targets of requests.
    fn named_well(&mut self, name: &str, path: &[&str]) {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:*".contains(&byte);
        if name.is_empty() || name.len() > 100 || !name.bytes().all(sound) {
            let message = format!("`{name}` cannot be called");
            self.say(self.at(path), message, "letters, digits and `-_.:*`, at most 100");
        }
    }

    fn fits(&mut self, value: &Value, most: usize, path: &[&str]) {
        let size = value.to_string().len();
        if size > most {
            let message = format!("{size} bytes are more than the service takes");
            self.say(self.at(path), message, format!("at most {} KiB", most >> 10));
        }
    }
}

/// Whether this follows a group's name in a member's: `-0001`.
pub(super) fn is_member(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn wrong_in_twin(value: &Value, depth: usize) -> Option<String> {
    let [deepest, longest_key, longest_text] = TWIN;
    match value {
        Value::Object(_) if depth > deepest => Some(format!("more than {deepest} levels")),
        Value::Object(members) => members.iter().find_map(|(key, value)| {
            let sound = !key.is_empty() && key.len() <= longest_key && !key.contains(['.', '$', ' ']);
            if sound { wrong_in_twin(value, depth + 1) } else { Some(format!("`{key}` is no property")) }
        }),
        Value::Array(items) => items.iter().find_map(|item| wrong_in_twin(item, depth + 1)),
        Value::String(text) if text.len() > longest_text => Some(format!("a text of {} bytes", text.len())),
        _ => None,
    }
}
