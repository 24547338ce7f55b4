mod reference;
mod side_by_side;

use super::state::{DiskState, OpenFile};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

fn disk(seed: u64) -> DiskState {
    DiskState::new(crate::dice(seed, "disk"))
}

fn sync(disk: &mut DiskState, file: &OpenFile) {
    let sync = disk.begin_sync(file).expect("the disk works");
    disk.end_sync(file, sync).expect("the disk works");
}

/// A disk on which `log` holds "synced" for good.
fn disk_with_a_log(seed: u64) -> (DiskState, OpenFile) {
    let mut disk = disk(seed);
    let log = disk.open("log").expect("the disk works");
    disk.append(&log, b"synced").expect("the disk works");
    sync(&mut disk, &log);
    (disk, log)
}

fn everything(disk: &DiskState) -> BTreeMap<String, Vec<u8>> {
    let paths = [disk.list(""), disk.list("d")].map(|paths| paths.expect("the disk works")).concat();
    paths.into_iter().map(|path| (path.clone(), disk.read(&path).expect("it is listed"))).collect()
}

/// What `log` holds after a power loss, over many seeds.
fn outcomes(act: impl Fn(&mut DiskState, &OpenFile)) -> BTreeSet<String> {
    let outcome = |seed| {
        let (mut disk, log) = disk_with_a_log(seed);
        act(&mut disk, &log);
        disk.power_loss();
        String::from_utf8(disk.read("log").expect("it was synced")).expect("it is text")
    };
    (0..300).map(outcome).collect()
}

