//! Draws chaos: timeline items that nobody wrote, inside the envelope that each system declares.
//!
//! Each seed first draws which kinds of fault it has at all. Runs in which every kind takes part are all alike, and
//! hide what only shows when one kind is left alone or left out (swarm testing: Groce, Zhang, Eide, Chen and Regehr,
//! ISSTA 2012).
use super::chaos::{Chaos, ChaosFault};
use super::duration::DurationRange;
use super::measure::Share;
use super::name::{HostName, PlaceName, SiteName};
use super::schema::Scenario;
use super::timeline::{Lossy, Outage, Passage, SkewClock, Slow, Spell, TimelineItem};
use crate::history::Roster;
use crate::iot::envelope;
use rand::RngExt;
use std::collections::BTreeSet;
use std::time::Duration;

/// Draws what happens, and when: origin, time, item with its length fixed. In the order of time.
pub(crate) fn draw(
    chaos: &Chaos,
    scenario: &Scenario,
    roster: &Roster,
    seed: u64,
    end: Duration,
) -> Vec<(String, Duration, TimelineItem)> {
    let sites: Vec<&str> = scenario.sites.keys().map(String::as_str).collect();
    let faults = swarm(&chaos.faults, seed);
    let mut drawn = Vec::new();
    let mut on: Vec<(Duration, String)> = Vec::new();
    let mut at = Duration::ZERO;
    for number in 0.. {
        let origin = format!("chaos[{number}]");
        at += chaos.every.draw(seed, &format!("{origin}.every"));
        if at >= end {
            break;
        }
        on.retain(|(until, _)| *until > at);
        if on.len() >= chaos.at_most as usize {
            continue;
        }
        let dice = &mut lizard_sim::dice(seed, &origin);
        let fault = faults[dice.random_range(0..faults.len())];
        let busy: BTreeSet<&str> = on.iter().map(|(_, target)| target.as_str()).collect();
        let lasting = chaos.lasting.draw(seed, &format!("{origin}.lasting"));
        let mut candidates = candidates(fault, scenario, roster, &sites);
        candidates.retain(|candidate| !busy.contains(candidate.target.as_str()));
        if candidates.is_empty() {
            continue;
        }
        let chosen = candidates.swap_remove(dice.random_range(0..candidates.len()));
        on.push((at + lasting, chosen.target));
        drawn.push((origin, at, (chosen.item)(DurationRange::fixed(lasting))));
    }
    drawn
}

/// Everything that some seed could draw, each as long as it can be.
pub(crate) fn possible(chaos: &Chaos, scenario: &Scenario) -> Vec<TimelineItem> {
    let sites: Vec<&str> = scenario.sites.keys().map(String::as_str).collect();
    let longest = DurationRange::fixed(chaos.lasting.most());
    // Of hosts, services only: a fault of a device excuses that device.
    let candidates = chaos.faults.iter().flat_map(|fault| candidates(*fault, scenario, &Roster::default(), &sites));
    candidates.map(|candidate| (candidate.item)(longest)).collect()
}

/// Draws the kinds that this seed has: any of the subsets that are not empty, all alike.
fn swarm(listed: &[ChaosFault], seed: u64) -> Vec<ChaosFault> {
    let mut kinds = listed.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let subset = lizard_sim::dice(seed, "chaos.swarm").random_range(1..1u32 << kinds.len());
    kinds.into_iter().enumerate().filter(|(index, _)| subset >> index & 1 == 1).map(|(_, kind)| kind).collect()
}

/// Something that could happen, and what it would happen to.
struct Candidate {
    target: String,
    item: Box<dyn Fn(DurationRange) -> TimelineItem>,
}

fn candidates(fault: ChaosFault, scenario: &Scenario, roster: &Roster, sites: &[&str]) -> Vec<Candidate> {
    match fault {
        ChaosFault::Partition | ChaosFault::Hold => {
            let pairs = sites.iter().flat_map(|a| sites.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b);
            pairs.map(|(a, b)| barrier(fault, a, b, sites)).collect()
        }
        ChaosFault::Slow | ChaosFault::Lossy => sites.iter().map(|site| burden(fault, site)).collect(),
        _ => {
            let hosts = scenario.systems.survives(fault, roster);
            hosts.into_iter().map(|host| at_host(fault, &host)).collect()
        }
    }
}

