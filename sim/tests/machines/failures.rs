//! What software does wrong is named.
use super::*;
use lizard_sim::WorldError;
use std::future::{pending, poll_fn};
use std::task::Poll;

fn world_error<S, Fut>(software: S) -> WorldError
where
    S: Fn(Host) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let run = World::new(0).run(move |stage| async move {
        add(stage, "bystander", async |host, _| {
            loop {
                host.sleep(ms(10)).await;
            }
        });
        stage.host(HOST, HOST, software);
        stage.sleep(ms(10_000)).await;
    });
    run.expect_err("the world must fail")
}

#[test]
fn a_panic_is_an_event_after_which_only_its_host_is_down() {
    let run = play(0, |stage| async move {
        let bystander = add(stage, "bystander", async |host, diary| {
            loop {
                host.sleep(ms(1_000)).await;
                diary.write(host, "lives");
            }
        });
        let diary = add(stage, HOST, async |host, diary| {
            diary.write(host, format!("boot {}", host.boot()));
            let mut log = host.disk().open("log").unwrap();
            diary.write(host, format!("{} bytes", log.len().unwrap()));
            log.append(b"12").unwrap();
            host.spawn({
                let diary = diary.clone();
                async move {
                    host.sleep(ms(600)).await;
                    diary.write(host, "must not happen");
                }
            });
            host.sleep(ms(500)).await;
            panic!("the {}th panic", host.boot());
        });
        stage.sleep(ms(1_000)).await;
        assert!(!stage.is_up(HOST));
        assert!(stage.is_up("bystander"));
        stage.apply(boot());
        stage.sleep(ms(1_500)).await;
        (diary.words(), bystander.words())
    });
    // The page cache survives, as in a crash.
    assert_eq!(run.value.0, ["boot 1", "0 bytes", "boot 2", "2 bytes"]);
    assert_eq!(run.value.1, ["lives", "lives"]);
    let panics: Vec<_> =
        run.panics.iter().map(|panic| (panic.at, panic.host.as_str(), panic.message.as_str())).collect();
    assert_eq!(panics, [(ms(500), HOST, "the 1th panic"), (ms(1_500), HOST, "the 2th panic")]);
}

#[test]
fn a_panic_in_any_task_brings_the_whole_host_down() {
    let run = play(0, |stage| async move {
        add(stage, HOST, async |host, _| {
            host.spawn(async move {
                host.sleep(ms(5)).await;
                "ten".parse::<u32>().expect("a number");
            });
            pending().await
        });
        stage.sleep(ms(10)).await;
        stage.is_up(HOST)
    });
    assert!(!run.value);
    assert_eq!(run.panics.len(), 1);
    assert_eq!(run.panics[0].message, "a number: ParseIntError { kind: InvalidDigit }");
}

#[test]
fn a_panic_of_the_script_ends_the_world() {
    let run = World::new(0).run(|stage| async move {
        stage.sleep(ms(1)).await;
        panic!("a slip of the pen");
    });
    assert_eq!(run.expect_err("the script panicked"), WorldError::Script("a slip of the pen".into()));
}

#[test]
fn a_script_that_waits_for_nothing_is_a_deadlock() {
    let run = World::new(0).run(|stage| async move {
        add(stage, HOST, async |_, _| pending().await);
        pending::<()>().await
    });
    assert_eq!(run.expect_err("nothing can happen"), WorldError::Deadlock);
}

#[test]
fn a_task_that_never_rests_is_a_livelock() {
    let error = world_error(async |host| {
        host.sleep(ms(7)).await;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        })
        .await;
    });
    assert_eq!(error, WorldError::Livelock { host: HOST.into(), at: ms(7) });
}

#[test]
fn two_tasks_that_wake_each_other_for_ever_are_a_livelock() {
    let error = world_error(async |host| {
        let (to, mut from) = tokio::sync::mpsc::unbounded_channel();
        let (back, mut forth) = tokio::sync::mpsc::unbounded_channel();
        host.spawn(async move {
            while from.recv().await.is_some() {
                back.send(()).unwrap();
            }
        });
        to.send(()).unwrap();
        while forth.recv().await.is_some() {
            to.send(()).unwrap();
        }
    });
    assert_eq!(error, WorldError::Livelock { host: HOST.into(), at: Duration::ZERO });
}

