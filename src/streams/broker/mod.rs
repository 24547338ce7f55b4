//! A region's broker: streams, subscriptions, and the sockets that publish and consume.
//!
//! - [`input`], [`output`]: what can happen to it, and what it wants done; [`frame`], [`message`], [`call`], [`topic`],
//!   [`message_id`] are their words.
//! - [`machine`]: the broker itself. [`stream`] is what it keeps of a stream: the [`log`], and everybody who needs it.
//! - [`subscription`]: a [`cursor`] and how its consumers share; [`room`] is what each may be sent and has in hand.
//! - [`commit`] makes [`record`]s durable, many with one sync.
//! - [`ranges`] and [`murmur`]: sets of positions; where keys and consumers stand on rings.
//! - [`driver`]: its tasks, which share a `switchboard`; `gate` is its port, `line` a socket, `courier` the way to another
//!   region.
pub mod call;
pub mod commit;
mod courier;
pub mod cursor;
pub mod driver;
pub mod frame;
mod gate;
mod heartbeat;
pub mod input;
mod line;
pub mod log;
pub mod machine;
pub mod message;
pub mod message_id;
pub mod murmur;
mod otp;
pub mod output;
pub mod ranges;
pub mod record;
pub mod room;
pub mod stream;
pub mod subscription;
mod switchboard;
pub mod topic;

pub use driver::broker;
