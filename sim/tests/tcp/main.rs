//! TCP as a program sees it, under every kind of trouble.
#![allow(clippy::unwrap_used, reason = "tests")]

mod any_schedule;
mod hold;
mod waiting;

use lizard_sim::{Fault, Host, Path, Run, Stage, Stream, World};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SECOND: Duration = Duration::from_secs(1);

/// What happened, said by software, read by the test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Duration, String)>>>);

impl Log {
    fn say(&self, host: Host, words: impl Into<String>) {
        self.0.lock().unwrap().push((host.now(), words.into()));
    }
    fn words(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, words)| words.clone()).collect()
    }
    fn when(&self, words: &str) -> Duration {
        let log = self.0.lock().unwrap();
        let found = log.iter().find(|(_, said)| said == words);
        found.unwrap_or_else(|| panic!("nobody said {words:?}: {log:?}")).0
    }
}

/// A server at `west` that reads to the end and says what it got.
fn sink(world: Stage, log: &Log) {
    let log = log.clone();
    world.host("server", "west", move |host| {
        let log = log.clone();
        async move {
            let listener = host.listen(9).unwrap();
            while let Ok(mut stream) = listener.accept().await {
                let log = log.clone();
                host.spawn(async move {
                    let mut buffer = [0; 4096];
                    loop {
                        match stream.read(&mut buffer).await {
                            Ok(0) => return log.say(host, "eof"),
                            Ok(count) => log.say(host, String::from_utf8_lossy(&buffer[..count])),
                            Err(error) => return log.say(host, error.kind().to_string()),
                        }
                    }
                });
            }
        }
    });
}

fn cut(world: Stage, from: &str, to: &str) {
    world.apply(Fault::Cut { from: from.into(), to: to.into() });
}

fn heal(world: Stage, from: &str, to: &str) {
    world.apply(Fault::Heal { from: from.into(), to: to.into() });
}

fn hold(world: Stage, from: &str, to: &str) {
    world.apply(Fault::Hold { from: from.into(), to: to.into() });
}

fn release(world: Stage, from: &str, to: &str) {
    world.apply(Fault::Release { from: from.into(), to: to.into() });
}

fn run<F, Fut>(seed: u64, script: F) -> Run<()>
where
    F: FnOnce(Stage) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    World::new(seed).run(script).unwrap()
}

/// Runs a client at `east` against whatever the script has set up.
fn client<F, Fut>(world: Stage, software: F)
where
    F: Fn(Host) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    world.host("client", "east", software);
}

/// A client at `east` that connects at once, says each of these at its second, and then waits for an answer: `eof` or
/// the error.
fn speaker(world: Stage, log: &Log, words: &'static [(u32, &'static str)]) {
    let log = log.clone();
    client(world, move |host| {
        let log = log.clone();
        async move {
            let mut stream = match host.connect("server", 9).await {
                Ok(stream) => stream,
                Err(error) => return log.say(host, error.kind().to_string()),
            };
            log.say(host, "connected");
            for (second, word) in words {
                host.sleep((SECOND * *second).saturating_sub(host.now())).await;
                stream.write_all(word.as_bytes()).await.unwrap();
            }
            match stream.read(&mut [0]).await {
                Ok(_) => log.say(host, "eof"),
                Err(error) => log.say(host, error.kind().to_string()),
            }
        }
    });
}

async fn connect(host: Host) -> Stream {
    host.connect("server", 9).await.unwrap()
}

#[test]
fn nobody_listening_refuses_after_one_round_trip() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        world.host("server", "west", |host| async move { host.stopping().await });
        client(world, move |host| {
            let said = said.clone();
            async move {
                let error = host.connect("server", 9).await.unwrap_err();
                said.say(host, error.kind().to_string());
                let error = host.connect("nobody", 9).await.unwrap_err();
                said.say(host, error.kind().to_string());
            }
        });
        world.sleep(SECOND).await;
    });
    assert_eq!(log.words(), ["connection refused", "entity not found"]);
    let refused = log.when("connection refused");
    assert!(refused >= Duration::from_millis(20) && refused <= Duration::from_millis(40), "{refused:?}");
}

