//! What was seen in every source, and where its small pictures lie: derived from the vault, and made anew from it.
//!
//! The index lies in `archive/` in the vault's folder: `index.sqlite`, `thumbnails/ab/cd….jpg`, `proxies/ab/cd….jpg`.
//! All of it may be deleted; nothing there is an object or an act.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
        source: std::io::Error,
    },
}

/// What was seen in the sources of a vault.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    connection: Mutex<Connection>,
}

impl Index {
    /// Opens the index of this vault's archive, making it where there is none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn open(vault: &Vault) -> Result<Self, IndexError> {
        let dir = vault.dir().join("archive");
        fs::create_dir_all(&dir).map_err(|source| IndexError::Write {
            path: dir.clone(),
            source,
        })?;
        let path = dir.join("index.sqlite");
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(std::time::Duration::from_secs(30))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS seen (
                    object TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, seen TEXT NOT NULL
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
            connection: Mutex::new(connection),
        })
    }

    /// Notes what was seen in these sources; what was noted of them before is replaced.
    ///
    /// # Errors
    /// [`IndexError::Database`].
    pub fn put(&self, seen: &[(ObjectId, Seen)]) -> Result<(), IndexError> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for (object, seen) in seen {
                let text = serde_json::to_string(seen).unwrap_or_default();
                transaction.execute(
                    "INSERT OR REPLACE INTO seen VALUES (?1, ?2, ?3)",
                    params![object.to_string(), REVISION, text],
                )?;
            }
            transaction.commit()
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

    fn with<T>(&self, run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, IndexError> {
        let mut connection: MutexGuard<'_, Connection> =
            self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut connection).map_err(|source| IndexError::Database {
            path: self.dir.join("index.sqlite"),
            source,
        })
    }
}

fn small_path(folder: &Path, object: &ObjectId) -> PathBuf {
    let name = object.to_string();
    let (head, tail) = name.split_at(2);
    folder.join(head).join(format!("{tail}.jpg"))
}
