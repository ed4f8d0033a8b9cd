//! The tables of the index, and how its file is opened, brought up to date and, where it is damaged, made anew.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};

use super::{IndexError, REVISION};
use crate::search::look::{PackedLook, chroma};
use crate::seen::Seen;

/// The format of the tables below. Those of another format are thrown away and filled anew.
const FORMAT: u32 = 1;

/// How long to wait for another program that is writing.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is kept whatever the format: it is worked out from pixels, and dear.
const SEEN: &str = "CREATE TABLE IF NOT EXISTS seen (
    object TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, seen TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unseen (
    object TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;";

/// What is derived from the ledger and from `seen` in moments.
const TABLES: &str = "
    DROP TABLE IF EXISTS state;
    DROP TABLE IF EXISTS standings;
    DROP TABLE IF EXISTS entries;
    DROP TABLE IF EXISTS words;
    DROP TABLE IF EXISTS looks;

    -- What was read of the ledger last, and counters that go up whenever entries or looks change.
    CREATE TABLE state (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        acts INTEGER NOT NULL, first_act TEXT NOT NULL, last_act TEXT NOT NULL, last_at TEXT NOT NULL,
        entries INTEGER NOT NULL, looks INTEGER NOT NULL
    ) STRICT;
    INSERT INTO state VALUES (1, 0, '', '', '', 0, 0);

    -- Few, as most sources of a folder stand alike: JSON of `Leave`.
    CREATE TABLE standings (id INTEGER NOT NULL PRIMARY KEY, leave TEXT NOT NULL UNIQUE) STRICT;

    CREATE TABLE entries (
        id INTEGER NOT NULL PRIMARY KEY,
        folder TEXT NOT NULL, file_name TEXT NOT NULL, stem TEXT NOT NULL, object TEXT NOT NULL,
        -- The stem as calls are compared.
        plain TEXT NOT NULL,
        clip INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
        taken TEXT, latitude REAL, longitude REAL, chroma REAL, standing INTEGER,
        people TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX entries_by_name ON entries (folder, file_name);
    CREATE INDEX entries_by_plain ON entries (plain);
    CREATE INDEX entries_by_object ON entries (object);
    CREATE INDEX entries_by_standing ON entries (standing);
    CREATE INDEX entries_by_taken ON entries (taken);

    CREATE VIRTUAL TABLE words USING fts5 (
        caption, title, keywords, people, places, creators, file, folder, lens, camera, owner,
        tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
    );

    CREATE TABLE looks (object TEXT NOT NULL PRIMARY KEY, chroma REAL NOT NULL, packed BLOB NOT NULL)
    STRICT, WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS vectors (
        model TEXT NOT NULL, object TEXT NOT NULL, packed BLOB NOT NULL, PRIMARY KEY (model, object)
    ) STRICT, WITHOUT ROWID;
";

/// Opens the index in this folder, making it where there is none, or where it is damaged.
pub(super) fn open(dir: &Path) -> Result<Connection, IndexError> {
    fs::create_dir_all(dir).map_err(|source| IndexError::Write {
        path: dir.to_owned(),
        source,
    })?;
    let path = file(dir);
    match connect(&path) {
        Ok(connection) => Ok(connection),
        Err(error) if is_damage(&error) => anew(dir),
        Err(source) => Err(IndexError::Database { path, source }),
    }
}

/// Removes a damaged index and makes an empty one.
///
/// Another program may have found the same damage: under the lock it is looked at once more.
pub(super) fn anew(dir: &Path) -> Result<Connection, IndexError> {
    let lock_path = dir.join("index.lock");
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| IndexError::Write { path, source }
    };
    let lock = File::create(&lock_path).map_err(write(&lock_path))?;
    lock.lock().map_err(write(&lock_path))?;
    let path = file(dir);
    if let Ok(connection) = connect(&path)
        && whole(&connection)
    {
        return Ok(connection);
    }
    for ending in ["", "-wal", "-shm"] {
        let part = dir.join(format!("index.sqlite{ending}"));
        match fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(write(&part)(error)),
            _ => {}
        }
    }
    connect(&path).map_err(|source| IndexError::Database { path, source })
}

/// Whether the database's own check finds nothing.
fn whole(connection: &Connection) -> bool {
    let checked: rusqlite::Result<String> =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    checked.is_ok_and(|answer| answer == "ok")
}

/// Whether the file is no database, or a broken one.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}

pub(super) fn file(dir: &Path) -> PathBuf {
    dir.join("index.sqlite")
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Pages kept in memory, in KiB: those that a search over 100 000 entries reads.
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.set_prepared_statement_cache_capacity(64);
    if format(&connection)? != FORMAT {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if format(&transaction)? != FORMAT {
            transaction.execute_batch(SEEN)?;
            transaction.execute_batch(TABLES)?;
            pack_all(&transaction)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
        }
        transaction.commit()?;
    }
    Ok(connection)
}

fn format(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Packs the looks of all that was seen already.
fn pack_all(connection: &Connection) -> rusqlite::Result<()> {
    let mut query = connection.prepare("SELECT object, seen FROM seen WHERE revision = ?1")?;
    let mut rows = query.query([REVISION])?;
    while let Some(row) = rows.next()? {
        let (object, text): (String, String) = (row.get(0)?, row.get(1)?);
        if let Ok(seen) = serde_json::from_str::<Seen>(&text) {
            put_look(connection, &object, &seen)?;
        }
    }
    Ok(())
}

/// Keeps the packed look of a source; none where the look has another shape than this program's.
pub(super) fn put_look(connection: &Connection, object: &str, seen: &Seen) -> rusqlite::Result<()> {
    let Some(packed) = PackedLook::of(&seen.look) else {
        return Ok(());
    };
    let chroma = chroma(&seen.look);
    connection
        .prepare_cached("INSERT OR REPLACE INTO looks VALUES (?1, ?2, ?3)")?
        .execute(params![object, chroma, packed.bytes()])?;
    connection
        .prepare_cached("UPDATE entries SET chroma = ?2 WHERE object = ?1")?
        .execute(params![object, chroma])?;
    Ok(())
}
