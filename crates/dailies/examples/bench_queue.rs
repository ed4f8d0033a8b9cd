//! What the queue costs for each take, beside raw SQLite that does the least that a queue must.
//!
//! ```text
//! cargo run --release -p heirloom-dailies --example bench_queue
//! ```
//!
//! Both in the same run, on the same disk, write-ahead log, synchronous = NORMAL. Offered in one transaction, then one by one
//! leased and done. The raw one has a table of id, name and state with an index on the state; ours has kinds, priorities, places in
//! the film, leases that run out, owners, tries and a pause besides. In turns, seven times; the median of the ratios counts.

#![allow(clippy::print_stdout, reason = "a measuring program prints")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use heirloom_dailies::queue::{Job, Queue};
use heirloom_dailies::{GENERATE, SqliteQueue};
use rusqlite::{Connection, TransactionBehavior};

const JOBS: usize = 5000;
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut rounds = Vec::new();
    for n in 0..ROUNDS {
        let raw = raw(&folder.path().join(format!("raw-{n}.sqlite")))?;
        let ours = ours(&folder.path().join(format!("ours-{n}.sqlite")))?;
        rounds.push((raw, ours));
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / JOBS as f64;
    let middle = |of: fn(&(Duration, Duration)) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let ratio = middle(|(raw, ours)| ours.as_secs_f64() / raw.as_secs_f64());
    let raw = each(Duration::from_secs_f64(middle(|r| r.0.as_secs_f64())));
    let ours = each(Duration::from_secs_f64(middle(|r| r.1.as_secs_f64())));
    let note = format!("{JOBS} takes offered, leased and done; the middle of {ROUNDS} rounds");
    println!("figure\tqueue, for each take, of raw SQLite\t{ratio:.3}\ttimes\tlower\t1.5\t{note}");
    println!("figure\traw SQLite, for each take\t{raw:.1}\tµs\tlower\t-\t");
    println!("figure\tthe queue, for each take\t{ours:.1}\tµs\tlower\t-\t");
    Ok(())
}

fn name(n: usize) -> String {
    format!("{n:064x}-0")
}

fn raw(path: &Path) -> Result<Duration, Box<dyn Error>> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "CREATE TABLE job (name TEXT PRIMARY KEY, state INTEGER NOT NULL); CREATE INDEX job_by_state ON job (state);",
    )?;
    let before = Instant::now();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for n in 0..JOBS {
        transaction
            .prepare_cached("INSERT INTO job (name, state) VALUES (?1, 0)")?
            .execute([name(n)])?;
    }
    transaction.commit()?;
    for _ in 0..JOBS {
        let leased: String = connection
            .prepare_cached(
                "UPDATE job SET state = 1 WHERE name = (SELECT name FROM job WHERE state = 0 LIMIT 1) RETURNING name",
            )?
            .query_row([], |row| row.get(0))?;
        connection
            .prepare_cached("UPDATE job SET state = 2 WHERE name = ?1")?
            .execute([leased])?;
    }
    Ok(before.elapsed())
}

fn ours(path: &Path) -> Result<Duration, Box<dyn Error>> {
    let queue = SqliteQueue::open(path)?;
    let jobs: Vec<Job> = (0..JOBS)
        .map(|n| Job {
            draw: name(n),
            kind: GENERATE.to_owned(),
            shot: "sea 010".to_owned(),
            priority: 0,
            position: n as u32,
        })
        .collect();
    let before = Instant::now();
    queue.enqueue(&jobs)?;
    for n in 0..JOBS {
        let leased = queue
            .lease("worker", &[GENERATE], n as i64, 60_000)?
            .ok_or("a job that was offered is not there")?;
        if !queue.acknowledge(&leased.job.draw, "worker")? {
            return Err("a job that was leased is another's".into());
        }
    }
    Ok(before.elapsed())
}
