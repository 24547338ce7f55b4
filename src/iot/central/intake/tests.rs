use super::super::commands::tests::command;
use super::super::whereabouts::Stay;
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn message(number: u64) -> Arrival {
    Arrival::Message { producer: "xyz/telemetry".into(), number, digest: number * 7 }
}

fn reported(number: u64) -> Arrival {
    Arrival::Reported { device: "xyz".into(), number }
}

fn take(intake: &mut Intake, hub: &Name, from: u64, arrivals: Vec<Arrival>, next: u64) -> Option<Entry> {
    intake.take(hub, from, Batch { arrivals, next }, DeDuplicates::ByNumber)
}

fn numbers(entry: &Entry) -> Vec<u64> {
    let number = |receipt: &Receipt| match receipt {
        Receipt::Message { number, .. } | Receipt::Reported { number, .. } => Some(*number),
        _ => None,
    };
    entry.receipts.iter().filter_map(number).collect()
}

#[test]
fn a_message_is_received_once_from_whichever_hub_it_comes() {
    let (a, b) = (Name::from("hub-a"), Name::from("hub-b"));
    let mut intake = Intake::default();
    let first = take(&mut intake, &a, 0, vec![message(0), message(1), message(1)], 3).unwrap();
    assert_eq!((numbers(&first), first.serial), (vec![0, 1], 0));
    let second = take(&mut intake, &b, 0, vec![message(1), message(2)], 2).unwrap();
    assert_eq!((numbers(&second), second.serial), (vec![2], 2));
    assert_eq!((intake.next("hub-a"), intake.next("hub-b")), (3, 2));
    assert!(intake.has("xyz/telemetry", 2) && !intake.has("xyz/telemetry", 3));
}

#[test]
fn what_begins_elsewhere_than_where_it_stopped_is_not_taken() {
    let hub = Name::from("hub-a");
    let mut intake = Intake::default();
    take(&mut intake, &hub, 0, vec![message(0)], 1).unwrap();
    let before = intake.clone();
    for (from, next) in [(0, 1), (0, 2), (2, 3), (1, 1)] {
        assert_eq!(take(&mut intake, &hub, from, vec![message(9)], next), None, "{from} to {next}");
    }
    assert_eq!(intake, before);
}

#[test]
fn an_older_report_that_comes_late_is_not_news() {
    let (a, b) = (Name::from("hub-a"), Name::from("hub-b"));
    let mut intake = Intake::default();
    assert_eq!(numbers(&take(&mut intake, &a, 0, vec![reported(0), reported(1)], 2).unwrap()), [0, 1]);
    assert_eq!(numbers(&take(&mut intake, &b, 0, vec![reported(4)], 1).unwrap()), [4]);
    assert!(take(&mut intake, &a, 2, vec![reported(3)], 3).unwrap().receipts.is_empty());
}

#[test]
fn foreign_messages_are_received_as_often_as_they_come() {
    let mut intake = Intake::default();
    let foreign = || Arrival::Foreign { digest: 5 };
    let entry = take(&mut intake, &"hub-a".into(), 0, vec![foreign(), foreign()], 2).unwrap();
    assert_eq!(entry.receipts, [Receipt::Foreign { digest: 5 }, Receipt::Foreign { digest: 5 }]);
}

#[test]
fn a_hundred_thousand_messages_are_kept_in_little() {
    let mut intake = Intake::default();
    for batch in 0..100u64 {
        let arrivals = (batch * 1000..(batch + 1) * 1000).map(message).collect();
        take(&mut intake, &"hub-a".into(), batch * 1000, arrivals, (batch + 1) * 1000).unwrap();
    }
    assert!(intake.to_record().len() < 250);
}

#[test]
fn a_central_that_does_not_de_duplicate_receives_again_under_new_serial_numbers() {
    let hub = Name::from("hub-a");
    let mut intake = Intake::default();
    let mut never =
        |from, arrivals, next| intake.take(&hub, from, Batch { arrivals, next }, DeDuplicates::Never).unwrap();
    let first = never(0, vec![message(0), message(0)], 2);
    let second = never(2, vec![message(0), message(1)], 4);
    assert_eq!((numbers(&first), first.serial), (vec![0, 0], 0));
    assert_eq!((numbers(&second), second.serial), (vec![0, 1], 2));
}

