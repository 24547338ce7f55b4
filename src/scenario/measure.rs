//! Shares, bandwidths, drifts and rates as scenario files write them.
use super::written::{Written, written};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A share of segments, in parts per million; written `0.5%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Parts per million, at most 1,000,000.
    pub ppm: u32,
}

impl FromStr for Share {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a share");
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if part.len() > 4 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("`{text}` has more than four decimals"));
        }
        let whole: u32 = whole.parse().map_err(|_| wrong())?;
        let part: u32 = format!("{part:0<4}").parse().map_err(|_| wrong())?;
        let ppm = whole.checked_mul(10_000).and_then(|ppm| ppm.checked_add(part)).ok_or_else(wrong)?;
        if ppm > 1_000_000 { Err(format!("`{text}` is more than everything")) } else { Ok(Self { ppm }) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:04}", self.ppm % 10_000);
        let decimals = decimals.trim_end_matches('0');
        let point = if decimals.is_empty() { "" } else { "." };
        write!(f, "{}{point}{decimals}%", self.ppm / 10_000)
    }
}

impl Written for Share {
    const FORMAT: &str = "share";
    const EXPECTED: &str = "a share such as `0.5%`";
}
written!(Share);

/// Bits per second; written `100mbit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bits per second, at least one.
    pub bits_per_second: u64,
}

const UNITS: [(&str, u64); 4] = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

impl FromStr for Bandwidth {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a bandwidth");
        let (number, unit) =
            UNITS.iter().find_map(|(name, unit)| Some((text.trim().strip_suffix(name)?, unit))).ok_or_else(wrong)?;
        let number: u64 = number.trim().parse().map_err(|_| wrong())?;
        match number.checked_mul(*unit) {
            None => Err(wrong()),
            Some(0) => Err(format!("`{text}` lets nothing through: use `partition`")),
            Some(bits_per_second) => Ok(Self { bits_per_second }),
        }
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, unit): &&(&str, u64)| self.bits_per_second.is_multiple_of(*unit);
        let (name, unit) = UNITS.iter().find(fits).copied().unwrap_or(("bit", 1));
        write!(f, "{}{name}", self.bits_per_second / unit)
    }
}

impl Written for Bandwidth {
    const FORMAT: &str = "bandwidth";
    const EXPECTED: &str = "a bandwidth such as `100mbit` (bit, kbit, mbit, gbit; a second)";
}
written!(Bandwidth);

/// How much faster than true time a clock runs, in parts per million; written `100ppm` or `-50ppm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Parts per million.
    pub ppm: i32,
}

impl FromStr for Drift {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let ppm = text.trim().strip_suffix("ppm").and_then(|number| number.trim().parse().ok());
        ppm.filter(|ppm| (-500_000..=500_000).contains(ppm))
            .map(|ppm| Self { ppm })
            .ok_or_else(|| format!("`{text}` is not a drift"))
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ppm", self.ppm)
    }
}

impl Written for Drift {
    const FORMAT: &str = "drift";
    const EXPECTED: &str = "a drift such as `100ppm` or `-50ppm`, at most 500000ppm";
}
written!(Drift);

/// So many in so long; written `1000/min` or `100/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least one.
    pub count: u32,
    /// In how long.
    pub every: Duration,
}

const PERIODS: [(&str, Duration); 3] =
    [("s", Duration::from_secs(1)), ("min", Duration::from_secs(60)), ("h", Duration::from_secs(3600))];

impl Rate {
    /// So many a second.
    pub const fn a_second(count: u32) -> Self {
        Self { count, every: Duration::from_secs(1) }
    }
    /// So many a minute.
    pub const fn a_minute(count: u32) -> Self {
        Self { count, every: Duration::from_secs(60) }
    }
}

impl FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate");
        let (count, period) = text.split_once('/').ok_or_else(wrong)?;
        let (_, every) = PERIODS.iter().find(|(name, _)| *name == period.trim()).ok_or_else(wrong)?;
        match count.trim().parse().map_err(|_| wrong())? {
            0 => Err(format!("`{text}` lets nothing through: use `partition`")),
            count => Ok(Self { count, every: *every }),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = PERIODS.iter().find(|(_, every)| *every == self.every).map_or("s", |(name, _)| name);
        write!(f, "{}/{period}", self.count)
    }
}

impl Written for Rate {
    const FORMAT: &str = "rate";
    const EXPECTED: &str = "a rate such as `100/s` or `1000/min` (s, min, h)";
}
written!(Rate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_without_floats() {
        for (text, ppm) in [("0%", 0), ("0.5%", 5_000), ("12.25%", 122_500), ("100%", 1_000_000)] {
            let share: Share = text.parse().expect("a share");
            assert_eq!(share.ppm, ppm);
            assert_eq!(share.to_string(), text);
        }
        for text in ["5", "101%", "x%", "1.23456%", "-1%", "99999999999%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn bandwidths_are_read_in_their_unit() {
        for (text, bits) in [("100mbit", 100_000_000), ("64kbit", 64_000), ("1500bit", 1_500), ("2gbit", 2_000_000_000)]
        {
            let bandwidth: Bandwidth = text.parse().expect("a bandwidth");
            assert_eq!(bandwidth.bits_per_second, bits);
            assert_eq!(bandwidth.to_string(), text);
        }
        for text in ["0mbit", "100", "fast", "99999999999999gbit"] {
            assert!(text.parse::<Bandwidth>().is_err(), "{text}");
        }
    }

    #[test]
    fn drifts_may_be_negative() {
        assert_eq!("-50ppm".parse::<Drift>(), Ok(Drift { ppm: -50 }));
        assert!("50%".parse::<Drift>().is_err());
    }

    #[test]
    fn rates_are_read_in_their_period() {
        for (text, rate) in [("1000/min", Rate::a_minute(1000)), ("5/s", Rate::a_second(5))] {
            assert_eq!(text.parse(), Ok(rate));
            assert_eq!(rate.to_string(), text);
        }
        for text in ["5", "0/s", "5/day", "/s", "-1/s", "99999999999/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
