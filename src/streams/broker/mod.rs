//! A region's broker: streams, subscriptions, and the sockets that publish and consume.
//!
//! - [`input`], [`output`]: what can happen to it, and what it wants done; [`frame`], [`message`], [`call`], [`topic`]
//!   are their words.
//! - [`machine`]: the broker itself.
pub mod call;
pub mod frame;
pub mod input;
pub mod machine;
pub mod message;
pub mod output;
pub mod topic;
