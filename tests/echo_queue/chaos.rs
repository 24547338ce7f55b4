//! What may happen to an echo queue.
use crate::stage::DURATION;
use giant_lizard::history::Name;
use lizard_sim::{Dice, Fault};
use rand::RngExt;
use std::time::Duration;

const HOSTS: [&str; 4] = ["producer", "queue", "audit", "ledger"];

/// Draws power losses, crashes, freezes and cuts, one every few seconds, each for some seconds, all over at the end
/// of the traffic.
pub(crate) fn draw(dice: &mut Dice) -> Vec<(Duration, Fault)> {
    let mut faults = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += millis(dice, 1_000..8_000);
        if at >= DURATION {
            return faults;
        }
        let ends = (at + millis(dice, 200..9_000)).min(DURATION);
        for (begin, end) in one(dice) {
            faults.push((at, begin));
            faults.push((ends, end));
        }
    }
}

fn millis(dice: &mut Dice, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(dice.random_range(range))
}

/// How it begins and how it ends.
fn one(dice: &mut Dice) -> Vec<(Fault, Fault)> {
    let any = |dice: &mut Dice, of: &[&str]| of[dice.random_range(0..of.len())].to_owned();
    match dice.random_range(0..4) {
        0 => {
            let host = any(dice, &HOSTS);
            vec![(Fault::PowerLoss { host: host.clone() }, Fault::Boot { host })]
        }
        1 => {
            let host = any(dice, &HOSTS);
            vec![(Fault::Crash { host: host.clone() }, Fault::Boot { host })]
        }
        2 => {
            let host = any(dice, &HOSTS);
            vec![(Fault::Freeze { host: host.clone() }, Fault::Thaw { host })]
        }
        _ => {
            let client = any(dice, &["producer", "audit", "ledger", "field"]);
            let ways = [(client.clone(), "queue".to_owned()), ("queue".to_owned(), client)];
            let which = dice.random_range(0..3);
            let cut = |(from, to): (String, String)| {
                (Fault::Cut { from: from.clone(), to: to.clone() }, Fault::Heal { from, to })
            };
            ways.into_iter().enumerate().filter(|(way, _)| which != *way).map(|(_, way)| cut(way)).collect()
        }
    }
}

/// The site a host stands in; `draw` cuts the field off as a whole, too.
pub(crate) fn site(host: &str) -> Name {
    if host == "queue" { "centre".into() } else { "field".into() }
}