fn owned(outcomes: &[&str]) -> BTreeSet<String> {
    outcomes.iter().map(|&outcome| outcome.to_owned()).collect()
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> io::ErrorKind {
    result.expect_err("it should fail").kind()
}

#[test]
fn unsynced_bytes_are_lost_or_torn_on_power_loss() {
    let outcomes = outcomes(|disk, log| {
        disk.append(log, b"1").unwrap();
        disk.append(log, b"23").unwrap();
    });
    assert_eq!(outcomes, owned(&["synced", "synced1", "synced12", "synced123"]));
}

#[test]
fn a_crash_keeps_every_byte_and_every_name() {
    let (mut disk, log) = disk_with_a_log(0);
    disk.append(&log, b"+").unwrap();
    disk.open("fresh").unwrap();
    disk.rename("log", "d/log").unwrap();
    let before = everything(&disk);
    disk.crash();
    assert_eq!(everything(&disk), before);
    assert_eq!(before.keys().collect::<Vec<_>>(), ["d/log", "fresh"]);
}

#[test]
fn open_handles_die_in_a_crash_and_in_power_loss() {
    let (mut disk, log) = disk_with_a_log(0);
    disk.crash();
    assert_eq!(disk.append(&log, b"late").unwrap_err().raw_os_error(), Some(libc::EBADF));
    let log = disk.open("log").unwrap();
    let begun = disk.begin_sync(&log).unwrap();
    disk.power_loss();
    assert_eq!(disk.end_sync(&log, begun).unwrap_err().raw_os_error(), Some(libc::EBADF));
    assert_eq!(disk.read("log").unwrap(), b"synced");
}

#[test]
fn a_sync_vouches_only_for_what_was_written_before_it_began() {
    let outcomes = outcomes(|disk, log| {
        disk.append(log, b"1").unwrap();
        let begun = disk.begin_sync(log).unwrap();
        disk.append(log, b"2").unwrap();
        disk.end_sync(log, begun).unwrap();
    });
    assert_eq!(outcomes, owned(&["synced1", "synced12"]));
}

#[test]
fn a_sync_that_a_truncation_overtakes_leaves_the_shorter_file() {
    let outcomes = outcomes(|disk, log| {
        let begun = disk.begin_sync(log).unwrap();
        disk.truncate(log, 2).unwrap();
        disk.end_sync(log, begun).unwrap();
    });
    assert_eq!(outcomes, owned(&["sy"]));
}

#[test]
fn a_truncation_that_was_not_synced_may_come_undone_but_never_mixes_old_and_new() {
    let outcomes = outcomes(|disk, log| {
        disk.truncate(log, 4).unwrap();
        disk.truncate(log, 2).unwrap();
        disk.append(log, b"NEW").unwrap();
    });
    assert_eq!(outcomes, owned(&["synced", "sy", "syN", "syNE", "syNEW"]));
}

#[test]
fn a_new_file_is_kept_or_lost_with_its_name_until_it_is_synced() {
    let outcome = |seed, synced| {
        let mut disk = disk(seed);
        let file = disk.open("fresh").unwrap();
        disk.append(&file, b"x").unwrap();
        if synced {
            sync(&mut disk, &file);
        }
        disk.power_loss();
        disk.read("fresh").ok()
    };
    let unsynced: BTreeSet<_> = (0..100).map(|seed| outcome(seed, false)).collect();
    assert_eq!(unsynced, BTreeSet::from([None, Some(b"".to_vec()), Some(b"x".to_vec())]));
    assert!((0..100).all(|seed| outcome(seed, true) == Some(b"x".to_vec())));
}

#[test]
fn a_file_renamed_before_it_is_synced_can_come_back_short_in_place_of_the_old_one() {
    let outcomes = outcomes(|disk, _| {
        let fresh = disk.open("fresh").unwrap();
        disk.append(&fresh, b"new").unwrap();
        disk.rename("fresh", "log").unwrap();
    });
    assert_eq!(outcomes, owned(&["synced", "", "n", "ne", "new"]));
}

#[test]
fn names_become_durable_in_the_order_in_which_they_changed() {
    for seed in 0..200 {
        let mut disk = disk(seed);
        for name in ["1", "2", "3"] {
            disk.open(name).unwrap();
        }
        disk.power_loss();
        let left = disk.list("").unwrap();
        assert_eq!(left, ["1", "2", "3"][..left.len()]);
    }
}

#[test]
fn a_replacement_is_the_old_file_or_the_new_one_whenever_the_power_goes() {
    // The steps of `Disk::replace`: a nameless file, its sync, its name, the name's sync.
    let replaced_until = |seed, steps: usize| {
        let (mut disk, _) = disk_with_a_log(seed);
        let file = disk.nameless(b"new").unwrap();
        let mut begun = None;
        for step in 0..steps {
            match step {
                0 | 3 => begun = Some(disk.begin_sync(&file).unwrap()),
                1 | 4 => disk.end_sync(&file, begun.take().unwrap()).unwrap(),
                _ => disk.link("log", &file).unwrap(),
            }
        }
        disk.power_loss();
        assert_eq!(disk.list("").unwrap(), ["log"], "nothing is left lying about");
        disk.read("log").unwrap()
    };
    let outcomes = |steps| (0..100).map(|seed| replaced_until(seed, steps)).collect::<BTreeSet<_>>();
    let (old, new) = (b"synced".to_vec(), b"new".to_vec());
    for unnamed in 0..=2 {
        assert_eq!(outcomes(unnamed), BTreeSet::from([old.clone()]));
    }
    for unsure in 3..=4 {
        assert_eq!(outcomes(unsure), BTreeSet::from([old.clone(), new.clone()]));
    }
    assert_eq!(outcomes(5), BTreeSet::from([new]));
}

#[test]
fn two_handles_to_one_file_see_each_others_bytes() {
    let (mut disk, log) = disk_with_a_log(0);
    let other = disk.open("log").unwrap();
    disk.append(&other, b"1").unwrap();
    disk.append(&log, b"2").unwrap();
    assert_eq!(disk.read_at(&other, 6, 10).unwrap(), b"12");
    assert_eq!(disk.len(&log).unwrap(), 8);
    sync(&mut disk, &other);
    disk.power_loss();
    assert_eq!(disk.read("log").unwrap(), b"synced12");
}

#[test]
fn a_removed_file_stays_readable_through_its_handle_and_a_new_one_starts_empty() {
    let (mut disk, log) = disk_with_a_log(0);
    disk.remove("log").unwrap();
    assert_eq!(kind(disk.read("log")), io::ErrorKind::NotFound);
    assert_eq!(disk.read_at(&log, 0, 6).unwrap(), b"synced");
    let again = disk.open("log").unwrap();
    disk.append(&again, b"new").unwrap();
    assert_eq!(disk.read("log").unwrap(), b"new");
}

#[test]
fn reading_ends_where_the_file_ends() {
    let (disk, log) = disk_with_a_log(0);
    assert_eq!(disk.read_at(&log, 4, 100).unwrap(), b"ed");
    assert_eq!(disk.read_at(&log, 6, 1).unwrap(), b"");
    assert_eq!(disk.read_at(&log, u64::MAX, usize::MAX).unwrap(), b"");
}

#[test]
fn a_full_disk_answers_storage_full_and_loses_nothing() {
    let (mut disk, log) = disk_with_a_log(0);
    disk.append(&log, b"+").unwrap();
    disk.set_full(true);
    let full = io::ErrorKind::StorageFull;
    assert_eq!(kind(disk.append(&log, b"more")), full);
    assert_eq!(kind(disk.begin_sync(&log)), full);
    assert_eq!(kind(disk.truncate(&log, 100)), full);
    assert_eq!(kind(disk.open("fresh")), full);
    assert_eq!(kind(disk.nameless(b"new")), full);
    assert_eq!(kind(disk.rename("log", "other")), full);
    assert_eq!(everything(&disk), BTreeMap::from([("log".to_owned(), b"synced+".to_vec())]));
    disk.set_full(false);
    sync(&mut disk, &log);
    disk.power_loss();
    assert_eq!(disk.read("log").unwrap(), b"synced+");
}

#[test]
fn a_full_disk_still_reads_shortens_and_removes() {
    let (mut disk, log) = disk_with_a_log(0);
    disk.set_full(true);
    disk.truncate(&log, 2).unwrap();
    assert_eq!(disk.read("log").unwrap(), b"sy");
    disk.open("log").unwrap();
    disk.remove("log").unwrap();
    assert_eq!(disk.list("").unwrap(), [""; 0]);
}

#[test]
fn a_faulty_disk_answers_every_call_with_an_io_error() {
    let (mut disk, log) = disk_with_a_log(0);
    disk.set_error(true);
    let errors = [
        disk.open("log").err(),
        disk.read("log").err(),
        disk.nameless(b"").err(),
        disk.link("other", &log).err(),
        disk.rename("log", "other").err(),
        disk.remove("log").err(),
        disk.list("").err(),
        disk.append(&log, b"x").err(),
        disk.read_at(&log, 0, 1).err(),
        disk.len(&log).err(),
        disk.truncate(&log, 0).err(),
        disk.begin_sync(&log).err(),
    ];
    assert!(errors.iter().all(|error| error.as_ref().and_then(io::Error::raw_os_error) == Some(libc::EIO)));
    disk.set_error(false);
    assert_eq!(everything(&disk), BTreeMap::from([("log".to_owned(), b"synced".to_vec())]));
}

#[test]
fn a_sync_that_a_disk_error_overtakes_promises_nothing_and_can_be_repeated() {
    let failed = |disk: &mut DiskState, log: &OpenFile| {
        disk.append(log, b"1").unwrap();
        let begun = disk.begin_sync(log).unwrap();
        disk.set_error(true);
        disk.end_sync(log, begun).unwrap_err();
        disk.set_error(false);
    };
    assert_eq!(outcomes(failed), owned(&["synced", "synced1"]));
    let repeated = |disk: &mut DiskState, log: &OpenFile| {
        failed(disk, log);
        sync(disk, log);
    };
    assert_eq!(outcomes(repeated), owned(&["synced1"]));
}

#[test]
fn a_sync_takes_a_drawn_time_and_longer_on_a_slow_disk() {
    let (mut disk, log) = disk_with_a_log(0);
    let mut drawn = || -> BTreeSet<_> { (0..100).map(|_| disk.begin_sync(&log).unwrap().takes).collect() };
    let usual = Duration::from_micros(100)..=Duration::from_millis(1);
    let takes = drawn();
    assert!(takes.len() > 50 && takes.iter().all(|takes| usual.contains(takes)), "{takes:?}");
    disk.set_slow_sync(Duration::from_secs(3));
    let takes = disk.begin_sync(&log).unwrap().takes;
    assert!(usual.contains(&(takes - Duration::from_secs(3))), "{takes:?}");
    disk.set_slow_sync(Duration::ZERO);
    assert!(usual.contains(&disk.begin_sync(&log).unwrap().takes));
}

#[test]
fn slowing_syncs_does_not_change_what_chance_brings_later() {
    let left = |slow| {
        let (mut disk, log) = disk_with_a_log(7);
        disk.set_slow_sync(Duration::from_secs(slow));
        for byte in 0..200 {
            disk.append(&log, &[byte]).unwrap();
            if byte % 50 == 0 {
                sync(&mut disk, &log);
            }
        }
        disk.power_loss();
        disk.read("log").unwrap()
    };
    assert_eq!(left(0), left(5));
}

#[test]
fn files_are_listed_by_directory_and_sorted() {
    let mut disk = disk(0);
    for path in ["z", "d/2", "a", "d/1", "d2", "e/1"] {
        disk.open(path).unwrap();
    }
    assert_eq!(disk.list("").unwrap(), ["a", "d2", "z"]);
    assert_eq!(disk.list("d").unwrap(), ["d/1", "d/2"]);
    assert_eq!(disk.list("none").unwrap(), [""; 0]);
}

#[test]
fn a_name_is_a_file_or_a_directory_and_at_most_one_directory_deep() {
    let mut disk = disk(0);
    disk.open("d/1").unwrap();
    disk.open("f").unwrap();
    assert_eq!(kind(disk.open("d")), io::ErrorKind::IsADirectory);
    assert_eq!(kind(disk.open("f/1")), io::ErrorKind::NotADirectory);
    assert_eq!(kind(disk.rename("f", "d")), io::ErrorKind::IsADirectory);
    for path in ["", "/", "/etc", "d/", "d//1", "a/b/c", "..", "d/..", "./a"] {
        assert_eq!(kind(disk.open(path)), io::ErrorKind::InvalidInput, "{path}");
    }
}

#[test]
fn a_million_synced_appends_and_ten_thousand_unsynced_ones_do_not_pile_up_work() {
    // A disk that went through its past at each append would not end within the hour.
    let (mut disk, log) = disk_with_a_log(0);
    for _ in 0..1_000_000 {
        disk.append(&log, &[7; 64]).unwrap();
        sync(&mut disk, &log);
    }
    let synced = disk.len(&log).unwrap();
    let other = disk.open("other").unwrap();
    for n in 0..10_000 {
        disk.append(&log, &[8; 64]).unwrap();
        disk.append(&other, &[9; 64]).unwrap();
        assert_eq!(disk.len(&other).unwrap(), 64 * (n + 1));
        assert_eq!(disk.read_at(&log, synced + 64 * n, 64).unwrap(), [8; 64]);
    }
    disk.power_loss();
    let left = disk.read("log").unwrap();
    assert_eq!(left[..6], *b"synced");
    assert!(left[6..synced as usize].iter().all(|&byte| byte == 7));
}
