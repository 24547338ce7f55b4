//! The application: reads every hub and keeps what it read, exactly once.
//!
//! - [`intake`]: what it has; [`ranges`]: which numbers, in little.
//! - [`feed`]: what a hub's events are. [`link`]: a hub's connection in the history.
//! - [`central`] moves the bytes; its application is the one task that takes in.
mod application;
pub mod feed;
pub mod intake;
pub mod link;
pub mod ranges;
mod service;

pub use service::central;
