//! How much the provisioning service takes on.
//!
//! Its limits (Microsoft docs, iot-dps limits): so many registrations a minute, as many other requests, and of one
//! device five polls in ten seconds. Registering and polling are throttled apart (azure-iot-sdk-c, pull request 1703).
use crate::history::Name;
use crate::scenario::Rate;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Polls of one device (Microsoft docs, iot-dps limits).
const POLLS_OF_ONE: Rate = Rate { count: 5, every: Duration::from_secs(10) };
/// Devices that polled are remembered until there are this many; then those that may poll freely are forgotten.
const SLACK: usize = 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// A device registers.
    Register,
    /// A device asks how its registration goes.
    Poll,
}

/// The service's limits and what was taken on lately. Not durable: a service that restarts begins fresh.
#[derive(Debug)]
pub(super) struct Throttle {
    registrations: Window,
    polls: Window,
    devices: BTreeMap<Name, Window>,
    /// Devices are looked through for those to be forgotten when they are this many.
    crowded: usize,
}

impl Throttle {
    /// Takes on so many registrations, and as many polls.
    pub(super) fn new(limit: Rate) -> Self {
        let (registrations, polls) = (Window::new(limit), Window::new(limit));
        Self { registrations, polls, devices: BTreeMap::new(), crowded: SLACK }
    }

    /// Takes a request on.
    ///
    /// # Errors
    /// How long until there is room for it. What was refused does not count.
    pub(super) fn admit(&mut self, now: Duration, device: &Name, request: Request) -> Result<(), Duration> {
        if request == Request::Register {
            return self.registrations.admit(now);
        }
        self.forget(now);
        let own = self.devices.entry(device.clone()).or_insert_with(|| Window::new(POLLS_OF_ONE));
        let wait = own.wait(now).max(self.polls.wait(now));
        if wait > Duration::ZERO {
            return Err(wait);
        }
        own.admit(now)?;
        self.polls.admit(now)
    }

    /// How long until this device may poll, as far as its own polls go.
    pub(super) fn until_next_poll(&mut self, now: Duration, device: &str) -> Duration {
        self.devices.get_mut(device).map_or(Duration::ZERO, |own| own.wait(now))
    }

    fn forget(&mut self, now: Duration) {
        if self.devices.len() >= self.crowded {
            self.devices.retain(|_, own| !own.is_empty(now));
            self.crowded = SLACK.max(2 * self.devices.len());
        }
    }
}

/// At most so many in any stretch of so long.
#[derive(Debug)]
struct Window {
    limit: Rate,
    /// When each was taken that still counts, oldest first.
    taken: VecDeque<Duration>,
}

impl Window {
    fn new(limit: Rate) -> Self {
        Self { limit, taken: VecDeque::new() }
    }

    /// How long until there is room; zero when there is.
    fn wait(&mut self, now: Duration) -> Duration {
        while self.taken.front().is_some_and(|at| *at + self.limit.every <= now) {
            self.taken.pop_front();
        }
        match self.taken.front() {
            Some(oldest) if self.taken.len() >= self.limit.count as usize => (*oldest + self.limit.every) - now,
            _ => Duration::ZERO,
        }
    }

    fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        match self.wait(now) {
            Duration::ZERO => {
                self.taken.push_back(now);
                Ok(())
            }
            wait => Err(wait),
        }
    }

    fn is_empty(&mut self, now: Duration) -> bool {
        self.wait(now);
        self.taken.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn registrations_and_polls_are_throttled_apart() {
        let mut throttle = Throttle::new(Rate::a_minute(2));
        for device in ["a", "b"] {
            throttle.admit(SECOND, &device.into(), Request::Register).unwrap();
        }
        assert_eq!(throttle.admit(21 * SECOND, &"c".into(), Request::Register), Err(40 * SECOND));
        assert_eq!(throttle.admit(21 * SECOND, &"c".into(), Request::Poll), Ok(()));
        assert_eq!(throttle.admit(61 * SECOND, &"c".into(), Request::Register), Ok(()), "when it said so");
    }

    #[test]
    fn one_device_polls_five_times_in_ten_seconds_and_hinders_nobody_else() {
        let mut throttle = Throttle::new(Rate::a_minute(1000));
        let (eager, other) = (Name::from("eager"), Name::from("other"));
        for at in 0..5 {
            throttle.admit(at * SECOND, &eager, Request::Poll).unwrap();
        }
        assert_eq!(throttle.until_next_poll(5 * SECOND, "eager"), 5 * SECOND);
        assert_eq!(throttle.admit(5 * SECOND, &eager, Request::Poll), Err(5 * SECOND));
        assert_eq!(throttle.admit(5 * SECOND, &other, Request::Poll), Ok(()));
        assert_eq!(throttle.admit(10 * SECOND, &eager, Request::Poll), Ok(()));
        assert_eq!(throttle.until_next_poll(10 * SECOND, "other"), Duration::ZERO);
    }

    #[test]
    fn devices_that_stopped_polling_are_forgotten() {
        let mut throttle = Throttle::new(Rate::a_second(1_000_000));
        for device in 0..10 * SLACK {
            let at = Duration::from_millis(device as u64 * 100);
            throttle.admit(at, &format!("d{device}").into(), Request::Poll).unwrap();
        }
        assert!(throttle.devices.len() <= SLACK, "{}", throttle.devices.len());
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_holds_more_than_the_limit_and_waits_are_true(
            count in 1u32..6, every in 1u64..20, pauses in prop::collection::vec(0u32..6, 0..60),
        ) {
            let limit = Rate { count, every: Duration::from_secs(every) };
            let (mut window, mut now, mut taken) = (Window::new(limit), Duration::ZERO, Vec::new());
            for pause in pauses {
                now += pause * SECOND;
                if let Err(wait) = window.admit(now) {
                    prop_assert!(window.admit(now + wait - Duration::from_nanos(1)).is_err());
                    now += wait;
                    prop_assert_eq!(window.admit(now), Ok(()));
                }
                taken.push(now);
                let lately = taken.iter().filter(|at| **at + limit.every > now).count();
                prop_assert!(lately <= count as usize);
            }
        }
    }
}
