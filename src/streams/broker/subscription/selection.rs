//! Which consumer of a subscription is the active one.
use crate::streams::broker::murmur::murmur;
use crate::streams::broker::room::Consumer;
use crate::streams::broker::topic::Topic;
use crate::streams::plan::Selection;
use std::cmp::Ordering;

/// How often a consumer stands on the ring (Apache Pulsar, `AbstractDispatcherSingleActiveConsumer`).
const POINTS: u32 = 100;

/// Chooses the active one among consumers in the order of their joining. Clients are not told.
///
/// The rules are those of three versions of Apache Pulsar: first-connected that of topics without partitions up to 2.x
/// (<https://github.com/apache/pulsar/issues/7864>), sorted that of partitioned ones, hash-ring the newest.
pub(super) fn choose<'a>(
    selection: Selection,
    topic: &Topic,
    mut consumers: impl Iterator<Item = &'a Consumer> + Clone,
) -> Option<&'a Consumer> {
    match selection {
        Selection::FirstConnected => consumers.next(),
        Selection::Sorted => consumers.min_by(|a, b| by_rank(a, b)),
        Selection::HashRing => {
            let highest = consumers.clone().map(|consumer| consumer.priority).min()?;
            let ranked = consumers.filter(|consumer| consumer.priority == highest);
            let wanted = murmur(topic.as_str().as_bytes());
            // The first point at or after the wanted one, else the first of all.
            ranked.min_by_key(|consumer| {
                points(&consumer.name).map(|point| (point < wanted, point, consumer.socket)).min()
            })
        }
    }
}

fn by_rank(a: &Consumer, b: &Consumer) -> Ordering {
    (a.priority, &a.name, a.socket).cmp(&(b.priority, &b.name, b.socket))
}

fn points(name: &str) -> impl Iterator<Item = u32> {
    (0..POINTS).map(move |point| murmur(format!("{name}{point}").as_bytes()))
}
