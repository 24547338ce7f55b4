//! Why the disk is not turmoil-fs 0.1: each test asserts a fault of it that a wrapper could not hide. A test that
//! fails here means that turmoil-fs got better: think again about `src/disk.rs`.
#![allow(clippy::unwrap_used, reason = "tests")]
use std::io::Write;
use turmoil_fs::Fs;
use turmoil_fs::shim::std::fs::{OpenOptions, read, remove_file, rename, sync_dir};

fn append(path: &str, bytes: &[u8]) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn a_file_made_again_shows_what_was_in_the_removed_one() {
    let fs = Fs::builder().build();
    let _guard = fs.enter();
    append("/log", b"old");
    remove_file("/log").unwrap();
    append("/log", b"new");
    assert_eq!(read("/log").unwrap(), b"oldnew", "should be: new");
}

#[test]
fn what_is_written_after_a_rename_cannot_be_read() {
    let fs = Fs::builder().build();
    let _guard = fs.enter();
    append("/a", b"1");
    rename("/a", "/b").unwrap();
    append("/b", b"2");
    assert_eq!(read("/b").unwrap(), b"1", "should be: 12");
}

#[test]
fn syncing_the_directory_after_a_rename_empties_the_file() {
    let fs = Fs::builder().build();
    let _guard = fs.enter();
    append("/a", b"1");
    rename("/a", "/b").unwrap();
    sync_dir("/").unwrap();
    assert_eq!(read("/b").unwrap(), b"", "should be: 1");
}

#[test]
fn what_was_synced_after_a_rename_is_lost() {
    let fs = Fs::builder().build();
    let _guard = fs.enter();
    append("/a", b"1");
    rename("/a", "/b").unwrap();
    append("/b", b"2");
    OpenOptions::new().append(true).open("/b").unwrap().sync_all().unwrap();
    sync_dir("/").unwrap();
    fs.crash();
    assert_eq!(read("/b").unwrap(), b"", "should be: 12");
}
