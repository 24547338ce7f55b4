//! Append, read, sync, rename, list.
use std::io;
use std::time::Duration;

/// A host's disk. Paths are flat names or `dir/name`, at most one directory deep; directories appear by themselves.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    pub(crate) host: u32,
    pub(crate) boot: u32,
}

impl Disk {
    /// Opens a file for reading and appending, made if absent.
    pub fn open(&self, _path: &str) -> io::Result<DiskFile> {
        todo!()
    }
    /// Reads a whole file; `NotFound` if absent.
    pub fn read(&self, _path: &str) -> io::Result<Vec<u8>> {
        todo!()
    }
    /// Replaces a file atomically and durably: writes beside, syncs, renames, syncs the directory.
    pub async fn replace(&self, _path: &str, _bytes: &[u8]) -> io::Result<()> {
        todo!()
    }
    pub fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        todo!()
    }
    pub fn remove(&self, _path: &str) -> io::Result<()> {
        todo!()
    }
    /// Lists the files below a directory (`""`: the top), sorted by name.
    pub fn list(&self, _dir: &str) -> io::Result<Vec<String>> {
        todo!()
    }
}

/// An open file. Handles die with the boot.
#[derive(Debug)]
pub struct DiskFile {}

impl DiskFile {
    /// Appends; on power loss unsynced bytes are lost or torn, on a crash they are kept.
    pub fn append(&mut self, _bytes: &[u8]) -> io::Result<()> {
        todo!()
    }
    pub fn read_at(&self, _offset: u64, _len: usize) -> io::Result<Vec<u8>> {
        todo!()
    }
    pub fn len(&self) -> io::Result<u64> {
        todo!()
    }
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    pub fn truncate(&mut self, _len: u64) -> io::Result<()> {
        todo!()
    }
    /// Makes what was appended survive power loss. Takes virtual time (default 100 us..1 ms, drawn).
    pub async fn sync(&mut self) -> io::Result<()> {
        todo!()
    }
}