#[test]
fn a_host_without_power_answers_nothing_and_the_connect_times_out_after_127_seconds() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        sink(world, &Log::default());
        world.apply(Fault::PowerLoss { host: "server".into() });
        client(world, move |host| {
            let said = said.clone();
            async move {
                let error = host.connect("server", 9).await.unwrap_err();
                said.say(host, error.kind().to_string());
            }
        });
        world.sleep(SECOND * 200).await;
    });
    assert_eq!(log.when("timed out"), SECOND * 127);
}

#[test]
fn a_repeated_syn_gets_through_once_the_cut_is_healed() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        sink(world, &Log::default());
        world.site("east", Path::default());
        cut(world, "east", "west");
        client(world, move |host| {
            let said = said.clone();
            async move {
                connect(host).await;
                said.say(host, "connected");
            }
        });
        world.sleep(SECOND * 5).await;
        heal(world, "east", "west");
        world.sleep(SECOND * 5).await;
    });
    // SYNs leave at 0, 1, 3 and 7 s; the cut ends at 5 s.
    let connected = log.when("connected");
    assert!(connected > SECOND * 7 && connected < SECOND * 7 + SECOND / 10, "{connected:?}");
}

#[test]
fn a_cut_shorter_than_the_time_out_only_delays() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        sink(world, &said);
        client(world, |host| async move {
            let mut stream = connect(host).await;
            host.sleep(SECOND).await;
            stream.write_all(b"one").await.unwrap();
            host.sleep(SECOND * 10).await;
            stream.write_all(b"two").await.unwrap();
            host.sleep(SECOND * 200).await;
        });
        world.sleep(SECOND * 6).await;
        cut(world, "east", "west");
        cut(world, "west", "east");
        world.sleep(SECOND * 100).await;
        heal(world, "east", "west");
        heal(world, "west", "east");
        world.sleep(SECOND * 60).await;
    });
    assert_eq!(log.words(), ["one", "two"]);
    // Retransmissions are at most 30 s apart.
    assert!(log.when("two") >= SECOND * 106 && log.when("two") <= SECOND * 137, "{:?}", log.when("two"));
}

#[test]
fn a_cut_longer_than_the_time_out_ends_in_timed_out_at_the_sender_even_if_it_only_reads() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        sink(world, &Log::default());
        client(world, move |host| {
            let said = said.clone();
            async move {
                let mut stream = connect(host).await;
                host.sleep(SECOND * 3).await;
                said.say(host, "sent");
                stream.write_all(b"into the void").await.unwrap();
                let error = stream.read_u8().await.unwrap_err();
                said.say(host, error.kind().to_string());
            }
        });
        world.sleep(SECOND).await;
        cut(world, "client", "server");
        world.sleep(SECOND * 200).await;
    });
    assert_eq!(log.when("timed out") - log.when("sent"), SECOND * 120);
}

#[test]
fn in_a_one_way_cut_data_arrives_and_acks_do_not() {
    let log = Log::default();
    let (at_server, at_client) = (log.clone(), log.clone());
    run(1, |world| async move {
        sink(world, &at_server);
        client(world, move |host| {
            let said = at_client.clone();
            async move {
                let mut stream = connect(host).await;
                host.sleep(SECOND * 3).await;
                stream.write_all(b"hello").await.unwrap();
                let error = stream.read_u8().await.unwrap_err();
                said.say(host, error.kind().to_string());
            }
        });
        world.sleep(SECOND).await;
        cut(world, "west", "east");
        world.sleep(SECOND * 200).await;
    });
    assert_eq!(log.words(), ["hello", "timed out"]);
    assert!(log.when("hello") < SECOND * 4);
}

#[test]
fn half_close_lets_the_other_direction_go_on() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        world.host("server", "west", |host| async move {
            let listener = host.listen(9).unwrap();
            let mut stream = listener.accept().await.unwrap();
            let mut question = String::new();
            stream.read_to_string(&mut question).await.unwrap();
            stream.write_all(format!("{question}? yes").as_bytes()).await.unwrap();
        });
        client(world, move |host| {
            let said = said.clone();
            async move {
                let mut stream = connect(host).await;
                stream.write_all(b"half").await.unwrap();
                stream.shutdown().await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                said.say(host, answer);
                let error = stream.write_all(b"more").await.unwrap_err();
                said.say(host, error.kind().to_string());
            }
        });
        world.sleep(SECOND * 10).await;
    });
    assert_eq!(log.words(), ["half? yes", "broken pipe"]);
}

