//! Nothing of an old boot acts afterwards.
use super::*;
use lizard_sim::{DiskFile, Stream};
use std::future::pending;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Writes the boot's number to the disk, to the peer and into the diary, ten times a second, for ever.
async fn beat(host: Host, mut file: DiskFile, mut stream: Stream, diary: Diary, by_tokio: bool) {
    loop {
        if by_tokio {
            tokio::time::sleep(ms(100)).await;
        } else {
            host.sleep(ms(100)).await;
        }
        file.append(&[host.boot() as u8]).unwrap();
        stream.write_all(&[host.boot() as u8]).await.unwrap();
        diary.write(host, format!("boot {} beats", host.boot()));
    }
}

/// Software with beats of every kind: its main future's, a task's, and tasks that escaped through `tokio::spawn`.
#[allow(clippy::disallowed_methods, reason = "what must be fenced")]
async fn beats(host: Host, diary: Diary, stops: bool) {
    let line = async |file: &str| (host.disk().open(file).unwrap(), host.connect("peer", 1).await.unwrap());
    let (file, stream) = line("task").await;
    host.spawn(beat(host, file, stream, diary.clone(), false));
    let (file, stream) = line("task on tokio's time").await;
    host.spawn(beat(host, file, stream, diary.clone(), true));
    let (file, stream) = line("stray").await;
    tokio::spawn(beat(host, file, stream, diary.clone(), false));
    let (file, stream) = line("stray on tokio's time").await;
    tokio::spawn(beat(host, file, stream, diary.clone(), true));
    let (file, stream) = line("main").await;
    if stops {
        host.stopping().await;
    } else {
        beat(host, file, stream, diary, false).await;
    }
}

/// Writes down each byte that arrives.
async fn listens(host: Host, diary: Diary) {
    let listener = host.listen(1).unwrap();
    loop {
        let mut stream = listener.accept().await.unwrap();
        let diary = diary.clone();
        host.spawn(async move {
            while let Ok(byte) = stream.read_u8().await {
                diary.write(host, format!("heard boot {byte}"));
            }
        });
    }
}

/// Ends the machine at 1,050 ms, between two beats, and boots it after `pause`: by then the old boot must have beaten
/// for the last time.
fn assert_that_the_old_boot_falls_silent(fault: fn() -> Fault, stops: bool, pause: Duration) {
    let run = play(3, move |stage| async move {
        let heard = add(stage, "peer", listens);
        let beaten = add(stage, HOST, move |host, diary| beats(host, diary, stops));
        stage.sleep(ms(1_050)).await;
        stage.apply(fault());
        stage.sleep(pause).await;
        stage.apply(boot());
        stage.sleep(ms(3_000)).await;
        (beaten, heard, stage.boots(HOST))
    });
    let (beaten, heard, boots) = run.value;
    assert_eq!(run.panics, []);
    assert_eq!(boots, 2);
    let (first, second) = (beaten.times("boot 1 beats"), beaten.times("boot 2 beats"));
    assert!(first.len() > 20 && second.len() > 80, "{} and {} beats", first.len(), second.len());
    assert!(first.iter().all(|at| *at < ms(1_050)), "an old boot acts: {first:?}");
    let (first, second) = (heard.times("heard boot 1"), heard.times("heard boot 2"));
    assert!(!first.is_empty() && second.len() > 80);
    assert!(first.iter().all(|at| *at < ms(1_050) + ms(20)), "an old boot is heard: {first:?}");
}

#[test]
fn not_after_power_loss() {
    assert_that_the_old_boot_falls_silent(power_loss, false, ms(500));
}

#[test]
fn not_after_a_crash() {
    assert_that_the_old_boot_falls_silent(crash, false, ms(500));
}

#[test]
fn not_after_a_stop() {
    assert_that_the_old_boot_falls_silent(stop, true, ms(500));
}

