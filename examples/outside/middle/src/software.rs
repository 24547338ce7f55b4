//! Software that asks the operating system for everything a program may ask for, and does not know that it is in a
//! world: hash keys, randomness, identifiers, clocks.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "software that knows of no world uses these")]

use lizard_sim::{Fingerprint, Host, World, WorldError};
use rand::RngExt as _;
use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

/// Runs five clients of one registry for a virtual minute and answers the world's fingerprint, into which went all that
/// they asked for.
///
/// # Errors
///
/// As [`World::run`].
pub fn fingerprint(seed: u64) -> Result<Fingerprint, WorldError> {
    let run = World::new(seed).run(|stage| async move {
        stage.host("registry", "west", |host| async move {
            registry(host).await.expect("nothing disturbs the registry");
        });
        for number in 1..=5 {
            stage.host(&format!("client-{number}"), "east", |host| async move {
                client(host).await.expect("nothing disturbs a client");
            });
        }
        stage.sleep(Duration::from_secs(60)).await;
    })?;
    assert_eq!(run.panics, [], "software panicked");
    Ok(run.fingerprint.expect("nobody left it out"))
}

/// Answers each identifier with every one it has heard of, in whatever order its map has them.
async fn registry(host: Host) -> io::Result<()> {
    let listener = host.listen(1)?;
    let mut known: HashMap<Uuid, SystemTime> = HashMap::new();
    loop {
        let mut stream = listener.accept().await?;
        let mut id = [0; 16];
        stream.read_exact(&mut id).await?;
        known.insert(Uuid::from_bytes(id), SystemTime::now());
        for (id, since) in &known {
            host.note("knows", format!("{id} since {since:?}").as_bytes());
            stream.write_all(id.as_bytes()).await?;
        }
    }
}

/// Registers a new identifier every now and then, and measures how long that took.
async fn client(host: Host) -> io::Result<()> {
    loop {
        host.sleep(Duration::from_micros(rand::rng().random_range(1..10_000_000))).await;
        let (started, id) = (Instant::now(), Uuid::new_v4());
        let mut stream = host.connect("registry", 1).await?;
        stream.write_all(id.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        host.note("registered", format!("{id} in {:?}", started.elapsed()).as_bytes());
        host.note("heard", &answer);
    }
}
