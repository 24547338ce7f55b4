//! What a hub will have to do at a later time. While nothing is set, nothing is looked at.
use super::machine::ConnectionId;
use crate::history::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What an alarm is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// What was confirmed and not stored goes to the disk (a knob's).
    Flush,
    /// A message of this device's queue expires, or has been locked long enough.
    Queue(Name),
    /// A method has had its time.
    Call,
    /// What the throttle held back of this connection goes on.
    Held(ConnectionId),
}

/// At most one time for each alarm.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    times: BTreeMap<Alarm, Duration>,
    order: BTreeSet<(Duration, Alarm)>,
}

impl Alarms {
    /// Sets an alarm anew; `None`: it is not to ring.
    pub fn set(&mut self, alarm: Alarm, at: Option<Duration>) {
        if let Some(before) = self.times.remove(&alarm) {
            self.order.remove(&(before, alarm.clone()));
        }
        if let Some(at) = at {
            self.times.insert(alarm.clone(), at);
            self.order.insert((at, alarm));
        }
    }

    /// When the next one rings.
    pub fn next(&self) -> Option<Duration> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the first one whose time has come.
    pub fn due(&mut self, now: Duration) -> Option<Alarm> {
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
        alarms.set(Alarm::Call, at(5));
        alarms.set(Alarm::Held(1), at(3));
        alarms.set(Alarm::Queue("xyz".into()), at(4));
        alarms.set(Alarm::Call, at(2));
        alarms.set(Alarm::Held(1), None);
        assert_eq!(alarms.next(), at(2));
        assert_eq!(alarms.due(Duration::from_secs(1)), None);
        let now = Duration::from_secs(9);
        assert_eq!(alarms.due(now), Some(Alarm::Call));
        assert_eq!(alarms.due(now), Some(Alarm::Queue("xyz".into())));
        assert_eq!(alarms.due(now), None);
        assert_eq!(alarms.next(), None);
    }
}
