//! A deterministic world of machines: virtual time, TCP, disks, clocks and faults, all from one seed.
//!
//! This crate knows nothing of messaging.
//!
//! ```
//! use lizard_sim::{Fault, Host, World};
//! use std::io;
//! use std::time::Duration;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! async fn echo(host: Host) -> io::Result<()> {
//!     let listener = host.listen(7)?;
//!     loop {
//!         let (mut from, mut to) = tokio::io::split(listener.accept().await?);
//!         host.spawn(async move { tokio::io::copy(&mut from, &mut to).await });
//!     }
//! }
//!
//! async fn client(host: Host) -> io::Result<()> {
//!     let mut stream = host.connect("echo", 7).await?;
//!     let mut answer = [0; 5];
//!     for _ in 0..10 {
//!         stream.write_all(b"hello").await?;
//!         stream.read_exact(&mut answer).await?;
//!         host.sleep(Duration::from_secs(1)).await;
//!     }
//!     Ok(())
//! }
//!
//! let run = World::new(7).run(|world| async move {
//!     world.host("echo", "west", |host| async move { echo(host).await.expect("it listens for good") });
//!     world.host("client", "east", |host| async move { client(host).await.expect("every hello comes back") });
//!     world.sleep(Duration::from_secs(5)).await;
//!     world.apply(Fault::Cut { from: "west".into(), to: "east".into() });
//!     world.sleep(Duration::from_secs(20)).await;
//!     world.apply(Fault::Heal { from: "west".into(), to: "east".into() });
//!     world.sleep(Duration::from_secs(30)).await;
//!     world.is_up("client")
//! })?;
//! assert!(!run.value, "the client said hello ten times, through the cut, and is done");
//! assert!(run.panics.is_empty(), "{:?}", run.panics);
//! # Ok::<(), lizard_sim::WorldError>(())
//! ```
//!
//! The map:
//! - [`World`] plans a run; its script holds a [`Stage`], the hand on the world; [`Run`] is what is left.
//! - [`Host`] is what software holds: network ([`Stream`], [`Listener`]), [`Disk`], clocks, [`Dice`], tasks.
//! - [`Fault`] is what can be done to a world.
//! - [`Fingerprint`] says whether two runs had the same history.

// rustdoc is not given rustflags.
#[cfg(all(feature = "require-tokio-unstable", not(tokio_unstable), not(doc)))]
compile_error!(
    r#"without tokio_unstable the order in which `tokio::select!` asks its branches is not the seed's; put these lines into .cargo/config.toml:

[build]
rustflags = ["--cfg", "tokio_unstable"]

RUSTFLAGS in the environment replaces them, even when empty: then put `--cfg tokio_unstable` there."#
);

mod agenda;
mod clock;
mod disk;
mod entropy;
mod errands;
mod fault;
mod host;
mod join;
mod journal;
mod kernel;
mod machine;
mod net;
mod run_loop;
mod stage;
#[cfg(tokio_unstable)]
mod strays;
mod tasks;
mod world;

pub use disk::{Disk, DiskFile};
pub use entropy::{Dice, dice};
pub use fault::{Fault, Path, Spot};
pub use host::Host;
pub use join::JoinHandle;
pub use journal::{Entry, Fingerprint};
pub use net::{Listener, Stream};
pub use stage::Stage;
pub use world::{Panic, Run, World, WorldError};
