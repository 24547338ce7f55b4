//! What the next boot finds on the disk.
use super::*;
use std::collections::BTreeSet;
use std::future::pending;

/// What the second boot finds in `log`; the first synced "synced" and appended "un" and "synced" to it.
fn found_after(seed: u64, fault: fn() -> Fault) -> String {
    let run = play(seed, move |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            if host.boot() == 2 {
                return diary.write(host, String::from_utf8(host.disk().read("log").unwrap()).unwrap());
            }
            let mut log = host.disk().open("log").unwrap();
            log.append(b"synced").unwrap();
            log.sync().await.unwrap();
            log.append(b"un").unwrap();
            log.append(b"synced").unwrap();
            pending().await
        });
        stage.sleep(ms(10)).await;
        stage.apply(fault());
        stage.apply(boot());
        stage.sleep(ms(10)).await;
        diary.words().concat()
    });
    run.value
}

#[test]
fn power_loss_loses_or_tears_what_was_not_synced() {
    let found: BTreeSet<_> = (0..100).map(|seed| found_after(seed, power_loss)).collect();
    assert!(found.iter().all(|found| found.starts_with("synced") && "syncedunsynced".starts_with(found)));
    assert!(found.contains("synced"), "nothing was lost: {found:?}");
    assert!(found.contains("syncedu") && found.contains("syncedunsyn"), "nothing was torn: {found:?}");
}

#[test]
fn a_crash_keeps_what_was_not_synced() {
    assert!((0..20).all(|seed| found_after(seed, crash) == "syncedunsynced"));
}

#[test]
fn a_power_loss_after_a_crash_still_takes_the_page_cache() {
    let found = |seed| {
        let run = play(seed, |stage| async move {
            let diary = add(stage, HOST, async |host, diary| {
                let mut log = host.disk().open("log").unwrap();
                diary.write(host, log.len().unwrap().to_string());
                log.append(b"1").unwrap();
                if host.boot() == 1 {
                    log.sync().await.unwrap();
                    log.append(b"2").unwrap();
                }
            });
            stage.sleep(ms(10)).await;
            stage.apply(power_loss());
            stage.apply(boot());
            stage.sleep(ms(10)).await;
            diary.words()
        });
        run.value
    };
    let found: BTreeSet<_> = (0..50).map(found).collect();
    let (lost, kept) = (["0", "1"].map(str::to_owned), ["0", "2"].map(str::to_owned));
    assert_eq!(found, BTreeSet::from([lost.to_vec(), kept.to_vec()]));
}

#[test]
fn power_lost_during_a_sync_leaves_nothing_promised() {
    let outcome = |seed, after| {
        let run = play(seed, move |stage| async move {
            stage.add(HOST, HOST, async |_| ());
            stage.apply(Fault::SlowSync { host: HOST.into(), by: ms(100) });
            let diary = add(stage, "syncer", async |host, diary| {
                if host.boot() == 2 {
                    return diary.write(host, host.disk().open("log").unwrap().len().unwrap().to_string());
                }
                let mut log = host.disk().open("log").unwrap();
                log.append(b"12345678").unwrap();
                log.sync().await.unwrap();
                diary.write(host, "synced");
            });
            stage.sleep(after).await;
            stage.apply(Fault::PowerLoss { host: "syncer".into() });
            stage.apply(Fault::Boot { host: "syncer".into() });
            stage.sleep(ms(10)).await;
            diary.words()
        });
        run.value
    };
    // A sync takes 100 us to 1 ms.
    let interrupted: BTreeSet<_> = (0..100).map(|seed| outcome(seed, Duration::from_micros(50))).collect();
    assert!(interrupted.iter().all(|words| words.len() == 1), "a sync was over too soon: {interrupted:?}");
    assert!(interrupted.len() > 3, "lost, torn or kept: {interrupted:?}");
    assert!((0..20).all(|seed| outcome(seed, ms(1)) == ["synced", "8"]));
}

#[test]
fn a_slow_disk_takes_longer_to_sync() {
    let run = play(0, |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            let mut log = host.disk().open("log").unwrap();
            loop {
                log.sync().await.unwrap();
                diary.write(host, "synced");
            }
        });
        stage.sleep(ms(100)).await;
        let usual = diary.times("synced").len();
        stage.apply(Fault::SlowSync { host: HOST.into(), by: ms(1_000) });
        stage.sleep(ms(10_000)).await;
        let slow = diary.times("synced").len() - usual;
        stage.apply(Fault::SlowSync { host: HOST.into(), by: Duration::ZERO });
        stage.sleep(ms(1_100)).await;
        (usual, slow, diary.times("synced").len() - usual - slow)
    });
    let (usual, slow, usual_again) = run.value;
    assert!((100..1_000).contains(&usual) && (9..=11).contains(&slow) && usual_again > 100, "{:?}", run.value);
}

#[test]
fn a_replacement_is_the_old_file_or_the_new_one_whenever_the_power_goes() {
    let outcome = |seed: u64| {
        let run = play(seed, move |stage| async move {
            let diary = add(stage, HOST, async |host, diary| {
                let disk = host.disk();
                if host.boot() == 2 {
                    let left = disk.list("").unwrap();
                    let bytes = String::from_utf8(disk.read("state").unwrap()).unwrap();
                    return diary.write(host, format!("{left:?} {bytes}"));
                }
                disk.replace("state", b"old").await.unwrap();
                host.sleep_until(ms(10)).await;
                disk.replace("state", b"new").await.unwrap();
                diary.write(host, "done");
            });
            // Two syncs take 2 ms at most.
            stage.sleep(ms(10) + Duration::from_micros(seed % 50 * 50)).await;
            stage.apply(power_loss());
            stage.apply(boot());
            stage.sleep(ms(10)).await;
            diary.words().join(" ")
        });
        run.value
    };
    let outcomes: BTreeSet<_> = (0..300).map(outcome).collect();
    let legal = ["[\"state\"] old", "[\"state\"] new", "done [\"state\"] new"];
    assert_eq!(outcomes, legal.map(str::to_owned).into());
}

#[test]
fn a_full_disk_and_a_faulty_one_answer_errors_and_come_back_with_everything() {
    let run = play(0, |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            let mut log = host.disk().open("log").unwrap();
            loop {
                match log.append(b"1") {
                    Ok(()) => diary.write(host, log.len().unwrap().to_string()),
                    Err(error) => diary.write(host, error.kind().to_string()),
                }
                host.sleep(ms(1_000)).await;
            }
        });
        stage.sleep(ms(500)).await;
        for fault in [
            Fault::DiskFull { host: HOST.into(), on: true },
            Fault::DiskFull { host: HOST.into(), on: false },
            Fault::DiskError { host: HOST.into(), on: true },
            Fault::DiskError { host: HOST.into(), on: false },
        ] {
            stage.apply(fault);
            stage.sleep(ms(1_000)).await;
        }
        diary.words()
    });
    let io_error = std::io::Error::from_raw_os_error(5).kind().to_string();
    assert_eq!(run.value, ["1", "no storage space", "2", io_error.as_str(), "3"]);
}
