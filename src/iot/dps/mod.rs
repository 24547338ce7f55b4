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
mod allocation;
mod answer;
mod control;
mod desk;
mod errands;
mod health;
mod kept;
mod model;
mod placement;
mod reach;
mod registration;
mod service;
mod session;
mod throttle;

pub use service::dps;
