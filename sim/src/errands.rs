//! What is done once the kernel is let go: whoever is woken, or dropped, may come back for it.

use std::collections::VecDeque;
use std::task::Waker;

/// Wakers to call, and wakers to drop: dropping one may run software's code.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    wakes: VecDeque<Waker>,
    spent: Vec<Waker>,
}

impl Errands {
    /// Wakes a task, if one waits.
    pub(crate) fn wake(&mut self, waiting: Option<Waker>) {
        if let Some(waker) = waiting {
            self.wakes.push_back(waker);
        }
    }

    /// Drops a waker, if there is one.
    pub(crate) fn spend(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.spent.push(waker);
        }
    }

    /// Stores a task's waker in a slot.
    pub(crate) fn park(&mut self, slot: &mut Option<Waker>, waker: &Waker) {
        match slot {
            Some(kept) if kept.will_wake(waker) => {}
            _ => self.spend(slot.replace(waker.clone())),
        }
    }

    pub(crate) fn are_done(&self) -> bool {
        self.wakes.is_empty() && self.spent.is_empty()
    }

    /// The next waker to call and the next one to drop.
    pub(crate) fn next(&mut self) -> (Option<Waker>, Option<Waker>) {
        (self.wakes.pop_front(), self.spent.pop())
    }
}
