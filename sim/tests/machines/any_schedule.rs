//! Whatever befalls a machine, in whatever order.
use super::*;
use lizard_sim::{DiskFile, Fingerprint, Stream};
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    PowerLoss,
    Crash,
    Stop,
    Boot,
    Freeze,
    Thaw,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    prop_oneof![
        2 => Just(PowerLoss),
        2 => Just(Crash),
        1 => Just(Stop),
        6 => Just(Boot),
        2 => Just(Freeze),
        3 => Just(Thaw),
        // In microseconds: beats and syncs are met at every point.
        8 => (0..40_000u64).prop_map(Wait),
        1 => Just(Wait(11_000_000)),
    ]
}

/// What the test knows of the machine, whatever becomes of its software.
#[derive(Default)]
struct Known {
    frozen: Cell<bool>,
    /// How many of the log's bytes are known to be synced. Byte n is n % 251.
    synced: Cell<u64>,
    heard: RefCell<Vec<u8>>,
    beats: Cell<u32>,
    wrongs: RefCell<Vec<String>>,
}

impl Known {
    fn wrong(&self, host: Host, words: String) {
        self.wrongs.borrow_mut().push(format!("{:?}: {words}", host.now()));
    }

    /// A boot has acted: it must be the one that runs.
    fn acts(&self, stage: Stage, host: Host) {
        self.beats.set(self.beats.get() + 1);
        if stage.boots(HOST) != host.boot() || !(stage.is_up(HOST) || stage.is_stopping(HOST)) || self.frozen.get() {
            self.wrong(host, format!("boot {} acts", host.boot()));
        }
    }
}

/// Appends, syncs and says its boot's number, again and again.
async fn beat(stage: Stage, host: Host, mut log: DiskFile, mut stream: Stream, known: Rc<Known>) {
    loop {
        let next = log.len().unwrap();
        log.append(&[(next % 251) as u8]).unwrap();
        known.acts(stage, host);
        if next.is_multiple_of(3) {
            let len = log.len().unwrap();
            log.sync().await.unwrap();
            known.acts(stage, host);
            known.synced.set(known.synced.get().max(len));
        }
        if stream.write_u8(host.boot() as u8).await.is_err() {
            return;
        }
        known.acts(stage, host);
        host.sleep(ms(2)).await;
    }
}

async fn software(stage: Stage, host: Host, known: Rc<Known>) {
    let log = host.disk().open("log").unwrap();
    let found = host.disk().read("log").unwrap();
    if (found.len() as u64) < known.synced.get() {
        known.wrong(host, format!("{} bytes were synced, {} are left", known.synced.get(), found.len()));
    }
    if !found.iter().zip(0u64..).all(|(byte, n)| *byte == (n % 251) as u8) {
        known.wrong(host, format!("the log is not what was written: {found:?}"));
    }
    // What is there now may be lost with the next power, unless it was synced.
    known.synced.set(known.synced.get().min(found.len() as u64));
    let Ok(stream) = host.connect("peer", 1).await else { return };
    host.spawn(beat(stage, host, log, stream, known.clone()));
    host.stopping().await;
    if host.boot().is_multiple_of(2) {
        host.sleep(ms(30_000)).await;
        known.wrong(host, "was not ended in time".to_owned());
    }
}

async fn peer(host: Host, known: Rc<Known>) {
    let listener = host.listen(1).unwrap();
    loop {
        let mut stream = listener.accept().await.unwrap();
        let known = known.clone();
        host.spawn(async move {
            while let Ok(boot) = stream.read_u8().await {
                known.heard.borrow_mut().push(boot);
            }
        });
    }
}

/// Plays the steps; answers what went wrong, how often the machine acted, and the world's fingerprint.
fn befall(seed: u64, steps: Vec<Step>) -> (Vec<String>, u32, Fingerprint) {
    let run = play(seed, move |stage| async move {
        let known = Rc::new(Known::default());
        let (ours, theirs) = (known.clone(), known.clone());
        stage.host("peer", "peer", move |host| peer(host, theirs.clone()));
        stage.host(HOST, HOST, move |host| software(stage, host, ours.clone()));
        stage.sleep(ms(50)).await;
        for step in steps {
            let fault = match step {
                Step::PowerLoss => power_loss(),
                Step::Crash => crash(),
                Step::Stop => stop(),
                Step::Boot => boot(),
                Step::Freeze => freeze(),
                Step::Thaw => thaw(),
                Step::Wait(us) => {
                    stage.sleep(Duration::from_micros(us)).await;
                    continue;
                }
            };
            let before = stage.boots(HOST);
            // A thaw lets it act within the call, a freeze does not.
            match step {
                Step::Freeze => known.frozen.set(stage.is_up(HOST) || stage.is_stopping(HOST)),
                Step::Stop | Step::Boot => {}
                _ => known.frozen.set(false),
            }
            stage.apply(fault);
            if stage.boots(HOST) != before {
                known.frozen.set(false);
            }
        }
        let heard_in_order = known.heard.borrow().is_sorted();
        assert!(heard_in_order, "an old boot is heard after a new one");
        (known.wrongs.take(), known.beats.get())
    });
    assert_eq!(run.panics, []);
    (run.value.0, run.value.1, run.fingerprint.expect("nobody left it out"))
}

#[test]
fn the_machine_acts_at_all() {
    let (wrongs, beats, _) = befall(0, vec![Step::Wait(1_000_000), Step::PowerLoss, Step::Boot, Step::Wait(1_000_000)]);
    assert_eq!(wrongs, [""; 0]);
    assert!(beats > 1_000, "{beats}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_the_boot_that_runs_acts_and_finds_what_was_synced(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let (wrongs, beats, fingerprint) = befall(seed, steps.clone());
        prop_assert_eq!(&wrongs, &[""; 0]);
        prop_assert_eq!(befall(seed, steps), (wrongs, beats, fingerprint));
    }
}
