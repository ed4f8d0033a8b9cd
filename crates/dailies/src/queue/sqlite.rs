//! The queue of a film's folder, in SQLite. Any number of processes may use one at a time.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::{HELD, Job, Leased, Queue, QueueError};

/// Jobs that may wait or be under way at once: who makes more waits until some are done.
pub const MOST_OPEN: u64 = 1_000_000;

/// Leases after which a job that never came to an end is laid aside: it kills its workers.
pub const MOST_LEASES: u32 = 12;

const FORM: i64 = 2;

/// A queue's file.
#[derive(Debug)]
pub struct SqliteQueue {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// How many jobs there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// That wait.
    pub queued: u64,
    /// That are under way.
    pub leased: u64,
    /// That are done.
    pub done: u64,
    /// That failed for good.
    pub failed: u64,
}

/// A job that waits until it is offered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The job.
    pub job: Job,
    /// What it waits for.
    pub why: String,
}

/// A job that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// The job.
    pub job: Job,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed, the last time.
    pub why: String,
}

impl SqliteQueue {
    /// Opens or makes the queue at `path`.
    ///
    /// # Errors
    /// The file cannot be written, or a newer program made it.
    pub fn open(path: &Path) -> Result<Self, QueueError> {
        let named = |source| QueueError::Sqlite {
            path: path.to_owned(),
            source,
        };
        let mut connection = Connection::open(path).map_err(named)?;
        let found = prepare(&mut connection).map_err(named)?;
        if found > FORM {
            return Err(QueueError::Newer {
                path: path.to_owned(),
                found,
                known: FORM,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    fn with<T>(&self, run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, QueueError> {
        let mut connection: MutexGuard<'_, Connection> =
            self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut connection).map_err(|source| QueueError::Sqlite {
            path: self.path.clone(),
            source,
        })
    }

    fn change(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, QueueError> {
        self.with(|connection| connection.prepare_cached(sql)?.execute(values))
    }

    /// Takes back every job that is not among `wanted`: an edited plan does not make what nobody wants.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn withdraw_all_but(&self, wanted: &[String]) -> Result<usize, QueueError> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch("CREATE TEMP TABLE wanted (draw TEXT PRIMARY KEY) WITHOUT ROWID")?;
            for draw in wanted {
                transaction
                    .prepare_cached("INSERT OR IGNORE INTO wanted VALUES (?1)")?
                    .execute([draw])?;
            }
            let gone =
                transaction.execute("DELETE FROM job WHERE draw NOT IN (SELECT draw FROM wanted)", [])?;
            transaction.execute_batch("DROP TABLE wanted")?;
            transaction.commit()?;
            Ok(gone)
        })
    }

    /// Lets leased jobs of which `dead` says that their owner is no more wait again, without counting the attempt as
    /// one that went wrong by the job's own fault.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn reclaim(&self, dead: impl Fn(&str) -> bool) -> Result<usize, QueueError> {
        let owners: Vec<String> = self.with(|connection| {
            connection
                .prepare_cached("SELECT DISTINCT lease_owner FROM job WHERE state = 'leased'")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        let mut count = 0;
        for owner in owners.iter().filter(|owner| dead(owner)) {
            count += self.change(
                "UPDATE job SET state = CASE WHEN attempts >= ?2 THEN 'failed' ELSE 'queued' END,
                     message = CASE WHEN attempts >= ?2 THEN ?3 ELSE message END,
                     lease_owner = NULL, lease_until_ms = NULL
                 WHERE state = 'leased' AND lease_owner = ?1",
                params![owner, MOST_LEASES, deadly()],
            )?;
        }
        Ok(count)
    }

    /// Holds the queue: what is under way goes on, nothing new is leased.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn pause(&self) -> Result<(), QueueError> {
        self.change("INSERT OR REPLACE INTO setting VALUES ('paused', 'yes')", [])
            .map(drop)
    }

    /// Lets the queue go on.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn resume(&self) -> Result<(), QueueError> {
        self.change("DELETE FROM setting WHERE name = 'paused'", [])
            .map(drop)
    }

    /// Whether it is held.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn is_paused(&self) -> Result<bool, QueueError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM setting WHERE name = 'paused')")?
                .query_row([], |row| row.get(0))
        })
    }

    /// Cancels all jobs of a shot (or, with none, of all shots) that wait or are under way; who has one of these lets go of it at
    /// the next heartbeat. Says how many.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn cancel(&self, shot: Option<&str>) -> Result<usize, QueueError> {
        self.change(
            "DELETE FROM job WHERE state IN ('queued', 'leased') AND (?1 IS NULL OR shot = ?1)",
            [shot],
        )
    }

    /// How many jobs of a shot (or, with none, of all shots) there are.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn counts(&self, shot: Option<&str>) -> Result<Counts, QueueError> {
        self.with(|connection| {
            let mut counts = Counts::default();
            let mut query = connection.prepare_cached(
                "SELECT state, count(*) FROM job WHERE ?1 IS NULL OR shot = ?1 GROUP BY state",
            )?;
            let mut rows = query.query([shot])?;
            while let Some(row) = rows.next()? {
                let (state, count): (String, i64) = (row.get(0)?, row.get(1)?);
                let count = count.unsigned_abs();
                match state.as_str() {
                    "queued" => counts.queued = count,
                    "leased" => counts.leased = count,
                    "done" => counts.done = count,
                    _ => counts.failed = count,
                }
            }
            Ok(counts)
        })
    }

    /// The jobs that are held until they are offered again, with the reasons.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn held(&self) -> Result<Vec<Held>, QueueError> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT draw, kind, shot, priority, position, attempts, coalesce(message, '') FROM job
                     WHERE state = 'queued' AND not_before_ms = ?1 ORDER BY priority DESC, position, draw",
                )?
                .query_map([HELD], |row| {
                    Ok(Held {
                        job: leased(row)?.job,
                        why: row.get(6)?,
                    })
                })?
                .collect()
        })
    }

    /// The jobs that failed for good, with their reasons.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn poison(&self) -> Result<Vec<Poison>, QueueError> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT draw, kind, shot, priority, position, attempts, coalesce(message, '') FROM job
                     WHERE state = 'failed' ORDER BY priority DESC, position, draw",
                )?
                .query_map([], |row| {
                    let Leased { job, attempt } = leased(row)?;
                    Ok(Poison {
                        job,
                        attempts: attempt,
                        why: row.get(6)?,
                    })
                })?
                .collect()
        })
    }
}

