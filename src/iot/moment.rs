//! Now, as machines are told it.
use crate::host::Host;
use std::time::{Duration, SystemTime};

/// The time, as both clocks of a host have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Virtual time since the world began: timers run by it.
    pub now: Duration,
    /// Tokens expire by it; it may be skewed and set.
    pub wall_clock: SystemTime,
}

impl Moment {
    /// Reads both clocks of a host.
    pub fn of(host: &Host) -> Self {
        Self { now: host.now(), wall_clock: host.wall_clock() }
    }
}
