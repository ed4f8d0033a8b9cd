//! What is to be done: jobs, leased to workers that are heard of or lose them.
//!
//! [`Queue`] is all that a worker needs of a queue, so that another may stand behind it past one machine;
//! [`SqliteQueue`] is the one of a film's folder. A lease is a promise to be heard of again before it runs out; a worker
//! that dies keeps its job for no longer than that. Times are milliseconds of the caller's clock, so that tests need not wait.

mod sqlite;

use std::path::PathBuf;

pub use sqlite::{Counts, Held, MOST_LEASES, MOST_OPEN, Poison, SqliteQueue};

/// The time of a next try that says: not before the job is offered again.
pub const HELD: i64 = i64::MAX;

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
    /// More waits than a queue takes.
    #[error(
        "{open} jobs wait already, and a queue takes {MOST_OPEN}: wait until some are done, or ask for fewer"
    )]
    Full {
        /// Jobs that wait or are under way.
        open: u64,
    },
}

/// Something to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Job {
    /// The job's name, unique; of a draw, `request-n`.
    pub draw: String,
    /// Which handler does it: `generate`.
    pub kind: String,
    /// The shot, for people.
    pub shot: String,
    /// What is more urgent comes first, whatever its place.
    pub priority: i32,
    /// Place in the film; of one urgency, earlier shots first.
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

/// Jobs that wait for workers.
pub trait Queue: Send + Sync {
    /// Offers jobs, all or none. One that waits or is under way stays as it is; one that failed or was done waits again.
    ///
    /// # Errors
    /// [`QueueError::Full`], or it cannot be written.
    fn enqueue(&self, jobs: &[Job]) -> Result<(), QueueError>;

    /// Leases the most urgent job of these kinds that waits, or whose lease has run out, for `lease_ms`. None while the queue
    /// is paused.
    ///
    /// # Errors
    /// The queue cannot be written.
    fn lease(
        &self,
        owner: &str,
        kinds: &[&str],
        now_ms: i64,
        lease_ms: i64,
    ) -> Result<Option<Leased>, QueueError>;

    /// Renews a lease; `false` when the job is no longer this owner's, or was cancelled: then the owner lets go of it.
    ///
    /// # Errors
    /// The queue cannot be written.
    fn heartbeat(&self, draw: &str, owner: &str, now_ms: i64, lease_ms: i64) -> Result<bool, QueueError>;

    /// The job is done. `false` when it was no longer this owner's.
    ///
    /// # Errors
    /// The queue cannot be written.
    fn acknowledge(&self, draw: &str, owner: &str) -> Result<bool, QueueError>;

    /// The job failed: to be tried again from `retry_at_ms`, or for good, to be kept with its reason. At [`HELD`] it waits, with
    /// its reason, until it is offered again.
    ///
    /// # Errors
    /// The queue cannot be written.
    fn fail(&self, draw: &str, owner: &str, why: &str, retry_at_ms: Option<i64>) -> Result<bool, QueueError>;

    /// Gives a job back untouched (a stop on demand): it waits, and the attempt does not count.
    ///
    /// # Errors
    /// The queue cannot be written.
    fn release(&self, draw: &str, owner: &str) -> Result<bool, QueueError>;

    /// Jobs of these kinds that wait or are under way, but for those held until they are offered again.
    ///
    /// # Errors
    /// The queue cannot be read.
    fn open_jobs(&self, kinds: &[&str]) -> Result<u64, QueueError>;
}
