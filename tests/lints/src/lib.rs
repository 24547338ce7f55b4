//! One function per ban of the workspace's `clippy.toml`. `tests/lints.rs` reads this file too: each function breaks
//! the ban named in the comment above it, and clippy must report that very path inside that function.
#![allow(dead_code, deprecated, clippy::let_underscore_future)]

use std::sync::{Condvar, Mutex, mpsc};
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(1);

// bans: std::collections::HashMap
fn hash_map(_: std::collections::HashMap<u8, u8>) {}

// bans: std::collections::HashSet
fn hash_set(_: std::collections::HashSet<u8>) {}

// bans: std::time::Instant::now
fn instant_now() {
    let _ = std::time::Instant::now();
}

// bans: std::time::SystemTime::now
fn system_time_now() {
    let _ = std::time::SystemTime::now();
}

// bans: std::thread::spawn
fn thread_spawn() {
    let _ = std::thread::spawn(|| ());
}

// bans: std::thread::scope
fn thread_scope() {
    std::thread::scope(|_| ());
}

// bans: std::thread::Builder::spawn
fn thread_builder_spawn() {
    let _ = std::thread::Builder::new().spawn(|| ());
}

// bans: std::thread::Builder::spawn_scoped
fn thread_builder_spawn_scoped<'a>(scope: &'a std::thread::Scope<'a, '_>) {
    let _ = std::thread::Builder::new().spawn_scoped(scope, || ());
}

// bans: tokio::task::spawn_blocking
fn tokio_spawn_blocking() {
    let _ = tokio::task::spawn_blocking(|| ());
}

// bans: tokio::task::block_in_place
fn tokio_block_in_place() {
    tokio::task::block_in_place(|| ());
}

// bans: std::thread::sleep
fn thread_sleep() {
    std::thread::sleep(MOMENT);
}

// bans: std::thread::park_timeout
fn thread_park_timeout() {
    std::thread::park_timeout(MOMENT);
}

// bans: std::sync::mpsc::Receiver::recv_timeout
fn recv_timeout(from: &mpsc::Receiver<u8>) {
    let _ = from.recv_timeout(MOMENT);
}

// bans: std::sync::Condvar::wait_timeout
fn wait_timeout(on: &Condvar, guarded: &Mutex<u8>) {
    let _ = guarded.lock().map(|guard| on.wait_timeout(guard, MOMENT).is_ok());
}

// bans: std::sync::Condvar::wait_timeout_while
fn wait_timeout_while(on: &Condvar, guarded: &Mutex<u8>) {
    let _ = guarded.lock().map(|guard| on.wait_timeout_while(guard, MOMENT, |_| true).is_ok());
}

// bans: tokio::spawn
fn tokio_spawn() {
    let _ = tokio::spawn(async {});
}

// bans: tokio::task::spawn_local
fn tokio_spawn_local() {
    let _ = tokio::task::spawn_local(async {});
}

// bans: tokio::task::JoinSet::spawn
fn tokio_join_set_spawn(set: &mut tokio::task::JoinSet<()>) {
    let _ = set.spawn(async {});
}

// bans: rand::rng
fn rand_rng() {
    let _ = rand::rng();
}

// bans: rand::random
fn rand_random() {
    let _ = rand::random::<u8>();
}

// bans: tokio::select
async fn tokio_select() {
    tokio::select! {
        () = std::future::ready(()) => (),
        () = std::future::pending() => (),
    }
}

// bans: rand::random_range
fn rand_random_range() {
    let _ = rand::random_range(0..2);
}
