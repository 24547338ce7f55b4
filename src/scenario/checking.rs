//! Whether a scenario of sound shape makes sense: times, places, counts, names taken twice.
use super::document::Node;
use super::duration::{DurationRange, written_out};
use super::mistake::{Mistake, Place};
use super::schema::Scenario;
use super::timeline::TimelineItem;
use crate::iot::planning::{CENTRAL, DPS};
use crate::iot::section::{Device, LONGEST_KEEP_ALIVE};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// More occurrences of one `every` than this are a slip.
const MOST_OCCURRENCES: u128 = 10_000;

/// Retransmission after a long cut starts again within this.
const LONGEST_RETRANSMISSION: Duration = Duration::from_secs(30);

/// Names that hosts of the built-in systems have, or will have.
const TAKEN: [&str; 3] = [DPS, CENTRAL, "operator"];

/// Finds what is wrong. `sound` is the part of the document that the scenario was read from; `root` is all of it.
pub(crate) fn check(scenario: &Scenario, sound: &Node, root: &Node) -> Vec<Mistake> {
    let mut checker = Checker { scenario, sound, root, mistakes: Vec::new() };
    checker.times();
    checker.sites();
    checker.names();
    checker.iot();
    for (index, item) in scenario.timeline.iter().enumerate() {
        checker.timeline_item(item, &index.to_string());
    }
    checker.links();
    checker.chaos();
    checker.rules();
    checker.expectations();
    checker.pitfall();
    checker.mistakes
}

struct Checker<'a> {
    scenario: &'a Scenario,
    sound: &'a Node,
    root: &'a Node,
    mistakes: Vec<Mistake>,
}

