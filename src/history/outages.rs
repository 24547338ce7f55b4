//! One fold over the world's own events: which machines are up, which paths are open, and where a fault is on.
//!
//! Bounds are judged from this, never from what a service believes about its peers.
use super::{Directory, Entry, Event, HostId, Kind, Kinds, Place, Power};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A machine's power, as the world's events tell it.
///
/// ```text
/// NotYet --On--> On <--On-- Off
///                 `--Lost, Crashed, Stopped--^
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its time to start has not come: not up, but no fault either.
    NotYet,
    On,
    Frozen,
    Off,
}

#[derive(Clone, Debug)]
struct Machine {
    state: State,
    /// How many other faults (slow disk, loss, skew) are on at this machine itself.
    faults: u32,
}

/// What the latest event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disturbance {
    /// A fault began; otherwise one ended, or a machine came up.
    pub begins: bool,
    /// What was at this place has lost its memory and its connections.
    pub restart: bool,
    spot: Spot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    At(Place),
    Between(Place, Place),
}

/// What is down, cut or otherwise troubled at this moment.
#[derive(Clone, Debug)]
pub struct Outages {
    directory: Arc<Directory>,
    machines: Vec<Machine>,
    /// Other faults that are on at a whole site.
    site_faults: BTreeMap<Place, u32>,
    /// Cuts in force, one way, with how many heals each needs.
    cuts: Barriers,
    /// Holds in force, the same: what is kept arrives later, and until then it is as good as cut.
    holds: Barriers,
}

/// What stands between places, one way, with how often each has to be lifted.
type Barriers = BTreeMap<(Place, Place), u32>;

impl Outages {
    /// The kinds of entry that may disturb something; others mean nothing to it.
    pub const KINDS: Kinds =
        Kinds::of(&[Kind::Power, Kind::Cut, Kind::Healed, Kind::Held, Kind::Released, Kind::Fault]);

    /// Begins with every machine waiting for its first `Power::On`.
    pub fn new(directory: Arc<Directory>) -> Self {
        let machines = vec![Machine { state: State::NotYet, faults: 0 }; directory.host_count()];
        Self { directory, machines, site_faults: BTreeMap::new(), cuts: Barriers::new(), holds: Barriers::new() }
    }

    /// Folds one entry; says what it disturbed. Names that the roster does not know change nothing.
    pub fn see(&mut self, entry: &Entry) -> Option<Disturbance> {
        match &entry.event {
            Event::Power { state } => self.power(self.directory.place(&entry.host)?, *state),
            Event::Cut { from, to } => put_up(self.pair(from, to)?, &mut self.cuts),
            Event::Healed { from, to } => lift(self.pair(from, to)?, &mut self.cuts),
            Event::Held { from, to } => put_up(self.pair(from, to)?, &mut self.holds),
            Event::Released { from, to } => lift(self.pair(from, to)?, &mut self.holds),
            Event::Fault { on, .. } => {
                let place = self.directory.place(&entry.host)?;
                let count = match place {
                    Place::Host(host) => &mut self.machines[host.index()].faults,
                    Place::Site(_) => self.site_faults.entry(place).or_default(),
                };
                *count = if *on { *count + 1 } else { count.saturating_sub(1) };
                Some(Disturbance { begins: *on, restart: false, spot: Spot::At(place) })
            }
            _ => None,
        }
    }

    fn pair(&self, from: &str, to: &str) -> Option<(Place, Place)> {
        Some((self.directory.place(from)?, self.directory.place(to)?))
    }

    /// Cuts and holds in force, each once.
    fn barriers(&self) -> impl Iterator<Item = &(Place, Place)> {
        self.cuts.keys().chain(self.holds.keys())
    }

    fn power(&mut self, place: Place, power: Power) -> Option<Disturbance> {
        let mut known = false;
        for index in 0..self.machines.len() {
            if !self.directory.is_at(HostId(index as u32), place) {
                continue;
            }
            let state = &mut self.machines[index].state;
            known = true;
            *state = match (power, *state) {
                (Power::On, _) => State::On,
                (Power::Thawed, State::Frozen) => State::On,
                (Power::Frozen, State::On) => State::Frozen,
                (Power::Lost | Power::Crashed | Power::Stopped, _) => State::Off,
                (Power::Thawed | Power::Frozen, state) => state,
            };
        }
        let begins = !matches!(power, Power::On | Power::Thawed);
        let restart = matches!(power, Power::Lost | Power::Crashed | Power::Stopped);
        known.then_some(Disturbance { begins, restart, spot: Spot::At(place) })
    }