#[test]
fn not_when_the_next_boot_comes_at_the_same_instant() {
    assert_that_the_old_boot_falls_silent(power_loss, false, Duration::ZERO);
    assert_that_the_old_boot_falls_silent(crash, false, Duration::ZERO);
}

#[test]
fn the_disk_has_no_byte_of_an_old_boot_after_the_first_of_a_new_one() {
    let left = (0..8).flat_map(files_left_by_five_boots).collect::<Vec<_>>();
    // A file that was never synced may be gone with the power, name and all, but not in every world.
    assert!(!left.is_empty());
    for file in left {
        let numbers = file.split(['[', ']']).nth(1).unwrap().split(", ");
        let boots: Vec<u32> =
            numbers.filter(|number| !number.is_empty()).map(|number| number.parse().unwrap()).collect();
        assert!(boots.is_sorted(), "{file}");
    }
}

/// What the fifth boot finds on its disk after two crashes and two power losses.
fn files_left_by_five_boots(seed: u64) -> Vec<String> {
    let run = play(seed, |stage| async move {
        add(stage, "peer", listens);
        let diary = add(stage, HOST, async |host, diary| {
            if host.boot() < 5 {
                return beats(host, diary, false).await;
            }
            for file in host.disk().list("").unwrap() {
                diary.write(host, format!("{file}: {:?}", host.disk().read(&file).unwrap()));
            }
        });
        for fault in [crash, power_loss, crash, power_loss] {
            stage.sleep(ms(1_050)).await;
            stage.apply(fault());
            stage.apply(boot());
        }
        stage.sleep(ms(10)).await;
        diary.words().into_iter().filter(|words| words.contains('[')).collect::<Vec<_>>()
    });
    run.value
}

#[test]
fn not_even_in_its_destructors() {
    struct LastWords(Host, Diary);
    impl Drop for LastWords {
        fn drop(&mut self) {
            let LastWords(host, diary) = self;
            let host = *host;
            if host.disk().open("grave").and_then(|mut grave| grave.append(b"I was here")).is_ok() {
                diary.write(host, "wrote");
            }
            host.note("grave", b"I was here");
            let task = diary.clone();
            drop(host.spawn(async move { task.write(host, "spawned") }));
            let _ = host.listen(9);
        }
    }
    for fault in [power_loss, crash] {
        let run = play(0, move |stage| async move {
            let diary = add(stage, HOST, async |host, diary| {
                if host.boot() == 2 {
                    return diary.write(host, format!("{:?}", host.disk().list("").unwrap()));
                }
                let words = LastWords(host, diary.clone());
                host.spawn(async move {
                    let _words = words;
                    pending::<()>().await;
                });
                let _words = LastWords(host, diary);
                pending().await
            });
            stage.sleep(ms(10)).await;
            stage.apply(fault());
            stage.apply(boot());
            stage.sleep(ms(10)).await;
            diary.words()
        });
        assert_eq!(run.value, ["[]"]);
        assert_eq!(run.panics, []);
    }
}

#[test]
fn not_even_when_it_ended_itself() {
    for fault in [power_loss, crash] {
        let run = play(0, move |stage| async move {
            let diary = add(stage, HOST, move |host, diary| async move {
                if host.boot() == 2 {
                    return diary.write(host, format!("{:?}", host.disk().list("").unwrap()));
                }
                let ends_it = async move {
                    stage.apply(fault());
                    diary.write(host, "ended");
                    let _ = host.disk().open("grave");
                    diary.write(host, "acts");
                };
                host.spawn(ends_it);
                host.sleep(ms(1)).await;
                host.disk().open("grave").unwrap();
            });
            stage.sleep(ms(10)).await;
            assert!(!stage.is_up(HOST));
            stage.apply(boot());
            stage.sleep(ms(10)).await;
            diary.words()
        });
        assert_eq!(run.value, ["ended", "[]"]);
        assert_eq!(run.panics, []);
    }
}
