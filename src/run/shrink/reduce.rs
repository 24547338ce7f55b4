//! One pass after another, until a whole round of them changes nothing.
use super::draft::Draft;
use super::lab::{Alike, Lab};
use super::{passes, telling};
use crate::run::hunt::cause::Failure;

/// The smallest draft so far, and how it fails.
pub(super) struct Reducing<'a> {
    pub(super) lab: Lab<'a>,
    pub(super) draft: Draft,
    pub(super) failure: Failure,
    tell: &'a mut dyn FnMut(&str),
}

impl<'a> Reducing<'a> {
    pub(super) fn new(lab: Lab<'a>, draft: Draft, failure: Failure, tell: &'a mut dyn FnMut(&str)) -> Self {
        Self { lab, draft, failure, tell }
    }

    /// Runs every pass again and again. Each takes something away or makes a value simpler, so that this ends.
    pub(super) fn reduce(&mut self) {
        loop {
            let mut changed = false;
            for (name, pass) in passes::ALL {
                if self.lab.stopped.is_some() {
                    return;
                }
                let before = self.draft.clone();
                pass(self);
                if self.draft != before {
                    changed = true;
                    (self.tell)(&format!("{name}: {}, after {} runs", telling::size(&self.draft), self.lab.runs));
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// Takes the first of some drafts that fails as this one does; tells which it was.
    pub(super) fn take_first(&mut self, drafts: impl Iterator<Item = Draft> + Send) -> Option<usize> {
        self.take(drafts, Alike::Wholly)
    }

    /// The same, where the kind of the last fault before may be another one: that fault may have played no part.
    pub(super) fn take_first_but_for_the_fault_before(
        &mut self,
        drafts: impl Iterator<Item = Draft> + Send,
    ) -> Option<usize> {
        self.take(drafts, Alike::ButForTheFaultBefore)
    }

    fn take(&mut self, drafts: impl Iterator<Item = Draft> + Send, alike: Alike) -> Option<usize> {
        let cause = self.failure.cause.clone();
        let (index, draft, failure) = self.lab.first(drafts, |other| alike.holds(other, &cause))?;
        (self.draft, self.failure) = (draft, failure);
        Some(index)
    }

    /// Goes once through some changes, and makes each that leaves the failure as it is.
    ///
    /// A change must still make sense after those before it; `None`: it does not any more.
    pub(super) fn sweep<C: Sync>(&mut self, changes: &[C], change: impl Fn(&Draft, &C) -> Option<Draft> + Sync) {
        let mut next = 0;
        while next < changes.len() {
            let draft = self.draft.clone();
            let left = changes[next..].iter().enumerate();
            // Not every change makes a draft.
            let mut indices = Vec::new();
            let candidates = left.filter_map(|(index, it)| {
                let changed = change(&draft, it)?;
                indices.push(index);
                Some(changed)
            });
            let Some(taken) = self.take_first(candidates) else { return };
            next += indices[taken] + 1;
        }
    }
}
