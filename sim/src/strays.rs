//! Tasks that escaped through `tokio::spawn`: whose they are, and whether they come to rest.
//!
//! tokio tells of them only in a build with `--cfg tokio_unstable`. Without it this module is not there: they are still
//! fenced by every handle of a dead boot, but nobody knows whose they are, and one that never rests keeps the world
//! from going on.

use crate::entropy;
use crate::kernel;
use crate::tasks;
use crate::world::WorldError;
use std::cell::RefCell;
use std::collections::BTreeMap;
use tokio::runtime::Builder;

/// A task's owner, and how often it was polled at which moment.
#[derive(Clone, Copy)]
struct Stray {
    host: u32,
    boot: u32,
    moment: u64,
    polls: u32,
}

thread_local! {
    static STRAYS: RefCell<BTreeMap<tokio::task::Id, Stray>> = const { RefCell::new(BTreeMap::new()) };
}

/// Watches what is spawned on this runtime. `refuse`: it ends the world.
pub(crate) fn watch(builder: &mut Builder, refuse: bool) {
    builder.on_task_spawn(move |task| {
        let (host, boot) = tasks::running();
        STRAYS.with_borrow_mut(|strays| {
            strays.insert(task.id(), Stray { host, boot, moment: 0, polls: 0 });
        });
        if refuse {
            let place = task.spawned_at().to_string();
            kernel::try_with(|kernel| {
                let host = kernel.name_of(host).to_string();
                kernel.fail(WorldError::Stray { host, place });
            });
        }
    });
    builder.on_before_task_poll(|task| polled(task.id()));
    builder.on_after_task_poll(|_| {
        let (host, _) = tasks::run_as(kernel::NOBODY, 0);
        if entropy::foreign_thread() {
            kernel::try_with(|kernel| kernel.fail_foreign_thread(host, "it started a thread"));
        }
    });
    builder.on_task_terminate(|task| {
        STRAYS.with_borrow_mut(|strays| strays.remove(&task.id()));
    });
}

/// A stray is about to run: as its owner, and not for ever at one moment.
fn polled(id: tokio::task::Id) {
    let moment = kernel::try_with(|kernel| kernel.now).unwrap_or_default();
    let stray = STRAYS.with_borrow_mut(|strays| {
        let stray = strays.get_mut(&id)?;
        if stray.moment != moment {
            (stray.moment, stray.polls) = (moment, 0);
        }
        stray.polls += 1;
        Some(*stray)
    });
    let Some(stray) = stray else { return };
    tasks::run_as(stray.host, stray.boot);
    kernel::try_with(|kernel| {
        kernel.face_host(stray.host);
        if stray.polls > tasks::MOST_POLLS {
            kernel.fail_livelock(stray.host);
        }
    });
    if stray.polls > tasks::MOST_POLLS {
        tasks::wake_run_loop();
    }
}