/// Makes or renews the tables; gives the form of a file that a newer program made.
fn prepare(connection: &mut Connection) -> rusqlite::Result<i64> {
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What a power cut takes back is found again in the ledger: a job is offered again, never a take lost.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let form =
        |connection: &Connection| connection.pragma_query_value(None, "user_version", |row| row.get(0));
    let found: i64 = form(connection)?;
    if found >= FORM {
        return Ok(found);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if form(&transaction)? < FORM {
        // Jobs of an older form are offered again by the plan.
        transaction.execute_batch(&format!(
            "DROP TABLE IF EXISTS job;
             CREATE TABLE job (
                 draw TEXT PRIMARY KEY,
                 kind TEXT NOT NULL,
                 shot TEXT NOT NULL,
                 priority INTEGER NOT NULL,
                 position INTEGER NOT NULL,
                 state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'done', 'failed')),
                 attempts INTEGER NOT NULL DEFAULT 0,
                 not_before_ms INTEGER NOT NULL DEFAULT 0,
                 lease_owner TEXT,
                 lease_until_ms INTEGER,
                 message TEXT
             ) STRICT;
             CREATE INDEX job_by_turn ON job (state, priority DESC, position, draw);
             CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
             PRAGMA user_version = {FORM};"
        ))?;
    }
    transaction.commit()?;
    Ok(FORM)
}

fn leased(row: &Row<'_>) -> rusqlite::Result<Leased> {
    Ok(Leased {
        job: Job {
            draw: row.get(0)?,
            kind: row.get(1)?,
            shot: row.get(2)?,
            priority: row.get(3)?,
            position: row.get(4)?,
        },
        attempt: row.get(5)?,
    })
}

/// What is said of a job that is leased and leased again, and never ends.
fn deadly() -> String {
    format!(
        "{MOST_LEASES} workers had it and none was heard of again: the job ends the process, or takes all memory"
    )
}

/// Kinds as SQLite reads a list of them.
fn listed(kinds: &[&str]) -> String {
    serde_json::json!(kinds).to_string()
}

