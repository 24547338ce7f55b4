//! Ranges as plain values, odd values as round ones, fewer messages.
use super::super::draft::Draft;
use super::super::reduce::Reducing;
use super::times::{plain as fixed, rounded_down, written};
use crate::scenario::{DurationRange, OffsetRange};
use serde_json::Value;
use std::time::Duration;

/// Keys whose values are periods of messages: longer is simpler.
const PERIODS: [&str; 3] = ["telemetry", "reported", "every"];
/// Periods that are tried, in seconds.
const SELDOM: [u64; 6] = [60, 30, 10, 5, 2, 1];

/// Makes every value in the file plain, then rounder.
pub(super) fn plain(reducing: &mut Reducing<'_>) {
    let tops = ["/sites", "/links", "/invariants"].map(str::to_owned);
    let systems = reducing.draft.systems().into_iter().map(|system| format!("/{system}"));
    let places: Vec<String> = systems.chain(tops).chain(["/timeline".to_owned()]).collect();
    for place in places.iter().flat_map(|place| reducing.draft.mappings(place)).collect::<Vec<_>>() {
        for key in reducing.draft.keys(&place) {
            let here = format!("{place}/{key}");
            let Some(value) = reducing.draft.0.pointer(&here).filter(|value| value.is_string()) else { continue };
            let simpler = simpler(value, &key, place.starts_with("/timeline"));
            let draft: Draft = reducing.draft.clone();
            reducing.take_first(simpler.into_iter().map(|value| draft.with(&here, value)));
        }
    }
}

/// What could stand there instead, the simplest first. Never what this would be made of in turn.
fn simpler(value: &Value, key: &str, in_timeline: bool) -> Vec<Value> {
    let Some(text) = value.as_str() else { return Vec::new() };
    if let Some((one, other)) = text.split_once("..") {
        let is_range = text.parse::<DurationRange>().is_ok() || text.parse::<OffsetRange>().is_ok();
        return if is_range { vec![one.into(), other.into()] } else { Vec::new() };
    }
    // Times of the timeline have a pass of their own.
    let Some(time) = fixed(value).filter(|_| !in_timeline) else { return Vec::new() };
    if PERIODS.contains(&key) {
        let seldom = SELDOM.into_iter().map(Duration::from_secs).take_while(|period| *period > time);
        return seldom.map(written).collect();
    }
    let is_shorter = |value: &Value| value.as_str().is_some_and(|shorter| shorter.len() < text.len());
    rounded_down(time).map(written).filter(is_shorter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn simpler_values_come_in_their_order_and_end_somewhere() {
        assert_eq!(simpler(&json!("30ms..80ms"), "latency", false), [json!("30ms"), json!("80ms")]);
        assert_eq!(simpler(&json!("17s345ms"), "starts", false), [json!("10s"), json!("15s"), json!("17s")]);
        assert_eq!(simpler(&json!("500ms"), "telemetry", false).len(), 6);
        assert!(simpler(&json!("1m"), "telemetry", false).is_empty());
        assert!(simpler(&json!("17s345ms"), "ttl", true).is_empty());
        assert!(simpler(&json!("west"), "site", false).is_empty() && simpler(&json!("a..b"), "name", false).is_empty());
    }
}
