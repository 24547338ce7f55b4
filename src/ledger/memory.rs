//! A disk in memory, for the tests of what is kept on disks.
use crate::host::{BoxFuture, Disk, DiskFile};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// Files in memory. Clones share them, as boots of one machine do.
#[derive(Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    files: BTreeMap<String, File>,
    full: bool,
}

#[derive(Clone, Default)]
struct File {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

struct Handle {
    disk: MemoryDisk,
    path: String,
}

impl MemoryDisk {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap()
    }
    /// Loses what was not synced, except for so many bytes of each file.
    pub(crate) fn lose_power(&self, torn: usize) {
        for file in self.files().files.values_mut() {
            let keep = (file.durable.len() + torn).min(file.bytes.len());
            file.bytes.truncate(keep);
            file.durable = file.bytes.clone();
        }
    }
    /// Refuses appends (after half of them is written), syncs and replacements, or stops to.
    pub(crate) fn fill(&self, full: bool) {
        self.files().full = full;
    }
    pub(crate) fn flip(&self, path: &str, at: usize) {
        self.files().files.get_mut(path).unwrap().bytes[at] ^= 1;
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        self.files().files.entry(path.to_owned()).or_default();
        Ok(Box::new(Handle { disk: self.clone(), path: path.to_owned() }))
    }
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let files = self.files();
        Ok(files.files.get(path).ok_or(io::ErrorKind::NotFound)?.bytes.clone())
    }
    fn replace<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            let mut files = self.files();
            if files.full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            files.files.insert(path.to_owned(), File { bytes: bytes.to_vec(), durable: bytes.to_vec() });
            Ok(())
        })
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.files().files.remove(path).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }
    fn list(&self, _: &str) -> io::Result<Vec<String>> {
        Ok(self.files().files.keys().cloned().collect())
    }
}

impl Handle {
    fn with<T>(&self, f: impl FnOnce(&mut File, bool) -> io::Result<T>) -> io::Result<T> {
        let mut files = self.disk.files();
        let full = files.full;
        f(files.files.get_mut(&self.path).ok_or(io::ErrorKind::NotFound)?, full)
    }
}

impl DiskFile for Handle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|file, full| {
            if full {
                file.bytes.extend_from_slice(&bytes[..bytes.len() / 2]);
                return Err(io::ErrorKind::StorageFull.into());
            }
            file.bytes.extend_from_slice(bytes);
            Ok(())
        })
    }
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.with(|file, _| Ok(file.bytes[offset as usize..][..len].to_vec()))
    }
    fn len(&self) -> io::Result<u64> {
        self.with(|file, _| Ok(file.bytes.len() as u64))
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.with(|file, _| {
            file.bytes.truncate(len as usize);
            Ok(())
        })
    }
    fn sync(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async {
            self.with(|file, full| {
                if full {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                file.durable = file.bytes.clone();
                Ok(())
            })
        })
    }
}
