//! A disk and the reference through the same random life.
use super::reference::{Reference, Vouched};
use super::{disk, everything, kind, sync};
use crate::disk::state::{DiskState, OpenFile, Sync};
use proptest::prelude::*;
use std::io;

/// One thing that befalls a disk. A number picks a handle, or a sync under way, from those there are.
#[derive(Clone, Debug)]
enum Step {
    Open(&'static str),
    Append(usize, usize),
    Truncate(usize, usize),
    Replace(&'static str, usize),
    Rename(&'static str, &'static str),
    Remove(&'static str),
    BeginSync(usize),
    EndSync(usize),
    Full(bool),
    Crash,
    PowerLoss,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || prop::sample::select(vec!["a", "b", "c", "d/a", "d/b"]);
    prop_oneof![
        4 => name().prop_map(Step::Open),
        8 => (any::<usize>(), 0..12usize).prop_map(|(handle, len)| Step::Append(handle, len)),
        3 => (any::<usize>(), 0..30usize).prop_map(|(handle, len)| Step::Truncate(handle, len)),
        2 => (name(), 0..12usize).prop_map(|(name, len)| Step::Replace(name, len)),
        3 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => name().prop_map(Step::Remove),
        4 => any::<usize>().prop_map(Step::BeginSync),
        4 => any::<usize>().prop_map(Step::EndSync),
        1 => any::<bool>().prop_map(Step::Full),
        1 => Just(Step::Crash),
        2 => Just(Step::PowerLoss),
    ]
}

/// A disk and the reference, side by side.
struct Pair {
    disk: DiskState,
    reference: Reference,
    handles: Vec<(OpenFile, usize)>,
    syncs: Vec<(OpenFile, Sync, Vouched)>,
    full: bool,
    /// The last byte written: each is another, so that none can stand for one that was lost.
    byte: u8,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let (handles, syncs) = (Vec::new(), Vec::new());
        Self { disk: disk(seed), reference: Reference::new(), handles, syncs, full: false, byte: 0 }
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut next = || {
            self.byte = self.byte % 250 + 1;
            self.byte
        };
        (0..len).map(|_| next()).collect()
    }

    /// Whether the call did what the reference is to do too; else it must have had a reason.
    fn worked<T: std::fmt::Debug>(&self, result: io::Result<T>) -> Option<T> {
        if let Err(error) = &result {
            assert!(self.full && error.kind() == io::ErrorKind::StorageFull, "no reason to fail: {error}");
        }
        result.ok()
    }

    fn open(&mut self, name: &str) {
        let known = self.reference.file(name);
        let opened = self.disk.open(name);
        assert!(known.is_none() || opened.is_ok(), "opening a file that is there needs no room");
        if let Some(handle) = self.worked(opened) {
            let file = known.unwrap_or_else(|| {
                let file = self.reference.make();
                self.reference.link(name, file);
                file
            });
            self.handles.push((handle, file));
        }
    }

    fn replace(&mut self, name: &str, len: usize) {
        let bytes = self.bytes(len);
        let made = self.disk.nameless(&bytes);
        let Some(handle) = self.worked(made) else {
            return;
        };
        let file = self.reference.make();
        self.reference.append(file, &bytes);
        sync(&mut self.disk, &handle);
        self.reference.end_sync(self.reference.begin_sync(file));
        self.disk.link(name, &handle).expect("it is not full");
        self.reference.link(name, file);
        let begun = self.disk.begin_sync(&handle).expect("it is not full");
        self.syncs.push((handle, begun, self.reference.begin_sync(file)));
    }

    fn rename(&mut self, from: &str, to: &str) {
        let renamed = self.disk.rename(from, to);
        if self.reference.file(from).is_none() && !self.full {
            assert_eq!(kind(renamed), io::ErrorKind::NotFound);
        } else if self.worked(renamed).is_some() {
            self.reference.rename(from, to);
        }
    }

    fn remove(&mut self, name: &str) {
        let removed = self.disk.remove(name);
        if self.reference.file(name).is_some() {
            removed.expect("it is there, and needs no room");
            self.reference.remove(name);
        } else {
            assert_eq!(kind(removed), io::ErrorKind::NotFound);
        }
    }

    fn befall(&mut self, step: Step) -> Result<(), String> {
        let handle = |n: usize| (!self.handles.is_empty()).then(|| self.handles[n % self.handles.len()].clone());
        match step {
            Step::Open(name) => self.open(name),
            Step::Append(n, len) => {
                let Some((handle, file)) = handle(n) else {
                    return Ok(());
                };
                let bytes = self.bytes(len);
                if self.worked(self.disk.append(&handle, &bytes)).is_some() {
                    self.reference.append(file, &bytes);
                }
            }
            Step::Truncate(n, len) => {
                let Some((handle, file)) = handle(n) else {
                    return Ok(());
                };
                if self.worked(self.disk.truncate(&handle, len as u64)).is_some() {
                    self.reference.truncate(file, len);
                }
            }
            Step::Replace(name, len) => self.replace(name, len),
            Step::Rename(from, to) => self.rename(from, to),
            Step::Remove(name) => self.remove(name),
            Step::BeginSync(n) => {
                let Some((handle, file)) = handle(n) else {
                    return Ok(());
                };
                let begun = self.disk.begin_sync(&handle);
                if let Some(begun) = self.worked(begun) {
                    self.syncs.push((handle, begun, self.reference.begin_sync(file)));
                }
            }
            Step::EndSync(n) if !self.syncs.is_empty() => {
                let (handle, begun, vouched) = self.syncs.remove(n % self.syncs.len());
                self.disk.end_sync(&handle, begun).expect("ending a sync needs no room");
                self.reference.end_sync(vouched);
            }
            Step::EndSync(_) => {}
            Step::Full(on) => {
                self.full = on;
                self.disk.set_full(on);
            }
            Step::Crash => {
                self.disk.crash();
                self.forget_handles();
            }
            Step::PowerLoss => {
                self.disk.power_loss();
                self.forget_handles();
                self.reference.power_loss(&everything(&self.disk))?;
            }
        }
        Ok(())
    }

    /// The handles died; so did the software that waited for a sync.
    fn forget_handles(&mut self) {
        self.handles.clear();
        self.syncs.clear();
    }

    fn check(&self) {
        assert_eq!(everything(&self.disk), self.reference.seen());
        for (handle, file) in &self.handles {
            let bytes = self.reference.bytes(*file);
            assert_eq!(self.disk.read_at(handle, 0, usize::MAX).expect("it works"), bytes);
            assert_eq!(self.disk.len(handle).expect("it works"), bytes.len() as u64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_befalls_a_disk_it_shows_and_leaves_what_the_reference_allows(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut pair = Pair::new(seed);
        for step in steps {
            pair.befall(step).map_err(TestCaseError::fail)?;
            pair.check();
        }
    }
}
