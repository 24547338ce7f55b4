//! What several machines found, as if one had.
use super::report;
use super::tally::join;
use crate::report::{HUNT_SCHEMA, HuntReport, HuntedScenario, SeedRange, ShardOf};

/// Why results cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to join.
    #[error("no result of a hunt (an object with \"schema\": \"{HUNT_SCHEMA}\") was found")]
    Nothing,
    /// Another version's seeds are other runs.
    #[error(
        "{place}: it was found by giant-lizard {found}, this is {here}: seeds of two versions are not the same runs"
    )]
    OtherVersion {
        /// Where it comes from.
        place: String,
        /// Its version.
        found: String,
        /// Ours.
        here: String,
    },
    /// They belong to different hunts.
    #[error("{one} and {other} are not parts of one hunt: {difference}")]
    OtherHunt {
        /// Where the first comes from.
        one: String,
        /// Where the other comes from.
        other: String,
        /// What is not the same.
        difference: &'static str,
    },
    /// A shard stands twice.
    #[error("{one} and {other} are the same shard, {shard}")]
    Twice {
        /// Where the first comes from.
        one: String,
        /// Where the other comes from.
        other: String,
        /// Both of them.
        shard: ShardOf,
    },
}

/// Several machines' results joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The result.
    pub report: HuntReport,
    /// Shards that were not among them.
    pub missing: Vec<ShardOf>,
}

/// Joins the parts of one hunt, each with the place that it comes from. Two shards of a hunt that was shared by two make
/// what one machine would have found, but for the times.
///
/// # Errors
/// When there are none, they are not parts of one hunt, or one of them stands twice.
pub fn merge(parts: Vec<(String, HuntReport)>) -> Result<Merged, MergeError> {
    let mut parts = parts;
    // In the order of the shards, so that it makes no difference how the files are named.
    parts.sort_by_key(|(_, part)| part.shard.map(|shard| shard.index));
    let Some((first_place, first)) = parts.first() else { return Err(MergeError::Nothing) };
    for (place, part) in &parts {
        let (found, here) = (&part.version, env!("CARGO_PKG_VERSION"));
        if found != here {
            let (found, here) = (found.clone(), here.to_owned());
            return Err(MergeError::OtherVersion { place: place.clone(), found, here });
        }
        if let Some(difference) = difference(first, part) {
            return Err(MergeError::OtherHunt { one: first_place.clone(), other: place.clone(), difference });
        }
    }
    let of = first.shard.map_or(1, |shard| shard.of);
    for pair in parts.windows(2) {
        let [(one, a), (other, b)] = pair else { continue };
        if a.shard == b.shard {
            let shard = a.shard.unwrap_or(ShardOf { index: 0, of });
            return Err(MergeError::Twice { one: one.clone(), other: other.clone(), shard });
        }
    }
    let present: Vec<u32> = parts.iter().map(|(_, part)| part.shard.map_or(0, |shard| shard.index)).collect();
    let missing: Vec<ShardOf> =
        (0..of).filter(|index| !present.contains(index)).map(|index| ShardOf { index, of }).collect();
    let complete = missing.is_empty() && parts.iter().all(|(_, part)| part.complete);
    let wall_seconds = parts.iter().map(|(_, part)| part.wall_seconds).fold(0.0, f64::max);
    let asked = first.asked;
    let mut joined: Vec<HuntedScenario> = Vec::new();
    for (_, part) in parts {
        if joined.is_empty() {
            joined = part.scenarios;
            continue;
        }
        joined.iter_mut().zip(part.scenarios).for_each(|(one, other)| join(one, other));
    }
    Ok(Merged { report: report(asked, None, complete, joined, wall_seconds), missing })
}

/// What tells that two results are not of one hunt.
fn difference(one: &HuntReport, other: &HuntReport) -> Option<&'static str> {
    let range = |SeedRange { from, to, .. }: SeedRange| (from, to);
    let facts = |report: &HuntReport| -> Vec<(String, bool)> {
        report.scenarios.iter().map(|hunted| (hunted.scenario_hash.clone(), hunted.turned_on)).collect()
    };
    let cells = |report: &HuntReport| -> Vec<(usize, usize)> {
        report.scenarios.iter().map(|hunted| (hunted.invariants.len(), hunted.coverage.len())).collect()
    };
    if facts(one) != facts(other) || cells(one) != cells(other) {
        Some("their scenarios differ")
    } else if range(one.asked) != range(other.asked) {
        Some("they were asked for other seeds")
    } else if one.shard.map(|shard| shard.of) != other.shard.map(|shard| shard.of) {
        Some("they were shared by another number of machines")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::tests::nothing_found;
    use super::*;

    fn part(index: u32, of: u32) -> (String, HuntReport) {
        let asked = SeedRange { from: 0, to: Some(10), for_seconds: None };
        let shard = (of > 1).then_some(ShardOf { index, of });
        (format!("{index}.json"), report(asked, shard, true, vec![nothing_found()], f64::from(index) + 1.0))
    }

    #[test]
    fn the_order_of_the_parts_makes_no_difference_and_the_slowest_tells_the_time() {
        let merged = merge(vec![part(0, 3), part(1, 3), part(2, 3)]).expect("they belong together");
        assert_eq!(Ok(&merged), merge(vec![part(2, 3), part(0, 3), part(1, 3)]).as_ref());
        assert_eq!((merged.report.wall_seconds, merged.report.shard, merged.report.complete), (3.0, None, true));
        assert_eq!(merged.missing, []);
    }

    #[test]
    fn a_missing_shard_is_named_and_the_result_is_not_complete() {
        let merged = merge(vec![part(0, 3), part(2, 3)]).expect("they belong together");
        assert_eq!((merged.missing, merged.report.complete), (vec![ShardOf { index: 1, of: 3 }], false));
    }

    #[test]
    fn the_whole_alone_is_itself() {
        let (_, whole) = part(0, 1);
        assert_eq!(merge(vec![part(0, 1)]).expect("it is whole").report, whole);
    }

    #[test]
    fn what_is_not_one_hunt_is_refused_with_the_difference() {
        let refused = |change: &dyn Fn(&mut HuntReport)| {
            let (place, mut other) = part(1, 2);
            change(&mut other);
            merge(vec![part(0, 2), (place, other)]).expect_err("they differ").to_string()
        };
        assert!(refused(&|report| report.scenarios[0].scenario_hash = "0".into()).contains("their scenarios differ"));
        assert!(refused(&|report| report.scenarios[0].turned_on = true).contains("their scenarios differ"));
        assert!(refused(&|report| report.scenarios.clear()).contains("their scenarios differ"));
        assert!(refused(&|report| report.asked.to = Some(11)).contains("other seeds"));
        assert!(refused(&|report| report.shard = Some(ShardOf { index: 1, of: 3 })).contains("number of machines"));
        assert!(refused(&|report| report.shard = Some(ShardOf { index: 0, of: 2 })).contains("the same shard, 0/2"));
        assert!(refused(&|report| report.version = "0.0.1".into()).contains("found by giant-lizard 0.0.1"));
        assert_eq!(merge(Vec::new()), Err(MergeError::Nothing));
    }
}
