//! Hub and device in a world: an independent MQTT client, kills, power losses, moves.
#![allow(clippy::unwrap_used, reason = "tests")]

mod abilities;
mod clients;
mod commands;
mod devices;
mod hostile;
mod methods;
mod neighbourhood;
mod readers;
mod siege;
#[path = "../visiting/mod.rs"]
mod visiting;
