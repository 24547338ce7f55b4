//! Which part of a shared hunt this machine has: as it was told, or as its array job tells.
use crate::report::ShardOf;

/// Why it is not clear which part is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// `--shard` is not `I/N` with `I` below `N`.
    #[error("`{0}` is not a shard such as 0/8: the index counts from 0 and is less than the count")]
    NotAShard(String),
    /// A variable is no number.
    #[error("{name}=`{value}` is not a number")]
    NotANumber {
        /// The variable.
        name: &'static str,
        /// What it is set to.
        value: String,
    },
    /// An index is there, and the count is not.
    #[error("{index} is set, and nothing says how many there are: {remedy}")]
    NoCount {
        /// The variable that is set.
        index: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The index is not below the count.
    #[error("{name} says part {index} of {of}: name the part yourself with --shard I/N")]
    OutOfRange {
        /// The variable that told the index.
        name: &'static str,
        /// Counted from 0.
        index: u64,
        /// How many there are.
        of: u64,
    },
    /// An array with gaps cannot be counted through.
    #[error(
        "the array job leaves ids out (from {min} to {max} by {step} are not {count} tasks): \
         submit it as --array=0-{last}, or name the part yourself with --shard I/N"
    )]
    Gaps {
        /// The least id.
        min: u64,
        /// The greatest.
        max: u64,
        /// From one to the next.
        step: u64,
        /// How many tasks there are.
        count: u64,
        /// The greatest id of an array without gaps.
        last: u64,
    },
}

/// Reads `I/N`.
///
/// # Errors
/// [`ShardError::NotAShard`].
pub fn parse_shard(text: &str) -> Result<ShardOf, ShardError> {
    let wrong = || ShardError::NotAShard(text.to_owned());
    let (index, of) = text.split_once('/').ok_or_else(wrong)?;
    let shard = ShardOf { index: index.parse().map_err(|_| wrong())?, of: of.parse().map_err(|_| wrong())? };
    if shard.index < shard.of { Ok(shard) } else { Err(wrong()) }
}

/// Finds the part that the array job of this process has, and the variable that tells it.
///
/// - Slurm: `SLURM_ARRAY_TASK_ID`, `_COUNT`, `_MIN`, `_MAX`, `_STEP` (Slurm docs, "Job Array Support").
/// - Kubernetes: `JOB_COMPLETION_INDEX` of an Indexed Job (Kubernetes docs, "Jobs"). It does not tell how many there
///   are: `count`, or a variable `JOB_COMPLETIONS` that the manifest sets.
/// - AWS Batch: `AWS_BATCH_JOB_ARRAY_INDEX`, `AWS_BATCH_JOB_ARRAY_SIZE` (AWS docs, "Array jobs").
///
/// # Errors
/// When a variable is no number, an index has no count, or an array has gaps.
pub fn shard_of_array_job(
    variable: impl Fn(&str) -> Option<String>,
    count: Option<u32>,
) -> Result<Option<(ShardOf, &'static str)>, ShardError> {
    let number = |name: &'static str| {
        let value = variable(name).filter(|value| !value.is_empty());
        value.map(|value| value.parse::<u64>().map_err(|_| ShardError::NotANumber { name, value })).transpose()
    };
    if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
        let told = number("SLURM_ARRAY_TASK_COUNT")?;
        let min = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        let of = told.or(count.map(u64::from)).ok_or(ShardError::NoCount {
            index: "SLURM_ARRAY_TASK_ID",
            remedy: "set SLURM_ARRAY_TASK_COUNT, or use --shard-count",
        })?;
        if let Some(max) = number("SLURM_ARRAY_TASK_MAX")?
            && max.saturating_sub(min) / step + 1 != of
        {
            return Err(ShardError::Gaps { min, max, step, count: of, last: of.saturating_sub(1) });
        }
        let index = id.saturating_sub(min) / step;
        return part("SLURM_ARRAY_TASK_ID", index, of).map(Some);
    }
    if let Some(index) = number("JOB_COMPLETION_INDEX")? {
        let told = number("JOB_COMPLETIONS")?;
        let of = count.map(u64::from).or(told).ok_or(ShardError::NoCount {
            index: "JOB_COMPLETION_INDEX",
            remedy: "set JOB_COMPLETIONS to the manifest's `completions`, or use --shard-count",
        })?;
        return part("JOB_COMPLETION_INDEX", index, of).map(Some);
    }
    if let Some(index) = number("AWS_BATCH_JOB_ARRAY_INDEX")? {
        let told = number("AWS_BATCH_JOB_ARRAY_SIZE")?;
        let of = told.or(count.map(u64::from)).ok_or(ShardError::NoCount {
            index: "AWS_BATCH_JOB_ARRAY_INDEX",
            remedy: "set AWS_BATCH_JOB_ARRAY_SIZE, or use --shard-count",
        })?;
        return part("AWS_BATCH_JOB_ARRAY_INDEX", index, of).map(Some);
    }
    Ok(None)
}

