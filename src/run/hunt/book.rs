//! `NAME.seeds` beside a scenario: the seeds that failed, the shortest of each cause, to be tried first from then on.
//!
//! One line a seed: seed, invariant, version and plan hash, `turned-on` if the knobs of the pitfall were on, and the
//! cause in words after `#`. A seed is an exact history only of its version and plan; a line from another is *stale*: its
//! seed is another run now.
use super::trial::Prey;
use crate::report::HuntedScenario;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Marks lines that were found with the pitfall's knobs on.
const TURNED_ON: &str = "turned-on";

const HEAD: &str = "\
# Seeds that failed, the shortest of each cause: `lizard hunt` and `cargo test --test scenarios` try them first.
# Keep this file in version control. Take a line out when its bug is gone, or leave it on guard.
# seed  invariant  version  plan
";

/// One kept seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The seed.
    pub seed: u64,
    /// The invariant that it violated first.
    pub invariant: String,
    /// The version of Giant Lizard that found it.
    pub version: String,
    /// The plan that the seed made then.
    pub plan_hash: String,
    /// The knobs of the pitfall were on.
    pub turned_on: bool,
    /// The cause, for a reader.
    pub cause: String,
}

impl Kept {
    /// Whether the seed makes another run now than when it was kept: by another version, or of a changed scenario.
    pub fn is_stale(&self, prey: &Prey) -> bool {
        self.version != env!("CARGO_PKG_VERSION") || self.plan_hash != prey.plan(self.seed).hash().to_string()
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, invariant, version, plan_hash, turned_on, cause } = self;
        write!(f, "{seed}  {invariant}  {version}  {plan_hash}")?;
        if *turned_on {
            write!(f, "  {TURNED_ON}")?;
        }
        write!(f, "  # {}", cause.replace(['\n', '\r'], " "))
    }
}

/// The most lines that a file may have. Each is run before a hunt begins and in every test of the scenario: ten thousand
/// take minutes already, and are no list of causes any more.
const MOST_LINES: usize = 10_000;

/// Why a text is no list of kept seeds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABook {
    /// One of its lines is none.
    #[error("line {line}: `{text}` is not a kept seed: expected seed, invariant, version and plan hash")]
    NotALine {
        /// From 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// It has more than 10,000 lines.
    #[error("{lines} lines are too many to try first: at most {MOST_LINES}")]
    TooLong {
        /// How many.
        lines: usize,
    },
}

/// All kept seeds of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedBook {
    /// Sorted: as filed before turned on, then by seed.
    pub lines: Vec<Kept>,
}

impl SeedBook {
    /// Names the file that belongs to a scenario: `giant-lizard.seeds` for `giant-lizard.yaml`.
    pub fn beside(scenario: &Path) -> PathBuf {
        scenario.with_extension("seeds")
    }

    /// Reads the file's text. Empty lines and those that begin with `#` are for readers.
    ///
    /// # Errors
    /// [`NotABook::TooLong`], or the first line that is none.
    pub fn parse(text: &str) -> Result<Self, NotABook> {
        let count = text.lines().count();
        if count > MOST_LINES {
            return Err(NotABook::TooLong { lines: count });
        }
        let mut lines = Vec::new();
        for (index, text) in text.lines().enumerate() {
            let (facts, cause) = text.split_once('#').unwrap_or((text, ""));
            let facts: Vec<&str> = facts.split_whitespace().collect();
            if facts.is_empty() {
                continue;
            }
            let wrong = || NotABook::NotALine { line: index + 1, text: text.to_owned() };
            let (facts, turned_on) = match facts.as_slice() {
                [facts @ .., TURNED_ON] => (facts, true),
                facts => (facts, false),
            };
            let [seed, invariant, version, plan_hash] = facts else { return Err(wrong()) };
            lines.push(Kept {
                seed: seed.parse().map_err(|_| wrong())?,
                invariant: (*invariant).to_owned(),
                version: (*version).to_owned(),
                plan_hash: (*plan_hash).to_owned(),
                turned_on,
                cause: cause.trim().to_owned(),
            });
        }
        let mut book = Self { lines };
        book.sort();
        Ok(book)
    }

    /// Lists the lines of this way to hunt.
    pub fn of(&self, turned_on: bool) -> impl Iterator<Item = &Kept> {
        self.lines.iter().filter(move |line| line.turned_on == turned_on)
    }

