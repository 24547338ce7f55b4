//! What a number of tried seeds says about those that were not tried.
use crate::report::{Bound, Method};

/// How sure a bound is.
const CONFIDENCE: f64 = 0.95;
/// The distance from the middle of the normal distribution that has 2.5 % on its far side.
const Z: f64 = 1.959_963_984_540_054;

/// Bounds the share of all seeds that fail, from a sample that was not chosen for how it fails.
///
/// Nothing failed: the share at which so many passes in a row have a chance of one in twenty, `1 - 0.05^(1/n)`, which
/// comes close to `3 / n` (the "rule of three"; Hanley and Lippman-Hand, JAMA 249, 1983). Otherwise Wilson's interval
/// (JASA 22, 1927), which unlike the plain one stays honest for small shares.
pub(crate) fn bound(tried: u64, failed: u64) -> Bound {
    let (n, x) = (tried as f64, failed as f64);
    let made = |method, low, high| Bound {
        method,
        confidence: CONFIDENCE,
        share: (tried > 0).then(|| x / n),
        low: rounded(low),
        high: rounded(high),
    };
    if tried == 0 {
        return made(Method::RuleOfThree, 0.0, 1.0);
    }
    if failed == 0 {
        // ln_1p and exp_m1 keep the digits that 1 - 0.05^(1/n) would lose.
        return made(Method::RuleOfThree, 0.0, -((-CONFIDENCE).ln_1p() / n).exp_m1());
    }
    let share = x / n;
    let scale = 1.0 + Z * Z / n;
    let middle = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let high = if failed == tried { 1.0 } else { (middle + half).min(1.0) };
    made(Method::Wilson, (middle - half).max(0.0), high)
}

/// Twelve digits: what floating point does beyond them may differ between machines, and a merged result must not.
fn rounded(share: f64) -> f64 {
    (share * 1e12).round() / 1e12
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 5e-5
    }

    #[test]
    fn no_failure_in_twenty_thousand_is_under_fifteen_thousandths_of_a_percent() {
        let bound = bound(20_000, 0);
        assert_eq!((bound.method, bound.low, bound.share), (Method::RuleOfThree, 0.0, Some(0.0)));
        assert!((bound.high - 0.00015).abs() < 5e-7, "{bound:?}");
    }

    #[test]
    fn few_passes_say_little_and_none_say_nothing() {
        assert!(close(bound(1, 0).high, 0.95), "the rule of three would say 300 %");
        let nothing = bound(0, 0);
        assert_eq!((nothing.low, nothing.high, nothing.share), (0.0, 1.0, None));
    }

    #[test]
    fn with_failures_it_is_wilsons_interval() {
        // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, and 15 of 148.
        for (x, n, low, high) in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)] {
            let bound = bound(n, x);
            assert!(close(bound.low, low) && close(bound.high, high), "{bound:?}");
        }
        let all = bound(10, 10);
        assert!(all.high == 1.0 && all.low > 0.7 && all.low < 0.73, "{all:?}");
    }

    #[test]
    fn more_passes_never_say_less() {
        let highs: Vec<f64> = (1..500).map(|tried| bound(tried, 0).high).collect();
        assert!(highs.is_sorted_by(|a, b| a > b));
    }
}
