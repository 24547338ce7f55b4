//! A world without a tokio runtime is the same world; so is one that leaves its fingerprint out.
use super::*;
use lizard_sim::WorldError;
use std::future::pending;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Asks an echo service every now and then; the service loses its power in between.
async fn script(stage: Stage) -> Duration {
    stage.host(HOST, "west", |host| async move {
        let listener = host.listen(7).unwrap();
        while let Ok(mut stream) = listener.accept().await {
            host.spawn(async move {
                let mut asked = [0; 8];
                while stream.read_exact(&mut asked).await.is_ok() && stream.write_all(&asked).await.is_ok() {}
            });
        }
    });
    stage.host("asker", "east", |host| async move {
        loop {
            host.sleep(Duration::from_nanos(1_234_567_891)).await;
            let Ok(mut stream) = host.connect(HOST, 7).await else { continue };
            let asked = stream.write_all(&host.now().as_nanos().to_le_bytes()[..8]).await;
            let answered = stream.read_exact(&mut [0; 8]).await;
            host.note("asked", format!("{asked:?} {answered:?}").as_bytes());
        }
    });
    for fault in [power_loss(), boot(), freeze(), thaw(), crash(), boot(), stop()] {
        stage.sleep(ms(10_000)).await;
        stage.apply(fault);
    }
    stage.now()
}

#[test]
fn its_history_is_the_one_that_it_has_with_tokio() {
    for seed in 0..20 {
        let with = World::new(seed).run(script).unwrap();
        let without = World::new(seed).without_tokio().run(script).unwrap();
        assert_eq!((with.fingerprint, with.events, with.now), (without.fingerprint, without.events, without.now));
    }
}

#[test]
fn with_its_fingerprint_left_out_everything_happens_as_it_does_with_it() {
    for seed in 0..20 {
        let world = World::new(seed).recording(true);
        let (with, without) = (world.clone().run(script).unwrap(), world.without_fingerprint().run(script).unwrap());
        assert!(with.fingerprint.is_some() && without.fingerprint.is_none());
        assert_eq!((with.events, with.now), (without.events, without.now));
        assert_eq!(format!("{:?}", with.journal), format!("{:?}", without.journal));
    }
}

#[test]
fn what_needs_tokios_runtime_panics_by_name() {
    let run = World::new(0).without_tokio().run(|stage| async move {
        stage.host("sleeper", HOST, |_| async { tokio::time::sleep(ms(1)).await });
        stage.host("spawner", HOST, |_| async {
            #[expect(clippy::disallowed_methods, reason = "what it does here is what is tested")]
            drop(tokio::spawn(async {}));
        });
        stage.sleep(ms(10)).await;
    });
    let panics = run.unwrap().panics;
    assert_eq!(panics.iter().map(|panic| panic.host.as_str()).collect::<Vec<_>>(), ["sleeper", "spawner"]);
    assert!(panics.iter().all(|panic| panic.message.contains("Tokio 1.x")), "{panics:?}");
}

#[test]
fn a_script_that_waits_for_ever_is_a_deadlock_in_it() {
    let run = World::new(0).without_tokio().run(|_| pending::<()>());
    assert_eq!(run.unwrap_err(), WorldError::Deadlock);
}
