//! Who runs what: each host of a plan with its software.
use super::plan::StreamsPlan;
use super::{broker, consumer, producer};
use crate::history::Name;
use crate::host::{Software, software};

/// Gives every host of a plan its software.
pub(super) fn cast(plan: &StreamsPlan) -> Vec<(Name, Software)> {
    let mut cast = Vec::new();
    for broker in &plan.brokers {
        let (key, broker) = (plan.api_key.clone(), broker.clone());
        cast.push((broker.host.clone(), software(move |host| broker::broker(host, broker.clone(), key.clone()))));
    }
    for producer in &plan.producers {
        let (key, producer) = (plan.api_key.clone(), producer.clone());
        let name = producer.host.clone();
        cast.push((name, software(move |host| producer::producer(host, producer.clone(), key.clone()))));
    }
    for consumer in &plan.consumers {
        let (key, consumer) = (plan.api_key.clone(), consumer.clone());
        let name = consumer.host.clone();
        cast.push((name, software(move |host| consumer::consumer(host, consumer.clone(), key.clone()))));
    }
    cast
}
