//! The device provisioning service: which hub a device belongs to, and making hub and device agree.
//!
//! Machines, each by itself:
//! - [`allocation`]: the policies.
//! - [`health`]: what it believes of a hub.
//! - [`registration`]: what it keeps of a device.
//! - [`placement`]: decides, and makes the hubs agree.
//! - [`session`]: a device's MQTT connection. [`answer`]: what it is told.
//!
//! And what moves bytes: [`dps`], with its desk (the one task that decides), its couriers to the hubs, and
//! what it keeps on disk.
pub mod allocation;
pub mod answer;
mod desk;
mod errands;
pub mod health;
pub mod kept;
pub mod placement;
mod reach;
pub mod registration;
mod service;
pub mod session;

pub use service::dps;
