//! The result of a hunt: the fields of `giant-lizard/hunt@1`, in their order.
//!
//! Everything but the times is a count or a minimum, so that results of shards can be joined into what one machine's
//! would have been.
use super::Judgement;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The schema that a hunt's JSON names.
pub const HUNT_SCHEMA: &str = "giant-lizard/hunt@1";

/// What a hunt over one or more scenarios showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HuntReport {
    /// [`HUNT_SCHEMA`].
    pub schema: String,
    /// Giant Lizard's version.
    pub version: String,
    /// The world: `sim`.
    pub world: String,
    /// Whether nothing failed in any scenario, and no run ended in an error.
    pub verdict: Judgement,
    /// Which part of a shared hunt this is; `None`: the whole.
    pub shard: Option<ShardOf>,
    /// The seeds that were asked for, of each scenario.
    pub asked: SeedRange,
    /// Nothing was cut short: neither by Ctrl-C, nor, in a merged result, by a shard that is missing.
    pub complete: bool,
    /// Seeds tried, over all scenarios.
    pub tried: u64,
    /// Seeds that failed.
    pub failed: u64,
    /// Each scenario, in the order of the command line.
    pub scenarios: Vec<HuntedScenario>,
    /// Real time that passed; merged: the longest of the shards.
    pub wall_seconds: f64,
    /// Seeds tried in a second of it.
    pub seeds_per_second: f64,
}

/// One part of a hunt that several machines share: the seeds whose distance from the first leaves this remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardOf {
    /// From 0.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl fmt::Display for ShardOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// Seeds from one to before another, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedRange {
    /// The first.
    pub from: u64,
    /// The one after the last; `None`: until the time is over.
    pub to: Option<u64>,
    /// The real time after which no further seed is begun.
    pub for_seconds: Option<f64>,
}

/// What a hunt over one scenario showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HuntedScenario {
    /// Its name.
    pub scenario: String,
    /// Its file, as it was named.
    pub file: String,
    /// All that it says, hashed: sixteen hexadecimal digits.
    pub scenario_hash: String,
    /// The knobs of its pitfall were turned on.
    pub turned_on: bool,
    /// Whether nothing failed, and no run ended in an error.
    pub verdict: Judgement,
    /// Seeds tried, kept ones among them.
    pub tried: u64,
    /// Seeds that failed.
    pub failed: u64,
    /// Seeds of the range that were tried: what the bound is about.
    pub sample: u64,
    /// Those of them that failed. Kept seeds from outside the range are no sample: they were chosen because they failed.
    pub sample_failed: u64,
    /// Seeds of `NAME.seeds`, which were tried first.
    pub kept: KeptTally,
    /// Seeds that were run twice, each with one fingerprint.
    pub run_twice: u64,
    /// Failures by cause, the most frequent first.
    pub groups: Vec<FailureGroup>,
    /// Runs that could not be judged.
    pub errors: Errors,
    /// How often a seed fails.
    pub bound: Bound,
    /// In the order of the registry.
    pub invariants: Vec<InvariantTally>,
    /// Phase by phase, every kind of fault that the scenario may have: those with 0 are blind spots.
    pub coverage: Vec<Coverage>,
    /// Messages offered, over all runs.
    pub offered: u64,
    /// Engine events, over all runs.
    pub events: u64,
    /// Virtual time, over all runs, in microseconds.
    pub virtual_micros: u64,
}

/// What became of the kept seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptTally {
    /// Tried.
    pub tried: u64,
    /// Those that failed, in their order.
    pub failed: Vec<u64>,
    /// Seeds whose line was written by another version, or for another plan: they are other runs now.
    pub stale: Vec<u64>,
}

/// Why a run failed, without what differs between runs that fail for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The invariant that was violated first; `expectation` when none was.
    pub invariant: String,
    /// What broke it; numbers and names are taken out.
    pub what: String,
    /// The kind of the last fault that began before; `None`: there was none.
    pub after: Option<String>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)?;
        match &self.after {
            Some(fault) => write!(f, ", after {fault}"),
            None => write!(f, ", before any fault"),
        }
    }
}

