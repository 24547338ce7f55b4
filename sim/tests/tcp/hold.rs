//! A hold keeps packets and loses none: TCP above it sees only latency.

use super::*;

/// One way between `east` and `west`, always the same.
const LATENCY: Duration = Duration::from_millis(10);

fn steady(world: Stage) {
    world.link("east", "west", Path { latency: (LATENCY, LATENCY), loss_ppm: 0, bandwidth: None });
}

fn hold_both_ways(world: Stage) {
    hold(world, "east", "west");
    hold(world, "west", "east");
}

fn release_both_ways(world: Stage) {
    release(world, "east", "west");
    release(world, "west", "east");
}

/// Plays a client that speaks to a sink; what each of them says is in a log of its own.
fn play<F, Fut>(words: &'static [(u32, &'static str)], script: F) -> (Log, Log)
where
    F: FnOnce(Stage) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let (heard, told) = (Log::default(), Log::default());
    let (at_server, at_client) = (heard.clone(), told.clone());
    run(1, move |world| async move {
        steady(world);
        sink(world, &at_server);
        speaker(world, &at_client, words);
        script(world).await;
    });
    (heard, told)
}

#[test]
fn held_bytes_arrive_in_order_at_the_release() {
    let (heard, _) = play(&[(2, "one"), (3, "two"), (5, "three")], |world| async move {
        world.sleep(SECOND).await;
        hold_both_ways(world);
        world.sleep(SECOND * 5).await;
        release_both_ways(world);
        world.sleep(SECOND).await;
    });
    assert_eq!(heard.words().concat(), "onetwothree");
    // No retransmission is waited for: the next one of the oldest would have left at 8.2 s.
    let first = heard.0.lock().unwrap()[0].0;
    assert_eq!(first, SECOND * 6 + LATENCY);
}

#[test]
fn what_is_under_way_when_a_hold_begins_is_kept_too() {
    let (heard, _) = play(&[(2, "late")], |world| async move {
        world.sleep(SECOND * 2 + LATENCY / 2).await;
        hold(world, "client", "server");
        world.sleep(SECOND * 2).await;
        release(world, "client", "server");
        world.sleep(SECOND).await;
    });
    assert_eq!(heard.when("late"), SECOND * 4 + LATENCY / 2 + LATENCY);
}

#[test]
fn a_hold_in_one_direction_holds_acks_only() {
    let (heard, told) = play(&[(2, "there")], |world| async move {
        world.sleep(SECOND).await;
        hold(world, "west", "east");
        world.sleep(SECOND * 200).await;
    });
    assert_eq!(heard.when("there"), SECOND * 2 + LATENCY);
    assert_eq!(told.when("timed out"), SECOND * 122);
}

#[test]
fn a_writer_out_of_credit_goes_on_when_the_held_acks_come() {
    let log = Log::default();
    let (at_server, at_client) = (log.clone(), log.clone());
    run(1, |world| async move {
        steady(world);
        sink(world, &at_server);
        client(world, move |host| {
            let said = at_client.clone();
            async move {
                let mut stream = connect(host).await;
                host.sleep(SECOND * 2).await;
                stream.write_all(&[b'x'; 100 * 1024]).await.unwrap();
                said.say(host, "written");
                host.sleep(SECOND * 60).await;
            }
        });
        world.sleep(SECOND).await;
        hold(world, "west", "east");
        world.sleep(SECOND * 9).await;
        release(world, "west", "east");
        world.sleep(SECOND * 5).await;
    });
    assert_eq!(log.when("written"), SECOND * 10 + LATENCY);
    let words = log.words();
    assert_eq!(words.iter().filter(|words| *words != "written").map(String::len).sum::<usize>(), 100 * 1024);
}

#[test]
fn holds_count() {
    let (heard, _) = play(&[(2, "word")], |world| async move {
        world.sleep(SECOND).await;
        hold(world, "east", "west");
        hold(world, "client", "server");
        hold(world, "east", "west");
        for seconds in [3, 4, 5] {
            world.sleep(SECOND * seconds - world.now()).await;
            match seconds {
                4 => release(world, "client", "server"),
                _ => release(world, "east", "west"),
            }
        }
        // One too many undoes nothing, now or later.
        release(world, "east", "west");
        world.sleep(SECOND).await;
    });
    assert_eq!(heard.when("word"), SECOND * 5 + LATENCY);
}

