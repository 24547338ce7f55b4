//! Stream subscriptions, as Macrometa's global data network offers them over HTTP and WebSocket: brokers of regions,
//! and the programs that publish and consume.
//!
//! - [`section`], [`knobs`]: what scenario files may say. [`plan`]: [`planning`] what a seed makes of it.
mod cast;
mod checking;
mod envelope;
pub mod knobs;
pub mod plan;
pub mod planning;
pub mod section;
mod system;

pub use system::Streams;
