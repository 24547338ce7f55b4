//! A seed is an exact history, whatever the software in the world asks the operating system for.
//!
//! How the crate is built and linked must not matter either: that is `linkage.rs`.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "what they answer is what is tested")]

#[path = "../../examples/outside/middle/src/software.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is a library's")]
mod software;

use lizard_sim::{Fault, Fingerprint, Host, Run, Stage, World, WorldError};
use rand::RngExt as _;
use software::fingerprint;
use std::collections::{BTreeSet, HashSet};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Set in a process of this very program that is to print a seed's fingerprint.
const SEED: &str = "LIZARD_DETERMINISM_SEED";

fn play(seed: u64) -> Fingerprint {
    fingerprint(seed).expect("the world runs to its end")
}

/// Runs `software` on one host for a virtual minute, and answers what it sent to the script.
fn tell<T, F, Fut>(seed: u64, others: &'static [&'static str], software: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(Host, mpsc::Sender<T>) -> Fut + Send + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let run = World::new(seed).run(move |stage| async move {
        let (tell, told) = mpsc::channel();
        let (silent, _) = mpsc::channel();
        let lives = |software: F, tell: mpsc::Sender<T>| move |host| software(host, tell.clone());
        for other in others {
            stage.host(other, "east", lives(software.clone(), silent.clone()));
        }
        stage.host("teller", "west", lives(software, tell));
        stage.sleep(Duration::from_secs(60)).await;
        told.try_iter().collect()
    });
    run.expect("the world runs to its end").value
}

#[test]
fn a_seed_has_one_fingerprint_on_every_thread() {
    let other = thread::spawn(|| play(7)).join().expect("it does not panic");
    assert_eq!(play(7), other);
}

#[test]
fn a_seed_has_one_fingerprint_in_twenty_processes_wherever_their_memory_lies() {
    let in_order = Command::new("setarch").args(["-R", "true"]).status().is_ok_and(|status| status.success());
    if !in_order {
        eprintln!("skipped for want of setarch: ten processes without address space layout randomisation");
    }
    let here = play(7).to_string();
    for number in 0..20 {
        let program = std::env::current_exe().expect("this is a program");
        let mut process = if in_order && number % 2 == 0 {
            let mut process = Command::new("setarch");
            process.arg("-R").arg(program);
            process
        } else {
            Command::new(program)
        };
        process.args(["--exact", "prints_the_fingerprint_that_it_is_asked_for", "--nocapture"]).env(SEED, "7");
        let output = process.output().expect("a process starts");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.lines().any(|line| line == here), "process {number} did not print {here}:\n{printed}");
    }
}

/// In the processes of the test above, the process itself; elsewhere it makes sure that it would print anything.
#[test]
fn prints_the_fingerprint_that_it_is_asked_for() {
    let seed = std::env::var(SEED).map_or(7, |seed| seed.parse().expect("a seed is a number"));
    println!("\n{}", play(seed));
}

#[test]
fn worlds_on_several_threads_do_not_disturb_one_another() {
    let alone = (0..64).map(play).collect::<Vec<_>>();
    let threads = (0..8)
        .map(|first| thread::spawn(move || (first..64).step_by(8).map(|seed| (seed, play(seed))).collect::<Vec<_>>()));
    // All are started before the first is waited for.
    for thread in threads.collect::<Vec<_>>() {
        for (seed, together) in thread.join().expect("it does not panic") {
            assert_eq!(together, alone[seed as usize], "seed {seed}");
        }
    }
}

#[test]
fn no_two_of_64_seeds_have_the_same_fingerprint() {
    let fingerprints = (0..64).map(|seed| play(seed).0).collect::<BTreeSet<_>>();
    assert_eq!(fingerprints.len(), 64);
}

#[test]
fn threads_beside_a_running_world_keep_real_randomness_and_real_time() {
    let (runs, is_running) = mpsc::channel();
    let (end, ending) = mpsc::channel();
    let world = thread::spawn(move || {
        World::new(7).run(move |_| async move {
            runs.send(SystemTime::now()).expect("the test listens");
            // The world's thread stands still here, bent, while the test looks around.
            ending.recv().expect("the test ends the world");
            SystemTime::now()
        })
    });
    let in_world: SystemTime = is_running.recv().expect("the world runs");

    let (started, started_at) = (Instant::now(), SystemTime::now());
    thread::sleep(Duration::from_millis(2));
    assert!(started.elapsed() >= Duration::from_millis(2));
    assert!(started_at.elapsed().expect("time goes on") >= Duration::from_millis(2));
    assert!(in_world < started_at, "the world lives in 2021");
    let order = || thread::spawn(|| (0..100).collect::<HashSet<i32>>().into_iter().collect::<Vec<_>>());
    let [one, other] = [order(), order()].map(|order| order.join().expect("it does not panic"));
    assert_ne!(one, other, "two threads made the same hash keys");
    assert_ne!(rand::random::<u64>(), rand::random::<u64>());

    end.send(()).expect("the world waits");
    let run = world.join().expect("it does not panic").expect("the world runs to its end");
    assert_eq!(run.value, in_world, "no time passed in the world");
}

