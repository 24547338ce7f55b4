//! Machines: what power loss, crashes, freezes, stops and boots do to the software that runs on them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod any_schedule;
mod boots;
mod disk;
mod failures;
mod freeze;
mod old_boots;
mod stop;
mod without_tokio;

use lizard_sim::{Fault, Host, Run, Stage, World};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The machine under test.
const HOST: &str = "machine";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn power_loss() -> Fault {
    Fault::PowerLoss { host: HOST.into() }
}

fn crash() -> Fault {
    Fault::Crash { host: HOST.into() }
}

fn stop() -> Fault {
    Fault::Stop { host: HOST.into() }
}

fn boot() -> Fault {
    Fault::Boot { host: HOST.into() }
}

fn freeze() -> Fault {
    Fault::Freeze { host: HOST.into() }
}

fn thaw() -> Fault {
    Fault::Thaw { host: HOST.into() }
}

fn play<F, Fut, T>(seed: u64, script: F) -> Run<T>
where
    F: FnOnce(Stage) -> Fut + Send + 'static,
    Fut: Future<Output = T> + 'static,
    T: Send + 'static,
{
    World::new(seed).run(script).expect("the world runs to its end")
}

/// What happened when, as software tells it. It can cross threads, because what escapes through `tokio::spawn` must.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<(Duration, String)>>>);

impl Diary {
    fn write(&self, host: Host, words: impl Into<String>) {
        self.0.lock().unwrap().push((host.now(), words.into()));
    }

    fn pages(&self) -> Vec<(Duration, String)> {
        self.0.lock().unwrap().clone()
    }

    fn words(&self) -> Vec<String> {
        self.pages().into_iter().map(|(_, words)| words).collect()
    }

    fn times(&self, words: &str) -> Vec<Duration> {
        self.pages().into_iter().filter(|(_, written)| written == words).map(|(at, _)| at).collect()
    }
}

/// Adds a host in a site of its own name and powers it on; its software keeps the diary that is returned.
fn add<S, Fut>(stage: Stage, name: &str, software: S) -> Diary
where
    S: Fn(Host, Diary) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let diary = Diary::default();
    let pages = diary.clone();
    stage.host(name, name, move |host| software(host, pages.clone()));
    diary
}
