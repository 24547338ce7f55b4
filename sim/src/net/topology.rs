//! How far apart hosts are, and what lies between them.

use super::barrier::Barriers;
use crate::entropy::Dice;
use crate::fault::Path;
use crate::machine::Machine;
use rand::RngExt;
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two sites of which nothing else is said: a continent, 10 ms to 20 ms one way.
const BETWEEN_SITES: (u64, u64) = (10_000_000, 20_000_000);
/// Within a site: a data centre's switches, 100 us to 200 us one way.
const WITHIN_A_SITE: (u64, u64) = (100_000, 200_000);
/// From a host to itself.
const LOOPBACK: (u64, u64) = (10_000, 20_000);

/// A host or a site, as faults name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Host(u32),
    Site(u32),
}

/// Where hosts are and what their paths are like.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    pub(crate) site_names: Vec<std::sync::Arc<str>>,
    /// A site's own path, added to every path in or out.
    sites: BTreeMap<u32, Path>,
    links: BTreeMap<(u32, u32), Path>,
    impaired: BTreeMap<Scope, Path>,
    cuts: Barriers,
    holds: Barriers,
    /// The sum of links and sites for each pair of sites; rebuilt when either changes.
    between: Vec<Way>,
    /// Counts the changes of anything that a passage tells.
    changes: u64,
    /// When the link of a pair of sites has sent what it was given, per direction, for bandwidth.
    busy_until: BTreeMap<(u32, u32), u64>,
}

/// One way from host to host, every part added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) least_ns: u64,
    pub(crate) most_ns: u64,
    pub(crate) loss_ppm: u32,
    /// Bits per second; 0 is unlimited.
    pub(crate) bandwidth: u64,
}

/// A way, with what stands on it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passage {
    pub(crate) way: Way,
    pub(crate) cut: bool,
    /// Whether the network keeps what goes there.
    pub(crate) held: bool,
}

impl Topology {
    pub(crate) fn site(&mut self, name: &str) -> u32 {
        if let Some(index) = self.known_site(name) {
            return index;
        }
        self.site_names.push(name.into());
        self.rebuild();
        (self.site_names.len() - 1) as u32
    }

    pub(crate) fn known_site(&self, name: &str) -> Option<u32> {
        self.site_names.iter().position(|known| &**known == name).map(|index| index as u32)
    }

    pub(crate) fn set_site(&mut self, site: u32, path: Path) {
        self.sites.insert(site, path);
        self.rebuild();
    }

    pub(crate) fn set_link(&mut self, a: u32, b: u32, path: Path) {
        self.links.insert((a.min(b), a.max(b)), path);
        self.rebuild();
    }

    pub(crate) fn impair(&mut self, at: Scope, path: Path) {
        self.changes += 1;
        if path == Path::default() {
            self.impaired.remove(&at);
        } else {
            self.impaired.insert(at, path);
        }
    }

    pub(crate) fn cut(&mut self, from: Scope, to: Scope) {
        self.changes += 1;
        self.cuts.put_up(from, to);
    }

    /// Undoes one cut; `false` when there was none.
    pub(crate) fn heal(&mut self, from: Scope, to: Scope) -> bool {
        self.changes += 1;
        self.cuts.lift(from, to)
    }

    pub(crate) fn hold(&mut self, from: Scope, to: Scope) {
        self.changes += 1;
        self.holds.put_up(from, to);
    }

    /// Undoes one hold; `false` when there was none.
    pub(crate) fn release(&mut self, from: Scope, to: Scope) -> bool {
        self.changes += 1;
        self.holds.lift(from, to)
    }

    /// How often anything that a passage tells has changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// The way from one host to another, with what stands on it.
    pub(crate) fn passage(&self, machines: &[Machine], from: u32, to: u32) -> Passage {
        Passage {
            way: self.way(machines, from, to),
            cut: self.is_cut(machines, from, to),
            held: self.is_held(machines, from, to),
        }
    }

