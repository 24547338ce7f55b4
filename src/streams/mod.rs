//! Stream subscriptions, as Macrometa's global data network offers them over HTTP and WebSocket: brokers of regions,
//! and the programs that publish and consume.
//!
//! - [`section`], [`knobs`]: what scenario files may say. [`planning`]: the [`plan`] that a seed makes of it.
//! - [`broker`]: a region's broker.
pub mod broker;
mod cast;
mod checking;
mod envelope;
pub mod knobs;
pub mod plan;
pub mod planning;
pub mod section;
mod system;
pub mod wire;

pub use system::Streams;