#[test]
fn a_hold_longer_than_the_time_out_ends_in_timed_out_at_the_sender_and_still_delivers() {
    let (heard, told) = play(&[(2, "first"), (60, "second")], |world| async move {
        world.sleep(SECOND).await;
        hold_both_ways(world);
        world.sleep(SECOND * 199).await;
        release_both_ways(world);
        world.sleep(SECOND * 10).await;
    });
    assert_eq!(told.when("timed out"), SECOND * 122);
    assert_eq!(heard.words().concat(), "firstsecond");
    assert_eq!(heard.0.lock().unwrap()[0].0, SECOND * 200 + LATENCY);
}

#[test]
fn a_hold_shorter_than_the_time_out_is_never_noticed_by_the_sender() {
    let (heard, told) = play(&[(2, "patience")], |world| async move {
        world.sleep(SECOND).await;
        hold_both_ways(world);
        world.sleep(SECOND * 120).await;
        release_both_ways(world);
        world.sleep(SECOND * 300).await;
    });
    assert_eq!(heard.words(), ["patience"]);
    assert_eq!(told.words(), ["connected"]);
}

#[test]
fn a_connect_during_a_hold_completes_at_the_release() {
    for (from, to) in [("east", "west"), ("west", "east")] {
        let (_, told) = play(&[], move |world| async move {
            hold(world, from, to);
            world.sleep(SECOND * 5).await;
            release(world, from, to);
            world.sleep(SECOND * 10).await;
        });
        // Neither SYN nor answer is sent again: the next SYN would leave at 7 s.
        let held_for = if from == "east" { LATENCY * 2 } else { LATENCY };
        assert_eq!(told.when("connected"), SECOND * 5 + held_for, "{from} -> {to}");
    }
}

#[test]
fn a_connect_during_a_hold_longer_than_its_time_out_fails_and_nothing_is_accepted_at_the_release() {
    let (heard, told) = play(&[(1, "hello")], |world| async move {
        hold_both_ways(world);
        world.sleep(SECOND * 150).await;
        release_both_ways(world);
        world.sleep(SECOND * 100).await;
    });
    assert_eq!(told.when("timed out"), SECOND * 127);
    assert!(heard.words().is_empty(), "{:?}", heard.words());
}

#[test]
fn the_last_step_of_a_handshake_waits_for_the_release_too() {
    let (heard, told) = play(&[(0, "hello")], |world| async move {
        // SYN and answer are through, the ACK is under way.
        world.sleep(LATENCY * 5 / 2).await;
        hold(world, "east", "west");
        world.sleep(SECOND * 5).await;
        release(world, "east", "west");
        world.sleep(SECOND).await;
    });
    assert_eq!(told.when("connected"), LATENCY * 2);
    assert_eq!(heard.when("hello"), SECOND * 5 + LATENCY * 7 / 2);
}

#[test]
fn a_fin_and_a_reset_wait_for_the_release() {
    for (unread, told) in [(false, "eof"), (true, "connection reset")] {
        let log = Log::default();
        let said = log.clone();
        run(1, move |world| async move {
            steady(world);
            world.host("server", "west", |host| async move {
                let listener = host.listen(9).unwrap();
                let stream = listener.accept().await.unwrap();
                host.sleep(SECOND * 1000).await;
                drop(stream);
            });
            speaker(world, &said, if unread { &[(1, "never read")] } else { &[] });
            world.sleep(SECOND * 2).await;
            hold(world, "west", "east");
            world.sleep(SECOND).await;
            world.apply(Fault::Crash { host: "server".into() });
            world.sleep(SECOND * 5).await;
            release(world, "west", "east");
            world.sleep(SECOND).await;
        });
        assert_eq!(log.when(told), SECOND * 8 + LATENCY, "unread: {unread}");
    }
}

#[test]
fn a_reset_does_not_overtake_the_bytes_that_were_held_with_it() {
    for seed in 0..50 {
        let log = Log::default();
        let said = log.clone();
        run(seed, move |world| async move {
            world.link("east", "west", Path { latency: (LATENCY, SECOND), loss_ppm: 0, bandwidth: None });
            world.host("server", "west", |host| async move {
                let listener = host.listen(9).unwrap();
                let mut stream = listener.accept().await.unwrap();
                host.sleep(SECOND * 10).await;
                stream.write_all(b"last words").await.unwrap();
            });
            client(world, move |host| {
                let said = said.clone();
                async move {
                    let mut stream = connect(host).await;
                    stream.write_all(b"never read").await.unwrap();
                    let mut words = [0; 10];
                    stream.read_exact(&mut words).await.unwrap();
                    said.say(host, String::from_utf8_lossy(&words));
                    said.say(host, stream.read(&mut words).await.unwrap_err().kind().to_string());
                }
            });
            world.sleep(SECOND * 9).await;
            hold(world, "west", "east");
            world.sleep(SECOND * 9).await;
            release(world, "west", "east");
            world.sleep(SECOND * 5).await;
        });
        assert_eq!(log.words(), ["last words", "connection reset"], "seed {seed}");
    }
}

