//! The report of one run: the fields of `giant-lizard/report@1`, in their order.
use super::story::StoryLine;
use crate::history::{Entry, MessageId};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// The schema that JSON reports name.
pub const SCHEMA: &str = "giant-lizard/report@1";

/// What one run of one seed showed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// Its file, as it was named.
    pub file: String,
    /// The seed.
    pub seed: u64,
    /// Giant Lizard's version.
    pub version: &'static str,
    /// Sixteen hexadecimal digits.
    pub plan_hash: String,
    /// The world it ran in: `sim`.
    pub world: &'static str,
    /// Whether every invariant and expectation held.
    pub verdict: Judgement,
    /// Whether the same seed makes the same run again.
    pub determinism: Determinism,
    /// The running hash of every event, sixteen hexadecimal digits. `None`: nobody asked for it; only a hunt that shows no
    /// reports does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Virtual time that passed.
    pub virtual_seconds: f64,
    /// Real time that passed.
    pub wall_seconds: f64,
    /// Engine events.
    pub events: u64,
    /// How many messages met which fate.
    pub messages: MessageCounts,
    /// From offered to first received.
    pub latency_ms: LatencyMs,
    /// Clients, in the order of the file.
    pub clients: Vec<ClientReport>,
    /// Invariants, in the order of the registry.
    pub invariants: Vec<InvariantReport>,
    /// Expectations, in the order of the file.
    pub expectations: Vec<ExpectationReport>,
    /// What operators did.
    pub operations: Vec<OperationReport>,
    /// What was done to the world.
    pub faults: Vec<FaultReport>,
    /// The command that runs this again.
    pub replay: String,
    /// It was judged to its end: not stopped at the first violation, nor from outside; told in text only.
    #[serde(skip)]
    pub complete: bool,
    /// The run as a short timeline; told in text only.
    #[serde(skip)]
    pub story: Vec<StoryLine>,
}

impl Report {
    /// Whether every invariant and expectation held.
    pub fn passed(&self) -> bool {
        self.verdict == Judgement::Passed
    }

    /// Sums the invariants and expectations up. What is not met in a run that is not `complete` could still come.
    pub fn verdict_of(invariants: &[InvariantReport], expectations: &[ExpectationReport], complete: bool) -> Judgement {
        // A scenario that expects a violation is one that shows a bug: seeing it is what was asked for.
        let expected = |name: &str| {
            expectations.iter().any(|expectation| expectation.met && expectation.violated.as_deref() == Some(name))
        };
        let broken =
            invariants.iter().any(|invariant| invariant.verdict == Verdict::Violated && !expected(&invariant.name));
        if broken || complete && expectations.iter().any(|expectation| !expectation.met) {
            Judgement::Failed
        } else {
            Judgement::Passed
        }
    }
}

/// The verdict on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// Everything held.
    Passed,
    /// Something did not.
    Failed,
}

/// Whether the same seed makes the same run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Determinism {
    /// In every respect.
    Full,
    /// Except where own clients take unseeded chance: built without `tokio_unstable`.
    Partial,
}

/// How many messages met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MessageCounts {
    /// Accepted from the application.
    pub offered: u64,
    /// Acceptance seen by the asking side.
    pub confirmed: u64,
    /// First receipts.
    pub received: u64,
    /// Second and later receipts.
    pub duplicates: u64,
    /// Owed and never received.
    pub lost: u64,
    /// Owed and not received when the run was stopped: not lost, as they may still come; told in text only.
    #[serde(skip)]
    pub open: u64,
    /// The application was told that they will not be delivered.
    pub given_up: u64,
    /// Offered, not confirmed, and the producer's boot ended: never owed.
    pub indeterminate: u64,
}

/// From offered to first received, in milliseconds; `None` when nothing was received.
pub type LatencyMs = Percentiles;

/// Three numbers of a distribution, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are no longer.
    pub p50: Option<f64>,
    /// Ninety-nine of a hundred are no longer.
    pub p99: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
}

impl Percentiles {
    /// Takes three durations.
    pub fn ranks(p50: Duration, p99: Duration, max: Duration) -> Self {
        Self { p50: Some(milliseconds(p50)), p99: Some(milliseconds(p99)), max: Some(milliseconds(max)) }
    }
}

/// One client's sessions and places.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClientReport {
    /// Its name.
    pub name: String,
    /// Sessions that it opened after it had lost one.
    pub reconnects: u64,
    /// From the loss of a session until the next was usable.
    pub reconnect_ms: Percentiles,
    /// From one service to another.
    pub moves: Vec<Move>,
}

/// A client settled somewhere else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Move {
    /// When.
    pub at_seconds: f64,
    /// Where it was.
    pub from: String,
    /// Where it is.
    pub to: String,
}

/// An invariant's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was put to the test and held.
    Held,
    /// It did not hold.
    Violated,
    /// Nothing happened that could have broken it, or it is waived.
    NotExercised,
}

/// One invariant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InvariantReport {
    /// Its name.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Obligations that were closed.
    pub checked: u64,
    /// What broke it: the first few.
    pub violations: Vec<ViolationReport>,
    /// How many more there were; told in text only.
    #[serde(skip)]
    pub more_violations: u64,
    /// The scenario's reason not to judge it; told in text only.
    #[serde(skip)]
    pub waived: Option<String>,
}

/// One violation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ViolationReport {
    /// When it was certain.
    pub at_seconds: f64,
    /// What is wrong, and with which message.
    pub message: String,
    /// Everything that happened to that message.
    pub custody: Vec<String>,
    /// The message, if it is about one; on the page only.
    #[serde(skip)]
    pub about: Option<MessageId>,
    /// The custody as it was recorded; on the page only.
    #[serde(skip)]
    pub entries: Vec<Entry>,
}

impl ViolationReport {
    /// When what it is about took its last step, or what was done to a machine right after that. `None`: it is about no
    /// message or operation.
    pub fn end_of_custody(&self) -> Option<Duration> {
        let is_own = |entry: &Entry| self.about.is_some() && entry.event.message() == self.about;
        let next = self.entries.iter().rposition(is_own).map_or(self.entries.len(), |own| own + 1);
        self.entries.get(next).or(self.entries.last()).map(|entry| entry.at)
    }
}

/// One expectation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExpectationReport {
    /// In words.
    pub text: String,
    /// Whether it came true.
    pub met: bool,
    /// The invariant whose violation was expected, if that is what was.
    #[serde(skip)]
    pub violated: Option<String>,
}

/// What an operator did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperationReport {
    /// When.
    pub at_seconds: f64,
    /// The verb.
    pub verb: String,
    /// Whom it was for.
    pub target: String,
    /// What came back.
    pub answer: String,
}

/// What was done to the world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultReport {
    /// When.
    pub at_seconds: f64,
    /// In words.
    pub text: String,
}

/// Seconds with microseconds: enough to find the place, short enough to read.
pub fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// The command that runs a seed again, with what must be the same for it to be the same run.
pub fn replay_line(file: &Path, seed: u64, plan_hash: &str) -> String {
    format!(
        "lizard replay {} --seed {seed}  # giant-lizard {}, plan {plan_hash}",
        shell_word(&file.display().to_string()),
        env!("CARGO_PKG_VERSION")
    )
}

/// Quotes a path that a shell would take apart.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@%:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
