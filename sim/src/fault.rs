use std::time::Duration;

/// What can be done to a world.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Everything stops at once: no FIN, unsynced writes lost or torn; peers learn nothing until they speak.
    PowerLoss { host: String },
    /// kill -9: the kernel lives (FIN where nothing is unread, else RST); the page cache survives.
    Crash { host: String },
    /// Asks the software to stop; when its main future ends, or after 10 s, what is left is dropped (FIN).
    Stop { host: String },
    /// Powers on (after power loss, crash, stop or a finished main future); a host that is up is left alone.
    Boot { host: String },
    /// Not scheduled, packets wait, timers fire late.
    Freeze { host: String },
    Thaw { host: String },
    /// Cuts one direction; `from` and `to` are host or site names. Cuts count: as many heals undo them.
    Cut { from: String, to: String },
    Heal { from: String, to: String },
    /// Adds latency and loss to every path in or out of a host or site; replaces what was added before.
    Impair { at: String, path: Path },
    /// Moves the host's wall clock by `by_ns` from now on and lets it drift by `drift_ppm`.
    SkewClock { host: String, by_ns: i64, drift_ppm: i32 },
    /// Every append, rename and sync answers `StorageFull` while on.
    DiskFull { host: String, on: bool },
    /// Every disk call answers an I/O error while on.
    DiskError { host: String, on: bool },
    /// Each sync takes this long (zero: back to normal).
    SlowSync { host: String, by: Duration },
}

/// A path's qualities, one way. Ranges are drawn per segment.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Path {
    /// Least and most latency.
    pub latency: (Duration, Duration),
    /// Chance of losing a segment, in parts per million.
    pub loss_ppm: u32,
    /// Bits per second; `None` is unlimited.
    pub bandwidth: Option<u64>,
}
