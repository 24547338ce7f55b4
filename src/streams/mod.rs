//! Stream subscriptions, as Macrometa's global data network offers them over HTTP and WebSocket: brokers of regions,
//! and the programs that publish and consume.
//!
//! - [`section`], [`knobs`]: what scenario files may say. [`planning`]: the [`plan`] that a seed makes of it.
//! - [`broker()`]: a region's broker. [`producer()`], [`consumer()`]: the programs, each a [`client`] of a broker.
//! - [`wire`]: what they say to each other.
pub mod broker;
mod cast;
mod checking;
pub mod client;
pub mod consumer;
mod envelope;
pub mod knobs;
pub mod plan;
pub mod planning;
pub mod producer;
pub mod section;
mod system;
pub mod wire;

pub use broker::broker;
pub use consumer::consumer;
pub use producer::producer;
pub use system::Streams;
