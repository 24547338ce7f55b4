//! Machines: power, boots, freezes.
//!
//! ```text
//!                 boot                      crash, panic, main returns
//!      off ──────────────────▶ up ─────────────────────────────────▶ halted (the kernel lives)
//!       ▲                     │  ▲                                      │
//!       │     freeze, thaw    └──┘            boot                      │
//!       │                       ▲───────────────────────────────────────┤
//!       └───────────────────────┴──────────── power loss ───────────────┘
//! ```

use crate::agenda::Due;
use crate::clock::WallClock;
use crate::disk::DiskState;
use crate::host::Host;
use crate::kernel::{self, Kernel, NOBODY};
use crate::tasks::{self, Tasks};
use crate::world::Panic;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// How long software that was asked to stop may take, as systemd and Kubernetes give by the same order.
const STOP_GRACE: Duration = Duration::from_secs(10);

type Software = Rc<dyn Fn(Host) -> Pin<Box<dyn Future<Output = ()>>>>;

/// Whether a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// No kernel: packets to it vanish.
    Off,
    /// Its software runs (or is frozen).
    Up { stopping: bool, frozen: bool },
    /// Its kernel runs, its software does not: packets to it are answered with RST.
    Halted,
}

/// One machine.
pub(crate) struct Machine {
    pub(crate) name: Arc<str>,
    pub(crate) site: u32,
    software: Software,
    pub(crate) power: Power,
    /// Counts boots, from 1; the boot that runs or ran last.
    pub(crate) boot: u32,
    pub(crate) tasks: Tasks,
    pub(crate) wall_clock: WallClock,
    pub(crate) disk: DiskState,
    stop_waiters: Vec<Waker>,
}

impl Machine {
    pub(crate) fn new<S, Fut>(name: Arc<str>, site: u32, disk: DiskState, software: S) -> Self
    where
        S: Fn(Host) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        Self {
            name,
            site,
            software: Rc::new(move |host| Box::pin(software(host))),
            power: Power::Off,
            boot: 0,
            tasks: Tasks::default(),
            wall_clock: WallClock::default(),
            disk,
            stop_waiters: Vec::new(),
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.power, Power::Up { .. })
    }

    pub(crate) fn is_frozen(&self) -> bool {
        matches!(self.power, Power::Up { frozen: true, .. })
    }

    /// The boot that was asked to stop and has not ended yet.
    pub(crate) fn stopping(&self) -> Option<u32> {
        matches!(self.power, Power::Up { stopping: true, .. }).then_some(self.boot)
    }
}

impl Kernel {
    /// Whether this boot of this host is the one that runs. The world's own tasks always do.
    pub(crate) fn is_boot(&self, host: u32, boot: u32) -> bool {
        match self.machines.get(host as usize) {
            Some(machine) => machine.boot == boot && machine.is_up(),
            None => host == NOBODY,
        }
    }

    pub(crate) fn is_frozen(&self, host: u32) -> bool {
        self.machines.get(host as usize).is_some_and(Machine::is_frozen)
    }

    pub(crate) fn tasks_of(&mut self, host: u32) -> &mut Tasks {
        match self.machines.get_mut(host as usize) {
            Some(machine) => &mut machine.tasks,
            None => &mut self.world_tasks,
        }
    }

    /// Registers interest in being asked to stop; `true` when that has happened.
    pub(crate) fn is_stopping(&mut self, host: u32, waker: &Waker) -> bool {
        let machine = &mut self.machines[host as usize];
        let stopping = matches!(machine.power, Power::Up { stopping: true, .. });
        if !stopping && !machine.stop_waiters.iter().any(|kept| kept.will_wake(waker)) {
            machine.stop_waiters.push(waker.clone());
        }
        stopping
    }

    /// Takes a machine out of the world as it ends: destructors find their boot gone and stay silent.
    pub(crate) fn turn_off(&mut self, host: u32) {
        if let Some(machine) = self.machines.get_mut(host as usize) {
            machine.power = Power::Off;
        }
    }

    /// The grace of a host that was asked to stop is over.
    pub(crate) fn stop_due(&mut self, host: u32, boot: u32) {
        if self.is_boot(host, boot) {
            self.finished.push((host, boot));
        }
    }

    pub(crate) fn software_panicked(host: u32, boot: u32, message: String) {
        let ours = kernel::with(|kernel| {
            if host == NOBODY {
                kernel.fail(crate::world::WorldError::Script(message));
                return false;
            }
            let name = kernel.name_of(host).to_string();
            let words = message.clone();
            kernel.note(host, "panic", [u64::from(boot), 0, 0], || words);
            kernel.panics.push(Panic { at: Duration::from_nanos(kernel.now), host: name, message });
            kernel.is_boot(host, boot)
        });
        if ours {
            crash(host);
        }
    }
}

