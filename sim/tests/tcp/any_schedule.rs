//! Any schedule of writes, reads and faults of the way between: what is read is a prefix of what was written.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Cut { forth: bool },
    Heal { forth: bool },
    Hold { forth: bool },
    Release { forth: bool },
    Freeze { server: bool },
    Thaw { server: bool },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(|forth| Step::Cut { forth }),
        any::<bool>().prop_map(|forth| Step::Heal { forth }),
        any::<bool>().prop_map(|forth| Step::Hold { forth }),
        any::<bool>().prop_map(|forth| Step::Release { forth }),
        any::<bool>().prop_map(|server| Step::Freeze { server }),
        any::<bool>().prop_map(|server| Step::Thaw { server }),
        (1u64..8_000).prop_map(Step::Wait),
    ]
}

fn play(world: Stage, step: &Step) {
    let ends = |forth| if forth { ("east", "west") } else { ("west", "east") };
    let host = |server| if server { "server".to_owned() } else { "client".to_owned() };
    match *step {
        Step::Cut { forth } => cut(world, ends(forth).0, ends(forth).1),
        Step::Heal { forth } => heal(world, ends(forth).0, ends(forth).1),
        Step::Hold { forth } => hold(world, ends(forth).0, ends(forth).1),
        Step::Release { forth } => release(world, ends(forth).0, ends(forth).1),
        Step::Freeze { server } => world.apply(Fault::Freeze { host: host(server) }),
        Step::Thaw { server } => world.apply(Fault::Thaw { host: host(server) }),
        Step::Wait(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Chunks of many sizes, read in many sizes, through any cuts, holds and freezes: what has been read is
    /// always a prefix of what was written, and all of it once everything is healed and released.
    #[test]
    fn delivers_a_prefix_and_once_healed_and_released_all_of_it(
        seed: u64,
        chunks in prop::collection::vec((1usize..20_000, 0u64..500), 1..20),
        read_size in 1usize..10_000,
        loss_ppm in 0u32..100_000,
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let written: Vec<u8> = chunks.iter().enumerate().flat_map(|(i, (len, _))| vec![i as u8; *len]).collect();
        let read = Arc::new(Mutex::new(Vec::new()));
        let (reads, expected) = (read.clone(), written.clone());
        let ended = World::new(seed).tcp_time_out(SECOND * 3600).run(move |world| async move {
            let latency = (Duration::from_millis(1), Duration::from_millis(50));
            world.link("east", "west", Path { latency, loss_ppm, bandwidth: Some(10_000_000) });
            let ended = Arc::new(Mutex::new(false));
            let (over, bytes) = (ended.clone(), reads.clone());
            world.host("server", "west", move |host| {
                let (over, bytes) = (over.clone(), bytes.clone());
                async move {
                    let listener = host.listen(9).unwrap();
                    let mut stream = listener.accept().await.unwrap();
                    let mut buffer = vec![0; read_size];
                    loop {
                        let count = stream.read(&mut buffer).await.unwrap();
                        bytes.lock().unwrap().extend_from_slice(&buffer[..count]);
                        if count == 0 {
                            break;
                        }
                    }
                    *over.lock().unwrap() = true;
                }
            });
            client(world, move |host| {
                let chunks = chunks.clone();
                async move {
                    let mut stream = loop {
                        if let Ok(stream) = host.connect("server", 9).await {
                            break stream;
                        }
                    };
                    for (i, (len, pause)) in chunks.into_iter().enumerate() {
                        stream.write_all(&vec![i as u8; len]).await.unwrap();
                        host.sleep(Duration::from_millis(pause)).await;
                    }
                }
            });
            for step in &steps {
                play(world, step);
                if let Step::Wait(millis) = step {
                    world.sleep(Duration::from_millis(*millis)).await;
                    let read = reads.lock().unwrap();
                    assert!(expected.starts_with(&read), "not a prefix");
                }
            }
            for step in &steps {
                match *step {
                    Step::Cut { forth } => play(world, &Step::Heal { forth }),
                    Step::Hold { forth } => play(world, &Step::Release { forth }),
                    Step::Freeze { server } => play(world, &Step::Thaw { server }),
                    _ => {}
                }
            }
            world.sleep(SECOND * 1000).await;
            *ended.lock().unwrap()
        });
        let ended = ended.unwrap().value;
        prop_assert!(ended, "the end never came");
        prop_assert_eq!(&*read.lock().unwrap(), &written);
    }
}