fn part(name: &'static str, index: u64, of: u64) -> Result<(ShardOf, &'static str), ShardError> {
    let wrong = ShardError::OutOfRange { name, index, of };
    match (u32::try_from(index), u32::try_from(of)) {
        (Ok(index), Ok(of)) if index < of => Ok((ShardOf { index, of }, name)),
        _ => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)], count: Option<u32>) -> Result<Option<(ShardOf, &'static str)>, ShardError> {
        let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        shard_of_array_job(get, count)
    }

    fn shard(index: u32, of: u32) -> ShardOf {
        ShardOf { index, of }
    }

    #[test]
    fn a_shard_is_an_index_below_a_count() {
        assert_eq!(parse_shard("0/1"), Ok(shard(0, 1)));
        assert_eq!(parse_shard("7/8"), Ok(shard(7, 8)));
        for wrong in ["8/8", "1/0", "-1/2", "1", "1/", "a/b", "", "1/2/3"] {
            assert_eq!(parse_shard(wrong), Err(ShardError::NotAShard(wrong.to_owned())), "{wrong}");
        }
    }

    #[test]
    fn a_slurm_array_may_begin_anywhere_and_count_in_steps() {
        let task = |id: &str, min: &str, max: &str, step: &str, count: &str| {
            found(
                &[
                    ("SLURM_ARRAY_TASK_ID", id),
                    ("SLURM_ARRAY_TASK_MIN", min),
                    ("SLURM_ARRAY_TASK_MAX", max),
                    ("SLURM_ARRAY_TASK_STEP", step),
                    ("SLURM_ARRAY_TASK_COUNT", count),
                ],
                None,
            )
        };
        assert_eq!(task("0", "0", "7", "1", "8"), Ok(Some((shard(0, 8), "SLURM_ARRAY_TASK_ID"))));
        assert_eq!(task("8", "1", "8", "1", "8"), Ok(Some((shard(7, 8), "SLURM_ARRAY_TASK_ID"))));
        assert_eq!(task("9", "5", "13", "4", "3"), Ok(Some((shard(1, 3), "SLURM_ARRAY_TASK_ID"))));
        // --array=1,3,7
        let gaps = task("3", "1", "7", "1", "3");
        assert_eq!(gaps, Err(ShardError::Gaps { min: 1, max: 7, step: 1, count: 3, last: 2 }));
    }

    #[test]
    fn an_indexed_job_of_kubernetes_is_told_how_many_there_are() {
        let index = ("JOB_COMPLETION_INDEX", "2");
        let expected = Ok(Some((shard(2, 5), "JOB_COMPLETION_INDEX")));
        assert_eq!(found(&[index, ("JOB_COMPLETIONS", "5")], None), expected);
        assert_eq!(found(&[index], Some(5)), expected);
        assert!(matches!(found(&[index], None), Err(ShardError::NoCount { index: "JOB_COMPLETION_INDEX", .. })));
        assert!(matches!(found(&[index], Some(2)), Err(ShardError::OutOfRange { index: 2, of: 2, .. })));
    }

    #[test]
    fn an_array_of_aws_batch_tells_its_size() {
        let variables = [("AWS_BATCH_JOB_ARRAY_INDEX", "1"), ("AWS_BATCH_JOB_ARRAY_SIZE", "4")];
        assert_eq!(found(&variables, None), Ok(Some((shard(1, 4), "AWS_BATCH_JOB_ARRAY_INDEX"))));
    }

    #[test]
    fn a_machine_without_array_variables_has_the_whole_and_nonsense_is_named() {
        assert_eq!(found(&[], None), Ok(None));
        assert_eq!(found(&[("SLURM_ARRAY_TASK_ID", "")], None), Ok(None), "set and empty is not set");
        let wrong = found(&[("SLURM_ARRAY_TASK_ID", "first")], None);
        assert_eq!(wrong, Err(ShardError::NotANumber { name: "SLURM_ARRAY_TASK_ID", value: "first".into() }));
    }
}
