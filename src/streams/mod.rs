//! Stream subscriptions, as Macrometa's global data network offers them over HTTP and WebSocket: brokers of regions,
//! and the programs that publish and consume.
//!
//! - [`section`], [`knobs`]: what scenario files may say. [`plan`]: what a seed makes of it.
pub mod knobs;
pub mod plan;
pub mod section;
