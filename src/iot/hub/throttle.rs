//! How much a hub takes in a time: what comes faster waits, and what would wait too long is turned away.
//!
//! The documented order is burst, then latency, then an error (Microsoft docs, iot-hub-devguide-quotas-throttling);
//! MQTT 3.1.1 has no packet for the error 429002, so that it is a disconnect (azure-docs, issue 107838).
use crate::iot::plan::Throttle;
use crate::scenario::Rate;
use std::time::Duration;

/// What has waited this long is turned away.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What may come at once after a quiet time: as much as otherwise in this time, but at least one.
const BURST: Duration = Duration::from_secs(1);

/// When something that came may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At once.
    Now,
    /// Not before this time.
    At(Duration),
    /// Not within [`PATIENCE`], which ends then.
    Never(Duration),
}

/// A token bucket, kept as the time at which it will be full again: nothing has to be done while nothing comes.
#[derive(Clone, Debug)]
pub struct Bucket {
    usual: Rate,
    spells: Vec<Throttle>,
    full_at: Duration,
}

impl Bucket {
    /// Begins full. `spells` are times with another rate; of two at once the later in the list counts.
    pub fn new(usual: Rate, spells: Vec<Throttle>) -> Self {
        Self { usual, spells, full_at: Duration::ZERO }
    }

    /// Takes one token, now or as soon as there is one.
    pub fn take(&mut self, now: Duration) -> Turn {
        let each = self.each(now);
        let full_at = self.full_at.max(now) + each;
        // With a token left the bucket is full again within the burst.
        let at = full_at.saturating_sub(BURST.max(each));
        if at > now + PATIENCE {
            return Turn::Never(now + PATIENCE);
        }
        self.full_at = full_at;
        if at <= now { Turn::Now } else { Turn::At(at) }
    }

    /// How long it takes until there is one token more.
    fn each(&self, now: Duration) -> Duration {
        let spell = self.spells.iter().rev().find(|spell| spell.from <= now && now < spell.until);
        let rate = spell.map_or(self.usual, |spell| spell.limit);
        rate.every / rate.count.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_second_of_burst_goes_through_and_what_follows_waits_for_its_turn() {
        let mut bucket = Bucket::new(Rate::a_second(2), Vec::new());
        let turns: Vec<_> = (0..4).map(|_| bucket.take(at(1000))).collect();
        assert_eq!(turns, [Turn::Now, Turn::Now, Turn::At(at(1500)), Turn::At(at(2000))]);
    }

    #[test]
    fn what_comes_no_faster_than_the_rate_never_waits() {
        let mut bucket = Bucket::new(Rate::a_minute(20), Vec::new());
        assert!((0..50).all(|n| bucket.take(at(n * 3000)) == Turn::Now));
    }

    #[test]
    fn what_would_wait_longer_than_ten_seconds_is_turned_away_and_takes_no_token() {
        let mut bucket = Bucket::new(Rate::a_second(1), Vec::new());
        let turns: Vec<_> = (0..13).map(|_| bucket.take(at(0))).collect();
        assert_eq!(turns[10], Turn::At(at(10_000)));
        assert_eq!(turns[11..], [Turn::Never(at(10_000)); 2]);
        assert_eq!(bucket.take(at(1000)), Turn::At(at(11_000)), "those did not count");
    }

    #[test]
    fn a_quiet_time_saves_no_more_than_the_burst() {
        let mut bucket = Bucket::new(Rate::a_second(2), Vec::new());
        bucket.take(at(0));
        let turns: Vec<_> = (0..3).map(|_| bucket.take(at(3_600_000))).collect();
        assert_eq!(turns[1..], [Turn::Now, Turn::At(at(3_600_500))]);
    }

    #[test]
    fn a_spell_lowers_the_rate_while_it_lasts() {
        let spell = Throttle { from: at(10_000), until: at(20_000), limit: Rate::a_second(1) };
        let mut bucket = Bucket::new(Rate::a_second(1000), vec![spell]);
        assert!((0..100).all(|_| bucket.take(at(9000)) == Turn::Now));
        assert_eq!([bucket.take(at(10_500)), bucket.take(at(10_500))], [Turn::Now, Turn::At(at(11_500))]);
        assert_eq!(bucket.take(at(20_000)), Turn::Now, "it is over");
    }
}
