//! What was seen in every source, and where its small pictures lie: derived from the vault, and made anew from it.
//!
//! The index lies in `archive/` in the vault's folder: `index.sqlite`, `thumbnails/ab/cd….jpg`, `proxies/ab/cd….jpg`, and
//! `writing/` for what is half written.
//! All of it may be deleted; nothing there is an object or an act.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heirloom_vault::{ObjectId, Vault};
use rusqlite::{Connection, OptionalExtension, params};

use crate::seen::Seen;

/// Raised when what is seen in a picture changes; what an older program saw is looked at anew.
const REVISION: u32 = 1;

/// The index could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The database's own words.
    #[error("{} could not be used ({source}): delete the folder it lies in, it is made anew", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What it said.
        #[source]
        source: rusqlite::Error,
    },
    /// A folder or file could not be made.
    #[error("{} could not be made ({source}): see that there is room and that you may write there", path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
}

/// What lies half written for longer was left by a program that ended before its time.
const LEFT: Duration = Duration::from_secs(3600);

/// What was seen in the sources of a vault.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    /// Small pictures written, by which their temporary names differ.
    written: AtomicU64,
    connection: Mutex<Connection>,
}

impl IndexError {
    /// Whether there is no room left on the disk.
    pub fn is_full_disk(&self) -> bool {
        match self {
            Self::Database { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            Self::Write { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
        }
    }

    /// What could not be used or written.
    pub fn path(&self) -> &Path {
        let (Self::Database { path, .. } | Self::Write { path, .. }) = self;
        path
    }
}

impl Index {
    /// Opens the index of this vault's archive, making it where there is none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn open(vault: &Vault) -> Result<Self, IndexError> {
        let dir = vault.dir().join("archive");
        let writing = dir.join("writing");
        fs::create_dir_all(&writing).map_err(|source| IndexError::Write {
            path: writing.clone(),
            source,
        })?;
        sweep(&writing);
        let path = dir.join("index.sqlite");
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(30))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS seen (
                    object TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, seen TEXT NOT NULL
                 ) STRICT, WITHOUT ROWID;
                 CREATE TABLE IF NOT EXISTS unseen (
                    object TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL
                 ) STRICT, WITHOUT ROWID",
            )?;
            Ok(connection)
        };
        let connection = open().map_err(|source| IndexError::Database {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            dir,
            written: AtomicU64::new(0),
            connection: Mutex::new(connection),
        })
    }

    /// Notes what was seen in these sources; what was noted of them before is replaced.
    ///
    /// # Errors
    /// [`IndexError::Database`].
    pub fn put(&self, seen: &[(ObjectId, Seen)]) -> Result<(), IndexError> {
        self.insert(seen.iter().map(|(object, seen)| (object, Some(seen))))
    }

    /// As [`Index::put`]; `None` notes that a source could not be looked at.
    pub(crate) fn note(&self, seen: &[(ObjectId, Option<Seen>)]) -> Result<(), IndexError> {
        self.insert(seen.iter().map(|(object, seen)| (object, seen.as_ref())))
    }

    fn insert<'s>(
        &self,
        all: impl Iterator<Item = (&'s ObjectId, Option<&'s Seen>)>,
    ) -> Result<(), IndexError> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for (object, seen) in all {
                let name = object.to_string();
                match seen {
                    Some(seen) => {
                        let text = serde_json::to_string(seen).unwrap_or_default();
                        transaction.execute(
                            "INSERT OR REPLACE INTO seen VALUES (?1, ?2, ?3)",
                            params![name, REVISION, text],
                        )?;
                        transaction.execute("DELETE FROM unseen WHERE object = ?1", [name])?;
                    }
                    None => {
                        transaction.execute(
                            "INSERT OR REPLACE INTO unseen VALUES (?1, ?2)",
                            params![name, REVISION],
                        )?;
                    }
                }
            }
            transaction.commit()
        })
    }

    /// Every source that was looked at, and whether it could be.
    pub(crate) fn looked_at(&self) -> Result<BTreeMap<ObjectId, bool>, IndexError> {
        self.with(|connection| {
            let mut query = connection.prepare(
                "SELECT object, 0 FROM unseen WHERE revision = ?1
                 UNION ALL SELECT object, 1 FROM seen WHERE revision = ?1",
            )?;
            let rows = query.query_map([REVISION], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
            })?;
            let mut all = BTreeMap::new();
            for row in rows {
                let (object, could) = row?;
                if let Ok(object) = object.parse() {
                    all.insert(object, could);
                }
            }
            Ok(all)
        })
    }

    /// What was seen in a source; `None` where it was not looked at yet, or by an older program.
    ///
    /// # Errors
    /// [`IndexError::Database`].
    pub fn seen(&self, object: &ObjectId) -> Result<Option<Seen>, IndexError> {
        self.with(|connection| {
            let text: Option<String> = connection
                .query_row(
                    "SELECT seen FROM seen WHERE object = ?1 AND revision = ?2",
                    params![object.to_string(), REVISION],
                    |row| row.get(0),
                )
                .optional()?;
            Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
        })
    }

    /// What was seen in all sources, by object.
    ///
    /// # Errors
    /// [`IndexError::Database`].
    pub fn all_seen(&self) -> Result<Vec<(ObjectId, Seen)>, IndexError> {
        self.with(|connection| {
            let mut query =
                connection.prepare("SELECT object, seen FROM seen WHERE revision = ?1 ORDER BY object")?;
            let rows = query.query_map([REVISION], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            let mut all = Vec::new();
            for row in rows {
                let (object, text) = row?;
                if let (Ok(object), Ok(seen)) = (object.parse(), serde_json::from_str(&text)) {
                    all.push((object, seen));
                }
            }
            Ok(all)
        })
    }

    /// Where a source's thumbnail lies, or would lie: a JPEG of at most [`crate::THUMBNAIL_SIDE`] pixels.
    pub fn thumbnail_path(&self, object: &ObjectId) -> PathBuf {
        small_path(&self.dir.join("thumbnails"), object)
    }

    /// Where a source's proxy lies, or would lie: a JPEG of at most [`crate::PROXY_SIDE`] pixels.
    pub fn proxy_path(&self, object: &ObjectId) -> PathBuf {
        small_path(&self.dir.join("proxies"), object)
    }

    /// Writes a small picture: whole or not at all, but not synced, since it can be made again.
    pub(crate) fn write_small(&self, path: &Path, bytes: &[u8]) -> Result<(), IndexError> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let part = self
            .dir
            .join("writing")
            .join(format!("{}-{number}", std::process::id()));
        let write = || {
            fs::write(&part, bytes)?;
            match (fs::rename(&part, path), path.parent()) {
                (Err(e), Some(folder)) if e.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir_all(folder)?;
                    fs::rename(&part, path)
                }
                (result, _) => result,
            }
        };
        write().map_err(|source| {
            // Gone already, or swept up later.
            let _ = fs::remove_file(&part);
            IndexError::Write {
                path: path.to_owned(),
                source,
            }
        })
    }

    fn with<T>(&self, run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, IndexError> {
        let mut connection: MutexGuard<'_, Connection> =
            self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut connection).map_err(|source| IndexError::Database {
            path: self.dir.join("index.sqlite"),
            source,
        })
    }
}

/// Removes what programs that were cut short left half written.
fn sweep(writing: &Path) {
    let Ok(entries) = fs::read_dir(writing) else {
        return;
    };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|m| m.modified()).map(|at| at.elapsed());
        if matches!(age, Ok(Ok(age)) if age > LEFT) {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn small_path(folder: &Path, object: &ObjectId) -> PathBuf {
    let name = object.to_string();
    let (head, tail) = name.split_at(2);
    folder.join(head).join(format!("{tail}.jpg"))
}
