//! Hub and device in a world: an independent MQTT client, kills, power losses, moves.
#![allow(clippy::unwrap_used, reason = "tests")]

mod clients;
mod devices;
mod hostile;
mod neighbourhood;
mod siege;
