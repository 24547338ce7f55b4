//! Durations as scenario files write them: `90s`, or a range to be drawn from, `110s..130s`.
use super::written::{Written, written};
use rand::RngExt;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration, fixed or drawn once into the plan from a range with both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationRange {
    least: Duration,
    most: Duration,
}

impl DurationRange {
    pub(crate) const EXPECTED_POSITIVE: &str = "a duration longer than zero";
    /// A duration that is not drawn.
    pub const fn fixed(duration: Duration) -> Self {
        Self { least: duration, most: duration }
    }
    /// A fixed number of seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self::fixed(Duration::from_secs(seconds))
    }
    /// Any duration between two numbers of seconds, both included, the lesser first.
    pub const fn seconds_range(least: u64, most: u64) -> Self {
        assert!(least <= most, "a range runs from the lesser to the greater");
        Self { least: Duration::from_secs(least), most: Duration::from_secs(most) }
    }
    /// Any duration between two, both included. Back to front is turned round.
    pub fn between(one: Duration, other: Duration) -> Self {
        Self { least: one.min(other), most: one.max(other) }
    }
    /// The shortest it can be.
    pub fn least(&self) -> Duration {
        self.least
    }
    /// The longest it can be.
    pub fn most(&self) -> Duration {
        self.most
    }
    /// Draws from the labelled dice of a seed. Whole milliseconds when both ends are, so that a story reads well.
    pub fn draw(&self, seed: u64, label: &str) -> Duration {
        if self.least == self.most {
            return self.least;
        }
        const MILLISECOND: u64 = 1_000_000;
        let (least, most) = (nanos(self.least), nanos(self.most));
        let grain = if least.is_multiple_of(MILLISECOND) && most.is_multiple_of(MILLISECOND) { MILLISECOND } else { 1 };
        let drawn = lizard_sim::dice(seed, label).random_range(least / grain..=most / grain);
        Duration::from_nanos(drawn * grain)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Display for DurationRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", written_out(self.least))?;
        if self.most != self.least {
            write!(f, "..{}", written_out(self.most))?;
        }
        Ok(())
    }
}

/// Writes a duration the way files do: `1m30s`.
pub fn written_out(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "")
}

impl FromStr for DurationRange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((least, most)) = text.split_once("..") else {
            return one(text).map(Self::fixed);
        };
        if least.trim().is_empty() || most.trim().is_empty() {
            return Err(format!("the range `{text}` has no second end"));
        }
        let (least, most) = (one(least)?, one(most)?);
        if least > most {
            return Err(format!("the range `{text}` is back to front"));
        }
        Ok(Self { least, most })
    }
}

/// A duration longer than this is a slip: an idle hour costs nothing, a hundred years overflow a clock.
const LONGEST: Duration = Duration::from_secs(100 * 24 * 3600);

fn one(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if !text.is_empty() && text != "0" && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(format!("`{text}` has no unit"));
    }
    let duration = humantime::parse_duration(text).map_err(|_| format!("`{text}` is not a duration"))?;
    if duration > LONGEST { Err(format!("`{text}` is longer than 100 days")) } else { Ok(duration) }
}

impl Written for DurationRange {
    const FORMAT: &str = "duration";
    const EXPECTED: &str = "a duration such as `90s`, `1m30s`, `200ms`, or a range of them such as `110s..130s`";
}
written!(DurationRange);

/// How far a clock is off: like [`DurationRange`], but either end may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetRange {
    least_ns: i64,
    most_ns: i64,
}

impl OffsetRange {
    /// An offset that is not drawn, in nanoseconds.
    pub const fn fixed(ns: i64) -> Self {
        Self { least_ns: ns, most_ns: ns }
    }
    /// Any offset between two numbers of minutes.
    pub const fn minutes(least: i64, most: i64) -> Self {
        assert!(least <= most, "a range runs from the lesser to the greater");
        const MINUTE: i64 = 60_000_000_000;
        Self { least_ns: least * MINUTE, most_ns: most * MINUTE }
    }
    /// Draws from the labelled dice of a seed, in nanoseconds.
    pub fn draw(&self, seed: u64, label: &str) -> i64 {
        if self.least_ns == self.most_ns {
            return self.least_ns;
        }
        lizard_sim::dice(seed, label).random_range(self.least_ns..=self.most_ns)
    }
}

/// Writes an offset the way files do: `-5m`.
pub fn offset_written_out(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    format!("{sign}{}", written_out(Duration::from_nanos(ns.unsigned_abs())))
}

impl fmt::Display for OffsetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&offset_written_out(self.least_ns))?;
        if self.most_ns != self.least_ns {
            write!(f, "..{}", offset_written_out(self.most_ns))?;
        }
        Ok(())
    }
}

impl FromStr for OffsetRange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let (least_ns, most_ns) = (signed(least)?, signed(most)?);
        if least_ns > most_ns {
            return Err(format!("the range `{text}` is back to front"));
        }
        Ok(Self { least_ns, most_ns })
    }
}

fn signed(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let (sign, size) = match text.strip_prefix('-') {
        Some(size) => (-1, size),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    Ok(sign * i64::try_from(one(size)?.as_nanos()).map_err(|_| format!("`{text}` is too long"))?)
}

impl Written for OffsetRange {
    const FORMAT: &str = "offset";
    const EXPECTED: &str = "how far the clock jumps, such as `5m` or `-90s`, or a range of them such as `-2m..2m`";
}
written!(OffsetRange);

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> DurationRange {
        text.parse().expect("a range")
    }

    #[test]
    fn a_range_is_drawn_between_its_ends_and_the_same_for_the_same_seed_and_label() {
        let span = range("110s..130s");
        let drawn: Vec<_> = (0..50).map(|seed| span.draw(seed, "timeline[0].at")).collect();
        assert!(drawn.iter().all(|at| (span.least()..=span.most()).contains(at)));
        assert!(drawn.iter().any(|at| *at != drawn[0]), "fifty seeds drew one value");
        assert_eq!(span.draw(3, "timeline[0].at"), drawn[3]);
        assert_ne!(span.draw(3, "timeline[1].at"), drawn[3]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["90ms", "1m30s", "110s..130s", "0s..30s"] {
            assert_eq!(range(&range(text).to_string()), range(text));
        }
    }

    #[test]
    fn a_number_without_a_unit_and_a_range_back_to_front_are_refused() {
        assert_eq!("90".parse::<DurationRange>(), Err("`90` has no unit".into()));
        assert_eq!("5m..4m".parse::<DurationRange>(), Err("the range `5m..4m` is back to front".into()));
        assert_eq!("soon".parse::<DurationRange>(), Err("`soon` is not a duration".into()));
    }

    #[test]
    fn an_offset_may_be_negative() {
        let offset: OffsetRange = "-2m..2m".parse().expect("an offset");
        assert_eq!(offset.to_string(), "-2m..2m");
        assert!((-120_000_000_000..=120_000_000_000).contains(&offset.draw(1, "x")));
    }
}
