//! The IoT hub: devices over MQTT, its backend over the control plane's HTTP.
//!
//! - [`machine`]: the hub itself; [`connection`] and [`gate`] are its parts that face a device, [`topic`] what a device
//!   may say, [`twin`] what it reports and what is desired of it, [`queue`] what waits for it, [`calls`] what it is to
//!   run, [`throttle`] how fast it may do so, and [`alarms`] what is to be done later.
//! - [`memory`] is what it remembers, a fold over [`record`]s; [`commit`] makes many of them durable with one sync.
//! - [`driver`] moves the bytes; [`control`] is its face to the control plane, [`petition`] what that asks, [`readers`]
//!   are told of telemetry, [`feed`] is what they get, [`event`] how that is written, and [`told`] how central reads it;
//!   [`properties`] are a message's.
pub mod alarms;
pub mod calls;
pub mod commit;
pub mod connection;
mod control;
mod driver;
pub mod event;
pub mod feed;
pub mod gate;
pub mod machine;
pub mod memory;
mod petition;
pub mod properties;
pub mod queue;
mod readers;
pub mod record;
pub mod throttle;
pub mod told;
pub mod topic;
pub mod twin;

pub use driver::hub;
pub use feed::{Batch, Feedback, FeedbackStatus, Lifecycle, TelemetryEvent};
pub use properties::Properties;
pub use readers::HEARTBEAT;
pub use told::{Happening, Told};
pub use topic::MESSAGE_ID;
pub use twin::TwinView;