#[test]
fn a_slow_reader_holds_the_writer_back() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        world.host("server", "west", |host| async move {
            let listener = host.listen(9).unwrap();
            let mut stream = listener.accept().await.unwrap();
            let mut buffer = vec![0; 1024];
            loop {
                stream.read_exact(&mut buffer).await.unwrap();
                host.sleep(SECOND / 10).await;
            }
        });
        client(world, move |host| {
            let said = said.clone();
            async move {
                let mut stream = connect(host).await;
                for _ in 0..100 {
                    stream.write_all(&[7; 1024]).await.unwrap();
                }
                said.say(host, "written");
                host.sleep(SECOND * 60).await;
            }
        });
        world.sleep(SECOND * 60).await;
    });
    // 64 KiB fit the window; the other 36 wait for ten reads a second.
    let written = log.when("written");
    assert!(written > SECOND * 3 && written < SECOND * 5, "{written:?}");
}

#[test]
fn bandwidth_spreads_a_burst_over_time() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        let path = Path { latency: (SECOND / 100, SECOND / 100), loss_ppm: 0, bandwidth: Some(80_000) };
        world.link("east", "west", path);
        sink(world, &said);
        client(world, |host| async move {
            let mut stream = connect(host).await;
            for _ in 0..20 {
                stream.write_all(&[b'x'; 1000]).await.unwrap();
            }
            drop(stream);
            host.sleep(SECOND * 10).await;
        });
        world.sleep(SECOND * 10).await;
    });
    // 20,000 bytes at 10,000 a second.
    let end = log.when("eof");
    assert!(end >= SECOND * 2 && end < SECOND * 2 + SECOND / 10, "{end:?}");
}

#[test]
fn power_loss_is_silent_until_the_peer_speaks_and_a_rebooted_host_resets() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        sink(world, &Log::default());
        client(world, move |host| {
            let said = said.clone();
            async move {
                let mut stream = connect(host).await;
                let mut byte = [0];
                let quiet = tokio::time::timeout(SECOND * 50, stream.read(&mut byte)).await;
                said.say(host, if quiet.is_err() { "quiet" } else { "told" });
                stream.write_all(b"anyone?").await.unwrap();
                let error = stream.read(&mut byte).await.unwrap_err();
                said.say(host, error.kind().to_string());
            }
        });
        world.sleep(SECOND).await;
        world.apply(Fault::PowerLoss { host: "server".into() });
        world.sleep(SECOND * 20).await;
        world.apply(Fault::Boot { host: "server".into() });
        world.sleep(SECOND * 100).await;
    });
    assert_eq!(log.words(), ["quiet", "connection reset"]);
    assert!(log.when("connection reset") - log.when("quiet") < SECOND);
}

#[test]
fn a_host_that_stays_off_lets_the_sender_time_out() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        sink(world, &Log::default());
        speaker(world, &said, &[(2, "anyone?")]);
        world.sleep(SECOND).await;
        world.apply(Fault::PowerLoss { host: "server".into() });
        world.sleep(SECOND * 200).await;
    });
    assert_eq!(log.when("timed out"), SECOND * 122);
}

#[test]
fn a_reboot_while_bytes_are_unacknowledged_resets_at_the_next_retransmission() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        sink(world, &Log::default());
        speaker(world, &said, &[(2, "anyone?")]);
        world.sleep(SECOND).await;
        world.apply(Fault::PowerLoss { host: "server".into() });
        world.sleep(SECOND * 9).await;
        world.apply(Fault::Boot { host: "server".into() });
        world.sleep(SECOND * 100).await;
    });
    let reset = log.when("connection reset");
    assert!(reset > SECOND * 10 && reset < SECOND * 20, "{reset:?}");
}

