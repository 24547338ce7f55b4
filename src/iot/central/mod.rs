//! The application: reads every hub and keeps what it read, exactly once; keeps what operators ask for, and brings it to
//! whichever hub has the device.
//!
//! - [`intake`]: what it has, a fold over [`entry`]s; [`ranges`]: which numbers, in little.
//! - [`whereabouts`]: which hub has which device. [`commands`], [`desired`]: what devices are owed.
//! - [`errands`]: what must be brought to which hub now.
//! - [`feed`]: what a hub's events are. [`reader`]: one hub's feed, as it is heard. [`link`]: that connection in the history.
//! - [`central`] moves the bytes; its application is the one task that takes in, its control plane what operators see,
//!   its couriers what hubs see.
mod application;
mod commands;
mod control;
mod couriers;
mod desired;
mod entry;
mod errands;
mod feed;
mod intake;
mod link;
mod ranges;
mod reader;
mod service;
mod whereabouts;

pub use service::central;
