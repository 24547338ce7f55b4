//! The device provisioning service: which hub a device belongs to.
//!
//! Machines, each by itself:
//! - [`allocation`]: the policies.
//! - [`health`]: what it believes of a hub.
//! - [`registration`]: what it keeps of a device.
//! - [`placement`]: decides, and makes the hubs agree.
//! - [`session`]: a device's MQTT connection. [`answer`]: what it is told.
pub mod allocation;
pub mod answer;
pub mod health;
pub mod placement;
pub mod registration;
pub mod session;
