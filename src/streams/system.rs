//! What streams bring to the registry.
use super::plan::StreamsPlan;
use super::section::{StreamConsumer, StreamProducer, StreamsSection};
use super::{cast, checking, envelope, planning};
use crate::history::{Name, Roster};
use crate::host::Software;
use crate::scenario::{ChaosFault, Checker, ConsumerName, RegionName, StreamName, SubscriptionName, members};
use crate::systems::{Declares, Role, Setting, System};
use std::time::Duration;

/// Brokers of regions, and programs that publish and consume.
#[derive(Clone, Copy, Debug)]
pub struct Streams;

impl System for Streams {
    type Section = StreamsSection;
    type Plan = StreamsPlan;

    const PARTS: &'static [(&'static str, &'static str)] = &[
        ("Region", "streams.regions.*"),
        ("StreamOptions", "streams.streams.*"),
        ("Subscription", "streams.subscriptions.*"),
        ("StreamProducer", "streams.producers.*"),
        ("StreamConsumer", "streams.consumers.*"),
    ];
    const DECLARES: &'static [Declares] = &[
        Declares { key: "regions", format: RegionName::FORMAT, what: "region", role: Role::Service("broker-") },
        Declares { key: "streams", format: StreamName::FORMAT, what: "stream", role: Role::Thing },
        Declares { key: "subscriptions", format: SubscriptionName::FORMAT, what: "subscription", role: Role::Thing },
        Declares { key: "producers", format: "producer", what: "producer", role: Role::Client },
        Declares { key: "consumers", format: ConsumerName::FORMAT, what: "consumer", role: Role::Client },
    ];
    const HOSTS: &'static [&'static str] = &[];

    fn check(section: &StreamsSection, checker: &mut Checker<'_>) {
        checking::check(section, checker);
    }
    fn longest_recovery(section: &StreamsSection) -> Duration {
        let producers = section.producers.values().map(StreamProducer::longest_recovery);
        let consumers = section.consumers.values().map(StreamConsumer::longest_recovery);
        let pings = section.regions.values().map(|region| region.ping.most() * 2).max().unwrap_or_default();
        producers.chain(consumers).max().unwrap_or_default() + pings
    }
    fn groups(section: &StreamsSection) -> Vec<(String, Vec<String>)> {
        let producers = section.producers.iter().map(|(name, producer)| (name, producer.count));
        let consumers = section.consumers.iter().map(|(name, consumer)| (name, consumer.count));
        let groups = producers.chain(consumers).filter(|(_, count)| count.is_some());
        groups.map(|(name, count)| (name.clone(), members(name, count))).collect()
    }
    fn survives(section: &StreamsSection, fault: ChaosFault, _roster: &Roster) -> Vec<String> {
        envelope::hosts(fault, section)
    }
    fn plan(section: &StreamsSection, setting: &Setting, roster: &mut Roster) -> StreamsPlan {
        planning::plan(section, setting, roster)
    }
    fn late(plan: &StreamsPlan) -> Vec<(Name, Duration)> {
        let producers = plan.producers.iter().map(|producer| (producer.host.clone(), producer.starts));
        producers.chain(plan.consumers.iter().map(|consumer| (consumer.host.clone(), consumer.starts))).collect()
    }
    fn cast(plan: &StreamsPlan) -> Vec<(Name, Software)> {
        cast::cast(plan)
    }
}
