//! The device provisioning service: which hub a device belongs to, and making hub and device agree.
//!
//! Machines, each by itself:
//! - [`allocation`]: the policies.
//! - [`health`]: what it believes of a hub.
//! - [`registration`]: what it keeps of a device.
//! - [`placement`]: decides, and makes the hubs agree.
//! - [`throttle`]: how much it takes on.
//! - [`session`]: a device's MQTT connection. [`answer`]: what it is told. [`model`]: what a device is.
//!
//! And what moves bytes: [`dps`], with its desk (the one task that decides), its couriers to the hubs, and
//! what it keeps on disk.
pub mod allocation;
pub mod answer;
mod control;
mod desk;
mod errands;
pub mod health;
pub mod kept;
pub mod model;
pub mod placement;
mod reach;
pub mod registration;
mod service;
pub mod session;
pub mod throttle;

pub use service::dps;
