//! The hand on the world: what a script holds.

use crate::clock::Sleep;
use crate::disk::DiskState;
use crate::entropy::{self, Dice};
use crate::fault::{self, Fault, Path};
use crate::host::{self, Host, nanos};
use crate::join::JoinHandle;
use crate::kernel::{self, NOBODY};
use crate::machine::Machine;
use crate::tasks;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Adds hosts, applies faults, waits. `Copy`; it works only inside the world it was given for.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    _private: (),
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { _private: () }
    }

    /// Adds a host at a site and powers it on. Each later boot calls `software` again.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn host<S, Fut>(&self, name: &str, site: &str, software: S)
    where
        S: Fn(Host) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        self.add(name, site, software);
        self.apply(Fault::Boot { host: name.to_owned() });
    }

    /// Adds a host without powering it on: [`Fault::Boot`] does, when it is time.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn add<S, Fut>(&self, name: &str, site: &str, software: S)
    where
        S: Fn(Host) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        kernel::with(|kernel| {
            let name: Arc<str> = name.into();
            let id = kernel.machines.len() as u32;
            assert!(kernel.names.insert(name.clone(), id).is_none(), "two hosts are named {name:?}");
            entropy::name_host(id, &name);
            let site = kernel.net.topology.site(site);
            let disk = DiskState::new(kernel.dice(&format!("disk/{name}")));
            kernel.machines.push(Machine::new(name, site, disk, software));
        });
    }

    /// Sets a site's own path: added, one way, to every path in or out of it.
    pub fn site(&self, name: &str, path: Path) {
        kernel::with(|kernel| {
            let site = kernel.net.topology.site(name);
            kernel.net.topology.set_site(site, path);
        });
    }

    /// Sets the path between two sites, or within one; the same in both directions.
    ///
    /// Unset, it is 10 ms to 20 ms between sites and 100 us to 200 us within one, without loss or limit.
    pub fn link(&self, a: &str, b: &str, path: Path) {
        kernel::with(|kernel| {
            let (a, b) = (kernel.net.topology.site(a), kernel.net.topology.site(b));
            kernel.net.topology.set_link(a, b, path);
        });
    }

    /// Does something to the world, now.
    ///
    /// # Panics
    /// When the fault names a host or site that does not exist.
    pub fn apply(&self, fault: Fault) {
        fault::apply(fault);
    }

    /// Returns the virtual time since the world began.
    pub fn now(&self) -> Duration {
        host::now()
    }

    /// Returns the true wall-clock time, without any host's skew.
    pub fn wall_clock(&self) -> SystemTime {
        let since = kernel::with(|kernel| kernel.epoch + kernel.now);
        SystemTime::UNIX_EPOCH + Duration::from_nanos(since)
    }

    /// Waits for a span of virtual time.
    pub fn sleep(&self, span: Duration) -> impl Future<Output = ()> + Send + use<> {
        self.sleep_until(host::now().saturating_add(span))
    }

    /// Waits until a moment of virtual time.
    pub fn sleep_until(&self, at: Duration) -> impl Future<Output = ()> + Send + use<> {
        Sleep::of_the_world(nanos(at))
    }

    /// Returns a stream of chance of its own, drawn from the seed and the label.
    pub fn dice(&self, label: &str) -> Dice {
        kernel::with(|kernel| kernel.dice(&format!("stage/{label}")))
    }

    /// Runs a task that belongs to no host. A panic in it ends the world.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        tasks::spawn(NOBODY, 0, future)
    }

    /// Tells whether a host is powered on and its software runs (or is frozen, or is still stopping).
    pub fn is_up(&self, host: &str) -> bool {
        kernel::with(|kernel| {
            let id = kernel.names.get(host).copied();
            id.is_some_and(|id| kernel.machines[id as usize].is_up())
        })
    }

    /// Tells whether a host was asked to stop and has not ended yet.
    pub fn is_stopping(&self, host: &str) -> bool {
        kernel::with(|kernel| {
            let id = kernel.names.get(host).copied();
            id.is_some_and(|id| kernel.machines[id as usize].stopping().is_some())
        })
    }

    /// Tells how often a host has been booted.
    pub fn boots(&self, host: &str) -> u32 {
        kernel::with(|kernel| {
            let id = kernel.names.get(host).copied();
            id.map_or(0, |id| kernel.machines[id as usize].boot)
        })
    }

    /// Mixes bytes of any meaning into the world's fingerprint, and into its journal when it is recording.
    pub fn note(&self, kind: &'static str, bytes: &[u8]) {
        host::note(NOBODY, kind, bytes);
    }
}
