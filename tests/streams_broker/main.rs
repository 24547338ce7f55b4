//! A broker in a world: what both SDKs do, what hostile people do, and another process that tells the same.
#![allow(clippy::unwrap_used, reason = "tests")]

mod determinism;
mod hostile;
mod program;
mod regions;
mod rest;
mod siege;
mod sockets;
mod town;
