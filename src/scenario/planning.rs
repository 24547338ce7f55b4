//! Makes the plan: every choice drawn, every fault set against the others.
use super::cast::Cast;
use super::duration::DurationRange;
use super::expected;
use super::faults::{Drawing, Drawn};
use super::loading::Loaded;
use super::operations;
use super::overlap;
use super::pitfall::Pitfall;
use super::plan::{PathPlan, Plan, PlannedHost, PlannedRule};
use super::schema::Scenario;
use super::site::Link;
use super::storm;
use super::timeline::TimelineItem;
use crate::history::{Name, Roster};
use crate::iot::plan::Throttle;
use crate::systems::{Plans, Sections, Setting};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The path between two sites that no link describes.
const PLAIN: PathPlan =
    PathPlan { latency: (Duration::from_millis(1), Duration::from_millis(1)), loss_ppm: 0, bandwidth: None };

impl Loaded {
    /// Makes the plan of one seed.
    pub fn plan(&self, seed: u64) -> Plan {
        plan(&self.scenario, &self.file, seed)
    }
}

impl Scenario {
    /// The same scenario with the pitfall's knobs turned on; without a pitfall, itself.
    ///
    /// # Errors
    /// When a knob's value does not fit the part: loading has refused such a file.
    pub fn turned_on(&self) -> Result<Self, serde_json::Error> {
        let mut on = self.clone();
        if let Some(Pitfall { turn_on, .. }) = &self.pitfall {
            let mut sections = serde_json::to_value(&self.systems)?;
            turn_on.apply(&mut sections);
            on.systems = serde_json::from_value::<Sections>(sections)?;
        }
        Ok(on)
    }

    /// The same scenario with nothing going wrong: no timeline, no chaos, and so none of what was expected of them.
    pub fn calm(&self) -> Self {
        Self { timeline: Vec::new(), chaos: None, expect: Vec::new(), ..self.clone() }
    }
}

