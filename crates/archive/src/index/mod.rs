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
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::search::Cache;
use crate::seen::Seen;

mod leave;
mod schema;
mod sync;

pub(crate) use leave::Leave;
pub(crate) use sync::{BETWEEN, sync};

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
    /// What was seen cannot be written down.
    #[error(
        "what was seen cannot be written as JSON ({source}): this is a mistake in the program, please report it"
    )]
    Json {
        /// The writer's own words.
        #[source]
        source: serde_json::Error,
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

/// What was seen in the sources of a vault, and what they are found by.
///
/// One may be used from many threads. What it reads for searches by look stays in memory (half a kilobyte a name), so
/// keep one open for many searches.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    /// Small pictures written, by which their temporary names differ.
    written: AtomicU64,
    connection: Mutex<Connection>,
    pub(crate) cache: Cache,
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
            Self::Json { .. } => false,
        }
    }

    /// What could not be used or written, where it is a file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Database { path, .. } | Self::Write { path, .. } => Some(path),
            Self::Json { .. } => None,
        }
    }
}

impl Index {
    /// Opens the index of this vault's archive, making it where there is none, or where it is damaged.
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
        let connection = schema::open(&dir)?;
        Ok(Self {
            dir,
            written: AtomicU64::new(0),
            connection: Mutex::new(connection),
            cache: Cache::default(),
        })
    }

    /// Notes what was seen in these sources; what was noted of them before is replaced.
    ///
    /// # Errors
    /// [`IndexError::Database`]; [`IndexError::Json`] for numbers that cannot be written.
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
        let mut rows = Vec::new();
        for (object, seen) in all {
            let seen = match seen {
                Some(seen) => {
                    let text = serde_json::to_string(seen).map_err(|source| IndexError::Json { source })?;
                    Some((seen, text))
                }
                None => None,
            };
            rows.push((object.to_string(), seen));
        }
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (object, seen) in &rows {
                match seen {
                    Some((seen, text)) => {
                        transaction
                            .prepare_cached("INSERT OR REPLACE INTO seen VALUES (?1, ?2, ?3)")?
                            .execute(params![object, REVISION, text])?;
                        transaction
                            .prepare_cached("DELETE FROM unseen WHERE object = ?1")?
                            .execute([object])?;
                        schema::put_look(&transaction, object, seen)?;
                    }
                    None => {
                        transaction
                            .prepare_cached("INSERT OR REPLACE INTO unseen VALUES (?1, ?2)")?
                            .execute(params![object, REVISION])?;
                    }
                }
            }
            transaction.execute("UPDATE state SET looks = looks + 1", [])?;
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

    fn with<T>(&self, run: impl Fn(&mut Connection) -> rusqlite::Result<T>) -> Result<T, IndexError> {
        self.run(|connection| run(connection).map_err(Trouble::Database))
    }

    /// Runs this on the database. Where that turns out to be damaged, it is made anew, empty, and this is run again.
    pub(crate) fn run<T, E: From<IndexError>>(
        &self,
        run: impl Fn(&mut Connection) -> Result<T, Trouble<E>>,
    ) -> Result<T, E> {
        let mut connection: MutexGuard<'_, Connection> =
            self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = run(&mut connection);
        if matches!(&done, Err(Trouble::Database(error)) if schema::is_damage(error)) {
            // The damaged file is let go of before it is removed.
            *connection = Connection::open_in_memory().map_err(|source| self.fault(source))?;
            *connection = schema::anew(&self.dir)?;
            self.cache.clear();
            done = run(&mut connection);
        }
        done.map_err(|trouble| match trouble {
            Trouble::Database(source) => self.fault(source).into(),
            Trouble::Other(error) => error,
        })
    }

    fn fault(&self, source: rusqlite::Error) -> IndexError {
        IndexError::Database {
            path: schema::file(&self.dir),
            source,
        }
    }
}

/// What may go wrong in a run on the database: with it, or with something else.
#[derive(Debug)]
pub(crate) enum Trouble<E> {
    /// The database's own words.
    Database(rusqlite::Error),
    /// Something that making the database anew does not mend.
    Other(E),
}

impl<E> From<rusqlite::Error> for Trouble<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
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
