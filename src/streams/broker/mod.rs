//! A region's broker: streams, subscriptions, and the sockets that publish and consume.
//!
//! - [`input`], [`output`]: what can happen to it, and what it wants done; [`frame`], [`message`], [`call`], [`topic`]
//!   are their words.
//! - [`machine`]: the broker itself.
//! - [`driver`]: its tasks; `gate` is its port, `line` a socket, `courier` the way to another region.
pub mod call;
mod courier;
pub mod driver;
pub mod frame;
mod gate;
mod heartbeat;
pub mod input;
mod line;
pub mod machine;
pub mod message;
mod otp;
pub mod output;
pub mod topic;

pub use driver::broker;
