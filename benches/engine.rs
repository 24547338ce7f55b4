//! What a message costs: pairs of hosts, each with a connection of its own, echo 64 bytes once a virtual second for a
//! minute. The same in turmoil with its 1 ms tick beside it; the ratio is within one run, on one machine.
//!
//! ```text
//! cargo bench -p lizard-benches --bench engine           # all of it, about half a minute
//! cargo test --release -p lizard-benches --bench engine  # the two small worlds, once: does it still run?
//! ```
#![allow(clippy::print_stdout, reason = "a bench prints its table")]
use lizard_benches::median;
use lizard_sim::{Host, Path, World};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PAYLOAD: [u8; 64] = [42; 64];
const ROUNDS: u32 = 60;
const PORT: u16 = 7;
/// One way; the same in both engines.
const LATENCY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));
/// Long enough for the last client to start late, connect and echo for a minute.
const LIMIT: Duration = Duration::from_secs(70);

fn main() {
    let whole = std::env::args().any(|arg| arg == "--bench");
    floor();
    println!("64-byte echoes once a virtual second for 60 s; half of the hosts serve, half of them ask\n");
    println!(
        "{:<8} {:>6} {:>9} {:>5} {:>13} {:>11}",
        "engine", "hosts", "messages", "runs", "median run", "ns/message"
    );
    let lizard = |hosts, runs| row("lizard", hosts, runs, lizard_world);
    let turmoil = |hosts, runs| row("turmoil", hosts, runs, turmoil_world);
    if !whole {
        lizard(10, 1);
        lizard(50, 1);
        return;
    }
    lizard(10, 101);
    let lizard_50 = lizard(50, 51);
    lizard(1_000, 11);
    let lizard_10_000 = lizard(10_000, 3);
    turmoil(10, 3);
    let turmoil_50 = turmoil(50, 1);

    let ratio = turmoil_50.as_secs_f64() / lizard_50.as_secs_f64();
    let growth = lizard_10_000.as_secs_f64() / lizard_50.as_secs_f64() / 200.0;
    println!("\n50 hosts: {ratio:.0}x turmoil (bar: 1000x), {lizard_50:.2?} a run (bar: 10 ms)");
    println!("a message among 10,000 hosts costs {growth:.2}x one among 50 (bar: 2x)");
}

/// How many empty timer events the floor is measured with.
const EVENTS: u32 = 100_000;

/// What an event costs at the least: a timer that wakes one task, which does nothing but wait for the next one. In
/// tokio's own paused runtime, and in a world.
fn floor() {
    let each = |run: fn()| median(7, run).as_nanos() / u128::from(EVENTS);
    let (tokio, world) = (each(tokio_timers), each(world_timers));
    println!("an empty timer event: {tokio} ns in tokio's paused runtime, {world} ns in a world\n");
}

fn tokio_timers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        for _ in 0..EVENTS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

fn world_timers() {
    let run = World::new(1).run(|stage| async move {
        stage.host("sleeper", "field", |host| async move {
            for _ in 0..EVENTS {
                host.sleep(Duration::from_millis(1)).await;
            }
        });
        stage.sleep(Duration::from_millis(1) * (EVENTS + 1)).await;
    });
    run.expect("the world runs");
}

/// Runs a world some times, prints one row, and answers the median time.
fn row(engine: &str, hosts: u32, runs: usize, world: impl Fn(u32) -> u64) -> Duration {
    let messages = u64::from(hosts) * u64::from(ROUNDS);
    let median = median(runs, || assert_eq!(world(hosts), messages, "{engine}: every echo must come back"));
    let each = median.as_nanos() / u128::from(messages);
    println!("{engine:<8} {hosts:>6} {messages:>9} {runs:>5} {:>13} {each:>11}", format!("{median:.2?}"));
    median
}

/// Spreads the clients over the second, as real ones are.
fn starts(pair: u32) -> Duration {
    Duration::from_micros(u64::from(pair) * 7_919 % 1_000_000)
}

fn lizard_world(hosts: u32) -> u64 {
    let run = World::new(1).run(move |stage| async move {
        let messages = Rc::new(Cell::new(0));
        stage.link("clients", "servers", Path { latency: LATENCY, ..Path::default() });
        for pair in 0..hosts / 2 {
            stage.host(&format!("server-{pair}"), "servers", serve);
            let messages = Rc::clone(&messages);
            stage.host(&format!("client-{pair}"), "clients", move |host| {
                let messages = Rc::clone(&messages);
                async move { ask(host, pair, &messages).await.expect("the network is whole") }
            });
        }
        stage.sleep(LIMIT).await;
        messages.get()
    });
    run.expect("the world runs").value
}

async fn serve(host: Host) {
    let listener = host.listen(PORT).expect("the port is free");
    let mut stream = listener.accept().await.expect("the network is whole");
    let mut bytes = PAYLOAD;
    while stream.read_exact(&mut bytes).await.is_ok() {
        stream.write_all(&bytes).await.expect("the network is whole");
    }
}

async fn ask(host: Host, pair: u32, messages: &Cell<u64>) -> io::Result<()> {
    host.sleep(starts(pair)).await;
    let mut stream = host.connect(&format!("server-{pair}"), PORT).await?;
    let mut bytes = [0; 64];
    let start = host.now();
    for round in 1..=ROUNDS {
        stream.write_all(&PAYLOAD).await?;
        stream.read_exact(&mut bytes).await?;
        messages.set(messages.get() + 2);
        host.sleep_until(start + Duration::from_secs(1) * round).await;
    }
    Ok(())
}

fn turmoil_world(hosts: u32) -> u64 {
    let mut sim = turmoil::Builder::new()
        .rng_seed(1)
        .tick_duration(Duration::from_millis(1))
        .simulation_duration(LIMIT)
        .min_message_latency(LATENCY.0)
        .max_message_latency(LATENCY.1)
        .build();
    let messages = Rc::new(Cell::new(0));
    for pair in 0..hosts / 2 {
        sim.host(format!("server-{pair}"), || async {
            let listener = turmoil::net::TcpListener::bind(("0.0.0.0", PORT)).await?;
            let (mut stream, _) = listener.accept().await?;
            let mut bytes = PAYLOAD;
            while stream.read_exact(&mut bytes).await.is_ok() {
                stream.write_all(&bytes).await?;
            }
            Ok(())
        });
        let messages = Rc::clone(&messages);
        sim.client(format!("client-{pair}"), async move {
            tokio::time::sleep(starts(pair)).await;
            let mut stream = turmoil::net::TcpStream::connect((format!("server-{pair}"), PORT)).await?;
            let mut bytes = [0; 64];
            let start = tokio::time::Instant::now();
            for round in 1..=ROUNDS {
                stream.write_all(&PAYLOAD).await?;
                stream.read_exact(&mut bytes).await?;
                messages.set(messages.get() + 2);
                tokio::time::sleep_until(start + Duration::from_secs(1) * round).await;
            }
            Ok(())
        });
    }
    sim.run().expect("turmoil's world runs");
    messages.get()
}
