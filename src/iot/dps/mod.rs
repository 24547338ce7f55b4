//! The device provisioning service: which hub a device belongs to.
//!
//! - [`allocation`]: the policies.
//! - [`health`]: what it believes of a hub.
pub mod allocation;
pub mod health;
