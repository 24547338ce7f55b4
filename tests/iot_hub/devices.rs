//! The built-in device through faults.
use crate::neighbourhood::{Neighbourhood, first_copies, numbers, play, read_all, seconds};
use giant_lizard::history::{Cause, Event};
use giant_lizard::iot::knobs::{Clients, Confirms, OldClient, OnSessionLoss, TokenRenewal, WhenDpsFails};
use lizard_sim::Fault;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a hub has stored of the device's telemetry.
async fn stored(place: &Neighbourhood, hub: &'static str) -> Vec<u64> {
    let reader = format!("reader of {hub}");
    place.visit(&reader, move |host| async move { numbers(&read_all(&host, hub).await) }).await
}

#[test]
fn a_device_finds_its_hub_and_every_message_arrives_once_and_in_order() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.dps(&["hub-a"]);
        place.device(|_| {});
        place.stage.sleep(seconds(130)).await;
        let offered = place.chronicle.offered();
        assert_eq!(offered, (0..120).collect::<Vec<_>>());
        assert_eq!(place.chronicle.confirmed(), offered);
        assert_eq!(stored(&place, "hub-a").await, offered);
        assert_eq!(place.chronicle.settled(), ["hub-a"]);
        let confirmed = Event::ReportedConfirmed { client: "xyz".into(), number: 12 };
        assert!(place.chronicle.has(&confirmed));
    });
}

#[test]
fn a_device_sends_on_when_its_hub_was_killed_and_came_back() {
    for seed in 0..20 {
        play(seed, |place| async move {
            place.hub("hub-a", "west", Confirms::AfterStoring);
            place.dps(&["hub-a"]);
            place.device(|_| {});
            place.stage.sleep(seconds(40)).await;
            place.crash("hub-a");
            place.stage.sleep(seconds(20)).await;
            place.boot("hub-a");
            place.stage.sleep(seconds(120)).await;
            let offered = place.chronicle.offered();
            let stored = stored(&place, "hub-a").await;
            assert_eq!(first_copies(&stored), offered);
            assert_eq!(place.chronicle.confirmed().into_iter().collect::<BTreeSet<_>>().len(), offered.len());
            assert_eq!(place.chronicle.settled(), ["hub-a", "hub-a"]);
        });
    }
}

/// Runs a busy device at a hub that loses its power again and again; how many confirmed messages the hub lost.
fn lost_by(confirms: Confirms, seed: u64) -> usize {
    let run = play(seed, move |place| async move {
        place.hub("hub-a", "west", confirms);
        place.dps(&["hub-a"]);
        place.device(|plan| {
            let (producer, _) = plan.telemetry.unwrap();
            plan.telemetry = Some((producer, Duration::from_millis(20)));
        });
        for n in 0..3 {
            // Seeds lose it at different moments of the hub's work.
            place.stage.sleep(seconds(30) + Duration::from_micros(1_237 * (seed + n))).await;
            place.power_loss("hub-a");
            place.stage.sleep(seconds(3)).await;
            place.boot("hub-a");
        }
        place.stage.sleep(seconds(180)).await;
        let stored: BTreeSet<_> = stored(&place, "hub-a").await.into_iter().collect();
        let confirmed = place.chronicle.confirmed();
        assert!(confirmed.len() > 1000, "it was busy: {}", confirmed.len());
        confirmed.iter().filter(|number| !stored.contains(number)).count()
    });
    run.value
}

#[test]
fn a_hub_that_loses_power_keeps_every_message_it_acknowledged() {
    for seed in 0..20 {
        assert_eq!(lost_by(Confirms::AfterStoring, seed), 0, "seed {seed}");
    }
}

#[test]
fn a_hub_that_confirms_before_storing_loses_messages_with_its_power() {
    for seed in 0..5 {
        assert!(lost_by(Confirms::BeforeStoring, seed) > 0, "seed {seed}");
    }
}

#[test]
fn a_hub_that_confirms_before_storing_loses_nothing_in_calm_and_when_it_is_stopped() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::BeforeStoring);
        place.dps(&["hub-a"]);
        place.device(|_| {});
        place.stage.sleep(seconds(60)).await;
        place.stage.apply(Fault::Stop { host: "hub-a".into() });
        place.stage.sleep(seconds(5)).await;
        place.boot("hub-a");
        place.stage.sleep(seconds(120)).await;
        assert_eq!(first_copies(&stored(&place, "hub-a").await), place.chronicle.offered());
    });
}

