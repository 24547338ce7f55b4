//! The broker itself: what happens in, what is to be done out.
use super::input::Input;
use super::output::Output;
use crate::history::{Name, Roster};
use crate::streams::plan::BrokerPlan;
use crate::wire::payload::Producers;
use std::time::Duration;

/// Who this broker is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its part of the plan.
    pub plan: BrokerPlan,
    /// Of its host: it numbers what is stored from now on.
    pub boot: u32,
    /// To read who made a message.
    pub producers: Producers,
}

impl Settings {
    /// Gathers them at a boot.
    pub fn new(plan: BrokerPlan, boot: u32, roster: &Roster) -> Self {
        Self { plan, boot, producers: Producers::of(roster) }
    }

    /// The broker's name.
    pub fn name(&self) -> &Name {
        &self.plan.host
    }
}

/// All state of one boot of a broker.
#[derive(Debug)]
pub struct Broker {
    settings: Settings,
    outputs: Vec<Output>,
}

impl Broker {
    /// Begins without sockets, with what the disk tells: the records of its ledger, in their order.
    pub fn remember(settings: Settings, _now: Duration, _records: &[Vec<u8>]) -> Self {
        Self { settings, outputs: Vec::new() }
    }

    /// Takes what has happened, and tells what to do about it.
    pub fn handle(&mut self, _now: Duration, _input: Input) -> Vec<Output> {
        let _ = &self.settings;
        std::mem::take(&mut self.outputs)
    }

    /// When to say [`Input::Tick`] next; `None`: nothing waits for its time.
    pub fn next_deadline(&self) -> Option<Duration> {
        None
    }

    /// Starts the next batch for the disk: to be appended and synced, then [`Input::Stored`] or [`Input::StoreFailed`].
    /// `None`: nothing waits, or a batch is being written. Empty: nothing of it is for the disk.
    pub fn begin_commit(&mut self) -> Option<Vec<Vec<u8>>> {
        None
    }

    /// Says whether `begin_commit` has something to hand out.
    pub fn wants_disk(&self) -> bool {
        false
    }

    /// Says whether nothing waits for the disk: after [`Input::Stop`] the host may end.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// Sums up everything that is durable, if so many records were appended that it is worth it: for the ledger's
    /// `replace`, between two batches.
    pub fn snapshot(&self, _appended: u64) -> Option<Vec<Vec<u8>>> {
        None
    }
}
