//! Stream subscriptions, as Macrometa's global data network offers them over HTTP and WebSocket: brokers of regions,
//! and the programs that publish and consume.
//!
//! - [`section`], [`knobs`]: what scenario files may say. [`plan`]: what a seed makes of it.
//! - [`producer()`], [`consumer()`]: the programs, each a [`client`] of a broker.
pub mod broker;
pub mod client;
pub mod consumer;
pub mod knobs;
pub mod plan;
pub mod producer;
pub mod section;
pub mod wire;

pub use consumer::consumer;
pub use producer::producer;
