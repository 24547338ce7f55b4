//! The device: the high-availability sample's client.
//!
//! - [`machine`]: the device itself. Its parts, each by itself: [`provisioning`], [`outbox`] (telemetry on its way),
//!   [`reports`] and [`desired`] (the two halves of its twin), [`commands`], [`methods`], [`credentials`].
//! - [`old_client`]: what the high-availability sample leaves behind when it goes to another hub.
//! - [`client`]: what both are to whoever moves the bytes, which is [`device`].
pub mod client;
pub mod commands;
pub mod credentials;
pub mod desired;
mod driver;
pub mod machine;
pub mod methods;
pub mod old_client;
pub mod outbox;
pub mod provisioning;
pub mod reports;

pub use driver::device;
pub use reports::reported_number;
