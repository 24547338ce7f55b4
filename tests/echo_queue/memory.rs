//! What the queue knows: its log, and how far each subscription has come. Every change of it is a record on its disk.
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Messages dispatched to a consumer and not acknowledged.
const WINDOW: usize = 16;

/// One change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Record {
    Stored { number: u64, body: String },
    Subscribed { client: String, from: usize },
    Acked { client: String, indices: Vec<usize> },
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    log: Vec<(u64, String)>,
    subscriptions: BTreeMap<String, Subscription>,
    /// Each client's newest session.
    sessions: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Subscription {
    /// Everything before it is acknowledged, and these beyond it.
    first: usize,
    acked: BTreeSet<usize>,
    /// In the newest session, and in any since the queue was started.
    dispatched: BTreeSet<usize>,
    ever_dispatched: BTreeSet<usize>,
}

/// A message to be dispatched.
pub(crate) struct Next {
    pub(crate) index: usize,
    pub(crate) number: u64,
    pub(crate) body: String,
    pub(crate) again: bool,
}

impl Memory {
    /// Takes note of a session; `false`: the client has begun a newer one since.
    pub(crate) fn greet(&mut self, client: &str, session: u64) -> bool {
        let newest = self.sessions.entry(client.to_owned()).or_default();
        let is_newer = session > *newest;
        *newest = session.max(*newest);
        is_newer
    }

    pub(crate) fn is_newest(&self, client: &str, session: u64) -> bool {
        self.sessions.get(client) == Some(&session)
    }

    pub(crate) fn apply(&mut self, record: Record) {
        match record {
            Record::Stored { number, body } => self.log.push((number, body)),
            Record::Subscribed { client, from } => {
                let (acked, dispatched, ever_dispatched) = Default::default();
                self.subscriptions.insert(client, Subscription { first: from, acked, dispatched, ever_dispatched });
            }
            Record::Acked { client, indices } => {
                if let Some(subscription) = self.subscriptions.get_mut(&client) {
                    subscription.acked(indices);
                }
            }
        }
    }

    /// What makes a new client a subscriber; `None`: it is one.
    pub(crate) fn subscribing(&self, client: &str) -> Option<Record> {
        let known = self.subscriptions.contains_key(client);
        (!known).then(|| Record::Subscribed { client: client.to_owned(), from: self.log.len() })
    }

    /// Begins a session: what the one before it had not acknowledged is to be dispatched again.
    pub(crate) fn begin(&mut self, client: &str) {
        if let Some(subscription) = self.subscriptions.get_mut(client) {
            subscription.dispatched.clear();
        }
    }

    /// Chooses what to dispatch next in a session, while it is the newest and has room.
    pub(crate) fn dispatch(&mut self, client: &str, session: u64, newest_first: bool) -> Option<Next> {
        if !self.is_newest(client, session) {
            return None;
        }
        let subscription = self.subscriptions.get_mut(client)?;
        if subscription.dispatched.len() == WINDOW {
            return None;
        }
        let mut open = (subscription.first..self.log.len()).filter(|index| subscription.is_open(*index));
        let index = if newest_first { open.next_back() } else { open.next() }?;
        subscription.dispatched.insert(index);
        let again = !subscription.ever_dispatched.insert(index);
        let (number, body) = self.log[index].clone();
        Some(Next { index, number, body, again })
    }
}

impl Subscription {
    fn is_open(&self, index: usize) -> bool {
        !self.acked.contains(&index) && !self.dispatched.contains(&index)
    }

    fn acked(&mut self, indices: Vec<usize>) {
        for index in indices {
            self.dispatched.remove(&index);
            if index >= self.first {
                self.acked.insert(index);
            }
        }
        while self.acked.remove(&self.first) {
            self.first += 1;
        }
    }
}