#[test]
fn a_task_may_be_polled_thousands_of_times_at_one_instant() {
    let run = play(0, |stage| async move {
        let diary = add(stage, HOST, async |host, diary| {
            for _ in 0..9_000 {
                tokio::task::yield_now().await;
            }
            diary.write(host, "done");
            host.sleep(ms(1)).await;
            for _ in 0..9_000 {
                tokio::task::yield_now().await;
            }
            diary.write(host, "done");
        });
        stage.sleep(ms(2)).await;
        diary.pages()
    });
    assert_eq!(run.value, [(Duration::ZERO, "done".to_owned()), (ms(1), "done".to_owned())]);
}

/// Only this build hears of strays.
#[cfg(tokio_unstable)]
mod strays {
    use super::*;

    #[test]
    fn one_that_never_rests_is_a_livelock_of_its_host() {
        let error = world_error(async |host| {
            host.sleep(ms(7)).await;
            #[allow(clippy::disallowed_methods, reason = "what must be noticed")]
            let stray = tokio::spawn(async {
                loop {
                    tokio::task::yield_now().await;
                }
            });
            drop(stray);
        });
        assert_eq!(error, WorldError::Livelock { host: HOST.into(), at: ms(7) });
    }

    #[test]
    fn a_world_that_refuses_them_names_host_and_place_also_when_a_stray_strays() {
        let run = World::new(0).refuse_strays().run(|stage| async move {
            add(stage, HOST, async |host, _| {
                #[allow(clippy::disallowed_methods, reason = "what must be noticed")]
                let stray = tokio::spawn(async {});
                drop(stray);
                host.sleep(ms(7)).await;
            });
            stage.sleep(ms(10)).await;
        });
        let WorldError::Stray { host, place } = run.expect_err("it strays") else { panic!("another error") };
        assert_eq!(host, HOST);
        assert!(place.contains("failures.rs"), "{place}");
    }
}
#[test]
fn a_thread_of_its_own_fails_the_run_and_names_the_host() {
    let error = world_error(async |host| {
        host.sleep(ms(7)).await;
        #[allow(clippy::disallowed_methods, reason = "what must be noticed")]
        let thread = std::thread::spawn(|| ());
        thread.join().unwrap();
        host.sleep(ms(7)).await;
    });
    let WorldError::ForeignThread { host, at, .. } = error else { panic!("{error}") };
    assert_eq!((host.as_str(), at), (HOST, ms(7)));
}

#[test]
fn blocking_work_fails_the_run_and_names_the_host() {
    let error = world_error(async |host| {
        host.sleep(ms(7)).await;
        #[allow(clippy::disallowed_methods, reason = "what must be noticed")]
        let work = tokio::task::spawn_blocking(|| 42);
        let _ = work.await;
        host.sleep(ms(7)).await;
    });
    let WorldError::ForeignThread { host, at, .. } = error else { panic!("{error}") };
    assert_eq!((host.as_str(), at), (HOST, ms(7)));
}

#[test]
fn a_wake_from_another_thread_fails_the_run_and_names_the_host() {
    let (wake, woken) = tokio::sync::oneshot::channel();
    let (ask, asked) = std::sync::mpsc::channel::<()>();
    let (answer, answered) = std::sync::mpsc::channel::<()>();
    #[allow(clippy::disallowed_methods, reason = "the thread outside of the world")]
    let outside = std::thread::spawn(move || {
        asked.recv().unwrap();
        wake.send(()).unwrap();
        answer.send(()).unwrap();
    });
    let parts = Mutex::new(Some((woken, ask, answered)));
    let error = world_error(move |host| {
        let (woken, ask, answered) = parts.lock().unwrap().take().expect("there is one boot");
        async move {
            host.spawn(woken);
            host.sleep(ms(7)).await;
            ask.send(()).unwrap();
            answered.recv().unwrap();
            pending().await
        }
    });
    outside.join().unwrap();
    let WorldError::ForeignThread { host, at, .. } = error else { panic!("{error}") };
    assert_eq!((host.as_str(), at), (HOST, ms(7)));
}