#[test]
fn what_a_host_sent_before_it_lost_its_power_is_in_the_network_and_arrives() {
    let (heard, _) = play(&[(2, "my will")], |world| async move {
        world.sleep(SECOND).await;
        hold_both_ways(world);
        world.sleep(SECOND * 2).await;
        world.apply(Fault::PowerLoss { host: "client".into() });
        world.sleep(SECOND * 2).await;
        release_both_ways(world);
        world.sleep(SECOND * 10).await;
    });
    assert_eq!(heard.when("my will"), SECOND * 5 + LATENCY);
}

#[test]
fn a_cut_takes_what_a_hold_has_kept_and_only_a_retransmission_brings_it_back() {
    for (power_loss, arrives) in [(false, true), (true, false)] {
        let (heard, _) = play(&[(2, "word")], move |world| async move {
            world.sleep(SECOND).await;
            hold(world, "east", "west");
            world.sleep(SECOND * 2).await;
            cut(world, "east", "west");
            world.sleep(SECOND).await;
            heal(world, "east", "west");
            // The next retransmission leaves at 5 s.
            world.sleep(SECOND / 2).await;
            if power_loss {
                world.apply(Fault::PowerLoss { host: "client".into() });
            }
            world.sleep(SECOND * 5).await;
            release(world, "east", "west");
            world.sleep(SECOND * 60).await;
        });
        assert_eq!(heard.words().contains(&"word".to_owned()), arrives);
        if arrives {
            assert_eq!(heard.when("word"), SECOND * 19 / 2 + LATENCY);
        }
    }
}

#[test]
fn bytes_for_a_host_that_rebooted_during_the_hold_are_answered_with_a_reset_at_the_release() {
    let (heard, told) = play(&[(2, "anyone?")], |world| async move {
        world.sleep(SECOND).await;
        hold_both_ways(world);
        world.sleep(SECOND * 2).await;
        world.apply(Fault::PowerLoss { host: "server".into() });
        world.sleep(SECOND).await;
        world.apply(Fault::Boot { host: "server".into() });
        world.sleep(SECOND * 6).await;
        release_both_ways(world);
        world.sleep(SECOND * 5).await;
    });
    assert!(heard.words().is_empty(), "{:?}", heard.words());
    assert_eq!(told.when("connection reset"), SECOND * 10 + LATENCY * 2);
}

#[test]
fn acks_under_way_when_a_hold_begins_are_kept_too() {
    let (heard, told) = play(&[(2, "there")], |world| async move {
        world.sleep(SECOND * 2 + LATENCY * 3 / 2).await;
        hold(world, "west", "east");
        world.sleep(SECOND * 200).await;
    });
    assert_eq!(heard.when("there"), SECOND * 2 + LATENCY);
    assert_eq!(told.when("timed out"), SECOND * 122);
}

#[test]
fn a_frozen_receiver_does_not_make_the_network_forget_what_it_keeps() {
    let (heard, _) = play(&[(2, "word")], |world| async move {
        world.sleep(SECOND).await;
        hold(world, "east", "west");
        world.sleep(SECOND * 2).await;
        world.apply(Fault::Freeze { host: "server".into() });
        world.sleep(SECOND).await;
        world.apply(Fault::PowerLoss { host: "client".into() });
        release(world, "east", "west");
        world.sleep(SECOND).await;
        world.apply(Fault::Thaw { host: "server".into() });
        world.sleep(SECOND).await;
    });
    assert_eq!(heard.when("word"), SECOND * 5 + LATENCY);
}

#[test]
fn an_ack_that_a_cut_took_waits_for_the_retransmission_though_a_hold_ends_before() {
    let told = Log::default();
    let said = told.clone();
    let world = World::new(1).tcp_time_out(SECOND * 5 / 2);
    let run = world.run(move |world| async move {
        steady(world);
        sink(world, &Log::default());
        speaker(world, &said, &[(2, "word")]);
        world.sleep(SECOND * 2 + LATENCY / 2).await;
        cut(world, "west", "east");
        world.sleep(SECOND).await;
        hold(world, "east", "west");
        // The next retransmission leaves at 5 s.
        world.sleep(SECOND).await;
        heal(world, "west", "east");
        release(world, "east", "west");
        world.sleep(SECOND * 10).await;
    });
    run.unwrap();
    assert_eq!(told.when("timed out"), SECOND * 9 / 2);
}
