//! Decisions that real software gets wrong, off by default.

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Knobs {
    /// The queue confirms a message when it has it in memory, and writes twice a second.
    pub(crate) acks_before_it_stores: bool,
    /// The queue keeps in memory alone what was acknowledged, and numbers what it dispatches afresh at each boot.
    pub(crate) forgets_on_restart: bool,
    /// The queue keeps what waits on a stack.
    pub(crate) serves_newest_first: bool,
    /// The producer takes a buffer for a new message as soon as the old one was sent.
    pub(crate) reuses_buffers: bool,
    /// The producer gives a message up when all its buffers are taken, instead of holding its application back.
    pub(crate) drops_when_full: bool,
}
