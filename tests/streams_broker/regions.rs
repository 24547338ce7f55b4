//! Two regions: what is published in one is consumed in the other.
use crate::program::{API, Program, consumer};
use crate::town::{Town, play, seconds};
use giant_lizard::history::SubscriptionMode::Exclusive;
use giant_lizard::streams::broker::input::Attachment;
use giant_lizard::streams::broker::topic::Topic;
use giant_lizard::streams::plan::Scope;
use lizard_sim::Fault;
use serde_json::json;

fn two(town: &Town) {
    town.broker("west", &["east"], |_| {});
    town.broker("east", &["west"], |_| {});
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[test]
fn a_global_stream_is_in_both_regions_and_a_local_one_in_its_own() {
    play(7, |town| async move {
        two(&town);
        town.visit("programs", |host| async move {
            let (west, east) = (Program::new(&host, "west"), Program::new(&host, "east"));
            assert_eq!(west.ask("POST", &format!("{API}/streams/orders?global=true"), "").await.0, 202);
            assert_eq!(west.ask("POST", &format!("{API}/streams/notes?global=false"), "").await.0, 202);
            host.sleep(seconds(5)).await;
            let (_, there) = east.ask("GET", &format!("{API}/streams"), "").await;
            let topics: Vec<_> = there["result"].as_array().unwrap().iter().map(|each| &each["topic"]).collect();
            assert_eq!(topics, [&json!("c8globals.orders")]);

            let mut in_east = east.consumer(consumer("s", Exclusive, "c-1")).await;
            let mut in_west = west.consumer(consumer("s", Exclusive, "c-1")).await;
            let (mut at_west, mut at_east) = (west.producer().await, east.producer().await);
            for n in numbers(0..20) {
                at_west.publish(&n).await;
            }
            assert_eq!(in_east.consume_all(20).await, numbers(0..20));
            at_east.publish("from east").await;
            assert_eq!(in_east.consume_all(1).await, ["from east"]);
            assert_eq!(in_west.consume_all(21).await.last().unwrap(), "from east");
            assert_eq!(in_east.hear(seconds(5)).await, None, "nothing comes back");
            assert_eq!(in_west.hear(seconds(5)).await, None);

            let notes = Attachment::Producer { topic: Topic::new(Scope::Local, "notes"), name: None };
            west.attach(&notes).await.unwrap().publish("for west").await;
            host.sleep(seconds(5)).await;
            let (_, there) = east.ask("GET", &format!("{API}/streams?global=false"), "").await;
            assert_eq!(there["result"], json!([]));
        })
        .await;
    });
}

#[test]
fn a_cut_a_power_loss_and_a_restart_delay_what_goes_to_the_other_region_and_lose_nothing() {
    for seed in 0..10 {
        play(seed, move |town| async move {
            two(&town);
            town.visit("subscriber", |host| async move {
                Program::new(&host, "east").consumer(consumer("s", Exclusive, "c-1")).await.leave().await;
            })
            .await;
            let publish = |name: &'static str, range: std::ops::Range<u32>| {
                town.visit(name, move |host| {
                    let range = range.clone();
                    async move {
                        let mut producer = Program::new(&host, "west").producer().await;
                        for n in numbers(range) {
                            producer.publish(&n).await;
                        }
                    }
                })
            };
            publish("first", 0..50).await;
            let cut = |from: &str, to: &str| Fault::Cut { from: from.into(), to: to.into() };
            let heal = |from: &str, to: &str| Fault::Heal { from: from.into(), to: to.into() };
            town.stage.apply(cut("west", "east"));
            publish("second", 50..100).await;
            town.stage.sleep(seconds(30)).await;
            town.stage.apply(heal("west", "east"));
            publish("third", 100..150).await;
            town.power_loss("broker-east");
            publish("fourth", 150..200).await;
            town.power_loss("broker-west");
            town.stage.sleep(seconds(1)).await;
            town.boot("broker-west");
            town.stage.sleep(seconds(20)).await;
            town.boot("broker-east");
            publish("fifth", 200..250).await;
            let got = town
                .visit("consumer", |host| async move {
                    host.sleep(seconds(60)).await;
                    let mut consumer = Program::new(&host, "east").consumer(consumer("s", Exclusive, "c-1")).await;
                    let got = consumer.consume_all(250).await;
                    assert_eq!(consumer.hear(seconds(5)).await, None, "nothing comes twice");
                    got
                })
                .await;
            assert_eq!(got, numbers(0..250), "seed {seed}");
        });
    }
}
