//! What a seed makes of the `streams:` section: who takes part, and every choice.
use super::plan::{
    BrokerPlan, Connecting, ConsumerPlan, ProducerPlan, Scope, StreamPlan, StreamsPlan, SubscriptionPlan,
};
use super::section::{StreamConsumer, StreamProducer, StreamsSection};
use crate::history::{
    Client, Delivery, Destination, DestinationId, Machine, Name, Producer, ProducerId, Roster, Route, SubscriptionMode,
};
use crate::scenario::{DurationRange, RegionName, members};
use crate::systems::Setting;
use rand::Rng;
use std::collections::BTreeMap;

/// A subscription in a region, and who consumes it there.
type Places<'a> = BTreeMap<(&'a str, &'a str), DestinationId>;

/// Draws every choice of the section and enters everybody who takes part into the roster.
///
/// A destination is a subscription in a region that somebody consumes there. It is owed each producer's messages in
/// their order where the mode promises that and the producer has one region only: one that goes to another region leaves
/// behind what was not replicated yet.
pub fn plan(section: &StreamsSection, setting: &Setting, roster: &mut Roster) -> StreamsPlan {
    let mut brokers = brokers(section, setting);
    for broker in &brokers {
        roster.machines.push(Machine { name: broker.host.clone(), site: broker.site.clone() });
    }
    let places = destinations(section, setting, &mut brokers, roster);
    let producers = programs(&section.producers, |producer| producer.count)
        .map(|(name, producer)| planned_producer(section, producer, &name, setting, &places, roster))
        .collect();
    let consumers = programs(&section.consumers, |consumer| consumer.count)
        .map(|(name, consumer)| planned_consumer(section, consumer, &name, setting, &places, roster))
        .collect();
    StreamsPlan { api_key: api_key(setting.seed), brokers, producers, consumers }
}

/// The host of a region's broker.
pub fn broker(region: &str) -> Name {
    format!("broker-{region}").into()
}

fn programs<'a, P>(
    groups: &'a indexmap::IndexMap<String, P>,
    count: impl Fn(&P) -> Option<u32> + 'a,
) -> impl Iterator<Item = (String, &'a P)> {
    groups
        .iter()
        .flat_map(move |(group, program)| members(group, count(program)).into_iter().map(move |name| (name, program)))
}

fn brokers(section: &StreamsSection, setting: &Setting) -> Vec<BrokerPlan> {
    let planned = |(name, region): (&String, &super::section::Region)| {
        let draw = |range: DurationRange, key: &str| range.draw(setting.seed, &format!("streams.regions.{name}.{key}"));
        BrokerPlan {
            host: broker(name),
            site: (&*region.site).into(),
            region: name.clone(),
            others: section.regions.keys().filter(|other| *other != name).map(|other| broker(other)).collect(),
            subscriptions: Vec::new(),
            unknown_stream: region.unknown_stream,
            half_open: region.half_open,
            ping: draw(region.ping, "ping"),
            time_to_live: draw(region.time_to_live, "time-to-live"),
            knobs: region.knobs(),
        }
    };
    section.regions.iter().map(planned).collect()
}

fn destinations<'a>(
    section: &'a StreamsSection,
    setting: &Setting,
    brokers: &mut [BrokerPlan],
    roster: &mut Roster,
) -> Places<'a> {
    let mut places = Places::new();
    for consumer in section.consumers.values() {
        let Some((name, subscription)) = section.subscriptions.get_key_value(&*consumer.subscription) else { continue };
        for region in &consumer.regions {
            let Some((region, _)) = section.regions.get_key_value(&**region) else { continue };
            if places.contains_key(&(name.as_str(), region.as_str())) {
                continue;
            }
            let destination = DestinationId(roster.destinations.len() as u32);
            places.insert((name, region), destination);
            let here = |other: &StreamConsumer| {
                *other.subscription == **name && other.regions.iter().any(|own| **own == **region)
            };
            let hosts = programs(&section.consumers, |consumer| consumer.count).filter(|(_, other)| here(other));
            let publishers = section.producers.values().filter(|producer| *producer.stream == *subscription.stream);
            let mut via = vec![broker(region)];
            for publisher in publishers.flat_map(|producer| &producer.regions).map(|region| broker(region)) {
                if !via.contains(&publisher) {
                    via.push(publisher);
                }
            }
            roster.destinations.push(Destination {
                name: format!("{name}@{region}").into(),
                hosts: hosts.map(|(host, _)| host.as_str().into()).collect(),
                via,
                standing: false,
                mode: Some(subscription.mode),
            });
            let planned = SubscriptionPlan {
                name: name.clone(),
                topic: stream(section, &subscription.stream).topic(),
                destination,
                selection: subscription.selection,
                delay: subscription.delay.draw(setting.seed, &format!("streams.subscriptions.{name}.delay")),
            };
            let broker = brokers.iter_mut().find(|broker| broker.region == *region);
            broker.into_iter().for_each(|broker| broker.subscriptions.push(planned.clone()));
        }
    }
    places
}

fn stream(section: &StreamsSection, name: &str) -> StreamPlan {
    let scope = section.streams.get(name).map_or(Scope::Global, |stream| stream.scope);
    StreamPlan { name: name.to_owned(), scope }
}

