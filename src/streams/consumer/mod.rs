//! The program that consumes, with reconnection.
//!
//! - [`machine`]: the program itself. [`hand`]: the messages that it has and has not handled yet.
pub mod hand;
pub mod machine;

use super::client::run;
use super::plan::ConsumerPlan;
use crate::host::Host;
use crate::wire::payload::Producers;
use machine::{Chance, Consumer};

/// Runs a consumer until its host stops. `api_key`: what it shows to a broker when it asks for a password.
pub async fn consumer(host: Host, plan: ConsumerPlan, api_key: String) {
    let time_out = plan.connecting.time_out;
    let producers = Producers::of(host.history().roster());
    let chance = Chance {
        back_off: host.dice("back-off"),
        handling: host.dice("handling"),
        giving_back: host.dice("giving back"),
    };
    let program = Consumer::new(plan, producers, host.boot(), chance);
    run(host, program, &api_key, time_out).await;
}
