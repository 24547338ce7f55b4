//! What can be done to a world.

use crate::host::nanos;
use crate::kernel::{self, Kernel, NOBODY};
use crate::machine;
use crate::net::Scope;
use std::time::Duration;

/// One thing done to the world at one moment. Names that are not known panic: they are the script's mistake.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant's words tell its fields")]
pub enum Fault {
    /// Takes a host's power. Everything stops at once: no FIN, unsynced writes lost or torn, peers learn nothing
    /// until they speak.
    PowerLoss { host: String },
    /// Ends a host's software like `kill -9`. The kernel lives: FIN where nothing is unread, else RST; later
    /// segments are answered with RST; the page cache survives.
    Crash { host: String },
    /// Asks a host's software to stop. What is left when its main future ends, or after 10 s, is dropped.
    Stop { host: String },
    /// Powers a host on, after whatever ended it. One that is up is left alone; one that is still stopping is
    /// ended first.
    Boot { host: String },
    /// Stops scheduling a host: its packets wait, its timers fire late.
    Freeze { host: String },
    /// Lets a frozen host go on.
    Thaw { host: String },
    /// Cuts one direction between hosts or sites. Cuts count: as many heals undo them.
    Cut { from: String, to: String },
    /// Undoes one cut of the same two names; without one nothing happens.
    Heal { from: String, to: String },
    /// Keeps what goes one way between hosts or sites, and what is under way there; at the release all of it
    /// arrives, in order, each packet after its latency. Nothing is lost and nothing waits for a retransmission;
    /// what a cut of the same way finds kept is lost to the cut. Holds count: as many releases undo them.
    Hold { from: String, to: String },
    /// Undoes one hold of the same two names; without one nothing happens.
    Release { from: String, to: String },
    /// Adds a path's latency and loss to every path in or out of a host or site. Replaces what was added there
    /// before; the default path takes it away.
    Impair { at: String, path: Path },
    /// Moves a host's wall clock by `by_ns` and lets it drift from now on. Zero and zero: it is right again.
    SkewClock { host: String, by_ns: i64, drift_ppm: i32 },
    /// Lets a host's disk be full: writes answer `StorageFull`.
    DiskFull { host: String, on: bool },
    /// Lets every call to a host's disk answer an I/O error.
    DiskError { host: String, on: bool },
    /// Makes each sync of a host's disk take this much longer; zero: as usual.
    SlowSync { host: String, by: Duration },
    /// Writes down that a fault begins or ends which a host's software carries out itself, by its own plan.
    Announce { host: String, text: String, on: bool },
}

/// Where a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot<'a> {
    /// At a host, or at a site.
    At(&'a str),
    /// On the way from one host or site to another.
    Between(&'a str, &'a str),
}

impl Fault {
    /// Tells where it happens.
    pub fn spot(&self) -> Spot<'_> {
        match self {
            Fault::PowerLoss { host }
            | Fault::Crash { host }
            | Fault::Stop { host }
            | Fault::Boot { host }
            | Fault::Freeze { host }
            | Fault::Thaw { host }
            | Fault::Impair { at: host, .. }
            | Fault::SkewClock { host, .. }
            | Fault::DiskFull { host, .. }
            | Fault::DiskError { host, .. }
            | Fault::SlowSync { host, .. }
            | Fault::Announce { host, .. } => Spot::At(host),
            Fault::Cut { from, to }
            | Fault::Heal { from, to }
            | Fault::Hold { from, to }
            | Fault::Release { from, to } => Spot::Between(from, to),
        }
    }
}

/// What a path is like, one way.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Path {
    /// Least and most latency; drawn for each segment.
    pub latency: (Duration, Duration),
    /// The chance of losing a packet, in millionths. A lost one delays its stream by a retransmission.
    pub loss_ppm: u32,
    /// Bits per second, shared by all streams between a pair of sites; `None`: no limit.
    pub bandwidth: Option<u64>,
}

