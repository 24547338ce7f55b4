//! What stands between hosts or sites, one way, and is counted: cuts, holds.

use super::topology::Scope;
use crate::machine::Machine;
use std::collections::BTreeMap;

/// Barriers of one kind, with how often each was put up: it has to be lifted as often.
#[derive(Debug, Default)]
pub(super) struct Barriers(BTreeMap<(Scope, Scope), u32>);

impl Barriers {
    pub(super) fn put_up(&mut self, from: Scope, to: Scope) {
        *self.0.entry((from, to)).or_default() += 1;
    }

    /// Undoes one; `false` when there was none.
    pub(super) fn lift(&mut self, from: Scope, to: Scope) -> bool {
        let Some(count) = self.0.get_mut(&(from, to)) else { return false };
        *count -= 1;
        if *count == 0 {
            self.0.remove(&(from, to));
        }
        true
    }

    /// Whether one stands on the way from one host to the other.
    pub(super) fn stand_between(&self, machines: &[Machine], from: u32, to: u32) -> bool {
        if self.0.is_empty() || from == to {
            return false;
        }
        let (a, b) = (&machines[from as usize], &machines[to as usize]);
        let starts = [Scope::Host(from), Scope::Site(a.site)];
        let ends = [Scope::Host(to), Scope::Site(b.site)];
        starts.iter().any(|start| ends.iter().any(|end| self.0.contains_key(&(*start, *end))))
    }
}
