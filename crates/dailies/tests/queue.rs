//! The queue and the lock, through their public faces.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

use heirloom_dailies::{Job, Lock, LockError, Queue, QueueError, SqliteQueue};

fn job(draw: &str, position: u32) -> Job {
    Job {
        draw: draw.into(),
        kind: "generate".into(),
        shot: format!("shot {draw}"),
        position,
        ..Job::default()
    }
}

fn queue() -> (tempfile::TempDir, SqliteQueue) {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(&folder.path().join("queue.sqlite")).unwrap();
    (folder, queue)
}

#[test]
fn jobs_come_in_the_films_order_and_each_to_one_worker() {
    let (_folder, queue) = queue();
    for (name, position) in [("c", 2), ("a", 0), ("b", 1)] {
        queue.enqueue(&[job(name, position)]).unwrap();
    }
    let order: Vec<String> = (0..3)
        .map(|n| {
            queue
                .lease(&format!("w{n}"), &[], 0, 1000)
                .unwrap()
                .unwrap()
                .job
                .draw
        })
        .collect();
    assert_eq!(order, ["a", "b", "c"]);
    assert!(queue.lease("w3", &[], 999, 1000).unwrap().is_none());
    assert_eq!(queue.open_jobs(&[]).unwrap(), 3);
}

#[test]
fn a_lease_that_is_renewed_is_kept_and_one_that_runs_out_is_lost() {
    let (_folder, queue) = queue();
    queue.enqueue(&[job("a", 0)]).unwrap();
    queue.lease("first", &[], 0, 1000).unwrap().unwrap();
    assert!(queue.heartbeat("a", "first", 900, 1000).unwrap());
    assert!(queue.lease("second", &[], 1500, 1000).unwrap().is_none());
    let again = queue.lease("second", &[], 1900, 1000).unwrap().unwrap();
    assert_eq!(again.attempt, 2);
    // The first worker comes back from the dead: it owns nothing any more.
    assert!(!queue.heartbeat("a", "first", 1901, 1000).unwrap());
    assert!(!queue.acknowledge("a", "first").unwrap());
    assert!(queue.acknowledge("a", "second").unwrap());
    assert_eq!(queue.open_jobs(&[]).unwrap(), 0);
}

#[test]
fn a_retry_waits_and_a_lasting_failure_does_not_come_back_until_offered_again() {
    let (_folder, queue) = queue();
    queue.enqueue(&[job("a", 0)]).unwrap();
    queue.lease("w", &[], 0, 1000).unwrap().unwrap();
    queue.fail("a", "w", "the disk was busy", Some(5000)).unwrap();
    assert!(queue.lease("w", &[], 4999, 1000).unwrap().is_none());
    assert_eq!(queue.lease("w", &[], 5000, 1000).unwrap().unwrap().attempt, 2);
    queue.fail("a", "w", "no such source", None).unwrap();
    assert!(queue.lease("w", &[], 99_999, 1000).unwrap().is_none());
    queue.enqueue(&[job("a", 0)]).unwrap();
    assert_eq!(queue.lease("w", &[], 99_999, 1000).unwrap().unwrap().attempt, 1);
}

#[test]
fn a_stop_gives_the_job_back_without_counting_it() {
    let (_folder, queue) = queue();
    queue.enqueue(&[job("a", 0)]).unwrap();
    queue.lease("w", &[], 0, 1000).unwrap().unwrap();
    queue.release("a", "w").unwrap();
    assert_eq!(queue.lease("w", &[], 1, 1000).unwrap().unwrap().attempt, 1);
}

#[test]
fn an_edited_plan_takes_back_what_nobody_wants() {
    let (folder, queue) = queue();
    for name in ["a", "b", "c"] {
        queue.enqueue(&[job(name, 0)]).unwrap();
    }
    assert_eq!(queue.withdraw_all_but(&["b".into()]).unwrap(), 2);
    // What waits outlives the process.
    drop(queue);
    let queue = SqliteQueue::open(&folder.path().join("queue.sqlite")).unwrap();
    assert_eq!(queue.lease("w", &[], 0, 1).unwrap().unwrap().job.draw, "b");
    assert_eq!(queue.reclaim(|owner| owner == "w").unwrap(), 1);
    assert_eq!(queue.lease("w", &[], 0, 1).unwrap().unwrap().job.draw, "b");
}

#[test]
fn a_queue_of_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.sqlite");
    drop(SqliteQueue::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(
        SqliteQueue::open(&path),
        Err(QueueError::Newer { found: 99, .. })
    ));
}

#[test]
fn one_make_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = Lock::acquire(folder.path()).unwrap();
    let Err(LockError::Taken { process }) = Lock::acquire(folder.path()) else {
        panic!("two locks")
    };
    assert_eq!(process, std::process::id().to_string());
    drop(first);
    Lock::acquire(folder.path()).unwrap();
}
