//! What a service will have to do at a later time. While nothing is set, nothing is looked at.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// At most one time for each alarm. `A` says what they are for.
#[derive(Clone, Debug)]
pub struct Alarms<A> {
    times: BTreeMap<A, Duration>,
    order: BTreeSet<(Duration, A)>,
}

impl<A> Default for Alarms<A> {
    fn default() -> Self {
        Self { times: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<A: Clone + Ord> Alarms<A> {
    /// Sets an alarm anew; `None`: it is not to ring.
    pub fn set(&mut self, alarm: A, at: Option<Duration>) {
        if let Some(before) = self.times.remove(&alarm) {
            self.order.remove(&(before, alarm.clone()));
        }
        if let Some(at) = at {
            self.times.insert(alarm.clone(), at);
            self.order.insert((at, alarm));
        }
    }

    /// Sets an alarm unless it is set already, for an earlier or a later time.
    pub fn set_once(&mut self, alarm: A, at: Duration) {
        if !self.times.contains_key(&alarm) {
            self.set(alarm, Some(at));
        }
    }

    /// When the next one rings.
    pub fn next(&self) -> Option<Duration> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the first one whose time has come.
    pub fn due(&mut self, now: Duration) -> Option<A> {
        self.order.first().filter(|(at, _)| *at <= now)?;
        let (_, alarm) = self.order.pop_first()?;
        self.times.remove(&alarm);
        Some(alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn alarms_ring_once_in_the_order_of_their_times_and_the_last_setting_counts() {
        let mut alarms = Alarms::default();
        alarms.set("call", at(5));
        alarms.set("held", at(3));
        alarms.set("queue", at(4));
        alarms.set("call", at(2));
        alarms.set("held", None);
        alarms.set_once("queue", Duration::from_secs(1));
        assert_eq!(alarms.next(), at(2));
        assert_eq!(alarms.due(Duration::from_secs(1)), None);
        let now = Duration::from_secs(9);
        assert_eq!(alarms.due(now), Some("call"));
        assert_eq!(alarms.due(now), Some("queue"));
        assert_eq!(alarms.due(now), None);
        assert_eq!(alarms.next(), None);
    }
}
