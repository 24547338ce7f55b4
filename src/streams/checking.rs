//! The `streams:` section: what could not work, and what would be refused.
use super::plan::{Scope, Selection};
use super::section::{StreamsSection, Subscription};
use crate::history::SubscriptionMode;
use crate::scenario::{Checker, DurationRange, RegionName};
use std::time::Duration;

/// Says what is wrong with a section of sound shape.
pub(super) fn check(section: &StreamsSection, checker: &mut Checker<'_>) {
    for (part, is_empty) in [("regions", section.regions.is_empty()), ("streams", section.streams.is_empty())] {
        if is_empty && checker.root.nearest(&["streams", part]).entries().is_empty() {
            let one = part.trim_end_matches('s');
            checker.say(checker.key(&["streams", part]), format!("there is no {one}"), format!("at least one {one}"));
        }
    }
    for (name, region) in &section.regions {
        checker.positive(region.ping, &["streams", "regions", name, "ping"]);
        checker.positive(region.time_to_live, &["streams", "regions", name, "time-to-live"]);
    }
    streams(section, checker);
    for (name, subscription) in &section.subscriptions {
        of_failover_only(name, subscription, checker);
    }
    producers(section, checker);
    consumers(section, checker);
}

fn streams(section: &StreamsSection, checker: &mut Checker<'_>) {
    for (name, stream) in &section.streams {
        let path = |key| ["streams", "streams", name.as_str(), key];
        match (stream.scope, &stream.region) {
            (Scope::Global, Some(region)) => checker.say(
                checker.at(&path("region")),
                format!("a global stream is not in `{region}` alone"),
                "`scope: local`, or no `region`",
            ),
            (Scope::Local, None) if checker.root.nearest(&path("region")).text().is_none() => checker.say(
                checker.at(&["streams", "streams", name]),
                format!("the region of the local stream `{name}` is missing"),
                "`region:` with one of `regions:`",
            ),
            _ => {}
        }
    }
}

fn of_failover_only(name: &str, subscription: &Subscription, checker: &mut Checker<'_>) {
    if subscription.mode != SubscriptionMode::Failover && subscription.selection != Selection::default() {
        checker.say(
            checker.at(&["streams", "subscriptions", name, "selection"]),
            format!("`{name}` has no active consumer to select"),
            "`selection` only with `mode: failover`",
        );
    }
}

fn producers(section: &StreamsSection, checker: &mut Checker<'_>) {
    for (name, producer) in &section.producers {
        let path = |key| ["streams", "producers", name.as_str(), key];
        let times = [("every", producer.every), ("send-time-out", producer.send_time_out)];
        common(checker, &path, &times, (producer.connect_time_out, producer.back_off, producer.keep_alive));
        starts(checker, &path, name, producer.starts);
        regions(section, checker, &path, &producer.regions, &producer.stream);
    }
}

fn consumers(section: &StreamsSection, checker: &mut Checker<'_>) {
    for (name, consumer) in &section.consumers {
        let path = |key| ["streams", "consumers", name.as_str(), key];
        let ack = consumer.ack_time_out.map(|time_out| ("ack-time-out", time_out));
        let times: Vec<_> = ack.into_iter().collect();
        common(checker, &path, &times, (consumer.connect_time_out, consumer.back_off, consumer.keep_alive));
        starts(checker, &path, name, consumer.starts);
        if consumer.regions.len() > 1 {
            checker.say(
                checker.at(&path("regions")),
                format!("`{name}` cannot consume in {} regions", consumer.regions.len()),
                "one region: each has a subscription of its own",
            );
        }
        if let Some(subscription) = section.subscriptions.get(&*consumer.subscription) {
            regions(section, checker, &path, &consumer.regions, &subscription.stream);
        }
        // An acknowledgement that the application cannot make in time never comes in time.
        if let Some(time_out) = consumer.ack_time_out.filter(|time_out| time_out.least() < Duration::from_secs(1)) {
            checker.say(
                checker.at(&path("ack-time-out")),
                format!("`{time_out}` is no time for an acknowledgement"),
                "1s or more, as the service takes it",
            );
        }
    }
}

fn common<'a>(
    checker: &mut Checker<'_>,
    path: &impl Fn(&'a str) -> [&'a str; 4],
    times: &[(&'a str, DurationRange)],
    (connect_time_out, back_off, keep_alive): (DurationRange, DurationRange, DurationRange),
) {
    for (key, range) in times {
        checker.positive(*range, &path(key));
    }
    for (key, range) in [("connect-time-out", connect_time_out), ("back-off", back_off), ("keep-alive", keep_alive)] {
        checker.positive(range, &path(key));
    }
}

fn starts<'a>(checker: &mut Checker<'_>, path: &impl Fn(&'a str) -> [&'a str; 4], name: &str, starts: DurationRange) {
    if starts.most() > checker.scenario.duration.least() {
        checker.say(checker.at(&path("starts")), format!("`{name}` starts after the end"), checker.before_the_end());
    }
}

/// Whoever uses a stream does so where it is.
fn regions<'a>(
    section: &StreamsSection,
    checker: &mut Checker<'_>,
    path: &impl Fn(&'a str) -> [&'a str; 4],
    regions: &[RegionName],
    stream: &str,
) {
    if regions.is_empty() && checker.root.nearest(&path("regions")).items().is_empty() {
        checker.say(checker.at(&path("regions")), "no region", "at least one of `regions:`");
    }
    let Some(home) = section.streams.get(stream).and_then(|stream| stream.region.as_ref()) else { return };
    if let Some(other) = regions.iter().find(|region| *region != home) {
        checker.say(
            checker.at(&path("regions")),
            format!("`{stream}` is not in `{other}`"),
            format!("`{home}`, the region of this local stream"),
        );
    }
}
