//! The situation at a moment of a run: of each host whether it runs, whom it is connected to, and what it holds.
//!
//! One fold over the history, for people who look at a moment; nothing is judged by it. What no host records cannot be
//! told: what is in a socket's buffer, what a cache remembers. What a service holds is what it said it has on its disk.
//!
//! - [`Situation`] folds entries. [`HostState`] is one host, with its [`Condition`].
//! - [`Outbox`]: what a producer offered and nobody confirmed. [`Shelf`]: what a service stored and its destinations have
//!   not. [`Inbox`]: what a receiver has in hand. [`Errand`]: an operation, where it is.
mod condition;
mod fold;
mod held;
mod host;
#[cfg(test)]
pub(crate) mod tests;

pub use condition::{Condition, Running};
pub use fold::Situation;
pub use held::{Inbox, Outbox, Shelf};
pub use host::{Errand, HostState, Session};