#[test]
fn a_central_that_begins_again_reads_and_receives_everything_anew_and_counts_on() {
    let hub = Name::from("hub-a");
    let mut intake = Intake::default();
    take(&mut intake, &hub, 0, vec![message(0), message(1)], 2).unwrap();
    intake.accept(vec![Receipt::Command { device: "xyz".into(), command: command("op-1", 60) }]);
    intake.begin_again();
    assert_eq!(intake.next("hub-a"), 0);
    let again = take(&mut intake, &hub, 0, vec![message(0), message(1)], 2).unwrap();
    assert_eq!((numbers(&again), again.serial), (vec![0, 1], 3));
    assert!(intake.owed().commands.has("xyz", "op-1"), "what is owed is not forgotten");
}

#[test]
fn where_a_device_is_and_what_it_completed_is_learnt_with_the_offset() {
    let (hub, xyz, mut intake) = (Name::from("hub-a"), Name::from("xyz"), Intake::default());
    let stay = Stay { hub: hub.clone(), generation: 1 };
    let lifecycle = Arrival::Lifecycle { device: xyz.clone(), stay: stay.clone(), came: true };
    let accepted = intake.accept(vec![Receipt::Command { device: xyz.clone(), command: command("op-1", 60) }]);
    let completed = |id: &str| Arrival::Completed { device: "xyz".into(), id: id.into() };
    let arrivals = vec![lifecycle.clone(), lifecycle, completed("op-1"), completed("op-1"), completed("op-2")];
    let entry = take(&mut intake, &hub, 0, arrivals, 5).unwrap();
    let done = Receipt::Completed { device: xyz.clone(), id: "op-1".into() };
    assert_eq!(entry.receipts, [Receipt::Lifecycle { device: xyz, stay: stay.clone(), came: true }, done]);
    assert_eq!(intake.owed().whereabouts.stay("xyz"), Some(&stay));
    assert!(!intake.owed().commands.has("xyz", "op-1"));
    let records = [accepted.to_record(), entry.to_record()];
    assert_eq!(Intake::read(&records).unwrap(), (intake.clone(), vec![accepted, entry]));
    assert_eq!(Intake::read(&[intake.to_record()]).unwrap(), (intake, vec![]));
}

#[test]
fn a_change_of_desired_properties_is_known_when_its_acknowledgement_comes() {
    let (hub, xyz, mut intake) = (Name::from("hub-a"), Name::from("xyz"), Intake::default());
    let patch = json!({ "fan": "on" }).as_object().unwrap().clone();
    intake.accept(vec![Receipt::Change { device: xyz.clone(), number: 1, patch }]);
    let acknowledged = |number| Arrival::Acknowledged { device: "xyz".into(), number };
    let entry = take(&mut intake, &hub, 0, vec![acknowledged(2), acknowledged(1), acknowledged(1)], 3).unwrap();
    assert_eq!(entry.receipts, [Receipt::Acknowledged { device: xyz, number: 1 }], "2 was never made");
}

proptest! {
    #[test]
    fn what_is_no_record_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        prop_assert!(Intake::read(&[bytes]).is_err());
    }

    #[test]
    fn the_ledger_gives_back_what_was_taken_and_every_entry_since_the_snapshot(
        batches in prop::collection::vec((0usize..2, prop::collection::vec((0u64..30, any::<bool>()), 1..6)), 0..20),
        whole_at in 0usize..20,
    ) {
        let hubs = ["hub-a", "hub-b"].map(Name::from);
        let (mut intake, mut records, mut entries) = (Intake::default(), Vec::new(), Vec::new());
        for (index, (hub, arrivals)) in batches.into_iter().enumerate() {
            let from = intake.next(&hubs[hub]);
            let next = from + arrivals.len() as u64;
            let arrivals = arrivals.into_iter().map(|(n, twin)| if twin { reported(n) } else { message(n) });
            let entry = take(&mut intake, &hubs[hub], from, arrivals.collect(), next).unwrap();
            records.push(entry.to_record());
            entries.push(entry);
            if index == whole_at {
                records = vec![intake.to_record()];
                entries.clear();
            }
        }
        let read = Intake::read(&records).unwrap();
        prop_assert_eq!(read, (intake, entries));
    }
}
