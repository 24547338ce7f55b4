//! A broker under siege: whatever is sent to it, it ends that connection as the contract says, and a good program works on.
use crate::hostile::{assail, streams};
use crate::program::{Program, consumer};
use crate::town::{play, seconds};
use futures_util::future::join;
use giant_lizard::history::SubscriptionMode::Failover;

const BROKER: &str = "broker-west";

#[test]
fn whatever_is_sent_to_it_a_broker_ends_it_as_the_contract_says_and_a_good_program_works_on() {
    for seed in [7, 8] {
        play(seed, move |town| async move {
            town.broker("west", &[], |_| {});
            let besieged = town.visit("hostile", |host| async move {
                let mut dice = host.dice("hostile");
                let streams = streams(&mut dice);
                assert!(streams.len() >= 300, "{}", streams.len());
                assail(&host, BROKER, streams, &mut dice).await
            });
            // Through the siege, and after it.
            let good = town.visit("good", |host| async move {
                let program = Program::new(&host, "west");
                let mut consumer = program.consumer(consumer("s", Failover, "c-1")).await;
                let mut producer = program.producer().await;
                for n in 0..100 {
                    producer.publish(&n.to_string()).await;
                    assert_eq!(consumer.consume().await, n.to_string());
                    host.sleep(seconds(10)).await;
                    // Their pings are answered while they are read.
                    assert_eq!(consumer.next(seconds(0)).await, None);
                    assert_eq!(producer.next(seconds(0)).await, None);
                }
            });
            let (complaints, ()) = join(besieged, good).await;
            assert!(complaints.is_empty(), "seed {seed}: {} complaints:\n{}", complaints.len(), complaints.join("\n"));
            town.visit("later", |host| async move {
                let program = Program::new(&host, "west");
                let mut again = program.consumer(consumer("s", Failover, "c-2")).await;
                for n in 0..20 {
                    program.producer().await.publish(&n.to_string()).await;
                    assert_eq!(again.consume().await, n.to_string());
                }
            })
            .await;
        });
    }
}
