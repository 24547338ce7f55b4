//! Custody: one fold over the history that knows where each open message is and who is owed it.
//!
//! - [`Custody`] folds entries; each yields a [`Turn`] that invariants judge.
//! - [`Open`] is a message that somebody still owes something; closed ones are [`Numbers`].
//! - [`Interruptions`] count what was in flight when connections ended.
//! - [`Histogram`] keeps latencies.
//! - [`Operations`] folds what operators asked for.
//!
//! Entitlement comes from the roster's routes and from what receivers record about their subscriptions. What a
//! service records says where a message may be (custody, blame); it never excuses anything.
mod counts;
mod fold;
mod histogram;
mod lane;
mod numbers;
mod operations;
mod source;
#[cfg(test)]
mod tests;
mod turn;
mod window;

pub use counts::Counts;
pub use fold::Custody;
pub use histogram::{Histogram, Percentiles};
pub use lane::{Interruptions, LaneId};
pub use numbers::Numbers;
pub use operations::{Answer, Asking, Operations};
pub use source::Open;
pub use turn::{Receipt, Stranger, Turn};
