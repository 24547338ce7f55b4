//! The device: the high-availability sample's client.
//!
//! - [`machine`]: the device itself. Its parts, each by itself: [`provisioning`], [`outbox`] (telemetry on its way),
//!   [`reports`] (its twin's reported half), [`keep_alive`], [`back_off`], [`credentials`].
//! - [`device`] moves the bytes.
pub mod back_off;
pub mod commands;
pub mod credentials;
pub mod desired;
mod driver;
pub mod keep_alive;
pub mod machine;
pub mod methods;
pub mod outbox;
pub mod provisioning;
pub mod reports;

pub use driver::device;
pub use reports::reported_number;
