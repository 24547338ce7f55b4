//! What became of a task, for whoever waits for it.

use crate::kernel;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What became of a task.
struct Outcome<T> {
    value: Option<T>,
    over: bool,
    waiter: Option<Waker>,
}

impl<T> Outcome<T> {
    fn tell(&mut self) -> Poll<Option<T>> {
        match self.value.take() {
            None if !self.over => Poll::Pending,
            value => Poll::Ready(value),
        }
    }
}

fn lock<T>(outcome: &Mutex<Outcome<T>>) -> MutexGuard<'_, Outcome<T>> {
    outcome.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The two ends of a task's outcome: what the task holds, and what its joiner does.
pub(crate) fn pair<T>(host: u32, boot: u32, key: u32) -> (Ending<T>, JoinHandle<T>) {
    let outcome = Arc::new(Mutex::new(Outcome { value: None, over: false, waiter: None }));
    (Ending { host, boot, key, outcome: outcome.clone() }, JoinHandle { host, boot, key, outcome })
}

/// Tells the joiner and gives the task's place free, however the task ends.
pub(crate) struct Ending<T> {
    host: u32,
    boot: u32,
    key: u32,
    outcome: Arc<Mutex<Outcome<T>>>,
}

impl<T> Ending<T> {
    pub(crate) fn has_value(&self, value: T) {
        lock(&self.outcome).value = Some(value);
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        let waiter = {
            let mut outcome = lock(&self.outcome);
            outcome.over = true;
            outcome.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        let handle = kernel::try_with(|kernel| {
            kernel.is_boot(self.host, self.boot).then(|| kernel.tasks_of(self.host).release(self.key))
        });
        if let Some(handle) = handle.flatten().flatten() {
            handle.detach();
        }
    }
}

/// A task's outcome. Dropping the handle detaches the task.
pub struct JoinHandle<T> {
    host: u32,
    boot: u32,
    key: u32,
    outcome: Arc<Mutex<Outcome<T>>>,
}

impl<T> std::fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinHandle").field("host", &self.host).field("key", &self.key).finish_non_exhaustive()
    }
}

impl<T> JoinHandle<T> {
    /// Of a task that never was.
    pub(crate) fn of_none(host: u32, boot: u32) -> Self {
        let outcome = Outcome { value: None, over: true, waiter: None };
        Self { host, boot, key: u32::MAX, outcome: Arc::new(Mutex::new(outcome)) }
    }

    /// The outcome, if there is one, without waiting for it.
    pub(crate) fn outcome(&self) -> Poll<Option<T>> {
        lock(&self.outcome).tell()
    }

    /// Ends the task: its future is dropped before it would run again.
    pub fn abort(self) {
        if lock(&self.outcome).over {
            return;
        }
        let handle = kernel::try_with(|kernel| {
            kernel.is_boot(self.host, self.boot).then(|| kernel.tasks_of(self.host).take(self.key))
        });
        drop(handle);
    }
}

impl<T> Future for JoinHandle<T> {
    /// `None` when the task was aborted, panicked or died with its boot.
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut outcome = lock(&self.outcome);
        let told = outcome.tell();
        if told.is_pending() {
            outcome.waiter = Some(cx.waker().clone());
        }
        told
    }
}
