//! A seed is an exact history, sockets included: their keys and masks are drawn from it.
use crate::program::{Program, consumer};
use crate::town::play;
use giant_lizard::history::SubscriptionMode::Failover;
use giant_lizard::host::{Host, Stream};
use giant_lizard::streams::plan::PORT;
use std::process::Command;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Set in a process of this very program that is to print what a seed comes to.
const SEED: &str = "LIZARD_STREAMS_SEED";

/// A run's fingerprint, and every byte that clients sent to the broker: with their handshakes' keys and frames' masks.
fn tell(seed: u64) -> String {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let heard = bytes.clone();
    let run = play(seed, move |town| async move {
        town.broker("inner", &[], |_| {});
        // Stands where programs look for the broker, writes down what they say, and passes it on.
        town.somebody("broker-west", move |host| tap(host, heard.clone()));
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let mut active = program.consumer(consumer("s", Failover, "")).await;
            let mut standby = program.consumer(consumer("s", Failover, "")).await;
            let mut producer = program.producer().await;
            for n in 0..20 {
                producer.publish(&n.to_string()).await;
            }
            active.consume_all(7).await;
            active.leave().await;
            standby.consume_all(13).await;
        })
        .await;
    });
    let bytes = bytes.lock().unwrap();
    assert!(bytes.len() > 2000, "{} bytes", bytes.len());
    let fingerprint = run.fingerprint.expect("nobody left it out");
    format!("{fingerprint} {:016x}", giant_lizard::wire::payload::digest(&bytes))
}

async fn tap(host: Host, heard: Arc<Mutex<Vec<u8>>>) {
    let listener = host.listen(PORT).unwrap();
    while let Ok(accepted) = listener.accept().await {
        let inner = host.connect("broker-inner", PORT).await.unwrap();
        let (up, down) = (tokio::io::split(accepted.stream), tokio::io::split(inner));
        host.spawn(pass(up.0, down.1, Some(heard.clone())));
        host.spawn(pass(down.0, up.1, None));
    }
}

async fn pass(
    mut from: tokio::io::ReadHalf<Stream>,
    mut to: tokio::io::WriteHalf<Stream>,
    heard: Option<Arc<Mutex<Vec<u8>>>>,
) {
    let mut space = vec![0; 4096];
    while let Ok(length @ 1..) = from.read(&mut space).await {
        if let Some(heard) = &heard {
            heard.lock().unwrap().extend_from_slice(&space[..length]);
        }
        if to.write_all(&space[..length]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

#[test]
fn a_seed_has_one_history_and_one_sequence_of_bytes_in_every_process_and_another_seed_others() {
    let here = tell(7);
    assert_eq!(tell(7), here);
    let other = tell(8);
    assert!(other.split(' ').zip(here.split(' ')).all(|(other, here)| other != here), "{other} {here}");
    for number in 0..6 {
        let program = std::env::current_exe().unwrap();
        let output = Command::new(program)
            .args(["--exact", "determinism::prints_what_a_seed_comes_to", "--nocapture"])
            .env(SEED, "7")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.lines().any(|line| line == here), "process {number} did not print {here}:\n{printed}");
    }
}

/// In the processes of the test above, the process itself; elsewhere it makes sure that it would print anything.
#[test]
fn prints_what_a_seed_comes_to() {
    let seed = std::env::var(SEED).map_or(7, |seed| seed.parse().unwrap());
    println!("\n{}", tell(seed));
}
