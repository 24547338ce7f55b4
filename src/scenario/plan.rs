//! A scenario and a seed: every random choice made.
use super::duration::written_out;
use super::expectation::Counted;
use crate::history::{Name, Roster};
use crate::systems::Plans;
use lizard_sim::Fault;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// What a world is made from. Two equal plans make the same world.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// The file it came from, as it was named; of no meaning to the world.
    #[serde(skip)]
    pub file: PathBuf,
    /// What happens, for a reader; of no meaning to the world.
    #[serde(skip)]
    pub story: Option<String>,
    /// The seed.
    pub seed: u64,
    /// Every host, in the order in which they are added.
    pub hosts: Vec<PlannedHost>,
    /// Every site's own path.
    pub sites: Vec<(Name, PathPlan)>,
    /// The path of every pair of sites.
    pub links: Vec<(Name, Name, PathPlan)>,
    /// Every system that there is.
    #[serde(flatten)]
    pub systems: Plans,
    /// What happens to the world, by its beginning.
    pub faults: Vec<PlannedFault>,
    /// Hosts that stay down while settling.
    pub for_good: Vec<Name>,
    /// When every fault has ended, what is off is started, and producers stop.
    pub duration: Duration,
    /// The longest time after that.
    pub settle: Duration,
    /// What this scenario changes about invariants, by name.
    pub rules: BTreeMap<String, PlannedRule>,
    /// What must have happened.
    pub expectations: Vec<PlannedExpectation>,
    /// Who takes part.
    pub roster: Roster,
}

impl Plan {
    /// Hashes everything that makes the world. Sixteen hexadecimal digits when printed.
    pub fn hash(&self) -> PlanHash {
        let canonical = serde_json::to_vec(self).expect("a plan has string keys and finite numbers only");
        PlanHash(xxh3_64(&canonical))
    }

    /// Every change to the world in the order of its time.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.faults.iter().flat_map(|fault| fault.steps.iter().cloned()).collect();
        steps.sort_by_key(|step| step.at);
        steps
    }
}

/// A plan in sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanHash(pub u64);

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedHost {
    /// Its name.
    pub name: Name,
    /// Where it is.
    pub site: Name,
    /// When it is powered on for the first time.
    pub starts: Duration,
}

/// A path's qualities, one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PathPlan {
    /// Least and most latency, drawn for each segment.
    pub latency: (Duration, Duration),
    /// Share of segments lost, in parts per million.
    pub loss_ppm: u32,
    /// Bits per second; `None` is unlimited.
    pub bandwidth: Option<u64>,
}

impl From<&PathPlan> for lizard_sim::Path {
    fn from(plan: &PathPlan) -> Self {
        Self { latency: plan.latency, loss_ppm: plan.loss_ppm, bandwidth: plan.bandwidth }
    }
}

/// One thing that happens to the world, from its beginning to its end.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedFault {
    /// Where it comes from: `timeline[0]`, `timeline[2][5]` for the sixth of an `every`, `chaos[3]`.
    pub origin: String,
    /// Its verb, as files spell it: `power-loss`. Its steps say the same to the world.
    #[serde(skip)]
    pub kind: String,
    /// When it begins.
    pub at: Duration,
    /// When it ends; `None`: never, or it has no length.
    pub until: Option<Duration>,
    /// Its beginning in words.
    pub text: String,
    /// Its end in words, when it has one.
    pub end_text: Option<String>,
    /// What is done to the world, in the order of its times.
    pub steps: Vec<Step>,
}

impl fmt::Display for PlannedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", written_out(self.at), self.text)?;
        match self.until {
            Some(until) => write!(f, ", until {}", written_out(until)),
            None => Ok(()),
        }
    }
}

/// One change to the world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// When.
    pub at: Duration,
    /// What.
    #[serde(serialize_with = "in_words")]
    pub fault: Fault,
}

/// Faults belong to the world's crate, which knows nothing of files; their words are complete.
fn in_words<S: Serializer>(fault: &Fault, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&super::fault_text::full(fault))
}

/// How one invariant is judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PlannedRule {
    /// Instead of the invariant's own bound.
    pub within: Option<Duration>,
    /// How many messages may be given up.
    pub given_up: u64,
    /// Not judged, for this reason.
    pub waived: Option<String>,
}

/// What must have happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedExpectation {
    /// In words.
    pub text: String,
    /// To be decided from the history.
    pub kind: ExpectedThat,
}

/// The kinds of expectation. `after` and `by` count from the beginning of the world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ExpectedThat {
    /// Each of the devices was settled at one hub, and then at the other.
    Moved {
        /// The devices.
        devices: Vec<Name>,
        /// Where they were before.
        from: Name,
        /// Where they are then.
        to: Name,
        /// Not before.
        after: Duration,
        /// Not later.
        by: Option<Duration>,
    },
    /// A number lies between bounds, both included.
    Count {
        /// What is counted.
        of: Counted,
        /// Least.
        at_least: Option<u64>,
        /// Most.
        at_most: Option<u64>,
    },
    /// An invariant was violated.
    Violated {
        /// Its name.
        invariant: String,
    },
    /// Each of the clients opened a session at a service.
    Connected {
        /// The clients.
        clients: Vec<Name>,
        /// The service.
        to: Name,
        /// Not before.
        after: Duration,
        /// Not later.
        by: Option<Duration>,
    },
    /// Each of the clients opened a session after it had lost one.
    Reconnected {
        /// The clients.
        clients: Vec<Name>,
        /// Not before.
        after: Duration,
        /// Not later.
        by: Option<Duration>,
    },
    /// The median of a client's times to reconnect is at most a share of another's.
    ReconnectsSooner {
        /// The clients.
        clients: Vec<Name>,
        /// The others.
        than: Vec<Name>,
        /// The share, in parts per million.
        share_ppm: u32,
    },
    /// One of the consumers became the active one of a subscription.
    Active {
        /// The subscription, in whatever region.
        subscription: String,
        /// The consumers.
        consumers: Vec<Name>,
        /// Not before.
        after: Duration,
        /// Not later.
        by: Option<Duration>,
    },
    /// One of the consumers was refused.
    Refused {
        /// The consumers.
        consumers: Vec<Name>,
        /// The HTTP status; `None`: any, or none at all.
        status: Option<u32>,
        /// Not before.
        after: Duration,
        /// Not later.
        by: Option<Duration>,
    },
    /// The operator was answered about each of the devices.
    Answered {
        /// The verb.
        verb: &'static str,
        /// The devices.
        devices: Vec<Name>,
        /// The HTTP status; 0: none.
        status: Option<u32>,
        /// Words of the answer.
        message_has: Option<String>,
        /// Not before.
        after: Duration,
        /// Not later.
        by: Option<Duration>,
    },
}