impl Checker<'_> {
    fn at(&self, path: &[&str]) -> Place {
        self.sound.nearest(path).place
    }

    /// The place of the key that a path ends with.
    fn key(&self, path: &[&str]) -> Place {
        let Some((last, before)) = path.split_last() else {
            return self.sound.place;
        };
        let parent = self.sound.nearest(before);
        parent.entry(last).map_or(parent.place, |entry| entry.key_place)
    }

    fn say(&mut self, place: Place, message: impl Into<String>, expected: impl Into<String>) {
        self.mistakes.push(Mistake::new(place, message).expected(expected));
    }

    fn times(&mut self) {
        let Scenario { duration, settle, iot, .. } = self.scenario;
        if duration.least().is_zero() {
            self.say(self.at(&["duration"]), "a run of no time", "at least a second");
        }
        let Some(iot) = iot else { return };
        let recovery = iot.devices.values().map(Device::longest_recovery).max().unwrap_or_default();
        let needed = LONGEST_RETRANSMISSION + recovery + iot.dps.longest_failback();
        if settle.least() < needed {
            let message = format!("`settle: {settle}` is shorter than the time-outs can need");
            let expected = format!(
                "{} or more: retransmission, keep-alive, back-off, time-outs and failback add up to it",
                written_out(needed)
            );
            self.say(self.at(&["settle"]), message, expected);
        }
    }

    fn sites(&mut self) {
        if self.root.entry("iot").is_none() {
            self.say(self.sound.place, "there is no system to run", "an `iot:` section");
            return;
        }
        let mut inhabited = BTreeSet::new();
        gather_sites(self.root.nearest(&["iot"]), &mut inhabited);
        for site in self.scenario.sites.keys() {
            if !inhabited.contains(site.as_str()) {
                self.say(
                    self.key(&["sites", site]),
                    format!("no host is at site `{site}`"),
                    "a host with this `site:`, or no such site",
                );
            }
        }
    }

    /// Hosts and sites share one space of names: faults mention either.
    fn names(&mut self) {
        let Some(iot) = &self.scenario.iot else { return };
        let mut taken: BTreeMap<String, String> =
            TAKEN.iter().map(|name| ((*name).to_owned(), "a built-in host".to_owned())).collect();
        for site in self.scenario.sites.keys() {
            self.take(&mut taken, site, "site", &["sites", site]);
        }
        for hub in iot.hubs.keys() {
            self.take(&mut taken, hub, "hub", &["iot", "hubs", hub]);
        }
        for (group, device) in &iot.devices {
            let path = ["iot", "devices", group];
            if device.count.is_some() {
                self.take(&mut taken, group, "group of devices", &path);
            }
            for member in device.members(group) {
                if !self.take(&mut taken, &member, "device", &path) {
                    break;
                }
            }
        }
    }

    fn take(&mut self, taken: &mut BTreeMap<String, String>, name: &str, what: &str, path: &[&str]) -> bool {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 128 || !name.bytes().all(sound) {
            self.say(self.key(path), format!("`{name}` cannot be a name"), "letters, digits, `-` and `_`, at most 128");
            return false;
        }
        if let Some(holder) = taken.get(name) {
            self.say(
                self.key(path),
                format!("the name `{name}` is taken by {holder}"),
                "another name: hosts, groups and sites share one space",
            );
            return false;
        }
        taken.insert(name.to_owned(), format!("a {what}"));
        true
    }

    fn iot(&mut self) {
        let Some(iot) = &self.scenario.iot else { return };
        if iot.hubs.is_empty() && self.root.nearest(&["iot", "hubs"]).entries().is_empty() {
            self.say(self.key(&["iot", "hubs"]), "there is no hub", "at least one hub");
        }
        if iot.devices.is_empty() && self.root.nearest(&["iot", "devices"]).entries().is_empty() {
            self.say(self.key(&["iot", "devices"]), "there is no device", "at least one device");
        }
        self.positive(iot.dps.health_check, &["iot", "dps", "health-check"]);
        for (name, device) in &iot.devices {
            let path = |key| ["iot", "devices", name.as_str(), key];
            for key in device.not_built() {
                let message = format!("`{key}` is not built yet");
                self.say(self.key(&path(key)), message, "`off`, or without it");
            }
            for (key, range) in [("telemetry", device.telemetry), ("reported", device.reported)] {
                if let Some(range) = range {
                    self.positive(range, &path(key));
                }
            }
            let keep_alive = device.keep_alive;
            if keep_alive.least() < Duration::from_secs(1) || keep_alive.most() > LONGEST_KEEP_ALIVE {
                self.say(
                    self.at(&path("keep-alive")),
                    format!("`{keep_alive}` is no keep-alive"),
                    "1s to 1177s: hubs count no longer ones",
                );
            }
            for (key, range) in [
                ("connect-time-out", device.connect_time_out),
                ("puback-time-out", device.puback_time_out),
                ("back-off", device.back_off),
            ] {
                self.positive(range, &path(key));
            }
            if device.starts.most() > self.scenario.duration.least() {
                self.say(self.at(&path("starts")), format!("`{name}` starts after the end"), self.before_the_end());
            }
        }
    }

    fn positive(&mut self, range: DurationRange, path: &[&str]) {
        if range.least().is_zero() {
            self.say(
                self.at(path),
                format!("`{}` may not be zero", path.last().unwrap_or(&"it")),
                DurationRange::EXPECTED_POSITIVE,
            );
        }
    }

    fn before_the_end(&self) -> String {
        format!("a time before `duration: {}`", self.scenario.duration)
    }

    fn timeline_item(&mut self, item: &TimelineItem, index: &str) {
        let path = |key| ["timeline", index, key];
        if let Some(at) = item.at.filter(|at| at.most() >= self.scenario.duration.least()) {
            self.say(self.at(&path("at")), format!("`at: {at}` is after the end"), self.before_the_end());
        }
        match item.every {
            None if item.at.is_none() => {
                self.say(self.at(&["timeline", index]), "no time here", "`at: 2m`, or `every: 30s`")
            }
            Some(every) if every.least().is_zero() => self.positive(every, &path("every")),
            Some(every) if self.scenario.duration.most().as_nanos() / every.least().as_nanos() > MOST_OCCURRENCES => {
                self.say(
                    self.at(&path("every")),
                    format!("`every: {every}` happens more than {MOST_OCCURRENCES} times"),
                    "a longer gap",
                );
            }
            Some(every) if every.most() >= self.scenario.duration.least() && item.at.is_none() => {
                self.say(
                    self.at(&path("every")),
                    format!("`every: {every}` may not happen before the end"),
                    self.before_the_end(),
                );
            }
            _ => {}
        }
        self.lasting(item, index);
        if let Some(cut) = &item.partition {
            let place = self.at(&path("partition"));
            let ends = match (&cut.between, &cut.from, &cut.to) {
                (Some([a, b]), None, None) => Some((a, b)),
                (None, Some(from), Some(to)) => Some((from, to)),
                _ => {
                    // A misspelt end has been reported by its own place.
                    if self.whole("timeline", index) {
                        self.say(
                            place,
                            "this does not say what is cut",
                            "`between: [a, b]`, or `from: a, to: b` for one direction",
                        );
                    }
                    None
                }
            };
            if ends.is_some_and(|(a, b)| a == b) {
                self.say(place, "nothing can be cut from itself", "two hosts or sites");
            }
        }
        if let Some(slow) = &item.slow {
            self.positive(slow.latency, &["timeline", index, "slow", "latency"]);
        }
    }

    /// Whether nothing was left out of an item of a list because it was unsound.
    fn whole(&self, list: &str, index: &str) -> bool {
        let item = self.sound.nearest(&[list, index]);
        let original = self.root.nearest(&[list]).items().iter().find(|original| original.place == item.place);
        original.is_some_and(|original| count(original) == count(item))
    }

    fn lasting(&mut self, item: &TimelineItem, index: &str) {
        let outages = [("crash", &item.crash), ("power-loss", &item.power_loss), ("stop", &item.stop)];
        let outages = outages
            .into_iter()
            .filter_map(|(verb, outage)| outage.as_ref().map(|outage| (verb, outage.lasting, outage.for_good)));
        let attack = item.attack.as_ref().map(|attack| ("attack", attack.lasting, attack.for_good));
        for (verb, lasting, for_good) in outages.chain(attack) {
            if for_good && lasting.is_some() {
                self.say(
                    self.key(&["timeline", index, verb, "for-good"]),
                    "for good, and yet for a time",
                    "`for`, or `for-good: yes`",
                );
            }
            if for_good && item.every.is_some() {
                self.say(
                    self.key(&["timeline", index, verb, "for-good"]),
                    "what is gone for good cannot go again",
                    "`at` instead of `every`",
                );
            }
        }
    }

    fn links(&mut self) {
        let mut seen = BTreeSet::new();
        for (index, link) in self.scenario.links.iter().enumerate() {
            let place = self.at(&["links", &index.to_string(), "between"]);
            let [a, b] = &link.between;
            if a == b {
                self.say(
                    place,
                    "a link from a site to itself",
                    "two sites; a site's own `latency` is for its own paths",
                );
            } else if !seen.insert((a.min(b), a.max(b))) {
                self.say(place, format!("a second link between `{a}` and `{b}`"), "one link for each pair of sites");
            }
        }
    }

    fn chaos(&mut self) {
        let Some(chaos) = &self.scenario.chaos else { return };
        if chaos.faults.is_empty() && self.root.nearest(&["chaos", "faults"]).items().is_empty() {
            self.say(self.at(&["chaos", "faults"]), "nothing to draw from", "at least one fault");
        }
        if chaos.at_most == 0 {
            self.say(self.at(&["chaos", "at-most"]), "chaos of no faults", "1 or more, or no `chaos:`");
        }
        self.positive(chaos.every, &["chaos", "every"]);
        self.positive(chaos.lasting, &["chaos", "lasting"]);
        if !chaos.every.least().is_zero()
            && self.scenario.duration.most().as_nanos() / chaos.every.least().as_nanos() > MOST_OCCURRENCES
        {
            self.say(self.at(&["chaos", "every"]), format!("more than {MOST_OCCURRENCES} faults"), "a longer gap");
        }
    }

    fn rules(&mut self) {
        const BOUNDED: [&str; 3] = ["recovers", "comes-home", "one-connection"];
        for (name, rule) in &self.scenario.invariants {
            if rule.within.is_some() && !BOUNDED.contains(&name.as_str()) {
                self.say(
                    self.key(&["invariants", name, "within"]),
                    format!("`{name}` has no bound in time"),
                    "`within` only with `recovers`, `comes-home`, `one-connection`",
                );
            }
            if rule.given_up.is_some() && name != "no-loss" {
                self.say(
                    self.key(&["invariants", name, "given-up"]),
                    format!("`{name}` does not count what is given up"),
                    "`given-up` only with `no-loss`",
                );
            }
            if rule.waived.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
                self.say(self.at(&["invariants", name, "waived"]), "waived for no reason", "the reason, in words");
            }
        }
    }

    fn expectations(&mut self) {
        let end = self.scenario.duration.most() + self.scenario.settle.most();
        for (index, expectation) in self.scenario.expect.iter().enumerate() {
            let index = index.to_string();
            let path = |kind, key| ["expect", index.as_str(), kind, key];
            if let Some(moved) = expectation.moved.as_ref().filter(|moved| moved.from == moved.to) {
                self.say(
                    self.at(&path("moved", "to")),
                    format!("from `{0}` to `{0}` is no move", moved.to),
                    "another hub",
                );
            }
            let afters = [
                ("moved", expectation.moved.as_ref().and_then(|moved| moved.after)),
                ("connected", expectation.connected.as_ref().and_then(|connected| connected.after)),
                ("reconnected", expectation.reconnected.as_ref().and_then(|reconnected| reconnected.after)),
            ];
            for (kind, after) in afters {
                if let Some(after) = after.filter(|after| after.least() >= end) {
                    self.say(
                        self.at(&path(kind, "after")),
                        format!("`after: {after}` is after the end"),
                        format!("a time before `duration` and `settle` are over ({})", written_out(end)),
                    );
                }
            }
            match expectation.count.as_ref().map(|count| (count.at_least, count.at_most)) {
                Some((None, None)) if self.whole("expect", &index) => {
                    self.say(
                        self.at(&["expect", &index, "count"]),
                        "a count without bounds",
                        "`at-least`, `at-most`, or both",
                    );
                }
                Some((Some(least), Some(most))) if least > most => {
                    self.say(
                        self.at(&path("count", "at-most")),
                        format!("at least {least} and at most {most} cannot both be"),
                        "`at-least` no greater than `at-most`",
                    );
                }
                _ => {}
            }
        }
    }

    fn pitfall(&mut self) {
        let Some(pitfall) = &self.scenario.pitfall else { return };
        if !pitfall.issue.starts_with("https://") {
            self.say(
                self.at(&["pitfall", "issue"]),
                format!("`{}` cannot be looked up", pitfall.issue),
                "the address of the public report, `https://...`",
            );
        }
        if pitfall.turn_on.0.is_empty() && self.root.nearest(&["pitfall", "turn-on"]).entries().is_empty() {
            self.say(
                self.key(&["pitfall", "turn-on"]),
                "no knob is turned on",
                "such as `devices.xyz: { on-session-loss: same-hub }`",
            );
        }
        if pitfall.also.contains(&pitfall.violates) {
            self.say(
                self.at(&["pitfall", "also"]),
                format!("`{}` is what it violates already", pitfall.violates),
                "only others in `also`",
            );
        }
        let faults = self.root.entry("timeline").is_some() || self.root.entry("chaos").is_some();
        if pitfall.needs_fault && !faults {
            self.say(
                self.key(&["pitfall"]),
                "this needs a fault, and nothing happens",
                "a `timeline:`, `chaos:`, or `needs-fault: no`",
            );
        }
    }
}

/// Every text under a key `site`, however deep.
fn gather_sites<'a>(node: &'a Node, sites: &mut BTreeSet<&'a str>) {
    for entry in node.entries() {
        if entry.key == "site" {
            sites.extend(entry.value.text());
        }
        gather_sites(&entry.value, sites);
    }
}

fn count(node: &Node) -> usize {
    let inside = node.entries().iter().map(|entry| count(&entry.value)).sum::<usize>();
    1 + inside + node.items().iter().map(count).sum::<usize>()
}