/// Failures of one cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureGroup {
    /// What they have in common.
    pub cause: Cause,
    /// How many seeds failed so.
    pub count: u64,
    /// The one that is easiest to understand.
    pub shortest: Shortest,
    /// The smallest scenario that fails like it; `None`: it was not looked for.
    pub shrunk: Option<Smallest>,
}

/// A failing seed: of those with the fewest faults before the failure the one that failed first, then the least.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shortest {
    /// The seed.
    pub seed: u64,
    /// Its plan.
    pub plan_hash: String,
    /// Faults that had begun when it failed.
    pub faults: u64,
    /// When that was certain.
    pub at_seconds: f64,
    /// What broke, in full.
    pub message: String,
    /// The command that runs it again.
    pub replay: String,
}

/// The smallest scenario that was found to fail like a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smallest {
    /// What the failure needs.
    pub sentence: String,
    /// Lines of its timeline: faults, and what an operator asks for.
    pub lines: u64,
    /// Faults among them.
    pub faults: u64,
    /// Clients that are left.
    pub clients: u64,
    /// Runs that it took.
    pub runs: u64,
    /// `None`: nothing can be taken away alone any more.
    pub stopped: Option<Stopped>,
    /// Its file; `None`: it was not written.
    pub file: Option<String>,
}

/// Why a shrinking ended before nothing could be taken away any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// All runs were used up.
    MostRuns,
    /// The time was over, or somebody stopped it: another time the result may be another.
    OutOfTime,
}

impl Stopped {
    /// Says why it was stopped.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::MostRuns => "Stopped when all runs were used up",
            Self::OutOfTime => "Stopped when the time was over",
        }
    }
}

/// Runs that ended in an error: Giant Lizard's own failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    /// How many.
    pub count: u64,
    /// The first few, by seed.
    pub first: Vec<ErrorSeed>,
}

/// One run that ended in an error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorSeed {
    /// The seed.
    pub seed: u64,
    /// What went wrong.
    pub error: String,
}

/// What the sample says about the share of all seeds that fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// How it was found.
    pub method: Method,
    /// How sure it is: 0.95.
    pub confidence: f64,
    /// The share that failed; `None` without a sample.
    pub share: Option<f64>,
    /// The share of all seeds is at least this.
    pub low: f64,
    /// And at most this.
    pub high: f64,
}

/// How a bound was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Nothing failed: the share at which that has a chance of one in twenty (close to 3 / n).
    RuleOfThree,
    /// Something failed: Wilson's interval for a share.
    Wilson,
}

/// One invariant over all runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvariantTally {
    /// Its name.
    pub name: String,
    /// Runs that put it to the test.
    pub exercised: u64,
    /// Runs that violated it. A run ends at its first violation.
    pub violated: u64,
    /// Obligations that were closed.
    pub checked: u64,
    /// The scenario's reason not to judge it.
    pub waived: Option<String>,
}

/// A part of a run, told from its first failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// No client has moved yet, and none is on its way.
    BeforeFailover,
    /// The first client that moves has lost its session, and does not work at its new service yet.
    DuringFailover,
    /// After that, while traffic goes on.
    AfterFailover,
    /// Every fault ends, and producers have stopped.
    Settling,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::BeforeFailover, Self::DuringFailover, Self::AfterFailover, Self::Settling];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeFailover => "before the first failover",
            Self::DuringFailover => "during the first failover",
            Self::AfterFailover => "after the first failover",
            Self::Settling => "while settling",
        })
    }
}

/// How often a kind of fault met a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// The phase in which it began; settling: until which it lasted.
    pub phase: Phase,
    /// The fault, as files spell it.
    pub fault: String,
    /// Runs in which that happened.
    pub runs: u64,
}