/// Each ordered pair is one candidate: `(a, b)` before `(b, a)` in file order is barred both ways, the other one way.
/// Cut or held, the target is the pair: the two never overlap on one.
fn barrier(fault: ChaosFault, a: &str, b: &str, sites: &[&str]) -> Candidate {
    let place = |name: &str| sites.iter().position(|site| *site == name);
    let both = place(a) < place(b);
    let (a, b): (PlaceName, PlaceName) = (a.into(), b.into());
    Candidate {
        target: if both { format!("{a} - {b}") } else { format!("{b} - {a}") },
        item: Box::new(move |lasting| {
            let passage =
                Passage { between: both.then(|| [a.clone(), b.clone()]), from: None, to: None, lasting: Some(lasting) };
            let passage =
                if both { passage } else { Passage { from: Some(a.clone()), to: Some(b.clone()), ..passage } };
            let mut item = TimelineItem::default();
            *(if fault == ChaosFault::Hold { &mut item.hold } else { &mut item.partition }) = Some(passage);
            item
        }),
    }
}

fn burden(fault: ChaosFault, site: &str) -> Candidate {
    let place: SiteName = site.into();
    Candidate {
        target: site.to_owned(),
        item: Box::new(move |lasting| {
            let site = Some(place.clone());
            if fault == ChaosFault::Slow {
                let latency = DurationRange::between(Duration::from_millis(100), Duration::from_secs(2));
                TimelineItem {
                    slow: Some(Slow { site, host: None, latency, lasting: Some(lasting) }),
                    ..TimelineItem::default()
                }
            } else {
                TimelineItem {
                    lossy: Some(Lossy { site, host: None, loss: Share { ppm: 100_000 }, lasting: Some(lasting) }),
                    ..TimelineItem::default()
                }
            }
        }),
    }
}

fn at_host(fault: ChaosFault, name: &str) -> Candidate {
    let host: HostName = name.into();
    Candidate {
        target: name.to_owned(),
        item: Box::new(move |lasting| {
            let (host, lasting) = (host.clone(), Some(lasting));
            let mut item = TimelineItem::default();
            match fault {
                ChaosFault::PowerLoss => item.power_loss = Some(Outage { host, lasting, for_good: false }),
                ChaosFault::Crash => item.crash = Some(Outage { host, lasting, for_good: false }),
                ChaosFault::Stop => item.stop = Some(Outage { host, lasting, for_good: false }),
                ChaosFault::Freeze => item.freeze = Some(Spell { host, lasting }),
                ChaosFault::DiskFull => item.disk_full = Some(Spell { host, lasting }),
                ChaosFault::DiskError => item.disk_error = Some(Spell { host, lasting }),
                ChaosFault::SkewClock => {
                    item.skew_clock = Some(SkewClock { host, by: envelope::SKEW, drift: None, lasting })
                }
                ChaosFault::Partition | ChaosFault::Hold | ChaosFault::Slow | ChaosFault::Lossy => {
                    unreachable!("these happen to sites")
                }
            }
            item
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_draw_different_kinds_of_fault_and_each_draws_some() {
        use ChaosFault::{Crash, Freeze, Partition};
        let drawn: BTreeSet<Vec<ChaosFault>> =
            (0..200).map(|seed| swarm(&[Partition, Crash, Freeze, Crash], seed)).collect();
        assert_eq!(drawn.len(), 7, "every subset but the empty one: {drawn:?}");
        assert!(drawn.iter().all(|kinds| !kinds.is_empty()));
        assert_eq!(swarm(&[Crash], 3), [Crash]);
        assert_eq!(
            swarm(&[Partition, Crash], 3),
            swarm(&[Crash, Partition], 3),
            "the order of the file does not matter"
        );
    }
}
