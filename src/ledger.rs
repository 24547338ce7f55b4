//! A durable log of records with a snapshot beside it: how the services remember.
use crate::host::{Disk, DiskFile};
use std::io;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes before a record: its length and checksum.
const HEAD: u64 = 12;

/// Records in the order of their writing.
///
/// On disk are `{name}.snapshot`, which carries a number and replaces everything older, and
/// `{name}.{number}.log`, what was appended since. A record is its length (u32), its checksum (xxh3,
/// u64), both little-endian, and its bytes. Reading ends at the first record that is not whole: what
/// follows was never synced, so nobody was told of it.
pub struct Ledger {
    disk: Box<dyn Disk>,
    name: String,
    number: u64,
    log: Box<dyn DiskFile>,
    /// How much of the log is whole records.
    good: u64,
    /// Whether there may be a torn record after `good`.
    torn: bool,
    appended: u64,
    /// A snapshot that the disk failed to take: it may lie there or not, and may be lost with the power.
    unfinished: Option<Vec<u8>>,
}

impl Ledger {
    /// Opens a ledger, made if absent, and reads its records: the snapshot's, then the log's. What is read
    /// is durable: a crash leaves records that were written and not yet synced, and whoever acts on them
    /// must not lose them to a power loss afterwards.
    ///
    /// # Errors
    /// The disk's; `InvalidData` when the snapshot is damaged, which no loss of power explains.
    pub async fn open(disk: Box<dyn Disk>, name: &str) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let (number, mut records) = match disk.read(&snapshot_path(name)) {
            Ok(bytes) => read_snapshot(&bytes).ok_or(io::ErrorKind::InvalidData)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (0, Vec::new()),
            Err(error) => return Err(error),
        };
        if let Some(before) = number.checked_sub(1) {
            remove_if_there(&*disk, &log_path(name, before))?;
        }
        let mut log = disk.open(&log_path(name, number))?;
        let length = log.len()?;
        let bytes = log.read_at(0, usize::try_from(length).map_err(io::Error::other)?)?;
        let (whole, good) = read_records(&bytes);
        let appended = whole.len() as u64;
        records.extend(whole);
        let good = good as u64;
        if good < length {
            log.truncate(good)?;
        }
        log.sync().await?;
        let ledger = Self { disk, name: name.to_owned(), number, log, good, torn: false, appended, unfinished: None };
        Ok((ledger, records))
    }

    /// Appends records and makes them durable, all or (after a loss of power) a beginning of them.
    ///
    /// # Errors
    /// The disk's. None of the records counts then, and the call may be repeated.
    pub async fn append(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        self.finish_replacing().await?;
        if self.torn {
            self.log.truncate(self.good)?;
            self.torn = false;
        }
        let length = records.iter().map(|record| record.len() + HEAD as usize).sum();
        let mut bytes = Vec::with_capacity(length);
        for record in records {
            write_record(&mut bytes, record)?;
        }
        // Until the sync is done the end of the log is in doubt.
        self.torn = true;
        self.log.append(&bytes)?;
        self.log.sync().await?;
        self.torn = false;
        self.good += bytes.len() as u64;
        self.appended += records.len() as u64;
        Ok(())
    }

    /// Where in the log the next record will begin: for [`places`].
    pub fn end(&self) -> u64 {
        self.good
    }

    /// Opens the log once more, to read records at their [`places`] while others are appended. Of no use any more
    /// after a [`Ledger::replace`].
    ///
    /// # Errors
    /// The disk's.
    pub fn reader(&self) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(&log_path(&self.name, self.number))
    }

    /// Counts the records since the last snapshot: when they are many more than what they amount to,
    /// it is time for [`Ledger::replace`].
    pub fn appended(&self) -> u64 {
        self.appended
    }

    /// Replaces every record by these, at once and durably.
    ///
    /// # Errors
    /// The disk's. It is tried again before anything else is written.
    pub async fn replace(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let mut bytes = (self.number + 1).to_le_bytes().to_vec();
        for record in records {
            write_record(&mut bytes, record)?;
        }
        self.unfinished = Some(bytes);
        self.finish_replacing().await
    }

    async fn finish_replacing(&mut self) -> io::Result<()> {
        let Some(bytes) = &self.unfinished else {
            return Ok(());
        };
        // First a log to go on with, so that nothing can fail between the new snapshot and it.
        let number = self.number + 1;
        let mut log = self.disk.open(&log_path(&self.name, number))?;
        log.truncate(0)?;
        log.sync().await?;
        self.disk.replace(&snapshot_path(&self.name), bytes).await?;
        let old = log_path(&self.name, self.number);
        (self.number, self.log, self.good, self.torn, self.appended) = (number, log, 0, false, 0);
        self.unfinished = None;
        // Should this fail, the file lingers until the next opening.
        let _ = remove_if_there(&*self.disk, &old);
        Ok(())
    }
}

/// Where a record's bytes lie in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its first byte's offset in the log.
    pub at: u64,
    /// How many bytes it has.
    pub length: usize,
}

/// Says where records lie that were appended when the log ended at `end`.
pub fn places(end: u64, records: &[Vec<u8>]) -> Vec<Place> {
    let mut at = end;
    let place = |record: &Vec<u8>| {
        let place = Place { at: at + HEAD, length: record.len() };
        at = place.at + record.len() as u64;
        place
    };
    records.iter().map(place).collect()
}

fn snapshot_path(name: &str) -> String {
    format!("{name}.snapshot")
}

fn log_path(name: &str, number: u64) -> String {
    format!("{name}.{number}.log")
}

fn remove_if_there(disk: &dyn Disk, path: &str) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_record(bytes: &mut Vec<u8>, record: &[u8]) -> io::Result<()> {
    let length = u32::try_from(record.len()).map_err(io::Error::other)?;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&xxh3_64(record).to_le_bytes());
    bytes.extend_from_slice(record);
    Ok(())
}

fn read_snapshot(bytes: &[u8]) -> Option<(u64, Vec<Vec<u8>>)> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    let (records, good) = read_records(rest);
    (good == rest.len()).then(|| (u64::from_le_bytes(*number), records))
}

/// Reads whole records, and says how many bytes they take.
fn read_records(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let (mut records, mut rest) = (Vec::new(), bytes);
    while let Some((record, after)) = read_record(rest) {
        records.push(record.to_vec());
        rest = after;
    }
    (records, bytes.len() - rest.len())
}

fn read_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<8>()?;
    let (record, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    (xxh3_64(record) == u64::from_le_bytes(*checksum)).then_some((record, rest))
}

#[cfg(test)]
mod memory;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use memory::MemoryDisk;
