//! The IoT system: devices, hubs, a provisioning service, and the application behind the hubs.
pub mod cast;
pub mod central;
mod checking;
pub mod device;
pub mod dps;
pub mod envelope;
pub mod hub;
pub mod knobs;
pub(crate) mod limits;
pub mod moment;
pub mod operator;
mod patch;
pub mod plan;
pub mod planning;
pub mod section;
mod system;
pub mod tag;

pub use system::Iot;