/// Powers a machine on: its software starts from the disk as it was left. One that is up is left alone; one that
/// is still stopping has had its time.
pub(crate) fn boot(host: u32) {
    if let Some(boot) = kernel::with(|kernel| kernel.machines[host as usize].stopping()) {
        exit(host, boot);
    }
    let started = kernel::with(|kernel| {
        let machine = &mut kernel.machines[host as usize];
        if machine.is_up() {
            return None;
        }
        machine.boot += 1;
        machine.power = Power::Up { stopping: false, frozen: false };
        let (boot, software) = (machine.boot, machine.software.clone());
        kernel.note(host, "boot", [u64::from(boot), 0, 0], || format!("boot {boot}"));
        if boot > 1 {
            kernel.paths_changed();
        }
        Some((boot, software))
    });
    let Some((boot, software)) = started else { return };
    // The software's function runs inside its own task: whatever it touches first, it touches as the host.
    tasks::spawn(host, boot, async move {
        software(Host { id: host, boot }).await;
        kernel::with(|kernel| kernel.finished.push((host, boot)));
    });
}

/// Takes a machine's power: everything stops at once, unsynced writes are lost or torn, nobody is told.
pub(crate) fn lose_power(host: u32) {
    let boot = kernel::with(|kernel| {
        let machine = &mut kernel.machines[host as usize];
        if machine.power == Power::Off {
            return None;
        }
        machine.power = Power::Off;
        machine.disk.power_loss();
        let boot = machine.boot;
        kernel.note(host, "power-loss", [u64::from(boot), 0, 0], || "lost its power".to_owned());
        kernel.net_power_lost(host);
        kernel.forget_stop_waiters(host);
        Some(boot)
    });
    if let Some(boot) = boot {
        tasks::end_all(host, boot);
    }
}

/// Ends a machine's software like `kill -9`: the kernel closes its connections, the page cache survives.
pub(crate) fn crash(host: u32) {
    let boot = kernel::with(|kernel| {
        let machine = &mut kernel.machines[host as usize];
        if !machine.is_up() {
            return None;
        }
        machine.power = Power::Halted;
        machine.disk.crash();
        let boot = machine.boot;
        kernel.note(host, "crash", [u64::from(boot), 0, 0], || "its software died".to_owned());
        kernel.net_software_ended(host);
        kernel.forget_stop_waiters(host);
        Some(boot)
    });
    if let Some(boot) = boot {
        tasks::end_all(host, boot);
    }
}

/// Ends a machine's software in good order: what it still holds is closed properly.
pub(crate) fn exit(host: u32, boot: u32) {
    if !kernel::with(|kernel| kernel.is_boot(host, boot)) {
        return;
    }
    // Dropped while the boot still lives: streams say FIN, destructors may still act.
    tasks::end_all(host, boot);
    let exited = kernel::with(|kernel| {
        let machine = &mut kernel.machines[host as usize];
        if !machine.is_up() {
            return false;
        }
        machine.power = Power::Halted;
        machine.disk.crash();
        kernel.note(host, "exit", [u64::from(boot), 0, 0], || "its software ended".to_owned());
        kernel.net_software_ended(host);
        kernel.forget_stop_waiters(host);
        true
    });
    if exited {
        tasks::end_all(host, boot);
    }
}

/// Closes down the software whose main future has ended or whose time to stop is over. `false`: there is none.
pub(crate) fn close_down() -> bool {
    let Some((host, boot)) = kernel::with(|kernel| kernel.finished.pop()) else { return false };
    exit(host, boot);
    true
}

/// Asks a machine's software to stop; what is left of it after ten seconds is ended.
pub(crate) fn stop(host: u32) {
    kernel::with(|kernel| {
        let now = kernel.now;
        let machine = &mut kernel.machines[host as usize];
        let Power::Up { stopping: stopping @ false, .. } = &mut machine.power else { return };
        *stopping = true;
        let boot = machine.boot;
        let waiters = std::mem::take(&mut machine.stop_waiters);
        waiters.into_iter().for_each(|waiter| kernel.errands.wake(Some(waiter)));
        kernel.note(host, "stop", [u64::from(boot), 0, 0], || "was asked to stop".to_owned());
        kernel.at(now + STOP_GRACE.as_nanos() as u64, Due::StopsNow { host, boot });
    });
}

/// Stops scheduling a machine's tasks; its packets wait. One that is not up, or is frozen, is left alone.
pub(crate) fn freeze(host: u32) {
    kernel::with(|kernel| {
        let Power::Up { frozen: frozen @ false, .. } = &mut kernel.machines[host as usize].power else { return };
        *frozen = true;
        kernel.note(host, "freeze", [0; 3], || "froze".to_owned());
        kernel.paths_changed();
    });
}

/// Lets a frozen machine go on where it was.
pub(crate) fn thaw(host: u32) {
    let thawed = kernel::with(|kernel| {
        let Power::Up { frozen: frozen @ true, .. } = &mut kernel.machines[host as usize].power else { return false };
        *frozen = false;
        kernel.note(host, "thaw", [0; 3], || "thawed".to_owned());
        kernel.paths_changed();
        true
    });
    if thawed {
        tasks::thaw(host);
    }
}

impl Kernel {
    fn forget_stop_waiters(&mut self, host: u32) {
        let waiters = std::mem::take(&mut self.machines[host as usize].stop_waiters);
        waiters.into_iter().for_each(|waiter| self.errands.spend(Some(waiter)));
    }
}
