//! Hub and device in a world: an independent MQTT client, kills, power losses, moves.
mod clients;
mod devices;
mod neighbourhood;