fn planned_producer(
    section: &StreamsSection,
    producer: &StreamProducer,
    name: &str,
    setting: &Setting,
    places: &Places<'_>,
    roster: &mut Roster,
) -> ProducerPlan {
    let draw = |range: DurationRange, key: &str| range.draw(setting.seed, &format!("streams.producers.{name}.{key}"));
    let (host, site): (Name, Name) = (name.into(), (&*producer.site).into());
    let id = ProducerId(roster.producers.len() as u32);
    let keep_alive = draw(producer.keep_alive, "keep-alive");
    let brokers = hosts_of(&producer.regions);
    roster.machines.push(Machine { name: host.clone(), site: site.clone() });
    roster.producers.push(Producer { name: format!("{name}/{}", producer.stream).into(), host: host.clone() });
    for ((subscription, _), destination) in places {
        let Some(subscription) = section.subscriptions.get(*subscription) else { continue };
        if subscription.stream == producer.stream {
            let ordered = setting.ordered && subscription.mode.has_one_active() && producer.regions.len() == 1;
            let delivery = Delivery::AtLeastOnce;
            roster.routes.push(Route { producer: id, destination: *destination, ordered, delivery });
        }
    }
    roster.clients.push(Client {
        name: host.clone(),
        host: host.clone(),
        keep_alive,
        needs: vec![brokers.clone()],
        producers: vec![id],
        placed: false,
        receives: None,
        room: None,
        rank: 0,
    });
    ProducerPlan {
        starts: draw(producer.starts, "starts"),
        until: setting.until,
        stream: stream(section, &producer.stream),
        producer: id,
        every: draw(producer.every, "every"),
        keys: producer.keys.unwrap_or(0),
        in_flight: producer.in_flight as usize,
        buffer: producer.buffer as usize,
        send_time_out: draw(producer.send_time_out, "send-time-out"),
        connecting: Connecting {
            brokers,
            creates: producer.creates,
            time_out: draw(producer.connect_time_out, "connect-time-out"),
            keep_alive,
            back_off: (producer.back_off.least(), producer.back_off.most()),
            on_close: producer.on_close,
            on_refusal: producer.on_refusal,
        },
        reads_answers: producer.reads_answers,
        host,
        site,
    }
}

fn planned_consumer(
    section: &StreamsSection,
    consumer: &StreamConsumer,
    name: &str,
    setting: &Setting,
    places: &Places<'_>,
    roster: &mut Roster,
) -> ConsumerPlan {
    let draw = |range: DurationRange, key: &str| range.draw(setting.seed, &format!("streams.consumers.{name}.{key}"));
    let (host, site): (Name, Name) = (name.into(), (&*consumer.site).into());
    let keep_alive = draw(consumer.keep_alive, "keep-alive");
    let brokers = hosts_of(&consumer.regions);
    let place = consumer.regions.first().and_then(|region| places.get(&(&*consumer.subscription, &**region)));
    let destination = *place.expect("loading refuses consumers of unknown subscriptions and regions");
    let subscription = section.subscriptions.get(&*consumer.subscription);
    roster.machines.push(Machine { name: host.clone(), site: site.clone() });
    roster.clients.push(Client {
        name: host.clone(),
        host: host.clone(),
        keep_alive,
        needs: vec![brokers.clone()],
        producers: Vec::new(),
        placed: false,
        receives: Some(destination),
        room: Some(consumer.queue),
        rank: consumer.priority,
    });
    ConsumerPlan {
        starts: draw(consumer.starts, "starts"),
        stream: stream(section, subscription.map_or("", |subscription| &subscription.stream)),
        subscription: consumer.subscription.to_string(),
        mode: subscription.map_or(SubscriptionMode::Exclusive, |subscription| subscription.mode),
        destination,
        handles_in: (consumer.handles_in.least(), consumer.handles_in.most()),
        queue: consumer.queue,
        priority: consumer.priority,
        ack_time_out: consumer.ack_time_out.map(|time_out| draw(time_out, "ack-time-out")),
        gives_back_ppm: consumer.gives_back.ppm,
        give_back_delay: draw(consumer.give_back_delay, "give-back-delay"),
        connecting: Connecting {
            brokers,
            creates: consumer.creates,
            time_out: draw(consumer.connect_time_out, "connect-time-out"),
            keep_alive,
            back_off: (consumer.back_off.least(), consumer.back_off.most()),
            on_close: consumer.on_close,
            on_refusal: consumer.on_refusal,
        },
        acks: consumer.acks,
        after_giving_back: consumer.after_giving_back,
        host,
        site,
    }
}

fn hosts_of(regions: &[RegionName]) -> Vec<Name> {
    regions.iter().map(|region| broker(region)).collect()
}

/// An API key as the service makes them: tenant, id and secret (Macrometa docs, api keys).
fn api_key(seed: u64) -> String {
    let mut secret = [0; 16];
    lizard_sim::dice(seed, "streams.api-key").fill_bytes(&mut secret);
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.lizard.{secret}", super::plan::TENANT)
}

#[cfg(test)]
mod tests;
