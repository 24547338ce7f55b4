#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "what they answer is what is tested")]
use super::*;
use rand::RngExt as _;
use std::collections::HashSet;
use std::thread;

/// The monotonic clock and the wall clock that the tests set, in ns.
const CLOCKS: (u64, u64) = (90_000_000_017, 1_618_862_490_000_000_023);

/// Runs `software` on a fresh thread bent to `seed`.
fn on_bent_thread<T: Send + 'static>(seed: u64, software: impl FnOnce() -> T + Send + 'static) -> T {
    let bent = move || {
        let _bend = Bend::new(seed).expect("this thread is fresh");
        set_clocks(CLOCKS.0, CLOCKS.1);
        software()
    };
    thread::spawn(bent).join().expect("the software does not panic")
}

/// Everything that software can ask the operating system, asked in the way in which software asks it.
#[derive(Debug, PartialEq)]
struct Asked {
    set_order: Vec<u32>,
    thread_rng: u64,
    uuid: uuid::Uuid,
    getrandom: [u8; 7],
    getentropy: [u8; 7],
    since_start: Duration,
    wall_clock: SystemTime,
}

fn ask_everything(started: Instant) -> Asked {
    let (mut getrandom, mut getentropy) = ([0; 7], [0; 7]);
    // SAFETY: the buffers are as long as said.
    unsafe {
        #[cfg(target_os = "linux")]
        assert_eq!(libc::getrandom(getrandom.as_mut_ptr().cast(), 7, 0), 7);
        assert_eq!(libc::getentropy(getentropy.as_mut_ptr().cast(), 7), 0);
    }
    Asked {
        set_order: (0..100).collect::<HashSet<_>>().into_iter().collect(),
        thread_rng: rand::rng().random(),
        uuid: uuid::Uuid::new_v4(),
        getrandom,
        getentropy,
        since_start: started.elapsed(),
        wall_clock: SystemTime::now(),
    }
}

fn ask_on_bent_thread(seed: u64) -> Asked {
    on_bent_thread(seed, || {
        set_clocks(0, 0);
        let started = Instant::now();
        set_clocks(CLOCKS.0, CLOCKS.1);
        ask_everything(started)
    })
}

/// The next bytes of OS randomness on this thread.
fn draw<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // SAFETY: the buffer is as long as said.
    assert_eq!(unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), N) }, 0);
    bytes
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).expect("below a second"))
}

#[test]
fn a_seed_answers_everything_software_asks_the_same_on_every_thread() {
    let first = ask_on_bent_thread(7);
    assert_eq!(first, ask_on_bent_thread(7));
    assert_eq!(first.since_start, Duration::from_nanos(CLOCKS.0));
    assert_eq!(first.wall_clock, SystemTime::UNIX_EPOCH + Duration::from_nanos(CLOCKS.1));
}

#[test]
fn another_seed_answers_otherwise() {
    let (seven, eight) = (ask_on_bent_thread(7), ask_on_bent_thread(8));
    assert_ne!(seven.set_order, eight.set_order);
    assert_ne!(seven.thread_rng, eight.thread_rng);
    assert_ne!(seven.uuid, eight.uuid);
    assert_ne!(seven.getentropy, eight.getentropy);
}

#[test]
fn other_threads_keep_real_randomness_and_real_time_while_one_is_bent() {
    on_bent_thread(7, || {
        let others = [0; 2].map(|_| {
            let asked = thread::spawn(|| {
                let started = Instant::now();
                thread::sleep(Duration::from_millis(2));
                (ask_everything(started), unseen_now())
            });
            asked.join().expect("asking does not panic")
        });
        for (asked, now) in &others {
            assert!((Duration::from_millis(2)..Duration::from_mins(2)).contains(&asked.since_start), "{asked:?}");
            let wall = asked.wall_clock.duration_since(SystemTime::UNIX_EPOCH).expect("after the epoch");
            assert!(wall.as_secs().abs_diff(*now) <= 2, "{wall:?} is not {now}");
        }
        let [(one, _), (other, _)] = &others;
        assert_ne!(one.set_order, other.set_order);
        assert_ne!(one.thread_rng, other.thread_rng);
        assert_ne!(one.getentropy, other.getentropy);
        #[cfg(target_os = "linux")]
        assert_ne!(one.getrandom, other.getrandom);
    });
}

/// The real time by a function that is not interposed, in s since the epoch.
fn unseen_now() -> u64 {
    // SAFETY: null asks for the answer alone.
    unsafe { libc::time(std::ptr::null_mut()) }.cast_unsigned()
}

#[test]
fn a_thread_is_real_again_once_the_bend_is_dropped() {
    let now = thread::spawn(|| {
        drop(Bend::new(7).expect("this thread is fresh"));
        (draw::<32>(), SystemTime::now())
    });
    let (drawn, at) = now.join().expect("does not panic");
    assert_ne!(drawn, on_bent_thread(7, draw));
    assert!(at > SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), "{at:?}");
}

#[test]
fn a_thread_is_real_again_after_an_unwinding() {
    let at = thread::spawn(|| {
        let unwound = std::panic::catch_unwind(|| {
            let _bend = Bend::new(7).expect("this thread is fresh");
            std::panic::resume_unwind(Box::new("software"));
        });
        assert!(unwound.is_err());
        SystemTime::now()
    });
    let at = at.join().expect("the panic was caught");
    assert!(at > SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), "{at:?}");
}

