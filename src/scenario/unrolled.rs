//! Everything that a seed makes happen, written down: each line once, at its own time and with its own length.
use super::duration::{DurationRange, OffsetRange};
use super::operations;
use super::planning::{occurrences, plan};
use super::schema::Scenario;
use super::storm;
use super::timeline::{Outage, Passage, Spell, TimelineItem};
use std::path::Path;
use std::time::Duration;

/// Writes the timeline and the chaos of a scenario out as one seed draws them, in the order of time.
///
/// What has no key of its own is drawn as it was, by `drawn-as`: the boots after an attack, the order of a swizzle. The
/// latency of a slow path stays a range: it is drawn for each segment.
pub fn unrolled(scenario: &Scenario, seed: u64) -> Vec<TimelineItem> {
    let plan = plan(scenario, Path::new(""), seed);
    let mut lines = Vec::new();
    for (index, item) in scenario.timeline.iter().enumerate() {
        let times = occurrences(item, index, seed, plan.duration).into_iter();
        lines.extend(times.map(|(origin, at)| (at, Fixing { seed, origin }.line(item, at))));
    }
    // As in the plan: chaos comes after what the file says, and what begins at one time stays in that order.
    if let Some(chaos) = &scenario.chaos {
        let drawn = storm::draw(chaos, scenario, &plan.roster, seed, plan.duration);
        lines.extend(drawn.into_iter().map(|(origin, at, item)| (at, Fixing { seed, origin }.line(&item, at))));
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// One item at one time, on its way to a line without ranges.
struct Fixing {
    seed: u64,
    /// The beginning of every label.
    origin: String,
}

impl Fixing {
    fn line(&self, item: &TimelineItem, at: Duration) -> TimelineItem {
        let mut line = TimelineItem { at: Some(DurationRange::fixed(at)), every: None, ..item.clone() };
        let draws_more = line.attack.as_ref().is_some_and(|attack| !attack.for_good) || line.swizzle.is_some();
        line.drawn_as = draws_more.then(|| self.origin.clone());
        for Outage { lasting, .. } in [&mut line.crash, &mut line.power_loss, &mut line.stop].into_iter().flatten() {
            self.fix(lasting, "for");
        }
        for Spell { lasting, .. } in [&mut line.freeze, &mut line.disk_full, &mut line.disk_error].into_iter().flatten()
        {
            self.fix(lasting, "for");
        }
        for Passage { lasting, .. } in [&mut line.partition, &mut line.hold].into_iter().flatten() {
            self.fix(lasting, "for");
        }
        let others = [
            line.attack.as_mut().map(|attack| &mut attack.lasting),
            line.slow.as_mut().map(|slow| &mut slow.lasting),
            line.lossy.as_mut().map(|lossy| &mut lossy.lasting),
            line.throttle.as_mut().map(|throttle| &mut throttle.lasting),
        ];
        others.into_iter().flatten().for_each(|lasting| self.fix(lasting, "for"));
        if let Some(skew) = &mut line.skew_clock {
            skew.by = OffsetRange::fixed(skew.by.draw(self.seed, &format!("{}.by", self.origin)));
            self.fix(&mut skew.lasting, "for");
        }
        if let Some(swizzle) = &mut line.swizzle {
            self.fix(&mut swizzle.over, "over");
            self.fix(&mut swizzle.lasting, "for");
        }
        if let Some(command) = &mut line.command {
            self.fix(&mut command.ttl, "ttl");
        }
        if let Some(method) = &mut line.method {
            self.fix(&mut method.time_out, "time-out");
        }
        if let Some(failover) = &mut line.manual_failover {
            self.fix(&mut failover.ttl, "ttl");
            failover.ttl = failover.ttl.map(|ttl| DurationRange::fixed(operations::whole_minutes(ttl.least())));
        }
        line
    }

    fn fix(&self, range: &mut Option<DurationRange>, key: &str) {
        let label = format!("{}.{key}", self.origin);
        *range = range.map(|range| DurationRange::fixed(range.draw(self.seed, &label)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;

    const STORY: &str = "
name: two of each
duration: 10m
sites: { west: {}, east: {} }
iot:
  dps: { site: east }
  hubs: { hub-a: { site: west }, hub-b: { site: east } }
  central: { site: east }
  devices: { xyz: { site: west, telemetry: 1s, commands: on } }
timeline:
  - { every: 1m..2m, crash: { host: hub-a, for: 1s..10s } }
  - { at: 2m..3m, attack: { site: east, for: 10s..20s } }
  - { at: 4m, slow: { site: west, latency: 1s..2s, for: 10s..20s } }
  - { every: 3m, manual-failover: { device: xyz, ttl: 1m..3m } }
chaos: { faults: [skew-clock, freeze], every: 20s..1m, lasting: 1s..90s }
";

    #[test]
    fn no_line_is_drawn_any_more_but_for_what_is_drawn_for_each_segment() {
        for seed in 0..20 {
            let loaded = parse(Path::new("x.yaml"), STORY).expect("it is sound");
            let lines = unrolled(&loaded.scenario, seed);
            let text = serde_json::to_string(&lines).expect("lines are JSON");
            assert_eq!(text.matches("..").count(), 1, "{text}");
            assert!(text.contains("1s..2s") && !text.contains("every"), "{text}");
            assert_eq!(text.matches("drawn-as").count(), 1, "only the attack draws more: {text}");
            assert!(lines.iter().map(|line| line.at.map(|at| at.least())).is_sorted());
        }
    }
}
