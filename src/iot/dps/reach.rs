//! How far a hub can be used.
use std::time::Duration;

/// Whether a hub can be used: its health, and what must come first.
///
/// ```text
///   Unknown --+   up          nothing owed           rebalance_after passed
///     |       +------> Syncing -----------> Usable -----------------------> Settled
///     v       |           |                   |                                |
///    Away ----+           |                   |                                |
///     ^                   |                   |                                |
///     +-------------------+------- down ------+--------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Not known since this boot: nobody is sent there, and nobody is sent away from there.
    Unknown,
    /// Down.
    Away,
    /// Up; it first hears of the removals that it missed.
    Syncing,
    /// Devices that ask may be sent to it.
    Usable { since: Duration },
    /// Its own devices are called home.
    Settled,
}

impl Reach {
    /// Says whether it can be told anything.
    pub(super) fn is_up(self) -> bool {
        !matches!(self, Reach::Unknown | Reach::Away)
    }
    /// Says whether devices may be sent to it.
    pub(super) fn is_usable(self) -> bool {
        matches!(self, Reach::Usable { .. } | Reach::Settled)
    }
}