#[test]
fn asking_for_nothing_does_not_advance_the_stream() {
    let probed = on_bent_thread(7, || {
        // SAFETY: nothing is written.
        unsafe {
            assert_eq!(libc::getentropy(std::ptr::null_mut(), 0), 0);
            #[cfg(target_os = "linux")]
            assert_eq!(libc::getrandom(std::ptr::dangling_mut(), 0, 0), 0);
        }
        draw::<16>()
    });
    assert_eq!(probed, on_bent_thread(7, draw::<16>));
}

#[test]
fn more_than_getentropy_gives_is_refused_as_the_c_library_refuses_it() {
    on_bent_thread(7, || {
        let mut bytes = [0; 257];
        // SAFETY: the buffer is as long as said.
        assert_eq!(unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) }, -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EIO));
    });
}

/// What `host` draws in two turns; with others beside it, between and around them.
fn drawn_by(host: &'static str, others: &'static [&'static str]) -> [[u8; 8]; 2] {
    on_bent_thread(7, move || {
        for (id, name) in (0..).zip(others.iter().chain([&host])) {
            name_host(id, name);
        }
        let others_draw = || {
            for id in 0..others.len() as u32 {
                set_host(id);
                let _ = draw::<5>();
            }
            set_host(NOBODY);
            let _ = draw::<3>();
            set_host(others.len() as u32);
        };
        others_draw();
        let first = draw();
        others_draw();
        [first, draw()]
    })
}

#[test]
fn what_one_host_draws_does_not_depend_on_what_other_hosts_there_are() {
    let alone = drawn_by("hub", &[]);
    assert_eq!(alone, drawn_by("hub", &["device", "central"]));
    assert_ne!(alone, drawn_by("device", &["hub", "central"]));
}

#[test]
fn every_clock_of_the_world_is_answered_and_those_that_count_work_stay_real() {
    on_bent_thread(7, || {
        let uptime = Duration::from_nanos(UPTIME + CLOCKS.0);
        let wall = Duration::from_nanos(CLOCKS.1);
        assert_eq!(read(libc::CLOCK_MONOTONIC), uptime);
        assert_eq!(read(libc::CLOCK_MONOTONIC_RAW), uptime);
        assert_eq!(read(libc::CLOCK_REALTIME), wall);
        #[cfg(target_os = "linux")]
        {
            assert_eq!(read(libc::CLOCK_MONOTONIC_COARSE), uptime);
            assert_eq!(read(libc::CLOCK_BOOTTIME), uptime);
            assert_eq!(read(libc::CLOCK_REALTIME_COARSE), wall);
        }
        let before = read(libc::CLOCK_THREAD_CPUTIME_ID);
        while read(libc::CLOCK_THREAD_CPUTIME_ID) == before {}
    });
}

#[test]
fn instants_reach_back_to_long_before_the_world() {
    on_bent_thread(7, || {
        set_clocks(0, 0);
        let last_month = Instant::now() - Duration::from_hours(30 * 24);
        assert_eq!(last_month.elapsed(), Duration::from_hours(30 * 24));
    });
}

#[test]
fn a_thread_that_made_its_hash_keys_before_is_refused() {
    let refused = thread::spawn(|| {
        std::hint::black_box(RandomState::new());
        let refused = Bend::new(7).err();
        (refused, SystemTime::now())
    });
    let (refused, at) = refused.join().expect("refusing does not panic");
    assert!(matches!(refused, Some(WorldError::NotBent { what: "RandomState", .. })), "{refused:?}");
    assert!(at > SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), "{at:?}: still bent");
}

#[test]
fn a_bent_thread_is_not_bent_again_and_stays_as_it_is() {
    let expected = on_bent_thread(7, draw::<16>);
    on_bent_thread(7, move || {
        let refused = Bend::new(8).err();
        assert!(matches!(refused, Some(WorldError::NotBent { what: "this thread", .. })), "{refused:?}");
        assert_eq!(draw::<16>(), expected);
        assert_eq!(read(libc::CLOCK_REALTIME), Duration::from_nanos(CLOCKS.1));
    });
}

#[test]
fn a_thread_started_from_a_bent_one_is_noticed_once() {
    on_bent_thread(7, || {
        assert!(!foreign_thread());
        thread::spawn(|| assert!(!foreign_thread())).join().expect("an unbent thread notes nothing");
        assert!(foreign_thread());
        assert!(!foreign_thread());
    });
    thread::spawn(|| ()).join().expect("it does nothing");
    assert!(!foreign_thread());
}

#[test]
fn threads_bent_at_the_same_time_do_not_disturb_one_another() {
    let alone = (0..4).map(ask_on_bent_thread).collect::<Vec<_>>();
    let together = (0..32).map(|n| thread::spawn(move || ask_on_bent_thread(n % 4))).collect::<Vec<_>>();
    for (n, asked) in together.into_iter().enumerate() {
        assert_eq!(asked.join().expect("asking does not panic"), alone[n % 4], "seed {}", n % 4);
    }
}
