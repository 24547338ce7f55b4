//! The provisioning service and central in a world: orders that follow a device, and bytes that nobody should send.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fake_hub;
mod hostile;
mod journey;
mod orders;
mod town;
#[path = "../visiting/mod.rs"]
mod visiting;
