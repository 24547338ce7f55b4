//! The program that publishes, with reconnection.
//!
//! - [`machine`]: the program itself. [`outbox`]: its messages on their way to a broker.
pub mod machine;
pub mod outbox;

use super::client::run;
use super::plan::ProducerPlan;
use crate::host::Host;
use machine::Producer;

/// Runs a producer until its host stops. `api_key`: what it shows to a broker when it asks for a password.
pub async fn producer(host: Host, plan: ProducerPlan, api_key: String) {
    let name = host.history().roster().producers.get(plan.producer.index());
    let name = name.map_or(String::new(), |producer| producer.name.to_string());
    let time_out = plan.connecting.time_out;
    let program = Producer::new(plan, &name, host.boot(), host.dice("back-off"), host.now());
    run(host, program, &api_key, time_out).await;
}
