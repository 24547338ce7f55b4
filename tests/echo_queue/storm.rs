//! Storms: faults drawn from a seed, at every host and on every path.
use lizard_sim::{Dice, Fault, Path, dice};
use rand::RngExt;
use std::ops::Range;
use std::time::Duration;

/// By then everybody is at work.
const BEGINS: Duration = Duration::from_secs(10);
/// From the beginning of one fault to that of the next, in milliseconds: they overlap.
const LULL_MS: Range<u64> = 5_000..20_000;
const LASTING_MS: Range<u64> = 1_000..18_000;
const HOSTS: [&str; 4] = ["producer", "queue", "mirror", "ledger"];
/// Who is at the other end of the queue's connections, as hosts and as sites.
const CLIENTS: [&str; 5] = ["producer", "mirror", "ledger", "field", "east"];

/// Draws the faults of one world; each has ended by `until`. It opens with an outage of each host, one after the other.
pub(crate) fn storm(seed: u64, until: Duration) -> Vec<(Duration, Fault)> {
    let mut dice = dice(seed, "storm");
    let mut faults = Vec::new();
    let mut spared = HOSTS.to_vec();
    let mut now = BEGINS;
    loop {
        now += ms(&mut dice, LULL_MS);
        let end = now + ms(&mut dice, LASTING_MS);
        if end >= until {
            return faults;
        }
        let opening = (!spared.is_empty()).then(|| spared.swap_remove(dice.random_range(0..spared.len())));
        let drawn = match opening {
            Some(host) => outage(&mut dice, host),
            None => any(&mut dice),
        };
        for [begins, ends] in drawn {
            faults.push((now, begins));
            faults.push((end, ends));
        }
        if opening.is_some() {
            now = end;
        }
    }
}

/// Draws a fault: what begins and what ends it, once for each direction.
fn any(dice: &mut Dice) -> Vec<[Fault; 2]> {
    let host = one_of(dice, &HOSTS);
    match dice.random_range(0..10) {
        0..3 => outage(dice, host),
        3..5 => vec![[Fault::Freeze { host: host.into() }, Fault::Thaw { host: host.into() }]],
        5..8 => cut(dice),
        8 => vec![[
            Fault::Impair { at: host.into(), path: slow(dice) },
            Fault::Impair { at: host.into(), path: Path::default() },
        ]],
        _ => vec![[Fault::DiskFull { host: host.into(), on: true }, Fault::DiskFull { host: host.into(), on: false }]],
    }
}

fn outage(dice: &mut Dice, host: &str) -> Vec<[Fault; 2]> {
    let host = host.to_owned();
    let boot = Fault::Boot { host: host.clone() };
    vec![if dice.random_ratio(1, 2) { [Fault::PowerLoss { host }, boot] } else { [Fault::Crash { host }, boot] }]
}

fn cut(dice: &mut Dice) -> Vec<[Fault; 2]> {
    let (client, queue) = (one_of(dice, &CLIENTS), one_of(dice, &["queue", "west"]));
    let one_way = |from: &str, to: &str| {
        [Fault::Cut { from: from.into(), to: to.into() }, Fault::Heal { from: from.into(), to: to.into() }]
    };
    match dice.random_range(0..3) {
        0 => vec![one_way(client, queue)],
        1 => vec![one_way(queue, client)],
        _ => vec![one_way(client, queue), one_way(queue, client)],
    }
}

/// A path across half the world that loses every fifth packet at worst.
fn slow(dice: &mut Dice) -> Path {
    let latency = (Duration::from_millis(50), ms(dice, 100..2_000));
    Path { latency, loss_ppm: dice.random_range(0..200_000), bandwidth: None }
}

fn ms(dice: &mut Dice, range: Range<u64>) -> Duration {
    Duration::from_millis(dice.random_range(range))
}

fn one_of<'a>(dice: &mut Dice, names: &[&'a str]) -> &'a str {
    names[dice.random_range(0..names.len())]
}
