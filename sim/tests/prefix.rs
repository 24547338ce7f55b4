//! Whatever befalls two machines and the way between them, what one reads is a prefix of what the other wrote.
#![allow(clippy::unwrap_used, reason = "tests")]

use lizard_sim::{Fault, Host, Path, Stream, World};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The stream that everybody writes, from its beginning, on each connection: a hole in it shows.
fn byte(place: u64) -> u8 {
    (place % 251) as u8
}

/// Places at which somebody read another byte than was written there.
type Holes = Arc<Mutex<Vec<(Duration, u64)>>>;

/// Writes and reads until the connection fails.
async fn talk(host: Host, stream: Stream, holes: Holes) {
    let (mut from, mut to) = tokio::io::split(stream);
    host.spawn(async move {
        let mut place = 0;
        while to.write_all(&[byte(place), byte(place + 1), byte(place + 2)]).await.is_ok() {
            place += 3;
            host.sleep(Duration::from_millis(20)).await;
        }
    });
    let (mut place, mut buffer) = (0, [0; 7]);
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        for read in &buffer[..count] {
            if *read != byte(place) {
                return holes.lock().unwrap().push((host.now(), place));
            }
            place += 1;
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    Slow(u32),
    Cut { forth: bool },
    Heal { forth: bool },
    Hold { forth: bool },
    Release { forth: bool },
    Freeze(&'static str),
    Thaw(&'static str),
    PowerLoss(&'static str),
    Crash(&'static str),
    Boot(&'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let host = || prop_oneof![Just("server"), Just("client")];
    prop_oneof![
        4 => (1u64..3_000).prop_map(Step::Wait),
        1 => (0u32..400_000).prop_map(Step::Slow),
        1 => any::<bool>().prop_map(|forth| Step::Cut { forth }),
        1 => any::<bool>().prop_map(|forth| Step::Heal { forth }),
        1 => any::<bool>().prop_map(|forth| Step::Hold { forth }),
        1 => any::<bool>().prop_map(|forth| Step::Release { forth }),
        2 => host().prop_map(Step::Freeze),
        1 => host().prop_map(Step::Thaw),
        1 => host().prop_map(Step::PowerLoss),
        1 => host().prop_map(Step::Crash),
        2 => host().prop_map(Step::Boot),
    ]
}

fn fault(step: Step) -> Option<Fault> {
    let ends = |forth| match forth {
        true => ("client".to_owned(), "server".to_owned()),
        false => ("server".to_owned(), "client".to_owned()),
    };
    Some(match step {
        Step::Wait(_) => return None,
        Step::Slow(loss_ppm) => {
            let latency = (Duration::ZERO, Duration::from_millis(u64::from(loss_ppm) / 1_000));
            Fault::Impair { at: "server".into(), path: Path { latency, loss_ppm, bandwidth: None } }
        }
        Step::Cut { forth } => {
            let (from, to) = ends(forth);
            Fault::Cut { from, to }
        }
        Step::Heal { forth } => {
            let (from, to) = ends(forth);
            Fault::Heal { from, to }
        }
        Step::Hold { forth } => {
            let (from, to) = ends(forth);
            Fault::Hold { from, to }
        }
        Step::Release { forth } => {
            let (from, to) = ends(forth);
            Fault::Release { from, to }
        }
        Step::Freeze(host) => Fault::Freeze { host: host.into() },
        Step::Thaw(host) => Fault::Thaw { host: host.into() },
        Step::PowerLoss(host) => Fault::PowerLoss { host: host.into() },
        Step::Crash(host) => Fault::Crash { host: host.into() },
        Step::Boot(host) => Fault::Boot { host: host.into() },
    })
}

/// Plays the steps between two machines that talk whenever they can; returns the holes.
fn play(seed: u64, time_out: Duration, steps: Vec<Step>) -> Vec<(Duration, u64)> {
    let holes = Holes::default();
    let found = holes.clone();
    let run = World::new(seed).tcp_time_out(time_out).run(move |world| async move {
        let seen = holes.clone();
        world.host("server", "west", move |host| {
            let holes = seen.clone();
            async move {
                let listener = host.listen(9).unwrap();
                while let Ok(stream) = listener.accept().await {
                    host.spawn(talk(host, stream, holes.clone()));
                }
            }
        });
        world.host("client", "east", move |host| {
            let holes = holes.clone();
            async move {
                loop {
                    if let Ok(stream) = host.connect("server", 9).await {
                        talk(host, stream, holes.clone()).await;
                    }
                    host.sleep(Duration::from_secs(1)).await;
                }
            }
        });
        for step in steps {
            match (step, fault(step)) {
                (Step::Wait(millis), _) => world.sleep(Duration::from_millis(millis)).await,
                (_, Some(fault)) => world.apply(fault),
                _ => {}
            }
        }
        world.sleep(Duration::from_secs(60)).await;
    });
    run.unwrap();
    found.lock().unwrap().clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_never_has_a_hole(
        seed: u64,
        time_out in 1u64..30,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        prop_assert_eq!(play(seed, Duration::from_secs(time_out), steps), []);
    }
}

#[test]
fn a_packet_that_was_lost_before_its_sender_froze_and_crashed_leaves_no_hole() {
    for seed in 0..100 {
        let steps = [Step::Slow(200_000), Step::Wait(2_000), Step::Freeze("server"), Step::Wait(2_000)];
        let ends = [Step::Crash("server"), Step::Wait(5_000), Step::Boot("server"), Step::Wait(5_000)];
        assert_eq!(play(seed, Duration::from_secs(120), [steps, ends].concat()), [], "seed {seed}");
    }
}

#[test]
fn a_sender_that_gives_up_leaves_no_hole() {
    for seed in 0..100 {
        let steps = vec![Step::Slow(400_000), Step::Wait(20_000)];
        assert_eq!(play(seed, Duration::from_secs(1), steps), [], "seed {seed}");
    }
}