/// Applies a fault, now.
pub(crate) fn apply(fault: Fault) {
    match fault {
        Fault::PowerLoss { host } => machine::lose_power(find(&host)),
        Fault::Crash { host } => machine::crash(find(&host)),
        Fault::Stop { host } => machine::stop(find(&host)),
        Fault::Boot { host } => machine::boot(find(&host)),
        Fault::Freeze { host } => machine::freeze(find(&host)),
        Fault::Thaw { host } => machine::thaw(find(&host)),
        Fault::Cut { from, to } => kernel::with(|kernel| kernel.cut(&from, &to)),
        Fault::Heal { from, to } => kernel::with(|kernel| kernel.heal(&from, &to)),
        Fault::Hold { from, to } => kernel::with(|kernel| kernel.hold(&from, &to)),
        Fault::Release { from, to } => kernel::with(|kernel| kernel.release(&from, &to)),
        Fault::Impair { at, path } => kernel::with(|kernel| kernel.impair(&at, path)),
        Fault::SkewClock { host, by_ns, drift_ppm } => kernel::with(|kernel| {
            let host = kernel.host_named(&host);
            let now = kernel.now;
            kernel.machines[host as usize].wall_clock.skew(now, by_ns, drift_ppm);
            kernel.note(host, "skew-clock", [by_ns as u64, drift_ppm as u64, 0], || {
                format!("clock moved by {by_ns} ns, drifts {drift_ppm} ppm")
            });
        }),
        Fault::DiskFull { host, on } => kernel::with(|kernel| {
            let host = kernel.host_named(&host);
            kernel.machines[host as usize].disk.set_full(on);
            kernel.note(host, "disk-full", [u64::from(on), 0, 0], || format!("disk full: {on}"));
        }),
        Fault::DiskError { host, on } => kernel::with(|kernel| {
            let host = kernel.host_named(&host);
            kernel.machines[host as usize].disk.set_error(on);
            kernel.note(host, "disk-error", [u64::from(on), 0, 0], || format!("disk errors: {on}"));
        }),
        Fault::SlowSync { host, by } => kernel::with(|kernel| {
            let host = kernel.host_named(&host);
            kernel.machines[host as usize].disk.set_slow_sync(by);
            kernel.note(host, "slow-sync", [nanos(by), 0, 0], || format!("syncs take {by:?} longer"));
        }),
        Fault::Announce { host, text, on } => kernel::with(|kernel| {
            let host = kernel.host_named(&host);
            kernel.note(host, "announce", [u64::from(on), 0, 0], || format!("{text}: {on}"));
        }),
    }
}

fn find(name: &str) -> u32 {
    kernel::with(|kernel| kernel.host_named(name))
}

impl Kernel {
    fn host_named(&self, name: &str) -> u32 {
        match self.names.get(name) {
            Some(host) => *host,
            None => panic!("no host is named {name:?}"),
        }
    }

    fn scope(&self, name: &str) -> Scope {
        if let Some(host) = self.names.get(name) {
            return Scope::Host(*host);
        }
        match self.net.topology.known_site(name) {
            Some(site) => Scope::Site(site),
            None => panic!("no host or site is named {name:?}"),
        }
    }

    fn cut(&mut self, from: &str, to: &str) {
        let ends = (self.scope(from), self.scope(to));
        self.net.topology.cut(ends.0, ends.1);
        self.note_path("cut", ends, from, to);
        self.paths_changed();
    }

    fn heal(&mut self, from: &str, to: &str) {
        let ends = (self.scope(from), self.scope(to));
        if self.net.topology.heal(ends.0, ends.1) {
            self.note_path("heal", ends, from, to);
            self.paths_changed();
        }
    }

    fn hold(&mut self, from: &str, to: &str) {
        let ends = (self.scope(from), self.scope(to));
        self.net.topology.hold(ends.0, ends.1);
        self.note_path("hold", ends, from, to);
        self.paths_changed();
    }

    fn release(&mut self, from: &str, to: &str) {
        let ends = (self.scope(from), self.scope(to));
        if self.net.topology.release(ends.0, ends.1) {
            self.note_path("release", ends, from, to);
            self.paths_changed();
        }
    }

    fn impair(&mut self, at: &str, path: Path) {
        let scope = self.scope(at);
        let facts = [number(scope), nanos(path.latency.1), u64::from(path.loss_ppm)];
        self.note(NOBODY, "impair", facts, || format!("{at}: {path:?}"));
        self.net.topology.impair(scope, path);
    }

    fn note_path(&mut self, kind: &'static str, ends: (Scope, Scope), from: &str, to: &str) {
        let facts = [number(ends.0), number(ends.1), 0];
        self.note(NOBODY, kind, facts, || format!("{from} -> {to}"));
    }
}

fn number(scope: Scope) -> u64 {
    match scope {
        Scope::Host(host) => u64::from(host),
        Scope::Site(site) => 1 << 32 | u64::from(site),
    }
}