#[test]
fn a_device_whose_hub_loses_power_for_long_moves_and_loses_nothing() {
    for seed in 0..10 {
        play(seed, |place| async move {
            place.hub("hub-a", "west", Confirms::AfterStoring);
            place.hub("hub-b", "east", Confirms::AfterStoring);
            place.dps(&["hub-a", "hub-b"]);
            place.device(|_| {});
            place.stage.sleep(seconds(40)).await;
            assert_eq!(place.chronicle.settled(), ["hub-a"]);
            place.power_loss("hub-a");
            place.stage.sleep(seconds(60)).await;
            assert_eq!(place.chronicle.settled(), ["hub-a", "hub-b"]);
            place.boot("hub-a");
            place.stage.sleep(seconds(120)).await;
            assert_eq!(place.chronicle.settled(), ["hub-a", "hub-b", "hub-a"], "it comes home");
            let mut both: BTreeSet<_> = stored(&place, "hub-a").await.into_iter().collect();
            both.extend(stored(&place, "hub-b").await);
            assert_eq!(both.into_iter().collect::<Vec<_>>(), place.chronicle.offered());
        });
    }
}

#[test]
fn a_device_that_never_asks_again_waits_for_its_dead_hub_for_ever() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.hub("hub-b", "east", Confirms::AfterStoring);
        place.dps(&["hub-a", "hub-b"]);
        place.device(|plan| plan.knobs.on_session_loss = OnSessionLoss::SameHub);
        place.stage.sleep(seconds(40)).await;
        place.power_loss("hub-a");
        place.stage.sleep(seconds(300)).await;
        assert_eq!(place.chronicle.settled(), ["hub-a"]);
        place.boot("hub-a");
        place.stage.sleep(seconds(120)).await;
        let confirmed: BTreeSet<_> = place.chronicle.confirmed().into_iter().collect();
        assert_eq!(confirmed.len(), place.chronicle.offered().len(), "the buffer waited, too");
    });
}

#[test]
fn a_partition_is_noticed_by_silence_and_overcome() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.dps(&["hub-a"]);
        place.device(|plan| plan.telemetry = None);
        place.stage.sleep(seconds(15)).await;
        for (from, to) in [("field", "west"), ("west", "field")] {
            place.stage.apply(Fault::Cut { from: from.into(), to: to.into() });
        }
        place.stage.sleep(seconds(60)).await;
        let causes = place.chronicle.pick(|entry| match &entry.event {
            Event::SessionLost { cause, service, .. } if &**service == "hub-a" => Some((entry.at, *cause)),
            _ => None,
        });
        assert!(matches!(causes[..], [(at, Cause::TimeOut | Cause::Silence)] if at < seconds(55)), "{causes:?}");
        for (from, to) in [("field", "west"), ("west", "field")] {
            place.stage.apply(Fault::Heal { from: from.into(), to: to.into() });
        }
        place.stage.sleep(seconds(45)).await;
        assert_eq!(place.chronicle.settled(), ["hub-a", "hub-a"]);
    });
}

#[test]
fn a_device_that_is_stopped_says_goodbye_and_a_later_boot_goes_on_with_fresh_numbers() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.dps(&["hub-a"]);
        place.device(|_| {});
        place.stage.sleep(seconds(30)).await;
        place.stage.apply(Fault::Stop { host: "xyz".into() });
        place.stage.sleep(seconds(10)).await;
        assert!(!place.stage.is_up("xyz"));
        let ended = place.chronicle.pick(|entry| match &entry.event {
            Event::SessionEnded { why, .. } if &*entry.host == "hub-a" => Some(*why),
            _ => None,
        });
        assert_eq!(ended, ["disconnect"]);
        place.boot("xyz");
        place.stage.sleep(seconds(30)).await;
        let offered = place.chronicle.offered();
        assert!(offered.contains(&29) && offered.contains(&1_000_000), "{offered:?}");
        assert_eq!(offered.iter().collect::<BTreeSet<_>>().len(), offered.len());
    });
}

#[test]
fn a_full_disk_confirms_nothing_and_everything_comes_when_there_is_room() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.dps(&["hub-a"]);
        place.device(|_| {});
        place.stage.sleep(seconds(30)).await;
        place.stage.apply(Fault::DiskFull { host: "hub-a".into(), on: true });
        place.stage.sleep(seconds(2)).await;
        let before = place.chronicle.confirmed().len();
        place.stage.sleep(seconds(30)).await;
        assert_eq!(place.chronicle.confirmed().len(), before);
        place.stage.apply(Fault::DiskFull { host: "hub-a".into(), on: false });
        place.stage.sleep(seconds(100)).await;
        assert_eq!(first_copies(&stored(&place, "hub-a").await), place.chronicle.offered());
    });
}

#[test]
fn the_same_seed_is_the_same_history() {
    let run = |seed| {
        play(seed, |place| async move {
            place.hub("hub-a", "west", Confirms::AfterStoring);
            place.hub("hub-b", "east", Confirms::AfterStoring);
            place.dps(&["hub-a", "hub-b"]);
            place.device(|_| {});
            place.stage.sleep(seconds(50)).await;
            place.power_loss("hub-a");
            place.stage.sleep(seconds(60)).await;
            place.boot("hub-a");
            place.stage.sleep(seconds(60)).await;
            place.chronicle.pick(|entry| Some(format!("{:?} {} {:?}", entry.at, entry.host, entry.event)))
        })
    };
    let (first, again, other) = (run(7), run(7), run(8));
    assert_eq!(first.value, again.value);
    assert_eq!(first.fingerprint, again.fingerprint);
    assert_ne!(first.fingerprint, other.fingerprint);
}

