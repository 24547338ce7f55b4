//! Sets faults against each other where they overlap: a host that two faults keep down boots when the later one ends,
//! and a place that two faults slow down has both burdens.
use super::plan::{PathPlan, PlannedFault, Step};
use crate::history::Name;
use lizard_sim::{Fault, Spot};
use std::collections::BTreeMap;
use std::time::Duration;

/// A fault, and the latency and loss that it adds to places.
type Impairing = (PlannedFault, Vec<(String, PathPlan)>);

/// What a fault holds a host in, until it lets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    Down,
    Frozen,
    Skewed,
    DiskFull,
    DiskError,
}

/// Drops what would happen to a host before it is there, drops the ends that would free a host from another fault's hold, and adds up what places suffer.
pub(crate) fn settle(
    faults: Vec<Impairing>,
    starts: &BTreeMap<Name, Duration>,
    for_good: &[Name],
) -> Vec<PlannedFault> {
    let burdens: Vec<(Duration, Duration, String, PathPlan)> = faults
        .iter()
        .flat_map(|(fault, impairs)| {
            let until = fault.until.unwrap_or(fault.at);
            impairs.iter().map(move |(place, path)| (fault.at, until, place.clone(), path.clone()))
        })
        .collect();
    let mut faults: Vec<PlannedFault> = faults
        .into_iter()
        .map(|(mut fault, impairs)| {
            for (place, _) in impairs {
                for at in [fault.at, fault.until.unwrap_or(fault.at)] {
                    let path = burden(&burdens, &place, at);
                    fault.steps.push(Step { at, fault: Fault::Impair { at: place.clone(), path: (&path).into() } });
                }
            }
            fault
        })
        .collect();
    for fault in &mut faults {
        fault.steps.retain(|step| {
            let has_begun = |name: &str| starts.get(name).is_none_or(|starts| *starts <= step.at);
            match step.fault.spot() {
                Spot::At(place) => has_begun(place),
                Spot::Between(from, to) => has_begun(from) && has_begun(to),
            }
        });
    }
    let holds = holds(&faults);
    for (index, fault) in faults.iter_mut().enumerate() {
        fault.steps.retain(|step| {
            let Some((hold, host)) = freed(&step.fault) else { return true };
            let gone = hold == Hold::Down && for_good.iter().any(|gone| **gone == *host);
            let held = holds.get(&(hold, host.to_owned())).is_some_and(|held| {
                held.iter().any(|(by, from, until)| *by != index && *from <= step.at && step.at < *until)
            });
            !gone && !held
        });
        fault.steps.sort_by_key(|step| step.at);
    }
    faults
}

/// All that is added to a place at one instant: latencies add up, losses add up to everything at most.
fn burden(burdens: &[(Duration, Duration, String, PathPlan)], place: &str, at: Duration) -> PathPlan {
    let on = burdens.iter().filter(|(from, until, of, _)| of == place && *from <= at && at < *until);
    on.fold(PathPlan::default(), |sum, (.., path)| PathPlan {
        latency: (sum.latency.0 + path.latency.0, sum.latency.1 + path.latency.1),
        loss_ppm: (sum.loss_ppm + path.loss_ppm).min(1_000_000),
        bandwidth: None,
    })
}

/// Who holds which host in what, and from when until when: by the index of the fault.
type Holds = BTreeMap<(Hold, String), Vec<(usize, Duration, Duration)>>;

fn holds(faults: &[PlannedFault]) -> Holds {
    let mut holds = Holds::new();
    for (index, fault) in faults.iter().enumerate() {
        for step in &fault.steps {
            let Some((hold, host)) = held(&step.fault) else { continue };
            let ends = fault.steps.iter().find(|end| freed(&end.fault) == Some((hold, host)));
            let until = ends.map_or(Duration::MAX, |end| end.at);
            holds.entry((hold, host.to_owned())).or_default().push((index, step.at, until));
        }
    }
    holds
}

fn held(fault: &Fault) -> Option<(Hold, &str)> {
    match fault {
        Fault::PowerLoss { host } | Fault::Crash { host } | Fault::Stop { host } => Some((Hold::Down, host)),
        Fault::Freeze { host } => Some((Hold::Frozen, host)),
        Fault::SkewClock { host, by_ns, drift_ppm } if *by_ns != 0 || *drift_ppm != 0 => Some((Hold::Skewed, host)),
        Fault::DiskFull { host, on: true } => Some((Hold::DiskFull, host)),
        Fault::DiskError { host, on: true } => Some((Hold::DiskError, host)),
        _ => None,
    }
}

fn freed(fault: &Fault) -> Option<(Hold, &str)> {
    match fault {
        Fault::Boot { host } => Some((Hold::Down, host)),
        Fault::Thaw { host } => Some((Hold::Frozen, host)),
        Fault::SkewClock { host, by_ns: 0, drift_ppm: 0 } => Some((Hold::Skewed, host)),
        Fault::DiskFull { host, on: false } => Some((Hold::DiskFull, host)),
        Fault::DiskError { host, on: false } => Some((Hold::DiskError, host)),
        _ => None,
    }
}