#[test]
fn an_instant_is_exactly_the_worlds_now_even_inside_a_millisecond() {
    let told = tell(7, &[], |host, tell| async move {
        let (started, began) = (Instant::now(), host.now());
        for step in [1, 999, 1_000_000, 1_000_001, 7_654_321_000].map(Duration::from_nanos) {
            host.sleep(step).await;
            tell.send((started.elapsed(), host.now() - began)).expect("the script listens");
        }
    });
    assert_eq!(told.len(), 5);
    assert_eq!(told[0].1, Duration::from_nanos(1));
    for (elapsed, passed) in told {
        assert_eq!(elapsed, passed);
    }
}

#[test]
fn the_system_time_is_the_hosts_own_wall_clock_with_its_skew() {
    let run = World::new(7).run(|stage: Stage| async move {
        let (tell, told) = mpsc::channel();
        stage.host("skewed", "west", move |host| {
            let tell = tell.clone();
            async move {
                host.sleep(Duration::from_secs(10)).await;
                tell.send((SystemTime::now(), host.wall_clock())).expect("the script listens");
            }
        });
        stage.apply(Fault::SkewClock { host: "skewed".into(), by_ns: -3_600_000_000_000, drift_ppm: 100 });
        stage.sleep(Duration::from_secs(10)).await;
        stage.sleep(Duration::from_secs(1)).await;
        (told.recv().expect("the host told"), SystemTime::now(), stage.wall_clock())
    });
    let Run { value: ((asked, own), script_asked, truth), .. } = run.expect("the world runs to its end");
    assert_eq!(asked, own);
    assert_eq!(script_asked, truth);
    assert!(asked + Duration::from_secs(3_500) < truth, "{asked:?} is not an hour behind {truth:?}");
}

#[test]
fn what_a_host_draws_from_the_operating_system_does_not_depend_on_what_other_hosts_there_are() {
    let identifiers = |others| {
        tell(7, others, |host, tell| async move {
            for _ in 0..10 {
                let _ = tell.send(uuid::Uuid::new_v4());
                host.sleep(Duration::from_secs(1)).await;
            }
        })
    };
    let alone = identifiers(&[]);
    assert_eq!(alone.iter().collect::<BTreeSet<_>>().len(), 10);
    assert_eq!(alone, identifiers(&["before", "besides"]));
}

#[test]
fn software_that_spins_until_the_clock_moves_panics_instead_of_hanging() {
    let run = World::new(7).run(|stage| async move {
        stage.host("spinner", "west", |_| async {
            let started = Instant::now();
            while started.elapsed() < Duration::from_millis(1) {}
        });
        stage.sleep(Duration::from_secs(1)).await;
        (Instant::now(), stage.is_up("spinner"))
    });
    let run = run.expect("the world runs to its end");
    assert!(!run.value.1);
    let [panic] = run.panics.as_slice() else { panic!("{:?}", run.panics) };
    assert_eq!(panic.host, "spinner");
    assert!(panic.message.contains("deadlock"), "{}", panic.message);
}

/// Runs software that does something that no seed can decide, and answers how the world refuses it.
fn refusal<Fut: Future<Output = ()> + 'static>(software: fn() -> Fut) -> WorldError {
    let run = World::new(7).run(move |stage| async move {
        stage.host("innocent", "west", |host| async move {
            loop {
                host.sleep(Duration::from_millis(1)).await;
            }
        });
        stage.host("guilty", "west", move |host| async move {
            host.sleep(Duration::from_secs(1)).await;
            software().await;
            host.sleep(Duration::from_secs(1)).await;
        });
        stage.sleep(Duration::from_secs(10)).await;
    });
    run.expect_err("the world refuses it")
}

fn assert_that_the_guilty_is_named(error: WorldError) {
    let WorldError::ForeignThread { host, at, .. } = &error else { panic!("{error}") };
    assert_eq!((host.as_str(), *at), ("guilty", Duration::from_secs(1)), "{error}");
}

#[test]
fn software_that_starts_a_thread_fails_the_run_and_is_named() {
    assert_that_the_guilty_is_named(refusal(|| async { thread::spawn(|| ()).join().expect("it does nothing") }));
}

#[test]
fn software_that_blocks_on_tokios_threads_fails_the_run_and_is_named() {
    assert_that_the_guilty_is_named(refusal(|| async {
        tokio::task::spawn_blocking(|| ()).await.expect("it does nothing");
    }));
}

#[test]
fn a_thread_started_by_a_task_that_escaped_through_tokio_fails_the_run_and_blames_no_innocent() {
    let error = refusal(|| async {
        tokio::spawn(async { drop(tokio::task::spawn_blocking(|| ())) });
    });
    if cfg!(tokio_unstable) {
        return assert_that_the_guilty_is_named(error);
    }
    let WorldError::ForeignThread { host, .. } = &error else { panic!("{error}") };
    assert_eq!(host, "(the world)", "{error}");
}

#[test]
fn the_thread_generator_of_the_rand_crate_never_repeats_itself() {
    let drawn = tell(7, &[], |_, tell| async move {
        for _ in 0..100 {
            tell.send(rand::rng().random::<u64>()).expect("the script listens");
        }
    });
    assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 100);
}
