//! The local queue: draws to do, in SQLite, with leases.
//!
//! A lease is a promise to be heard of again before it runs out; a worker that dies keeps its draw for no longer
//! than that. Times are milliseconds of the caller's clock, so that tests need not wait.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

/// The queue could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// SQLite's words.
    #[error(
        "the queue {path}: {source}; if the disk is not full, delete this file and run again: nothing made is lost"
    )]
    Sqlite {
        /// The queue's file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Made by a newer program.
    #[error(
        "the queue {path} was made by a newer Heirloom (form {found}, this one reads {known}); use that one"
    )]
    Newer {
        /// The queue's file.
        path: PathBuf,
        /// Its form.
        found: i64,
        /// The newest form read here.
        known: i64,
    },
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The draw, as `request-n`: the job's name.
    pub draw: String,
    /// Which handler does it: `generate`.
    pub kind: String,
    /// The shot, for people.
    pub shot: String,
    /// Place in the film; earlier shots first.
    pub position: u32,
}

/// A job in a worker's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The job.
    pub job: Job,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// The queue of one film.
#[derive(Debug)]
pub struct Queue {
    path: PathBuf,
    connection: Mutex<Connection>,
}

const FORM: i64 = 1;

impl Queue {
    /// Open or make the queue at `path`.
    ///
    /// # Errors
    /// The file can not be written, or a newer program made it.
    pub fn open(path: &Path) -> Result<Self, QueueError> {
        let named = |source| QueueError::Sqlite {
            path: path.to_owned(),
            source,
        };
        let connection = Connection::open(path).map_err(named)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(named)?;
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(named)?;
        let found: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(named)?;
        if found > FORM {
            return Err(QueueError::Newer {
                path: path.to_owned(),
                found,
                known: FORM,
            });
        }
        connection
            .execute_batch(&format!(
                "BEGIN;
                 CREATE TABLE IF NOT EXISTS job (
                     draw TEXT PRIMARY KEY,
                     kind TEXT NOT NULL,
                     shot TEXT NOT NULL,
                     position INTEGER NOT NULL,
                     state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'done', 'failed')),
                     attempts INTEGER NOT NULL DEFAULT 0,
                     not_before_ms INTEGER NOT NULL DEFAULT 0,
                     lease_owner TEXT,
                     lease_until_ms INTEGER,
                     message TEXT
                 ) STRICT;
                 PRAGMA user_version = {FORM};
                 COMMIT;"
            ))
            .map_err(named)?;
        Ok(Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, QueueError> {
        self.lock()
            .execute(sql, values)
            .map_err(|source| self.named(source))
    }

    fn named(&self, source: rusqlite::Error) -> QueueError {
        QueueError::Sqlite {
            path: self.path.clone(),
            source,
        }
    }

    /// Offer a job. One that waits or is under way stays as it is; one that failed or was done waits again.
    ///
    /// # Errors
    /// The queue can not be written.
    pub fn offer(&self, job: &Job) -> Result<(), QueueError> {
        self.change(
            "INSERT INTO job (draw, kind, shot, position, state) VALUES (?1, ?2, ?3, ?4, 'queued')
             ON CONFLICT (draw) DO UPDATE SET
                 shot = excluded.shot, position = excluded.position,
                 attempts = CASE WHEN state IN ('failed', 'done') THEN 0 ELSE attempts END,
                 not_before_ms = CASE WHEN state IN ('failed', 'done') THEN 0 ELSE not_before_ms END,
                 state = CASE WHEN state IN ('failed', 'done') THEN 'queued' ELSE state END",
            params![job.draw, job.kind, job.shot, job.position],
        )
        .map(drop)
    }

    /// Take back every job that is not among `wanted`: an edited plan does not make what nobody wants.
    ///
    /// # Errors
    /// The queue can not be written.
    pub fn withdraw_all_but(&self, wanted: &[String]) -> Result<usize, QueueError> {
        let mut connection = self.lock();
        let mut run = || {
            let transaction = connection.transaction()?;
            let known: Vec<String> = transaction
                .prepare("SELECT draw FROM job")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut gone = 0;
            for draw in known.iter().filter(|d| !wanted.contains(d)) {
                gone += transaction.execute("DELETE FROM job WHERE draw = ?1", [draw])?;
            }
            transaction.commit()?;
            Ok(gone)
        };
        run().map_err(|source| self.named(source))
    }

    /// Let every leased job wait again. For a process that holds the film's lock: whoever leased it is dead.
    ///
    /// # Errors
    /// The queue can not be written.
    pub fn reclaim(&self) -> Result<usize, QueueError> {
        self.change(
            "UPDATE job SET state = 'queued', lease_owner = NULL, lease_until_ms = NULL WHERE state = 'leased'",
            [],
        )
    }

    /// Lease the first job that waits, or whose lease has run out, for `lease_ms`.
    ///
    /// # Errors
    /// The queue can not be written.
    pub fn lease(&self, owner: &str, now_ms: i64, lease_ms: i64) -> Result<Option<Leased>, QueueError> {
        self.lock()
            .query_row(
                "UPDATE job SET state = 'leased', lease_owner = ?1, lease_until_ms = ?2 + ?3, attempts = attempts + 1
                 WHERE draw = (
                     SELECT draw FROM job
                     WHERE (state = 'queued' AND not_before_ms <= ?2) OR (state = 'leased' AND lease_until_ms <= ?2)
                     ORDER BY position, draw LIMIT 1)
                 RETURNING draw, kind, shot, position, attempts",
                params![owner, now_ms, lease_ms],
                |row| {
                    Ok(Leased {
                        job: Job {
                            draw: row.get(0)?,
                            kind: row.get(1)?,
                            shot: row.get(2)?,
                            position: row.get(3)?,
                        },
                        attempt: row.get(4)?,
                    })
                },
            )
            .optional()
            .map_err(|source| self.named(source))
    }

    /// Renew a lease; `false` when it is no longer this owner's, who then must let go of the job.
    ///
    /// # Errors
    /// The queue can not be written.
    pub fn renew(&self, draw: &str, owner: &str, now_ms: i64, lease_ms: i64) -> Result<bool, QueueError> {
        self.change(
            "UPDATE job SET lease_until_ms = ?3 + ?4 WHERE draw = ?1 AND lease_owner = ?2 AND state = 'leased'",
            params![draw, owner, now_ms, lease_ms],
        )
        .map(|n| n == 1)
    }

    /// The job is done.
    ///
    /// # Errors
    /// The queue can not be written.
    pub fn done(&self, draw: &str, owner: &str) -> Result<bool, QueueError> {
        self.change(
            "UPDATE job SET state = 'done', message = NULL WHERE draw = ?1 AND lease_owner = ?2",
            params![draw, owner],
        )
        .map(|n| n == 1)
    }

    /// The job failed: for good, or to be tried again from `retry_at_ms`.
    ///
    /// # Errors
    /// The queue can not be written.
    pub fn fail(
        &self,
        draw: &str,
        owner: &str,
        message: &str,
        retry_at_ms: Option<i64>,
    ) -> Result<bool, QueueError> {
        self.change(
            "UPDATE job SET state = CASE WHEN ?4 IS NULL THEN 'failed' ELSE 'queued' END, message = ?3,
                 not_before_ms = COALESCE(?4, 0), lease_owner = NULL, lease_until_ms = NULL
             WHERE draw = ?1 AND lease_owner = ?2",
            params![draw, owner, message, retry_at_ms],
        )
        .map(|n| n == 1)
    }

    /// Give a job back untouched (a stop on demand): it waits, and the attempt does not count.
    ///
    /// # Errors
    /// The queue can not be written.
    pub fn release(&self, draw: &str, owner: &str) -> Result<bool, QueueError> {
        self.change(
            "UPDATE job SET state = 'queued', attempts = attempts - 1, lease_owner = NULL, lease_until_ms = NULL
             WHERE draw = ?1 AND lease_owner = ?2",
            params![draw, owner],
        )
        .map(|n| n == 1)
    }

    /// Jobs that wait or are under way.
    ///
    /// # Errors
    /// The queue can not be read.
    pub fn open_jobs(&self) -> Result<u32, QueueError> {
        self.lock()
            .query_row(
                "SELECT count(*) FROM job WHERE state IN ('queued', 'leased')",
                [],
                |row| row.get(0),
            )
            .map_err(|source| self.named(source))
    }
}
