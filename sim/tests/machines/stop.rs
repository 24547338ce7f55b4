//! A stop is a request: goodbye, or the end after ten seconds.
use super::*;
use std::future::pending;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Writes down what it hears and how its connections end.
async fn listens(host: Host, diary: Diary) {
    let listener = host.listen(1).unwrap();
    while let Ok(mut stream) = listener.accept().await {
        let mut words = String::new();
        match stream.read_to_string(&mut words).await {
            Ok(_) => diary.write(host, format!("{words}, end")),
            Err(error) => diary.write(host, format!("{words}, {}", error.kind())),
        }
    }
}

#[test]
fn software_says_goodbye_and_its_connections_end_in_order() {
    let run = play(0, |stage| async move {
        let heard = add(stage, "peer", listens);
        let diary = add(stage, HOST, async |host, diary| {
            let mut stream = host.connect("peer", 1).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            host.stopping().await;
            diary.write(host, "asked");
            host.sleep(ms(2_000)).await;
            stream.write_all(b", goodbye").await.unwrap();
        });
        stage.sleep(ms(1_000)).await;
        stage.apply(stop());
        stage.sleep(ms(1_000)).await;
        assert!(stage.is_stopping(HOST));
        let before = heard.words();
        stage.sleep(ms(2_000)).await;
        (before, heard.words(), diary.pages(), stage.is_up(HOST))
    });
    let (before, heard, asked, up) = run.value;
    assert_eq!(before, [""; 0]);
    assert_eq!(heard, ["hello, goodbye, end"]);
    assert_eq!(asked, [(ms(1_000), "asked".to_owned())]);
    assert!(!up);
}

#[test]
fn what_will_not_stop_is_ended_after_ten_seconds() {
    let run = play(0, |stage| async move {
        let heard = add(stage, "peer", listens);
        let diary = add(stage, HOST, async |host, diary| {
            let mut stream = host.connect("peer", 1).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            loop {
                host.sleep(ms(1_000)).await;
                diary.write(host, "lives on");
            }
        });
        stage.sleep(ms(500)).await;
        stage.apply(stop());
        stage.sleep(ms(20_000)).await;
        (heard.words(), diary.times("lives on"))
    });
    assert_eq!(run.value.0, ["hello, end"]);
    let lived = run.value.1;
    assert!(lived.len() == 10 && lived.iter().all(|at| *at < ms(10_500)), "{lived:?}");
}

#[test]
fn every_task_that_waits_for_it_is_told_also_late() {
    let run = play(0, |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            for name in ["one", "two"] {
                let diary = diary.clone();
                host.spawn(async move {
                    host.stopping().await;
                    diary.write(host, name);
                });
            }
            host.sleep(ms(2_000)).await;
            host.stopping().await;
            diary.write(host, "main");
        });
        stage.sleep(ms(1_000)).await;
        stage.apply(stop());
        stage.sleep(ms(2_000)).await;
        diary.pages()
    });
    let told = [(1_000, "one"), (1_000, "two"), (2_000, "main")].map(|(at, name)| (ms(at), name.to_owned()));
    assert_eq!(run.value, told);
}

#[test]
fn a_boot_while_it_stops_ends_its_time_and_starts_it_unasked() {
    let run = play(0, |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            diary.write(host, format!("boot {}", host.boot()));
            host.stopping().await;
            diary.write(host, "asked");
            host.sleep(ms(2_000)).await;
            diary.write(host, "had its time");
        });
        stage.sleep(ms(1_000)).await;
        stage.apply(stop());
        stage.sleep(ms(1_000)).await;
        stage.apply(boot());
        stage.sleep(ms(20_000)).await;
        (diary.pages(), stage.is_up(HOST))
    });
    let (pages, up) = run.value;
    assert_eq!(
        pages,
        [(0, "boot 1"), (1_000, "asked"), (2_000, "boot 2")].map(|(at, words)| (ms(at), words.to_owned()))
    );
    assert!(up);
}

#[test]
fn a_main_future_that_ends_takes_the_other_tasks_with_it() {
    let run = play(0, |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            host.spawn(async move {
                loop {
                    host.sleep(ms(100)).await;
                    diary.write(host, "beat");
                }
            });
            host.sleep(ms(250)).await;
        });
        stage.sleep(ms(1_000)).await;
        (diary.times("beat"), stage.is_up(HOST))
    });
    assert_eq!(run.value, (vec![ms(100), ms(200)], false));
}

#[test]
fn its_destructors_may_still_act() {
    struct LastWords(Host);
    impl Drop for LastWords {
        fn drop(&mut self) {
            self.0.disk().open("grave").unwrap().append(b"in peace").unwrap();
        }
    }
    let run = play(0, |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            if host.boot() == 2 {
                return diary.write(host, String::from_utf8(host.disk().read("grave").unwrap()).unwrap());
            }
            let words = LastWords(host);
            host.spawn(async move {
                let _words = words;
                pending::<()>().await;
            });
            host.stopping().await;
        });
        stage.sleep(ms(10)).await;
        stage.apply(stop());
        stage.sleep(ms(10)).await;
        stage.apply(boot());
        stage.sleep(ms(10)).await;
        diary.words()
    });
    assert_eq!(run.value, ["in peace"]);
    assert_eq!(run.panics, []);
}
