//! What chaos may do to streams: nothing that they never promised to live through.
use super::section::StreamsSection;
use crate::scenario::{ChaosFault, members};

/// The hosts to which a fault may happen.
///
/// A disk that is full or fails: brokers only, which then confirm nothing. Stopping: brokers and consumers, since a
/// producer that is told to stop tells its application what it gives up. Everything else: any host; of many programs,
/// the first few stand for all, so that brokers are hit as often as programs are.
pub(super) fn hosts(fault: ChaosFault, section: &StreamsSection) -> Vec<String> {
    const PROGRAMS: usize = 4;
    let brokers = section.regions.keys().map(|region| format!("broker-{region}"));
    let producers = section.producers.iter().flat_map(|(name, producer)| members(name, producer.count));
    let consumers = section.consumers.iter().flat_map(|(name, consumer)| members(name, consumer.count));
    match fault {
        ChaosFault::DiskFull | ChaosFault::DiskError => brokers.collect(),
        ChaosFault::Stop => brokers.chain(consumers.take(PROGRAMS)).collect(),
        _ => brokers.chain(producers.take(PROGRAMS)).chain(consumers.take(PROGRAMS)).collect(),
    }
}