/// Makes the plan that a seed makes of a scenario. `file` goes into the replay line only.
pub fn plan(scenario: &Scenario, file: &Path, seed: u64) -> Plan {
    let draw = |range: DurationRange, label: &str| range.draw(seed, label);
    let duration = draw(scenario.duration, "duration");
    let mut roster = Roster::default();
    let ordered = scenario.invariants.get("order").is_none_or(|rule| rule.waived.is_none());
    let operated = scenario.timeline.iter().any(operations::is_operation);
    let setting = Setting { seed, until: duration, ordered, operated };
    let mut systems = scenario.systems.plan(&setting, &mut roster);
    let cast = Cast::of(&roster, scenario.systems.groups());

    let mut drawn: Vec<(Drawing<'_>, Drawn)> = Vec::new();
    let mut asked = Vec::new();
    for (index, item) in scenario.timeline.iter().enumerate() {
        for (origin, at) in occurrences(item, index, seed, duration) {
            if operations::is_operation(item) {
                asked.extend(operations::draw(item, at, seed, &origin, &cast));
                continue;
            }
            let drawing = Drawing { seed, cast: &cast, end: duration, origin, at, kind: item.verb() };
            let fault = drawing.draw(item);
            if let (Some(throttle), Some(iot)) = (&item.throttle, &mut systems.iot) {
                let (from, until) = (at, fault.until.unwrap_or(duration));
                let hub = iot.hubs.iter_mut().find(|hub| *hub.host == *throttle.hub);
                hub.into_iter().for_each(|hub| hub.throttles.push(Throttle { from, until, limit: throttle.to }));
            }
            drawn.push((drawing, fault));
        }
    }
    if let Some(operator) = systems.iot.as_mut().and_then(|iot| iot.operator.as_mut()) {
        operations::enter(asked, operator, &mut roster);
    }
    if let Some(chaos) = &scenario.chaos {
        for (origin, at, item) in storm::draw(chaos, scenario, &roster, seed, duration) {
            let drawing = Drawing { seed, cast: &cast, end: duration, origin, at, kind: item.verb() };
            let fault = drawing.draw(&item);
            drawn.push((drawing, fault));
        }
    }
    drawn.sort_by_key(|(drawing, _)| drawing.at);
    let for_good: Vec<Name> =
        drawn.iter().flat_map(|(_, drawn)| &drawn.for_good).map(|host| host.as_str().into()).collect();
    let hosts = hosts(&roster, &systems);
    let starts = hosts.iter().map(|host| (host.name.clone(), host.starts)).collect();
    let faults = overlap::settle(
        drawn.iter().map(|(drawing, drawn)| (drawn.planned(drawing), drawn.impairs.clone())).collect(),
        &starts,
        &for_good,
    );

    Plan {
        scenario: scenario.name.clone(),
        file: file.to_owned(),
        story: scenario.story.clone(),
        seed,
        hosts,
        sites: scenario
            .sites
            .iter()
            .map(|(name, site)| (name.as_str().into(), path_of(site.latency, site.loss, None)))
            .collect(),
        links: links(scenario),
        systems,
        faults,
        for_good,
        duration,
        settle: draw(scenario.settle, "settle"),
        rules: rules(scenario, seed),
        expectations: scenario
            .expect
            .iter()
            .enumerate()
            .map(|(index, expectation)| expected::draw(expectation, index, seed, &cast))
            .collect(),
        roster,
    }
}

/// When an item happens: the beginning of its labels, and the time.
pub(crate) fn occurrences(item: &TimelineItem, index: usize, seed: u64, end: Duration) -> Vec<(String, Duration)> {
    let origin = item.drawn_as.clone().unwrap_or_else(|| format!("timeline[{index}]"));
    let first = item.at.map(|at| at.draw(seed, &format!("{origin}.at")));
    let mut times = Vec::new();
    match (first, item.every) {
        (first, Some(every)) => {
            let gap = |number: usize| every.draw(seed, &format!("{origin}.every[{number}]"));
            let mut at = first.unwrap_or_else(|| gap(0));
            while at < end {
                times.push((format!("{origin}[{}]", times.len()), at));
                at += gap(times.len());
            }
        }
        (Some(at), None) => times.push((origin, at)),
        (None, None) => {}
    }
    times
}

fn hosts(roster: &Roster, systems: &Plans) -> Vec<PlannedHost> {
    let starts: BTreeMap<Name, Duration> = systems.late().into_iter().collect();
    let planned = |machine: &crate::history::Machine| PlannedHost {
        name: machine.name.clone(),
        site: machine.site.clone(),
        starts: starts.get(&machine.name).copied().unwrap_or_default(),
    };
    roster.machines.iter().map(planned).collect()
}

fn path_of(
    latency: Option<DurationRange>,
    loss: Option<super::measure::Share>,
    bandwidth: Option<super::measure::Bandwidth>,
) -> PathPlan {
    PathPlan {
        latency: latency.map_or_else(Default::default, |latency| (latency.least(), latency.most())),
        loss_ppm: loss.unwrap_or_default().ppm,
        bandwidth: bandwidth.map(|bandwidth| bandwidth.bits_per_second),
    }
}

/// Every pair of sites has a path, so that the plan says all and the world's defaults do not matter.
fn links(scenario: &Scenario) -> Vec<(Name, Name, PathPlan)> {
    let sites: Vec<&str> = scenario.sites.keys().map(String::as_str).collect();
    let mut links = Vec::new();
    for (index, a) in sites.iter().enumerate() {
        for b in &sites[index + 1..] {
            let joins = |link: &&Link| {
                let [one, other] = &link.between;
                (&**one, &**other) == (*a, *b) || (&**one, &**other) == (*b, *a)
            };
            let path = scenario.links.iter().find(joins).map_or(PLAIN, |link| PathPlan {
                latency: link.latency.map_or(PLAIN.latency, |latency| (latency.least(), latency.most())),
                ..path_of(None, link.loss, link.bandwidth)
            });
            links.push(((*a).into(), (*b).into(), path));
        }
    }
    links
}

fn rules(scenario: &Scenario, seed: u64) -> BTreeMap<String, PlannedRule> {
    let planned = |(name, rule): (&String, &super::rule::Rule)| {
        let within = rule.within.map(|within| within.draw(seed, &format!("invariants.{name}.within")));
        (name.clone(), PlannedRule { within, given_up: rule.given_up.unwrap_or(0), waived: rule.waived.clone() })
    };
    scenario.invariants.iter().map(planned).collect()
}

#[cfg(test)]
#[path = "planning_tests.rs"]
mod tests;