impl Queue for SqliteQueue {
    fn enqueue(&self, jobs: &[Job]) -> Result<(), QueueError> {
        let open = self.open_jobs(&[])?;
        if open + jobs.len() as u64 > MOST_OPEN {
            return Err(QueueError::Full { open });
        }
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for job in jobs {
                transaction
                    .prepare_cached(
                        "INSERT INTO job (draw, kind, shot, priority, position, state) VALUES (?1, ?2, ?3, ?4, ?5, 'queued')
                         ON CONFLICT (draw) DO UPDATE SET
                             shot = excluded.shot, priority = excluded.priority, position = excluded.position,
                             attempts = CASE WHEN state IN ('failed', 'done') OR not_before_ms = ?6 THEN 0 ELSE attempts END,
                             not_before_ms = CASE WHEN state IN ('failed', 'done') OR not_before_ms = ?6 THEN 0
                                 ELSE not_before_ms END,
                             state = CASE WHEN state IN ('failed', 'done') THEN 'queued' ELSE state END",
                    )?
                    .execute(params![job.draw, job.kind, job.shot, job.priority, job.position, HELD])?;
            }
            transaction.commit()
        })
    }

    fn lease(
        &self,
        owner: &str,
        kinds: &[&str],
        now_ms: i64,
        lease_ms: i64,
    ) -> Result<Option<Leased>, QueueError> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "UPDATE job SET state = 'failed', message = ?3, lease_owner = NULL, lease_until_ms = NULL
                     WHERE state = 'leased' AND lease_until_ms <= ?1 AND attempts >= ?2",
                )?
                .execute(params![now_ms, MOST_LEASES, deadly()])?;
            connection
                .prepare_cached(
                    "UPDATE job SET state = 'leased', lease_owner = ?1, lease_until_ms = ?2 + ?3, attempts = attempts + 1
                     WHERE draw = (
                         SELECT draw FROM (
                             SELECT * FROM (
                                 SELECT draw, priority, position FROM job WHERE state = 'queued' AND not_before_ms <= ?2
                                     AND (?4 = '[]' OR kind IN (SELECT value FROM json_each(?4)))
                                 ORDER BY priority DESC, position, draw LIMIT 1)
                             UNION ALL SELECT * FROM (
                                 SELECT draw, priority, position FROM job WHERE state = 'leased' AND lease_until_ms <= ?2
                                     AND (?4 = '[]' OR kind IN (SELECT value FROM json_each(?4)))
                                 ORDER BY priority DESC, position, draw LIMIT 1))
                         ORDER BY priority DESC, position, draw LIMIT 1)
                     AND NOT EXISTS (SELECT 1 FROM setting WHERE name = 'paused')
                     RETURNING draw, kind, shot, priority, position, attempts",
                )?
                .query_row(params![owner, now_ms, lease_ms, listed(kinds)], leased)
                .optional()
        })
    }

    fn heartbeat(&self, draw: &str, owner: &str, now_ms: i64, lease_ms: i64) -> Result<bool, QueueError> {
        self.change(
            "UPDATE job SET lease_until_ms = ?3 + ?4 WHERE draw = ?1 AND lease_owner = ?2 AND state = 'leased'",
            params![draw, owner, now_ms, lease_ms],
        )
        .map(|n| n == 1)
    }

    fn acknowledge(&self, draw: &str, owner: &str) -> Result<bool, QueueError> {
        self.change(
            "UPDATE job SET state = 'done', message = NULL WHERE draw = ?1 AND lease_owner = ?2 AND state = 'leased'",
            params![draw, owner],
        )
        .map(|n| n == 1)
    }

    fn fail(&self, draw: &str, owner: &str, why: &str, retry_at_ms: Option<i64>) -> Result<bool, QueueError> {
        self.change(
            "UPDATE job SET state = CASE WHEN ?4 IS NULL THEN 'failed' ELSE 'queued' END, message = ?3,
                 not_before_ms = COALESCE(?4, 0), lease_owner = NULL, lease_until_ms = NULL
             WHERE draw = ?1 AND lease_owner = ?2 AND state = 'leased'",
            params![draw, owner, why, retry_at_ms],
        )
        .map(|n| n == 1)
    }

    fn release(&self, draw: &str, owner: &str) -> Result<bool, QueueError> {
        self.change(
            "UPDATE job SET state = 'queued', attempts = attempts - 1, lease_owner = NULL, lease_until_ms = NULL
             WHERE draw = ?1 AND lease_owner = ?2 AND state = 'leased'",
            params![draw, owner],
        )
        .map(|n| n == 1)
    }

    fn open_jobs(&self, kinds: &[&str]) -> Result<u64, QueueError> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM job WHERE state IN ('queued', 'leased') AND not_before_ms < ?2
                         AND (?1 = '[]' OR kind IN (SELECT value FROM json_each(?1)))",
                )?
                .query_row(params![listed(kinds), HELD], |row| row.get::<_, i64>(0))
                .map(i64::unsigned_abs)
        })
    }
}
