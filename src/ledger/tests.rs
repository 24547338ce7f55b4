use super::*;
use proptest::prelude::*;
use std::future::Future;

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn records(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn open(disk: &MemoryDisk) -> (Ledger, Vec<Vec<u8>>) {
    run(Ledger::open(Box::new(disk.clone()), "book")).unwrap()
}

#[test]
fn what_was_appended_is_read_again_after_a_loss_of_power() {
    let disk = MemoryDisk::default();
    let (mut ledger, nothing) = open(&disk);
    assert!(nothing.is_empty());
    run(ledger.append(&records(&["one", "", "two"]))).unwrap();
    run(ledger.append(&records(&["three"]))).unwrap();
    disk.lose_power(0);
    let (ledger, read) = open(&disk);
    assert_eq!(read, records(&["one", "", "two", "three"]));
    assert_eq!(ledger.appended(), 4);
}

#[test]
fn a_replacement_stands_for_everything_before_it() {
    let disk = MemoryDisk::default();
    let (mut ledger, _) = open(&disk);
    for round in 0..3 {
        run(ledger.append(&records(&["old"]))).unwrap();
        run(ledger.replace(&records(&["sum"]))).unwrap();
        assert_eq!(ledger.appended(), 0, "round {round}");
    }
    run(ledger.append(&records(&["new"]))).unwrap();
    disk.lose_power(0);
    assert_eq!(open(&disk).1, records(&["sum", "new"]));
    assert_eq!(disk.list("").unwrap(), ["book.3.log", "book.snapshot"], "nothing old lies about");
}

#[test]
fn a_torn_record_is_forgotten_and_does_not_hide_what_comes_after() {
    for torn in 0..20 {
        let disk = MemoryDisk::default();
        let (mut ledger, _) = open(&disk);
        run(ledger.append(&records(&["one"]))).unwrap();
        disk.open("book.0.log").unwrap().append(&[3, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 1, 2, 3]).unwrap();
        disk.lose_power(torn);
        let (mut ledger, read) = open(&disk);
        assert_eq!(read, records(&["one"]));
        run(ledger.append(&records(&["two"]))).unwrap();
        assert_eq!(open(&disk).1, records(&["one", "two"]));
    }
}

#[test]
fn an_append_that_failed_can_be_repeated() {
    let disk = MemoryDisk::default();
    let (mut ledger, _) = open(&disk);
    run(ledger.append(&records(&["one"]))).unwrap();
    disk.fill(true);
    assert!(run(ledger.append(&records(&["two"]))).is_err());
    assert!(run(ledger.append(&records(&["two"]))).is_err());
    disk.fill(false);
    run(ledger.append(&records(&["two"]))).unwrap();
    disk.lose_power(0);
    assert_eq!(open(&disk).1, records(&["one", "two"]));
}

#[test]
fn a_replacement_that_failed_is_finished_before_anything_is_appended() {
    let disk = MemoryDisk::default();
    let (mut ledger, _) = open(&disk);
    run(ledger.append(&records(&["one"]))).unwrap();
    disk.fill(true);
    assert!(run(ledger.replace(&records(&["sum"]))).is_err());
    assert!(run(ledger.append(&records(&["two"]))).is_err());
    disk.fill(false);
    assert_eq!(open(&disk).1, records(&["one"]), "until then the old ones stand");
    run(ledger.append(&records(&["two"]))).unwrap();
    disk.lose_power(0);
    assert_eq!(open(&disk).1, records(&["sum", "two"]));
}

#[test]
fn what_a_crash_left_unsynced_and_an_opening_read_survives_a_later_loss_of_power() {
    let disk = MemoryDisk::default();
    let (mut ledger, _) = open(&disk);
    run(ledger.append(&records(&["one"]))).unwrap();
    let whole_record = disk.read("book.0.log").unwrap();
    disk.open("book.0.log").unwrap().append(&whole_record).unwrap();
    assert_eq!(open(&disk).1, records(&["one", "one"]));
    disk.lose_power(0);
    assert_eq!(open(&disk).1, records(&["one", "one"]));
}

#[test]
fn a_damaged_snapshot_is_an_error_and_not_an_empty_ledger() {
    let disk = MemoryDisk::default();
    let (mut ledger, _) = open(&disk);
    run(ledger.replace(&records(&["sum"]))).unwrap();
    disk.flip("book.snapshot", 20);
    assert_eq!(run(Ledger::open(Box::new(disk), "book")).err().unwrap().kind(), io::ErrorKind::InvalidData);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_as_far_as_they_are_records(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let disk = MemoryDisk::default();
        disk.open("book.0.log").unwrap().append(&bytes).unwrap();
        let (mut ledger, read) = open(&disk);
        run(ledger.append(&records(&["after"]))).unwrap();
        prop_assert_eq!(open(&disk).1.len(), read.len() + 1);
    }
}