    /// Whether a cut lies on the way from one host to the other.
    pub(crate) fn is_cut(&self, machines: &[Machine], from: u32, to: u32) -> bool {
        self.cuts.stand_between(machines, from, to)
    }

    /// Whether the network keeps what goes from one host to the other.
    pub(crate) fn is_held(&self, machines: &[Machine], from: u32, to: u32) -> bool {
        self.holds.stand_between(machines, from, to)
    }

    /// What the way from one host to another is like now.
    pub(crate) fn way(&self, machines: &[Machine], from: u32, to: u32) -> Way {
        if from == to {
            return Way { least_ns: LOOPBACK.0, most_ns: LOOPBACK.1, ..Way::default() };
        }
        let (a, b) = (machines[from as usize].site, machines[to as usize].site);
        let mut way = self.between[a as usize * self.site_names.len() + b as usize];
        if !self.impaired.is_empty() {
            let scopes = [Scope::Host(from), Scope::Host(to), Scope::Site(a), Scope::Site(b)];
            // A path within a site is in that site once.
            let kept = if a == b { 3 } else { 4 };
            for path in scopes[..kept].iter().filter_map(|scope| self.impaired.get(scope)) {
                way.add(path);
            }
        }
        way
    }

    /// When a segment given to the way at `ready` has left; bandwidth is shared by a pair of sites.
    pub(crate) fn depart(&mut self, machines: &[Machine], ends: (u32, u32), way: Way, ready: u64, bytes: usize) -> u64 {
        let mut leaves = ready;
        let nano_bits = (bytes as u64 * 8).saturating_mul(1_000_000_000);
        // A bandwidth of zero is no limit.
        if let Some(takes) = nano_bits.checked_div(way.bandwidth) {
            let pair = (machines[ends.0 as usize].site, machines[ends.1 as usize].site);
            let busy = self.busy_until.entry(pair).or_default();
            leaves = leaves.max(*busy) + takes;
            *busy = leaves;
        }
        leaves
    }

    fn rebuild(&mut self) {
        self.changes += 1;
        let count = self.site_names.len() as u32;
        self.between.clear();
        for a in 0..count {
            for b in 0..count {
                self.between.push(self.sum(a, b));
            }
        }
    }

    fn sum(&self, a: u32, b: u32) -> Way {
        let mut way = Way::default();
        match self.links.get(&(a.min(b), a.max(b))) {
            Some(link) => way.add(link),
            None => {
                (way.least_ns, way.most_ns) = if a == b { WITHIN_A_SITE } else { BETWEEN_SITES };
            }
        }
        if a != b {
            for site in [a, b] {
                if let Some(path) = self.sites.get(&site) {
                    way.add(path);
                }
            }
        }
        way
    }
}

impl Way {
    /// One draw of its latency.
    pub(crate) fn latency(&self, dice: &mut Dice) -> u64 {
        if self.most_ns > self.least_ns { dice.random_range(self.least_ns..=self.most_ns) } else { self.least_ns }
    }

    /// Whether a burst of this many bytes loses one of its packets (of 1,460 bytes).
    pub(crate) fn loses(&self, bytes: usize, dice: &mut Dice) -> bool {
        if self.loss_ppm == 0 {
            return false;
        }
        let packets = bytes.div_ceil(1460).max(1) as u64;
        dice.random_range(0..1_000_000u64) < (u64::from(self.loss_ppm) * packets).min(999_999)
    }

    fn add(&mut self, path: &Path) {
        self.least_ns += nanos(path.latency.0);
        self.most_ns += nanos(path.latency.1.max(path.latency.0));
        self.loss_ppm = (self.loss_ppm + path.loss_ppm).min(1_000_000);
        if let Some(bandwidth) = path.bandwidth {
            let bandwidth = bandwidth.max(1);
            self.bandwidth = if self.bandwidth == 0 { bandwidth } else { self.bandwidth.min(bandwidth) };
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}
