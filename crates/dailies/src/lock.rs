//! One `make` at a time in one film.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Holds a film's folder for one process. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// The film could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works on the film.
    #[error(
        "another Heirloom (process {process}) works on this film; wait until it is done, or stop it, and run this again"
    )]
    Taken {
        /// What the other process wrote of itself.
        process: String,
    },
    /// The lock file could not be made.
    #[error("{path} could not be locked: {source}; check that the film's folder can be written to")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Lock {
    /// Lock the film in `folder`.
    ///
    /// # Errors
    /// Another process holds it, or the folder can not be written to.
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(".lock");
        let io = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                // Who holds it is a courtesy: on systems where a locked file can not be read, "?" will do.
                let _ = file.read_to_string(&mut process);
                let process = if process.trim().is_empty() {
                    "?".into()
                } else {
                    process.trim().into()
                };
                return Err(LockError::Taken { process });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        write!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}