    /// Whether a machine is powered on and scheduled.
    pub fn is_up(&self, host: HostId) -> bool {
        self.machines[host.index()].state == State::On
    }
    /// Whether a machine is up and no other fault is on at it or its site.
    pub fn is_clear(&self, host: HostId) -> bool {
        self.is_up(host) && !self.has_fault(host)
    }
    /// Whether a fault is on at a machine: like not clear, but a machine whose time has not come is no fault.
    pub fn is_troubled(&self, host: HostId) -> bool {
        matches!(self.machines[host.index()].state, State::Off | State::Frozen) || self.has_fault(host)
    }
    fn has_fault(&self, host: HostId) -> bool {
        let site = Place::Site(self.directory.site_of(host));
        self.machines[host.index()].faults > 0 || self.site_faults.get(&site).is_some_and(|count| *count > 0)
    }
    /// Whether no cut or hold stands between two machines, in either direction.
    pub fn is_connected(&self, a: HostId, b: HostId) -> bool {
        !self.barriers().any(|(from, to)| {
            let at = |host, place| self.directory.is_at(host, place);
            (at(a, *from) && at(b, *to)) || (at(b, *from) && at(a, *to))
        })
    }
    /// Whether two machines are up and could exchange packets both ways.
    pub fn is_reachable(&self, a: HostId, b: HostId) -> bool {
        self.is_up(a) && self.is_up(b) && self.is_connected(a, b)
    }
    /// Whether two machines are clear and nothing is cut or held between them.
    pub fn is_clear_between(&self, a: HostId, b: HostId) -> bool {
        self.is_clear(a) && self.is_clear(b) && self.is_connected(a, b)
    }
    /// Whether any fault is on at these machines or between them.
    pub fn is_troubled_among(&self, path: &[HostId]) -> bool {
        path.iter().any(|host| self.is_troubled(*host))
            || self.barriers().any(|(from, to)| self.runs_between(path, *from, *to))
    }
    /// Whether a disturbance is at one of these machines or between two of them.
    pub fn touches(&self, disturbance: Disturbance, path: &[HostId]) -> bool {
        match disturbance.spot {
            Spot::At(place) => path.iter().any(|host| self.directory.is_at(*host, place)),
            Spot::Between(from, to) => self.runs_between(path, from, to),
        }
    }
    fn runs_between(&self, path: &[HostId], from: Place, to: Place) -> bool {
        let at = |host: &HostId, place| self.directory.is_at(*host, place);
        path.iter().any(|a| at(a, from) && path.iter().any(|b| a != b && at(b, to)))
    }
}

fn put_up(pair: (Place, Place), barriers: &mut Barriers) -> Option<Disturbance> {
    *barriers.entry(pair).or_default() += 1;
    Some(Disturbance { begins: true, restart: false, spot: Spot::Between(pair.0, pair.1) })
}

