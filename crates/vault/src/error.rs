//! What can go wrong with a vault, each with its mend.

use std::io;
use std::path::{Path, PathBuf};

use crate::act::ActId;
use crate::object::ObjectId;

/// Anything that can go wrong with a vault or its ledger. Every message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no vault in this folder.
    #[error(
        "there is no vault in {}: run this in a film's folder, or make one with `heirloom new NAME`",
        dir.display()
    )]
    NotAVault {
        /// Where a vault was looked for.
        dir: PathBuf,
    },
    /// A vault was to be made where one already is.
    #[error("there is a vault in {} already: use it, or choose another folder", dir.display())]
    AlreadyThere {
        /// The folder with the vault.
        dir: PathBuf,
    },
    /// The vault or its ledger was written by a newer program.
    #[error(
        "{} was made by a newer Heirloom (format {found}; this one reads up to {known}): update Heirloom, \
         then run again; nothing was changed",
        path.display()
    )]
    Newer {
        /// The vault's or ledger's file that says so.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format this program reads.
        known: u32,
    },
    /// No room left on the disk (or in the user's quota).
    #[error(
        "the disk is full: writing {} failed; free {free_mb} MB and run again; nothing was lost",
        path.display()
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// How much room to make, in megabytes, with some to spare.
        free_mb: u64,
    },
    /// A file or folder could not be read or written.
    #[error("{what} {} failed: {source}; check that it is there and that you may read and write it", path.display())]
    Io {
        /// What was being done, as a verb with "-ing".
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// An object is not in the vault.
    #[error(
        "object {id} is not in the vault: bring its file in again (`heirloom archive add` for a source), \
         or restore {} from a backup",
        path.display()
    )]
    Missing {
        /// The object.
        id: ObjectId,
        /// Where it would lie.
        path: PathBuf,
    },
    /// An object's bytes are no longer those of its name.
    #[error(
        "object {id} is damaged: its bytes no longer match its name; delete {} and bring the original in \
         again, or restore it from a backup",
        path.display()
    )]
    Damaged {
        /// The object.
        id: ObjectId,
        /// Where it lies.
        path: PathBuf,
    },
    /// Text that is not an object's or act's id.
    #[error("\"{text}\" is not an id: an id is 64 digits 0-9 and a-f, as `heirloom log` prints them")]
    BadId {
        /// The text given.
        text: String,
    },
    /// The ledger's database refused.
    #[error(
        "the ledger {} cannot be used: {source}; run `heirloom vault verify`, and restore ledger.sqlite from \
         a backup if it is damaged",
        path.display()
    )]
    Ledger {
        /// The ledger's file.
        path: PathBuf,
        /// The database's own words.
        #[source]
        source: rusqlite::Error,
    },
    /// Another program held the ledger for longer than one waits.
    #[error(
        "the ledger {} is held by another program: wait until it is done or stop it, then run again",
        path.display()
    )]
    Busy {
        /// The ledger's file.
        path: PathBuf,
    },
    /// An act in the ledger cannot be understood.
    #[error(
        "act {id} in the ledger cannot be read ({why}): restore ledger.sqlite from a backup, or use the \
         Heirloom that wrote it"
    )]
    BadAct {
        /// The act.
        id: ActId,
        /// What is wrong with it.
        why: String,
    },
    /// The vault is open in another program, where it would have to be this one's alone.
    #[error("the vault {} is in use by another program: wait until it is done, then run again", dir.display())]
    InUse {
        /// The vault.
        dir: PathBuf,
    },
    /// Something could not be written as JSON.
    #[error("{what} cannot be written as JSON: {source}; this is a mistake in the program, please report it")]
    Json {
        /// What was to be written.
        what: &'static str,
        /// The writer's own words.
        #[source]
        source: serde_json::Error,
    },
    /// The user asked to stop.
    #[error("stopped as asked; run it again to go on")]
    Stopped,
}

/// An [`io::Error`] while doing `what` to `path`, with a full disk told apart.
///
/// `bytes` is how much was to be written, for the advice on how much room to make.
pub(crate) fn io_error(what: &'static str, path: &Path, bytes: u64) -> impl FnOnce(io::Error) -> VaultError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => VaultError::DiskFull {
            path,
            free_mb: room_for(bytes),
        },
        _ => VaultError::Io { what, path, source },
    }
}

/// A database error on the ledger at `path`, with a full disk and a held ledger told apart.
pub(crate) fn ledger_error(path: &Path) -> impl Fn(rusqlite::Error) -> VaultError {
    let path = path.to_owned();
    move |source| match source.sqlite_error_code() {
        // The index of the write-ahead log is grown when a ledger is opened; no room for it has a code of its own.
        _ if source
            .sqlite_error()
            .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) =>
        {
            VaultError::DiskFull {
                path: path.clone(),
                free_mb: room_for(0),
            }
        }
        Some(rusqlite::ErrorCode::DiskFull) => VaultError::DiskFull {
            path: path.clone(),
            free_mb: room_for(0),
        },
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            VaultError::Busy { path: path.clone() }
        }
        _ => VaultError::Ledger {
            path: path.clone(),
            source,
        },
    }
}

/// Megabytes to free so that `bytes` fit: never less than 100, since what comes next needs room too.
fn room_for(bytes: u64) -> u64 {
    (bytes.div_ceil(1_000_000) * 2).max(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_how_much_to_free() {
        let error =
            io_error("writing", Path::new("vault/objects"), 700_000_000)(io::ErrorKind::StorageFull.into());
        let text = error.to_string();
        assert!(text.contains("the disk is full"), "{text}");
        assert!(
            text.contains("free 1400 MB and run again; nothing was lost"),
            "{text}"
        );
    }
}
