//! What a hub will have to do at a later time.
use super::machine::ConnectionId;
use crate::history::Name;

/// What an alarm is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// What was confirmed and not stored goes to the disk (a knob's).
    Flush,
    /// A message of this device's queue expires, or has been locked long enough.
    Queue(Name),
    /// A method has had its time.
    Call,
    /// What the throttle held back of this connection goes on.
    Held(ConnectionId),
}

/// At most one time for each.
pub type Alarms = crate::alarms::Alarms<Alarm>;
