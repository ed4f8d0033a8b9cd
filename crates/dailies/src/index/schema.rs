//! The tables of the index, and how its file is opened and, where it is damaged, made anew.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::{IndexError, listed};

/// The format of the derived tables. Those of another format are thrown away and filled anew.
const FORMAT: u32 = 3;

/// How long to wait for another program that is writing.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is kept whatever the format: it is worked out from frames, and dear.
const MEASURED: &str = "
    CREATE TABLE IF NOT EXISTS known (id INTEGER NOT NULL PRIMARY KEY, take TEXT NOT NULL UNIQUE) STRICT;
    -- JSON of the numbers by name, and the look as little-endian 32-bit floats.
    CREATE TABLE IF NOT EXISTS measured (
        take INTEGER NOT NULL PRIMARY KEY, numbers TEXT NOT NULL, look BLOB NOT NULL
    ) STRICT;
    -- What a measured take was held against: JSON of objects by what they are.
    CREATE TABLE IF NOT EXISTS against (take INTEGER NOT NULL PRIMARY KEY, objects TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS names (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    DROP TABLE IF EXISTS numbers;
";

/// What is derived from the ledger. Times are text of equal length, so that text order is time order.
const TABLES: &str = "
    DROP TABLE IF EXISTS state;
    DROP TABLE IF EXISTS asked;
    DROP TABLE IF EXISTS prompts;
    DROP TABLE IF EXISTS takes;
    DROP TABLE IF EXISTS entries;
    DROP TABLE IF EXISTS listed;
    DROP TABLE IF EXISTS waiting;

    -- What was read of the ledger last.
    CREATE TABLE state (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        acts INTEGER NOT NULL, first_act TEXT NOT NULL, last_act TEXT NOT NULL, last_at TEXT NOT NULL
    ) STRICT;
    INSERT INTO state VALUES (1, 0, '', '', '');

    -- Requests, by the shot that asked; and the prompts of every shot, numbered in the order in which they came.
    CREATE TABLE asked (
        request TEXT NOT NULL, shot TEXT NOT NULL, label TEXT NOT NULL, prompt TEXT NOT NULL, version INTEGER NOT NULL,
        parent TEXT, note TEXT, at TEXT NOT NULL, PRIMARY KEY (request, shot)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE prompts (
        shot TEXT NOT NULL, prompt TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (shot, prompt)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE takes (
        take INTEGER NOT NULL PRIMARY KEY, request TEXT NOT NULL, draw INTEGER NOT NULL, engine TEXT NOT NULL,
        revision INTEGER, seed INTEGER, rate TEXT, frames INTEGER NOT NULL, drawn_at TEXT NOT NULL, asked_at TEXT,
        waited_s REAL, cost_usd REAL
    ) STRICT;
    CREATE INDEX takes_by_request ON takes (request);

    -- A take in a shot, and how it stands there.
    CREATE TABLE entries (
        id INTEGER NOT NULL PRIMARY KEY, take INTEGER NOT NULL, shot TEXT NOT NULL, label TEXT NOT NULL,
        drawn_at TEXT NOT NULL, engine TEXT NOT NULL, version INTEGER, parent TEXT, note TEXT, prompt TEXT,
        verdict INTEGER NOT NULL DEFAULT 0, stars INTEGER, kept INTEGER,
        by_hand INTEGER NOT NULL DEFAULT 0, standing TEXT
    ) STRICT;
    CREATE UNIQUE INDEX entries_by_take ON entries (take, shot);
    CREATE INDEX entries_by_shot ON entries (shot, drawn_at);

    -- What takes are filtered and ordered by, one row an entry: small, so that all rows are looked through in moments. Times
    -- are nanoseconds since 1970; `tie` decides between equal ones, by take and shot. Every measure of `names` has a column
    -- of its own, `m` and its number.
    CREATE TABLE listed (
        entry INTEGER NOT NULL PRIMARY KEY, shot INTEGER NOT NULL, engine INTEGER NOT NULL, version INTEGER,
        parent INTEGER, at INTEGER NOT NULL, tie TEXT NOT NULL, frames INTEGER NOT NULL,
        cost REAL, waited REAL, verdict INTEGER NOT NULL DEFAULT 0, stars INTEGER, kept INTEGER
    ) STRICT;
    CREATE INDEX listed_by_shot ON listed (shot, at, tie);
    CREATE INDEX listed_by_time ON listed (at, tie);
    CREATE TRIGGER unlisted AFTER DELETE ON entries BEGIN DELETE FROM listed WHERE entry = old.id; END;
    CREATE TABLE IF NOT EXISTS words (id INTEGER NOT NULL PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;

    -- Shots in which something was said of takes that are not known here yet.
    CREATE TABLE waiting (shot TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
";

/// Opens the index in this folder, making it where there is none, or where it is damaged.
pub(super) fn open(dir: &Path) -> Result<Connection, IndexError> {
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
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| IndexError::Write { path, source }
    };
    let lock_path = dir.join("index.lock");
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
    // Pages kept in memory, in KiB: those that a look through 100 000 takes reads.
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.set_prepared_statement_cache_capacity(64);
    if format(&connection)? != FORMAT {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if format(&transaction)? != FORMAT {
            transaction.execute_batch(MEASURED)?;
            transaction.execute_batch(TABLES)?;
            listed::columns(&transaction)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
        }
        transaction.commit()?;
    }
    Ok(connection)
}

fn format(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
