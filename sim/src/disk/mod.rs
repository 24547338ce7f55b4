//! A host's disk: append, read, sync, replace, rename, list; what survives a crash, and what survives power loss.
//!
//! The model is a journalling file system under Linux (ext4 with ordered data), seen from a program:
//!
//! - A write goes to the page cache. A *crash* of the software or its restart keeps the cache; *power loss* does not.
//! - Bytes that were not synced are lost on power loss, or torn: some prefix of them may have reached the platter.
//! - Names (new files, renames, removals) are journalled in order and become durable in order: on power loss some
//!   first part of what was not yet synced may have survived. So a file that was renamed into place before it was
//!   synced can come back short, as it can in reality.
//! - [`DiskFile::sync`] makes the file's bytes durable and every name that was changed before it (`fsync` of the file
//!   and of its directory). It takes virtual time, and vouches only for what was written before it was called.
//!
//! ```text
//! handle      what software holds; brings the host and boot, waits out a sync
//! state       one disk: its faults, its chance, the steps of a sync
//! directory   names, and the journal of their changes
//! content     one file's bytes, in the cache and on the platter
//! pages       bytes in a row that only grows at its end
//! ```
//!
//! turmoil-fs 0.1 was tried first and could not be hidden behind this face; `tests/turmoil_fs.rs` shows why. It keys
//! everything by path and resolves pending renames by looking back through a list of operations: a file made again
//! after a removal shows the removed one's bytes, what is written after a rename cannot be read, and a synced append
//! to a renamed file is lost. A wrapper could only dodge that by making each rename and removal durable at once,
//! bytes included, and then no program would ever be caught renaming before it synced. Its cost per write also grows
//! with the number of unsynced ones.

mod content;
mod directory;
mod handle;
mod pages;
mod state;

#[cfg(test)]
mod tests;

pub use handle::{Disk, DiskFile};
pub(crate) use state::DiskState;
