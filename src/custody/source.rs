//! A producer as custody keeps it: what it offered, and which of that is still open.
use super::window::Window;
use super::{LaneId, Numbers};
use crate::history::{DestinationId, HostId};
use std::time::Duration;

/// A message that somebody still owes something.
///
/// ```text
///             +--------- confirmed, and received by all entitled ----------> closed
///             |
///   offered --+--------- given up ----------------------------------------> closed
///             |
///             +-- its boot crashes or loses power, unconfirmed --> indeterminate --confirmed later--> open again
/// ```
#[derive(Clone, Debug)]
pub struct Open {
    /// When it was offered.
    pub offered_at: Duration,
    /// Of its bytes; `None`: offered in a boot that is gone, and no longer known.
    pub digest: Option<u64>,
    /// When it was confirmed first.
    pub confirmed_at: Option<Duration>,
    /// It has been on the wire.
    pub sent: bool,
    /// A fault was on its path while it was open.
    pub tried: bool,
    /// The boot of its producer, counted in ends of boots.
    pub(super) boot: u32,
}

/// One producer's books.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) host: Option<HostId>,
    /// How many boots of its host have ended.
    pub(super) boot: u32,
    pub(super) offered: Numbers,
    pub(super) open: Window<Open>,
    /// Offered, not confirmed, and that boot ended in crash or power loss: never owed.
    pub(super) indeterminate: Numbers,
    pub(super) lanes: Vec<(DestinationId, LaneId)>,
    /// Every machine on the way from it to its destinations.
    pub(super) path: Vec<HostId>,
    /// A fault is on that path now.
    pub(super) troubled: bool,
    /// How many open messages are not confirmed.
    pub(super) unconfirmed: usize,
}

impl Source {
    /// Opens the books of a producer on this host.
    pub(super) fn new(host: Option<HostId>) -> Self {
        Self {
            host,
            boot: 0,
            offered: Numbers::default(),
            open: Window::default(),
            indeterminate: Numbers::default(),
            lanes: Vec::new(),
            path: host.into_iter().collect(),
            troubled: false,
            unconfirmed: 0,
        }
    }
    /// Takes the machines of one more route into its path.
    pub(super) fn widen(&mut self, ends: &[HostId]) {
        for host in ends {
            if !self.path.contains(host) {
                self.path.push(*host);
            }
        }
    }
    pub(super) fn lane_to(&self, destination: DestinationId) -> Option<LaneId> {
        self.lanes.iter().find(|(to, _)| *to == destination).map(|(_, lane)| *lane)
    }
    /// Counts the messages that are on the wire and not confirmed.
    pub(super) fn in_flight(&self) -> usize {
        self.open.iter().filter(|(_, open)| open.sent && open.confirmed_at.is_none()).count()
    }
}