    /// Takes the shortest seed of every cause in. A kept seed that failed again and is not the shortest of its cause any
    /// more goes out; one that passed stays on guard.
    pub fn learn(&mut self, hunted: &HuntedScenario, version: &str) {
        let failed: BTreeSet<u64> = hunted.kept.failed.iter().copied().collect();
        let shortest: BTreeSet<u64> = hunted.groups.iter().map(|group| group.shortest.seed).collect();
        self.lines.retain(|line| {
            line.turned_on != hunted.turned_on || !failed.contains(&line.seed) && !shortest.contains(&line.seed)
        });
        self.lines.extend(hunted.groups.iter().map(|group| Kept {
            seed: group.shortest.seed,
            invariant: group.cause.invariant.clone(),
            version: version.to_owned(),
            plan_hash: group.shortest.plan_hash.clone(),
            turned_on: hunted.turned_on,
            cause: group.cause.to_string(),
        }));
        self.sort();
    }

    fn sort(&mut self) {
        self.lines.sort_by_key(|line| (line.turned_on, line.seed));
    }
}

impl fmt::Display for SeedBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::tests::{group, nothing_found};
    use super::*;
    use crate::scenario::parse;

    fn kept(seed: u64, turned_on: bool) -> Kept {
        Kept {
            seed,
            invariant: "no-loss".into(),
            version: "0.1.0".into(),
            plan_hash: "9f3c0123456789ab".into(),
            turned_on,
            cause: "no-loss: <producer> #N was given up, after crash".into(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let book = SeedBook { lines: vec![kept(3, false), kept(17, false), kept(2, true)] };
        assert_eq!(SeedBook::parse(&book.to_string()), Ok(book));
        assert_eq!(SeedBook::parse(""), Ok(SeedBook::default()));
    }

    #[test]
    fn a_line_that_is_none_is_named_with_its_place() {
        for wrong in ["seventeen no-loss 0.1.0 9f3c", "17 no-loss 0.1.0", "17 no-loss 0.1.0 9f3c more", "<<<<<<< HEAD"]
        {
            let told = SeedBook::parse(&format!("# head\n\n{wrong}\n"));
            assert_eq!(told, Err(NotABook::NotALine { line: 3, text: wrong.to_owned() }));
        }
    }

    #[test]
    fn more_lines_than_anybody_would_try_first_are_refused() {
        let just = "# for readers\n".repeat(MOST_LINES);
        assert_eq!(SeedBook::parse(&just), Ok(SeedBook::default()));
        let told = SeedBook::parse(&format!("{just}\n"));
        assert_eq!(told, Err(NotABook::TooLong { lines: 10_001 }));
        assert_eq!(told.unwrap_err().to_string(), "10001 lines are too many to try first: at most 10000");
    }

    #[test]
    fn a_line_is_stale_when_the_version_or_the_scenario_is_another() {
        let text = include_str!("../../../scenarios/giant-lizard.yaml");
        let prey = |text: &str| Prey::new(parse(Path::new("x.yaml"), text).expect("it is sound"));
        let line = |seed: u64| Kept {
            version: env!("CARGO_PKG_VERSION").into(),
            plan_hash: prey(text).plan(seed).hash().to_string(),
            ..kept(seed, false)
        };
        assert!(!line(3).is_stale(&prey(text)));
        assert!(Kept { version: "0.0.1".into(), ..line(3) }.is_stale(&prey(text)));
        assert!(line(3).is_stale(&prey(&text.replace("duration: 12m", "duration: 13m"))));
    }

    #[test]
    fn the_shortest_of_each_cause_comes_in_and_what_it_replaces_goes() {
        let mut book = SeedBook { lines: vec![kept(3, false), kept(17, false), kept(20, false), kept(3, true)] };
        let mut hunted = nothing_found();
        hunted.kept.failed = vec![3, 17];
        hunted.groups = vec![group("no-loss", 5, 1), group("order", 17, 2)];
        book.learn(&hunted, "0.2.0");
        let left: Vec<(u64, &str, &str, bool)> =
            book.lines.iter().map(|line| (line.seed, &*line.invariant, &*line.version, line.turned_on)).collect();
        assert_eq!(
            left,
            [
                (5, "no-loss", "0.2.0", false),
                (17, "order", "0.2.0", false),
                (20, "no-loss", "0.1.0", false),
                (3, "no-loss", "0.1.0", true)
            ],
            "3 is not the shortest any more, 20 passed and stays on guard, the other way to hunt is left alone"
        );
        let before = book.clone();
        book.learn(&hunted, "0.2.0");
        assert_eq!(book, before, "learning the same again changes nothing");
    }
}
