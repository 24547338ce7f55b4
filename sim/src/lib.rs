//! A deterministic world of machines.
#![allow(missing_docs, unused, clippy::todo, reason = "skeleton: bodies follow")]
pub mod disk;
pub mod entropy;
mod fault;
mod host;
mod journal;
mod net;
mod stage;
mod world;

pub use disk::{Disk, DiskFile};
pub use entropy::{Dice, dice};
pub use fault::{Fault, Path};
pub use host::{Host, JoinHandle};
pub use journal::{Entry, Fingerprint};
pub use net::{Listener, Stream};
pub use stage::Stage;
pub use world::{Panic, Run, World, WorldError};