#[test]
fn a_crash_is_told_by_fin_or_by_rst_when_bytes_were_unread() {
    for (unread, told) in [(false, "eof"), (true, "connection reset")] {
        let log = Log::default();
        let said = log.clone();
        run(1, move |world| async move {
            world.host("server", "west", |host| async move {
                let listener = host.listen(9).unwrap();
                let stream = listener.accept().await.unwrap();
                host.sleep(SECOND * 1000).await;
                drop(stream);
            });
            client(world, move |host| {
                let said = said.clone();
                async move {
                    let mut stream = connect(host).await;
                    if unread {
                        stream.write_all(b"never read").await.unwrap();
                    }
                    match stream.read(&mut [0]).await {
                        Ok(0) => said.say(host, "eof"),
                        Ok(_) => said.say(host, "bytes"),
                        Err(error) => said.say(host, error.kind().to_string()),
                    }
                }
            });
            world.sleep(SECOND).await;
            world.apply(Fault::Crash { host: "server".into() });
            world.sleep(SECOND).await;
        });
        assert_eq!(log.words(), [told], "unread: {unread}");
        assert!(log.when(told) < SECOND + SECOND / 10);
    }
}

#[test]
fn giving_up_on_a_connect_leaves_nothing_to_accept() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        sink(world, &said);
        client(world, |host| async move {
            let hasty = tokio::time::timeout(Duration::from_millis(3), host.connect("server", 9)).await;
            assert!(hasty.is_err());
            host.sleep(SECOND * 10).await;
        });
        world.sleep(SECOND * 10).await;
    });
    assert!(log.words().is_empty(), "{:?}", log.words());
}

#[test]
fn loss_and_jitter_delay_bytes_and_never_reorder_them() {
    for seed in 0..20 {
        let log = Log::default();
        let said = log.clone();
        run(seed, |world| async move {
            let path = Path {
                latency: (Duration::from_millis(1), Duration::from_millis(300)),
                loss_ppm: 200_000,
                bandwidth: None,
            };
            world.link("east", "west", path);
            sink(world, &said);
            client(world, |host| async move {
                let mut stream = connect(host).await;
                for letter in b'a'..=b'z' {
                    stream.write_all(&[letter]).await.unwrap();
                    host.sleep(Duration::from_millis(20)).await;
                }
            });
            world.sleep(SECOND * 300).await;
        });
        let words = log.words();
        let (end, letters) = words.split_last().unwrap();
        assert_eq!(letters.concat(), "abcdefghijklmnopqrstuvwxyz");
        assert_eq!(end, "eof");
    }
}

#[test]
fn an_impairment_and_a_new_link_slow_a_connection_that_is_open_already() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        let exactly =
            |seconds: u64| Path { latency: (SECOND * seconds as u32, SECOND * seconds as u32), ..Path::default() };
        let impair = |path| world.apply(Fault::Impair { at: "server".into(), path });
        sink(world, &said);
        speaker(
            world,
            &said,
            &[(10, "at once"), (20, "impaired"), (30, "again at once"), (40, "a long link"), (60, "")],
        );
        world.sleep_until(SECOND * 15).await;
        impair(exactly(3));
        world.sleep_until(SECOND * 25).await;
        impair(Path::default());
        world.sleep_until(SECOND * 35).await;
        world.link("east", "west", exactly(5));
        world.sleep_until(SECOND * 60).await;
    });
    let arrival = |words| log.when(words).as_secs();
    let arrivals = ["at once", "impaired", "again at once", "a long link"].map(arrival);
    assert_eq!(arrivals, [10, 23, 30, 45]);
}

#[test]
fn the_second_listener_on_a_port_is_told_so() {
    let log = Log::default();
    let said = log.clone();
    run(1, |world| async move {
        world.host("server", "west", move |host| {
            let said = said.clone();
            async move {
                let first = host.listen(9).unwrap();
                assert_eq!(host.listen(9).unwrap_err().kind(), ErrorKind::AddrInUse);
                drop(first);
                host.listen(9).unwrap();
                said.say(host, "again");
            }
        });
        world.sleep(SECOND).await;
    });
    assert_eq!(log.words(), ["again"]);
}
