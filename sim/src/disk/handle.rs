//! What software holds.
use super::state::{DiskState, OpenFile};
use crate::Host;
use crate::tasks::fenced;
use std::io;

/// A host's disk. Paths are flat names or `dir/name`, at most one directory deep; directories appear by themselves.
///
/// Every call can fail with an I/O error (`EIO`) while the disk is faulty, and every call that needs room with
/// `StorageFull` while it is full; `InvalidInput` is a path of another form. Reads take no virtual time.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    pub(crate) host: u32,
    pub(crate) boot: u32,
}

impl Disk {
    /// Opens a file for reading and appending, made if absent. A new file survives power loss once it is synced.
    ///
    /// # Errors
    /// `IsADirectory`, `NotADirectory`: a name cannot be both a file and a directory. `StorageFull`: a new file on a
    /// full disk.
    pub fn open(&self, path: &str) -> io::Result<DiskFile> {
        let file = with_disk(self.host, self.boot, |disk| disk.open(path))?;
        Ok(DiskFile { host: self.host, boot: self.boot, file })
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// `NotFound` if absent.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        with_disk(self.host, self.boot, |disk| disk.read(path))
    }

    /// Replaces a file atomically and durably: writes a nameless one, syncs it, gives it the name, syncs the name.
    /// Whenever the power goes, the file is the old one or the new one; when this returns, the new one. Takes the
    /// time of two syncs.
    ///
    /// # Errors
    /// `StorageFull` on a full disk; the old file is still there.
    pub async fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let file = with_disk(self.host, self.boot, |disk| disk.nameless(bytes))?;
        let mut file = DiskFile { host: self.host, boot: self.boot, file };
        file.sync().await?;
        with_disk(self.host, self.boot, |disk| disk.link(path, &file.file))?;
        file.sync().await
    }

    /// Renames a file, in place of the one that had the name. Atomic; it survives power loss after the next sync of
    /// any file. The bytes are not synced by it: sync before, or power loss may leave the new name with less.
    ///
    /// # Errors
    /// `NotFound` if `from` is absent; `StorageFull` on a full disk.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        with_disk(self.host, self.boot, |disk| disk.rename(from, to))
    }

    /// Removes a file. It stays readable through handles that are open; it may be back after power loss until the
    /// next sync of any file.
    ///
    /// # Errors
    /// `NotFound` if absent.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        with_disk(self.host, self.boot, |disk| disk.remove(path))
    }

    /// Lists the files directly in a directory (`""`: the top), sorted: their whole paths, as [`Disk::open`] takes
    /// them. A directory without files is no error.
    pub fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        with_disk(self.host, self.boot, |disk| disk.list(dir))
    }
}

/// An open file. Handles die with the boot. Two handles to one file see each other's bytes at once.
#[derive(Debug)]
pub struct DiskFile {
    host: u32,
    boot: u32,
    file: OpenFile,
}

impl DiskFile {
    /// Appends all of `bytes`, or nothing when it fails. On power loss unsynced bytes are lost or torn, on a crash
    /// they are kept.
    ///
    /// # Errors
    /// `StorageFull` on a full disk.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        with_disk(self.host, self.boot, |disk| disk.append(&self.file, bytes))
    }

    /// Reads `len` bytes at `offset`: fewer where the file ends, none after its end.
    pub fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        with_disk(self.host, self.boot, |disk| disk.read_at(&self.file, offset, len))
    }

    /// Tells how many bytes the file has, unsynced ones included.
    pub fn len(&self) -> io::Result<u64> {
        with_disk(self.host, self.boot, |disk| disk.len(&self.file))
    }

    /// Tells whether the file has no bytes.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file to `len` bytes, or lengthens it with zeros. Durable with the next sync, like an append.
    ///
    /// # Errors
    /// `StorageFull`: lengthening on a full disk.
    pub fn truncate(&mut self, len: u64) -> io::Result<()> {
        with_disk(self.host, self.boot, |disk| disk.truncate(&self.file, len))
    }

    /// Makes what was appended, and every name changed, before this call survive power loss. Takes virtual time
    /// (default 100 us..1 ms, drawn). What is appended meanwhile needs a sync of its own; when the power goes
    /// meanwhile, or the future is dropped, nothing has been promised.
    ///
    /// # Errors
    /// `StorageFull` on a full disk: the bytes are still in the cache, and a later sync may succeed. The same goes
    /// for an I/O error, also one that begins while the sync is under way.
    pub async fn sync(&mut self) -> io::Result<()> {
        let sync = with_disk(self.host, self.boot, |disk| disk.begin_sync(&self.file))?;
        Host { id: self.host, boot: self.boot }.sleep(sync.takes).await;
        with_disk(self.host, self.boot, |disk| disk.end_sync(&self.file, sync))
    }
}

/// Reaches the disk of a host; a dead boot's call unwinds its task.
fn with_disk<R>(host: u32, boot: u32, act: impl FnOnce(&mut DiskState) -> io::Result<R>) -> io::Result<R> {
    fenced(host, boot, |kernel| act(&mut kernel.machines[host as usize].disk))?
}
