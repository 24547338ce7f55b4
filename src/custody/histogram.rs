//! How long things took, in little memory.
use std::collections::BTreeMap;
use std::time::Duration;

/// Each power of two is cut into this many steps: a percentile is at most 1/128 (0.8 %) too low.
const STEPS_BITS: u32 = 7;

/// A histogram of durations, from a microsecond up.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Least duration of a step, in microseconds -> how many fell into it.
    steps: BTreeMap<u64, u64>,
    count: u64,
    max: Duration,
}

/// What a histogram says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    /// Half are no longer.
    pub p50: Duration,
    /// Ninety-nine of a hundred are no longer.
    pub p99: Duration,
    /// Exact.
    pub max: Duration,
}

impl Histogram {
    /// Adds one.
    pub fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(STEPS_BITS + 1);
        *self.steps.entry(micros >> shift << shift).or_default() += 1;
        self.count += 1;
        self.max = self.max.max(duration);
    }
    /// Adds all of another one.
    pub fn absorb(&mut self, other: &Self) {
        for (step, count) in &other.steps {
            *self.steps.entry(*step).or_default() += count;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }
    /// Sums up; `None` when nothing was recorded.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let percentiles = || Percentiles { p50: self.at_or_below(50), p99: self.at_or_below(99), max: self.max };
        (self.count > 0).then(percentiles)
    }
    /// The duration that this many percent do not exceed.
    fn at_or_below(&self, percent: u64) -> Duration {
        let rank = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        for (micros, count) in &self.steps {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(*micros).min(self.max);
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_hundredth_and_the_maximum_is_exact() {
        let mut histogram = Histogram::default();
        for millis in 1..=1000 {
            histogram.record(Duration::from_millis(millis));
        }
        let Percentiles { p50, p99, max } = histogram.percentiles().unwrap();
        assert!((495..=500).contains(&p50.as_millis()), "{p50:?}");
        assert!((981..=990).contains(&p99.as_millis()), "{p99:?}");
        assert_eq!(max, Duration::from_secs(1));
    }

    #[test]
    fn nothing_recorded_is_nothing_and_one_is_itself() {
        assert_eq!(Histogram::default().percentiles(), None);
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_micros(90));
        let Percentiles { p50, p99, max } = histogram.percentiles().unwrap();
        assert_eq!((p50, p99, max), (Duration::from_micros(90), Duration::from_micros(90), Duration::from_micros(90)));
    }

    #[test]
    fn two_halves_make_what_the_whole_would_have_been() {
        let mut halves = [Histogram::default(), Histogram::default()];
        let mut whole = Histogram::default();
        for n in 0..1000_u64 {
            let took = Duration::from_micros(n * 7_919 % 90_000);
            halves[n as usize % 2].record(took);
            whole.record(took);
        }
        let [mut one, other] = halves;
        one.absorb(&other);
        assert_eq!((one.percentiles(), one.count()), (whole.percentiles(), 1000));
    }

    #[test]
    fn a_day_of_odd_latencies_takes_few_steps() {
        let mut histogram = Histogram::default();
        for n in 0..86_400 {
            histogram.record(Duration::from_micros(1 + n * 7_919 % 90_000_000));
        }
        assert!(histogram.steps.len() < 3_000, "{}", histogram.steps.len());
    }
}
