//! Boots start the software again, and who spoke to the old one finds out in the way of the fault.
use super::*;
use rand::Rng;
use std::future::pending;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn a_host_that_was_only_added_waits_for_its_boot() {
    let run = play(0, |stage| async move {
        let diary = Diary::default();
        let pages = diary.clone();
        stage.add(HOST, HOST, move |host| {
            let diary = pages.clone();
            async move { diary.write(host, format!("boot {}", host.boot())) }
        });
        stage.sleep(ms(1_000)).await;
        let before = (stage.is_up(HOST), stage.boots(HOST), diary.words().len());
        stage.apply(boot());
        stage.sleep(ms(1)).await;
        (before, diary.pages())
    });
    assert_eq!(run.value, ((false, 0, 0), vec![(ms(1_000), "boot 1".to_owned())]));
}

#[test]
fn one_that_is_up_is_left_alone() {
    let run = play(0, |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            diary.write(host, format!("boot {}", host.boot()));
            pending().await
        });
        stage.sleep(ms(1)).await;
        stage.apply(boot());
        stage.apply(freeze());
        stage.apply(boot());
        stage.sleep(ms(1)).await;
        diary.words()
    });
    assert_eq!(run.value, ["boot 1"]);
}

#[test]
fn faults_on_a_host_that_is_down_change_nothing() {
    let run = play(0, |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            diary.write(host, format!("boot {}", host.boot()));
            pending().await
        });
        stage.sleep(ms(1)).await;
        stage.apply(power_loss());
        for fault in [power_loss, crash, stop, freeze, thaw] {
            stage.apply(fault());
            stage.sleep(ms(20_000)).await;
        }
        stage.apply(boot());
        stage.sleep(ms(20_000)).await;
        (diary.words(), stage.is_up(HOST), stage.boots(HOST))
    });
    assert_eq!(run.value, (vec!["boot 1".to_owned(), "boot 2".to_owned()], true, 2));
}

#[test]
fn each_boot_has_dice_of_its_own_that_the_seed_decides() {
    let rolls = |seed| {
        let run = play(seed, |stage| async move {
            let diary = add(stage, HOST, async |host, diary| {
                let (mut one, mut same, mut other) = (host.dice("a"), host.dice("a"), host.dice("b"));
                let rolls = [one.next_u64(), same.next_u64(), other.next_u64()];
                assert_eq!(rolls[0], rolls[1]);
                diary.write(host, format!("{rolls:?}"));
            });
            stage.sleep(ms(1)).await;
            stage.apply(boot());
            stage.sleep(ms(1)).await;
            diary.words()
        });
        assert_eq!(run.panics, []);
        run.value
    };
    let first = rolls(1);
    assert_eq!(first, rolls(1));
    assert_ne!(first[0], first[1]);
    assert_ne!(first, rolls(2));
}

/// What a client that only listens learns of the machine's end within a minute, and one that speaks after the next
/// boot; and when.
fn learned(fault: fn() -> Fault) -> [Vec<(Duration, String)>; 2] {
    let run = play(0, move |stage| async move {
        add(stage, HOST, async |host, _| {
            let listener = host.listen(1).unwrap();
            let mut streams = Vec::new();
            while let Ok(stream) = listener.accept().await {
                streams.push(stream);
            }
        });
        let client = |name: &str, speaks_at: Duration| {
            add(stage, name, move |host, diary| async move {
                let mut stream = host.connect(HOST, 1).await.unwrap();
                host.sleep_until(speaks_at).await;
                let _ = stream.write_all(b"anyone?").await;
                let mut byte = [0];
                match stream.read(&mut byte).await {
                    Ok(count) => diary.write(host, format!("{count} bytes")),
                    Err(error) => diary.write(host, error.kind().to_string()),
                }
            })
        };
        let listener = client("listener", ms(500));
        let speaker = client("speaker", ms(120_000));
        stage.sleep(ms(1_000)).await;
        stage.apply(fault());
        stage.sleep_until(ms(60_000)).await;
        let learned = listener.pages();
        stage.apply(boot());
        stage.sleep_until(ms(121_000)).await;
        [learned, speaker.pages()]
    });
    run.value
}

#[test]
fn power_loss_is_silent_until_the_peer_speaks_to_the_next_boot() {
    let [listener, speaker] = learned(power_loss);
    assert_eq!(listener, []);
    let [(at, words)] = &speaker[..] else { panic!("{speaker:?}") };
    assert!(words == "connection reset" && *at >= ms(120_000) && *at < ms(120_100), "{speaker:?}");
}

#[test]
fn a_crash_tells_the_peers_at_once() {
    let [listener, speaker] = learned(crash);
    // "anyone?" lay unread, so the dying kernel resets.
    let [(at, words)] = &listener[..] else { panic!("{listener:?}") };
    assert!(words == "connection reset" && *at >= ms(1_000) && *at < ms(1_100), "{listener:?}");
    // Here nothing lay unread: the end, which is read although a write has failed meanwhile or will.
    assert_eq!(speaker.len(), 1, "{speaker:?}");
}

#[test]
fn a_stop_ends_the_connections_of_what_it_ends() {
    let [listener, _] = learned(stop);
    let [(at, _)] = &listener[..] else { panic!("{listener:?}") };
    assert!(*at >= ms(11_000) && *at < ms(11_100), "{listener:?}");
}
