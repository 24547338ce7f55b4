//! The limits a scenario may set.
use std::collections::BTreeMap;
use std::time::Duration;

/// How often clients may knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Connects of one client in ten seconds. Default 10.
    pub per_client: usize,
    /// Arrivals at one service in a second: this many for each client ... Default 2.
    pub per_service_and_client: usize,
    /// ... and this many more. Default 20.
    pub per_service: usize,
}

/// What the scenario says about invariants. The defaults are the contract's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Invariants that are not judged, by name, each with the reason.
    pub waived: BTreeMap<String, String>,
    /// How many messages clients may give up before `no-loss` is violated. Default 0.
    pub given_up: u64,
    /// How long a device may need to be at its assigned hub once it can learn of it. Default 60 s.
    pub one_connection: Duration,
    /// How long a device may need to be home once it is called. Default 90 s.
    pub comes_home: Duration,
    /// How long the provisioning service may take to call a device home once its home is back: two health checks
    /// (5 s) and `rebalance-after` (30 s), rounded up. Default 45 s.
    pub calls_home: Duration,
    /// How long a client may go without progress while it could make some. Default 3 min.
    pub recovers: Duration,
    /// How long an accepted command may wait for its device while its way is clear. Default 3 min.
    pub command_arrives: Duration,
    /// How often clients may connect.
    pub pace: Pace,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            waived: BTreeMap::new(),
            given_up: 0,
            one_connection: Duration::from_secs(60),
            comes_home: Duration::from_secs(90),
            calls_home: Duration::from_secs(45),
            recovers: Duration::from_secs(180),
            command_arrives: Duration::from_secs(180),
            pace: Pace { per_client: 10, per_service_and_client: 2, per_service: 20 },
        }
    }
}
