//! A frozen host does nothing; then it goes on where it was.
use super::*;
use lizard_sim::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The times at which a timer of one second fires; the machine is frozen from 2.5 s to 7.2 s.
fn ticks(by_tokio: bool) -> Vec<Duration> {
    let run = play(0, move |stage| async move {
        let diary = add(stage, HOST, move |host, diary| async move {
            loop {
                if by_tokio {
                    tokio::time::sleep(ms(1_000)).await;
                } else {
                    host.sleep(ms(1_000)).await;
                }
                diary.write(host, "tick");
            }
        });
        stage.sleep(ms(2_500)).await;
        stage.apply(freeze());
        assert!(stage.is_up(HOST));
        stage.sleep_until(ms(7_200)).await;
        stage.apply(thaw());
        stage.sleep_until(ms(9_500)).await;
        diary.times("tick")
    });
    run.value
}

#[test]
fn its_timers_fire_late() {
    assert_eq!(ticks(false), [ms(1_000), ms(2_000), ms(7_200), ms(8_200), ms(9_200)]);
}

#[test]
fn its_tokio_timers_fire_late_too() {
    assert_eq!(ticks(true), [ms(1_000), ms(2_000), ms(7_200), ms(8_200), ms(9_200)]);
}

/// Serves one connection after another, and writes down what it hears.
async fn listens(host: Host, diary: Diary) {
    let listener = host.listen(1).unwrap();
    while let Ok(mut stream) = listener.accept().await {
        diary.write(host, "accepted");
        while let Ok(byte) = stream.read_u8().await {
            diary.write(host, format!("heard {byte}"));
        }
    }
}

/// Says one number a second.
async fn talks(host: Host, diary: Diary) {
    let mut stream = host.connect(HOST, 1).await.unwrap();
    diary.write(host, "connected");
    for number in 0.. {
        if let Err(error) = stream.write_u8(number).await {
            return diary.write(host, error.kind().to_string());
        }
        host.sleep(ms(1_000)).await;
    }
}

#[test]
fn packets_wait_for_it_and_come_in_order() {
    let run = play(0, |stage| async move {
        let heard = add(stage, HOST, listens);
        add(stage, "talker", talks);
        stage.sleep(ms(2_500)).await;
        stage.apply(freeze());
        stage.sleep_until(ms(7_200)).await;
        let before = heard.words();
        stage.apply(thaw());
        stage.sleep_until(ms(7_900)).await;
        (before, heard)
    });
    let (before, heard) = run.value;
    assert_eq!(before, ["accepted", "heard 0", "heard 1", "heard 2"]);
    let late: Vec<_> = heard.pages().split_off(before.len());
    let words: Vec<_> = late.iter().map(|(_, words)| words.as_str()).collect();
    assert_eq!(words, ["heard 3", "heard 4", "heard 5", "heard 6", "heard 7"]);
    assert!(late[..5].iter().all(|(at, _)| (ms(7_200)..ms(7_250)).contains(at)), "at once: {late:?}");
}

/// When the talker's connect and the machine's accept return, with one of the two frozen until 5 s.
fn connected_and_accepted(frozen: &'static str, from: Duration) -> (Vec<Duration>, Vec<Duration>) {
    let run = play(0, move |stage| async move {
        stage.link(HOST, "talker", Path { latency: (ms(20), ms(20)), ..Path::default() });
        let heard = add(stage, HOST, listens);
        let talker = add(stage, "talker", talks);
        stage.sleep_until(from).await;
        stage.apply(Fault::Freeze { host: frozen.into() });
        stage.sleep_until(ms(5_000)).await;
        stage.apply(Fault::Thaw { host: frozen.into() });
        stage.sleep_until(ms(5_100)).await;
        (talker.times("connected"), heard.times("accepted"))
    });
    run.value
}

#[test]
fn who_connects_to_it_waits() {
    // The SYN is under way, and waits.
    assert_eq!(connected_and_accepted(HOST, ms(10)), (vec![ms(5_020)], vec![ms(5_040)]));
    // The handshake's last packet is under way.
    assert_eq!(connected_and_accepted(HOST, ms(50)), (vec![ms(40)], vec![ms(5_000)]));
}

#[test]
fn its_own_connect_waits() {
    // The answer is under way, and waits.
    assert_eq!(connected_and_accepted("talker", ms(30)), (vec![ms(5_000)], vec![ms(5_020)]));
    // Its first SYN was on its way already.
    assert_eq!(connected_and_accepted("talker", ms(10)), (vec![ms(5_000)], vec![ms(5_020)]));
}

#[test]
fn a_sender_gives_up_on_one_that_stays_frozen() {
    let run = play(0, |stage| async move {
        add(stage, HOST, listens);
        let talker = add(stage, "talker", talks);
        stage.sleep(ms(2_500)).await;
        stage.apply(freeze());
        stage.sleep(Duration::from_secs(180)).await;
        talker.times("timed out")
    });
    let [at] = run.value[..] else { panic!("{:?}", run.value) };
    assert!(at >= ms(122_500) && at <= ms(155_000), "{at:?}");
}

#[test]
fn a_crash_or_power_loss_ends_it_for_good() {
    for fault in [crash, power_loss] {
        let run = play(0, move |stage| async move {
            let diary = add(stage, HOST, async |host, diary| {
                host.sleep(ms(1_000)).await;
                diary.write(host, format!("boot {} woke", host.boot()));
            });
            stage.sleep(ms(500)).await;
            stage.apply(freeze());
            stage.sleep(ms(1_000)).await;
            stage.apply(fault());
            assert!(!stage.is_up(HOST));
            stage.apply(thaw());
            stage.sleep(ms(1_000)).await;
            stage.apply(boot());
            stage.sleep(ms(2_000)).await;
            diary.pages()
        });
        assert_eq!(run.value, [(ms(3_500), "boot 2 woke".to_owned())], "a new boot is not frozen");
    }
}

#[test]
fn its_time_to_stop_runs_on() {
    let said_when_thawed_after = |frozen_for| {
        let run = play(0, move |stage| async move {
            let diary = add(stage, HOST, async |host, diary| {
                host.stopping().await;
                diary.write(host, "goodbye");
            });
            stage.sleep(ms(1_000)).await;
            stage.apply(freeze());
            stage.apply(stop());
            stage.sleep(frozen_for).await;
            stage.apply(thaw());
            stage.sleep(ms(1_000)).await;
            diary.pages()
        });
        run.value
    };
    assert_eq!(said_when_thawed_after(ms(9_000)), [(ms(10_000), "goodbye".to_owned())]);
    assert_eq!(said_when_thawed_after(ms(11_000)), []);
}
