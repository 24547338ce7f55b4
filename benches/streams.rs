//! What a message costs through a broker: one producer, three consumers, a hundred thousand messages in one world, for
//! each mode; beside as many raw echo exchanges, the floor. The ratio is within one run, on one machine.
//!
//! ```text
//! cargo bench -p lizard-benches --bench streams           # all of it
//! cargo test --release -p lizard-benches --bench streams  # a hundredth of it, once: does it still run?
//! ```
#![allow(clippy::print_stdout, reason = "a bench prints its table")]
use giant_lizard::engines::Judge;
use giant_lizard::history::{Entry, Event, Witness};
use giant_lizard::run::production;
use giant_lizard::scenario::parse;
use lizard_benches::median;
use lizard_sim::{Path, World};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Of a world that is measured.
const MESSAGES: u32 = 100_000;
/// The producer makes one in this time, and as many echoes are exchanged.
const EVERY: Duration = Duration::from_millis(1);
const PAYLOAD: [u8; 64] = [42; 64];
/// Worlds of each kind, of which the median counts.
const RUNS: usize = 3;

fn main() {
    let whole = std::env::args().any(|arg| arg == "--bench");
    let messages = if whole { MESSAGES } else { MESSAGES / 100 };
    println!("1 producer, 3 consumers, {messages} messages, one a millisecond, up to 1000 not confirmed yet\n");
    println!("{:<12} {:>9} {:>11} {:>11} {:>7}", "mode", "received", "messages/s", "ns/message", "floor");
    let floor = median(RUNS, || echo(messages));
    let each = |time: Duration| time.as_nanos() as f64 / f64::from(messages);
    println!("{:<12} {messages:>9} {:>11.0} {:>11.0} {:>7}", "raw echo", 1e9 / each(floor), each(floor), "1.0x");
    for mode in ["exclusive", "failover", "shared"] {
        let received = Cell::new(0);
        let time = median(RUNS, || received.set(stream(mode, messages)));
        assert!(received.get() >= u64::from(messages) - 1000, "{mode}: {} of {messages} received", received.get());
        let ratio = each(time) / each(floor);
        println!(
            "{mode:<12} {:>9} {:>11.0} {:>11.0} {:>7}",
            received.get(),
            1e9 / each(time),
            each(time),
            format!("{ratio:.1}x")
        );
    }
    println!("\nbar: 8x the floor");
}

/// Raw bytes there and back, as often.
fn echo(messages: u32) {
    let run = World::new(1).run(move |stage| async move {
        let seen = Rc::new(Cell::new(0));
        stage.link("clients", "servers", Path { latency: (EVERY, EVERY), ..Path::default() });
        stage.host("server", "servers", |host| async move {
            let mut stream = host.listen(7).expect("the port is free").accept().await.expect("the network is whole");
            let mut bytes = PAYLOAD;
            while stream.read_exact(&mut bytes).await.is_ok() {
                stream.write_all(&bytes).await.expect("the network is whole");
            }
        });
        let counted = Rc::clone(&seen);
        stage.host("client", "clients", move |host| {
            let counted = Rc::clone(&counted);
            async move {
                let mut stream = host.connect("server", 7).await.expect("the network is whole");
                let mut bytes = [0; 64];
                for _ in 0..messages {
                    stream.write_all(&PAYLOAD).await.expect("the network is whole");
                    stream.read_exact(&mut bytes).await.expect("the network is whole");
                    counted.set(counted.get() + 1);
                }
            }
        });
        stage.sleep(EVERY * 3 * messages).await;
        seen.get()
    });
    assert_eq!(run.expect("the world runs").value, messages, "every echo must come back");
}

/// The same through a broker's disk and subscription, judged by nobody.
fn stream(mode: &str, messages: u32) -> u64 {
    let scenario = format!(
        "
name: bench
duration: {}ms
sites: {{ cloud: {{}}, field: {{}} }}
streams:
  regions: {{ main: {{ site: cloud }} }}
  streams: {{ orders: {{}} }}
  subscriptions: {{ workers: {{ stream: orders, mode: {mode} }} }}
  producers:
    till: {{ site: field, regions: [main], stream: orders, every: 1ms, in-flight: 1000, buffer: 10000, starts: 1s }}
  consumers:
    worker: {{ site: field, count: 3, regions: [main], subscription: workers, handles-in: 0s }}
",
        messages + 1000
    );
    let loaded = match parse(std::path::Path::new("bench.yaml"), &scenario) {
        Ok(loaded) => loaded,
        Err(mistakes) => panic!("{mistakes}"),
    };
    let counting = Arc::new(Mutex::new(Counting::default()));
    let curtain = production(&loaded.plan(1)).play(counting.clone()).expect("the world runs");
    assert!(curtain.panics.is_empty(), "{:?}", curtain.panics);
    let counting = counting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    counting.received
}

/// Counts what is offered and what is received, and waits for the last.
#[derive(Default)]
struct Counting {
    offered: u64,
    received: u64,
}

impl Witness for Counting {
    fn see(&mut self, entry: &Entry) {
        match entry.event {
            Event::Offered { .. } => self.offered += 1,
            Event::Received { .. } => self.received += 1,
            _ => {}
        }
    }
}

impl Judge for Counting {
    fn tick(&mut self, _now: Duration) {}
    fn next_deadline(&self) -> Option<Duration> {
        None
    }
    fn is_settled(&self) -> bool {
        self.received >= self.offered
    }
}