/// How often hub-a lets the device in once it is back, while the device is at hub-b.
fn let_in_after_leaving(old_client: OldClient) -> usize {
    let run = play(3, move |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.hub("hub-b", "east", Confirms::AfterStoring);
        place.dps(&["hub-a", "hub-b"]);
        place.device(|plan| plan.knobs.old_client = old_client);
        place.stage.sleep(seconds(40)).await;
        place.power_loss("hub-a");
        place.stage.sleep(seconds(60)).await;
        assert_eq!(place.chronicle.settled(), ["hub-a", "hub-b"]);
        // Whoever could tell the hub that the device is gone does not reach it.
        place.stage.apply(Fault::Cut { from: "north".into(), to: "west".into() });
        place.boot("hub-a");
        let back = seconds(100);
        place.stage.sleep(seconds(60)).await;
        assert_eq!(place.chronicle.settled(), ["hub-a", "hub-b"]);
        let opened = place.chronicle.pick(|entry| match entry.event {
            Event::SessionOpened { .. } if &*entry.host == "hub-a" => Some(entry.at),
            _ => None,
        });
        opened.into_iter().filter(|at| *at > back).count()
    });
    run.value
}

#[test]
fn an_old_client_that_was_kept_goes_back_to_the_hub_that_the_device_has_left() {
    assert_eq!(let_in_after_leaving(OldClient::ShutDown), 0);
    assert_eq!(let_in_after_leaving(OldClient::Kept), 1, "and holds its session there");
}

#[test]
fn two_clients_with_one_identity_kick_each_other_for_ever() {
    let connects = |clients| {
        let run = play(1, move |place| async move {
            place.hub("hub-a", "west", Confirms::AfterStoring);
            place.dps(&["hub-a"]);
            place.device(|plan| plan.knobs.clients = clients);
            place.stage.sleep(seconds(30)).await;
            place.chronicle.pick(|entry| matches!(entry.event, Event::Connecting { .. }).then_some(())).len()
        });
        run.value
    };
    assert_eq!(connects(Clients::One), 2);
    assert!(connects(Clients::Two) > 200, "{}", connects(Clients::Two));
}

#[test]
fn a_device_that_does_not_handle_a_dead_provisioning_service_is_silent_until_it_is_booted() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.dps(&["hub-a"]);
        place.device(|plan| plan.knobs.when_dps_fails = WhenDpsFails::Exits);
        place.stage.sleep(seconds(20)).await;
        place.power_loss("dps");
        place.crash("hub-a");
        place.stage.sleep(seconds(20)).await;
        place.boot("dps");
        place.boot("hub-a");
        let offered = place.chronicle.offered().len();
        place.stage.sleep(seconds(60)).await;
        assert!(place.stage.is_up("xyz"), "the machine is on, the process is not there");
        assert_eq!((place.chronicle.offered().len(), place.chronicle.settled().len()), (offered, 1));
        place.power_loss("xyz");
        place.boot("xyz");
        place.stage.sleep(seconds(30)).await;
        assert_eq!(place.chronicle.settled(), ["hub-a", "hub-a"]);
    });
}

#[test]
fn a_device_that_knows_its_hub_goes_back_there_without_asking() {
    let attempts = |cache_hostname| {
        let run = play(1, move |place| async move {
            place.hub("hub-a", "west", Confirms::AfterStoring);
            place.dps(&["hub-a"]);
            place.device(|plan| plan.abilities.cache_hostname = cache_hostname);
            place.stage.sleep(seconds(20)).await;
            place.crash("hub-a");
            place.boot("hub-a");
            place.stage.sleep(seconds(30)).await;
            assert_eq!(place.chronicle.settled(), ["hub-a", "hub-a"]);
            place.chronicle.pick(|entry| match &entry.event {
                Event::Connecting { service, .. } => Some(service.to_string()),
                _ => None,
            })
        });
        run.value
    };
    assert_eq!(attempts(false), ["dps", "hub-a", "dps", "hub-a"]);
    assert_eq!(attempts(true), ["dps", "hub-a", "hub-a"]);
}

#[test]
fn a_token_that_is_not_renewed_ends_the_device_at_its_hub() {
    let confirmed = |token_renewal| {
        let run = play(1, move |place| async move {
            place.hub("hub-a", "west", Confirms::AfterStoring);
            place.dps(&["hub-a"]);
            place.device(|plan| {
                plan.token_life = seconds(40);
                plan.knobs.token_renewal = token_renewal;
            });
            place.stage.sleep(seconds(120)).await;
            place.chronicle.confirmed().len()
        });
        run.value
    };
    assert!(confirmed(TokenRenewal::BeforeItEnds) > 115);
    assert!(confirmed(TokenRenewal::Never) < 60);
}
