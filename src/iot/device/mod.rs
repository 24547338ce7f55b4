//! The device: the high-availability sample's client.
//!
//! - [`machine`]: the device itself. Its parts, each by itself: [`provisioning`], [`outbox`] (telemetry on its way),
//!   [`reports`] and [`desired`] (the two halves of its twin), [`commands`], [`methods`], [`keep_alive`], [`back_off`],
//!   [`credentials`].
//! - [`old_client`]: what the high-availability sample leaves behind when it goes to another hub.
//! - [`client`]: what both are to whoever moves the bytes, which is [`device`].
pub mod back_off;
pub mod client;
pub mod commands;
pub mod credentials;
pub mod desired;
mod driver;
pub mod keep_alive;
pub mod machine;
pub mod methods;
pub mod old_client;
pub mod outbox;
pub mod provisioning;
pub mod reports;

pub use driver::device;
pub use reports::reported_number;
