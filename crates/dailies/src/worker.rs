//! Workers: a loop that leases jobs and hands each to the handler of its kind.
//!
//! Kinds of work (generate, train, finish) are handlers that whoever runs a worker registers, so that this crate knows
//! none of the rooms above it. A handler is asked to be heard of: it calls its [`Beat`] while it works, and lets go of the
//! job when that says so.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::queue::{HELD, Leased, Queue, QueueError};

/// How long a worker that is not heard of keeps its job.
const LEASE_MS: i64 = 60_000;
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// Between two looks at a queue in which nothing is to be had now.
const WAIT: Duration = Duration::from_millis(40);
/// Tries before a job is laid aside with its reason.
const ATTEMPTS: u32 = 3;

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Done: never again.
    Done,
    /// Something went wrong that may pass; tried again after a while, and laid aside after three tries.
    Retry(String),
    /// Something went wrong for good: laid aside with the reason.
    Failed(String),
    /// It must not be done now (a budget is reached): it stays in the queue with the reason, until it is offered again.
    Held(String),
    /// Stopped on demand, or someone else has the job at the moment: it waits again, and this try does not count.
    Released,
}

/// What stops all work: a full disk, a ledger that cannot be written.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Does the jobs of one kind.
pub trait Handler: Sync {
    /// Does a job from beginning to end, or goes on with what is left of an earlier try.
    ///
    /// # Errors
    /// [`Broken`] where no other job would fare better; the job waits again.
    fn run(&self, leased: &Leased, beat: &Beat<'_>) -> Result<Ended, Broken>;

    /// What will come of a job that ended with [`Ended::Retry`]: whether it is tried again.
    fn retried(&self, _leased: &Leased, _why: &str, _again: bool) {}
}

/// A worker's sign of life.
pub struct Beat<'a> {
    queue: &'a dyn Queue,
    draw: &'a str,
    owner: &'a str,
    stop: &'a [&'a AtomicBool],
    last: Mutex<(Instant, bool)>,
}

impl Beat<'_> {
    /// Says that the job is worked on. `false` when the worker must let go: it shall stop, or the job is no longer its own.
    /// Cheap: call it often.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn alive(&self) -> Result<bool, QueueError> {
        if is_set(self.stop) {
            return Ok(false);
        }
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.1 && last.0.elapsed() > BEAT_EVERY {
            *last = (
                Instant::now(),
                self.queue.heartbeat(self.draw, self.owner, now_ms(), LEASE_MS)?,
            );
        }
        Ok(last.1)
    }
}

/// One worker.
pub struct Worker<'a> {
    /// Where jobs are.
    pub queue: &'a dyn Queue,
    /// Who does which kind.
    pub handlers: &'a BTreeMap<&'a str, &'a dyn Handler>,
    /// The worker's name; leases of a name that runs no more are taken back.
    pub owner: &'a str,
    /// Any of these is set to stop.
    pub stop: &'a [&'a AtomicBool],
}

fn is_set(stop: &[&AtomicBool]) -> bool {
    stop.iter().any(|flag| flag.load(Ordering::Relaxed))
}

impl Worker<'_> {
    /// Works until no job of its kinds waits or is under way, or until it shall stop.
    ///
    /// # Errors
    /// [`Broken`], by a handler or the queue.
    pub fn work(&self) -> Result<(), Broken> {
        let kinds: Vec<&str> = self.handlers.keys().copied().collect();
        while !is_set(self.stop) {
            match self.queue.lease(self.owner, &kinds, now_ms(), LEASE_MS)? {
                Some(leased) => self.one(&leased)?,
                // Nothing is to be had now; something may come back (a retry later, another worker's death).
                None if self.queue.open_jobs(&kinds)? == 0 => break,
                None => std::thread::sleep(WAIT),
            }
        }
        Ok(())
    }

    fn one(&self, leased: &Leased) -> Result<(), Broken> {
        let draw = &leased.job.draw;
        let Some(handler) = self.handlers.get(leased.job.kind.as_str()) else {
            self.queue.release(draw, self.owner)?;
            return Ok(());
        };
        let beat = Beat {
            queue: self.queue,
            draw,
            owner: self.owner,
            stop: self.stop,
            last: Mutex::new((Instant::now(), true)),
        };
        let ended = match handler.run(leased, &beat) {
            Ok(ended) => ended,
            Err(error) => {
                self.queue.release(draw, self.owner)?;
                return Err(error);
            }
        };
        match ended {
            Ended::Done => self.queue.acknowledge(draw, self.owner)?,
            Ended::Retry(why) if leased.attempt < ATTEMPTS => {
                let wait_ms = 500 << leased.attempt;
                let kept = self
                    .queue
                    .fail(draw, self.owner, &why, Some(now_ms() + wait_ms))?;
                handler.retried(leased, &why, true);
                kept
            }
            Ended::Retry(why) => {
                let kept = self.queue.fail(draw, self.owner, &why, None)?;
                handler.retried(leased, &why, false);
                kept
            }
            Ended::Held(why) => self.queue.fail(draw, self.owner, &why, Some(HELD))?,
            Ended::Failed(why) => self.queue.fail(draw, self.owner, &why, None)?,
            Ended::Released => {
                let kept = self.queue.release(draw, self.owner)?;
                // Whoever has it shall not be asked again at once.
                std::thread::sleep(WAIT);
                kept
            }
        };
        Ok(())
    }
}

/// Milliseconds of the system's clock.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}