fn lift(pair: (Place, Place), barriers: &mut Barriers) -> Option<Disturbance> {
    let count = barriers.get_mut(&pair)?;
    *count -= 1;
    if *count == 0 {
        barriers.remove(&pair);
    }
    Some(Disturbance { begins: false, restart: false, spot: Spot::Between(pair.0, pair.1) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Machine, Roster};
    use std::time::Duration;

    struct World {
        outages: Outages,
        directory: Arc<Directory>,
    }

    impl World {
        fn new() -> Self {
            let machine = |name: &str, site: &str| Machine { name: name.into(), site: site.into() };
            let machines = vec![machine("hub-a", "west"), machine("dps", "east"), machine("xyz", "field")];
            let directory = Arc::new(Directory::new(&Roster { machines, ..Roster::default() }));
            let mut world = Self { outages: Outages::new(directory.clone()), directory };
            for host in ["hub-a", "dps", "xyz"] {
                world.power(host, Power::On);
            }
            world
        }
        fn see(&mut self, host: &str, event: Event) -> Option<Disturbance> {
            self.outages.see(&Entry { at: Duration::ZERO, host: host.into(), event })
        }
        fn power(&mut self, host: &str, state: Power) -> Option<Disturbance> {
            self.see(host, Event::Power { state })
        }
        fn id(&self, name: &str) -> HostId {
            self.directory.host(name).unwrap()
        }
        fn reachable(&self, a: &str, b: &str) -> bool {
            self.outages.is_reachable(self.id(a), self.id(b))
        }
    }

    fn cut(from: &str, to: &str) -> Event {
        Event::Cut { from: from.into(), to: to.into() }
    }
    fn healed(from: &str, to: &str) -> Event {
        Event::Healed { from: from.into(), to: to.into() }
    }

    #[test]
    fn a_machine_is_up_from_its_first_power_on_and_a_late_start_is_no_fault() {
        let machines = vec![Machine { name: "late".into(), site: "field".into() }];
        let outages = Outages::new(Arc::new(Directory::new(&Roster { machines, ..Roster::default() })));
        assert!(!outages.is_up(HostId(0)));
        assert!(!outages.is_troubled(HostId(0)));
    }

    #[test]
    fn a_one_way_cut_between_sites_separates_their_machines_until_as_many_heals() {
        let mut world = World::new();
        world.see("field", cut("field", "west"));
        world.see("xyz", cut("xyz", "hub-a"));
        world.see("field", cut("field", "west"));
        assert!(!world.reachable("xyz", "hub-a"));
        assert!(!world.reachable("hub-a", "xyz"), "both ways are needed");
        assert!(world.reachable("xyz", "dps"));
        world.see("field", healed("field", "west"));
        world.see("xyz", healed("xyz", "hub-a"));
        assert!(!world.reachable("xyz", "hub-a"));
        world.see("field", healed("field", "west"));
        assert!(world.reachable("xyz", "hub-a"));
        assert_eq!(world.see("field", healed("field", "west")), None, "one heal too many undoes nothing");
    }

    #[test]
    fn a_held_path_is_not_clear_until_as_many_releases_and_a_heal_releases_nothing() {
        let held = || Event::Held { from: "field".into(), to: "west".into() };
        let released = || Event::Released { from: "field".into(), to: "west".into() };
        let mut world = World::new();
        let (xyz, hub, dps) = (world.id("xyz"), world.id("hub-a"), world.id("dps"));
        let disturbance = world.see("field", held()).unwrap();
        assert!(disturbance.begins && world.outages.touches(disturbance, &[hub, xyz]));
        world.see("field", held());
        assert_eq!(world.see("field", healed("field", "west")), None);
        world.see("field", released());
        assert!(!world.reachable("xyz", "hub-a") && world.reachable("xyz", "dps"));
        assert!(!world.outages.is_clear_between(hub, xyz));
        assert!(world.outages.is_troubled_among(&[hub, xyz]) && !world.outages.is_troubled_among(&[dps, xyz]));
        let disturbance = world.see("field", released()).unwrap();
        assert!(!disturbance.begins && !disturbance.restart);
        assert!(world.outages.is_clear_between(hub, xyz));
        assert_eq!(world.see("field", released()), None, "one release too many undoes nothing");
    }

    #[test]
    fn a_frozen_machine_that_loses_power_is_not_brought_back_by_a_thaw() {
        let mut world = World::new();
        world.power("hub-a", Power::Frozen);
        assert!(!world.outages.is_up(world.id("hub-a")));
        world.power("hub-a", Power::Lost);
        world.power("hub-a", Power::Thawed);
        assert!(!world.outages.is_up(world.id("hub-a")));
        world.power("hub-a", Power::On);
        assert!(world.outages.is_clear(world.id("hub-a")));
    }

    #[test]
    fn a_fault_at_a_site_troubles_its_machines_which_stay_up() {
        let mut world = World::new();
        world.see("west", Event::Fault { text: "slow".into(), on: true });
        let hub = world.id("hub-a");
        assert!(world.outages.is_up(hub) && !world.outages.is_clear(hub) && world.outages.is_troubled(hub));
        world.see("west", Event::Fault { text: "slow".into(), on: false });
        assert!(world.outages.is_clear(hub));
    }

    #[test]
    fn a_cut_touches_a_path_only_when_both_of_its_ends_lie_on_it() {
        let mut world = World::new();
        let disturbance = world.see("field", cut("field", "west")).unwrap();
        let (hub, dps, xyz) = (world.id("hub-a"), world.id("dps"), world.id("xyz"));
        assert!(world.outages.touches(disturbance, &[xyz, hub]));
        assert!(!world.outages.touches(disturbance, &[xyz, dps]));
        assert!(world.outages.is_troubled_among(&[dps, hub, xyz]));
        assert!(!world.outages.is_troubled_among(&[dps, hub]));
    }
}
