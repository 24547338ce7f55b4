//! How the queue and its clients can be made to behave as flawed real software does.

/// Each is a decision of the real code path; none drops, copies or reorders anything by itself. Off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Knobs {
    /// The queue confirms a message at once and writes it to its disk within two seconds.
    pub(crate) confirms_before_it_stores: bool,
    /// The queue takes a message for done when it has dispatched it.
    pub(crate) forgets_what_it_dispatched: bool,
    /// The queue serves the newest message first.
    pub(crate) serves_the_newest_first: bool,
    /// The queue keeps in memory only what was acknowledged.
    pub(crate) keeps_acks_in_memory: bool,
    /// The producer writes a new message into a buffer whose message is not confirmed yet.
    pub(crate) reuses_buffers: bool,
    /// What the producer does with a new message when its buffers are full.
    pub(crate) when_full: WhenFull,
    /// The exactly-once consumer begins each boot as if it had handled nothing.
    pub(crate) forgets_what_it_handled: bool,
}

/// What to do with a new message when there is no room for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The application has to wait: the message is not accepted.
    #[default]
    Waits,
    /// The oldest makes room, and the application is told.
    GivesUpTheOldest,
    /// The oldest makes room, and nobody is told.
    ForgetsTheOldest,
}
