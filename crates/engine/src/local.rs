//! Engines that run in this process: a generator is a plain function of an order; [`LocalEngine`] makes a
//! job-keeping engine of it (threads, progress, cancelling, one run a draw).

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::card::Card;
use crate::charge::{Charge, Found};
use crate::contract::Engine;
use crate::job::{Draft, Failure, Inputs, JobId, JobState, Order, Progress, Refusal};
use crate::take::{TakeFrames, TakeManifest};

/// How a generator ends without a take.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// A policy said no; nothing was written.
    Refused(Refusal),
    /// Something went wrong.
    Failed(Failure),
    /// [`Control::check`] said that the job is to stop.
    Cancelled,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How a running generator hears and is heard.
#[derive(Debug, Clone, Default)]
pub struct Control {
    done: Arc<AtomicU32>,
    total: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl Control {
    /// A control of its own, for running a generator outside of an engine.
    pub fn new() -> Self {
        Self::default()
    }

    /// Say how far the work is. A smaller number than before is ignored: progress never goes back.
    pub fn progress(&self, done_frames: u32, total_frames: u32) {
        self.total.store(total_frames, Ordering::Relaxed);
        self.done
            .fetch_max(done_frames.min(total_frames), Ordering::Relaxed);
    }

    /// How far the work is.
    pub fn current(&self) -> Progress {
        Progress {
            done_frames: self.done.load(Ordering::Relaxed),
            total_frames: self.total.load(Ordering::Relaxed),
        }
    }

    /// Ask the generator to stop.
    pub fn cancel(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the job is to stop. Ask at least every half second of work.
    pub fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// [`Stop::Cancelled`] when the job is to stop, for use with `?`.
    ///
    /// # Errors
    /// The job is to stop.
    pub fn check(&self) -> Result<(), Stop> {
        if self.cancelled() {
            Err(Stop::Cancelled)
        } else {
            Ok(())
        }
    }
}

/// A local engine's work, as a plain function.
pub trait Generator: Send + Sync + 'static {
    /// What it can do.
    fn card(&self) -> &Card;
    /// Make the draw. Work in progress goes to `order.work`, each file written under a temporary name and
    /// renamed; what is found there from before is gone on with. Nothing is written elsewhere.
    ///
    /// # Errors
    /// As [`Stop`] says.
    fn generate(&self, order: &Order, control: &Control) -> Result<Vec<Draft>, Stop>;
    /// Open a take that [`Generator::generate`] made.
    ///
    /// # Errors
    /// As [`Engine::open`].
    fn open(&self, take: &TakeManifest, inputs: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure>;
}

struct Job {
    control: Control,
    ended: Mutex<Option<JobState>>,
}

/// A generator as an engine: every job on a thread of its own.
pub struct LocalEngine<G> {
    generator: Arc<G>,
    jobs: Mutex<HashMap<JobId, Arc<Job>>>,
}

impl<G: Generator> LocalEngine<G> {
    /// An engine around a generator.
    pub fn new(generator: G) -> Self {
        Self {
            generator: Arc::new(generator),
            jobs: Mutex::new(HashMap::new()),
        }
    }

    fn name(&self, order: &Order) -> JobId {
        JobId(format!("{}:{}", self.card().engine, order.draw))
    }

    fn job(&self, id: &JobId) -> Option<Arc<Job>> {
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }
}

impl Job {
    fn state(&self) -> JobState {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended
            .clone()
            .unwrap_or_else(|| JobState::Running(self.control.current()))
    }
}

impl<G: Generator> Engine for LocalEngine<G> {
    fn card(&self) -> &Card {
        self.generator.card()
    }

    fn submit(&self, order: Order) -> Result<JobId, Failure> {
        let id = self.name(&order);
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = jobs.get(&id)
            && matches!(job.state(), JobState::Running(_) | JobState::Done(_))
        {
            return Ok(id);
        }
        let job = Arc::new(Job {
            control: Control::new(),
            ended: Mutex::new(None),
        });
        jobs.insert(id.clone(), job.clone());
        drop(jobs);
        let generator = self.generator.clone();
        let spawned = std::thread::Builder::new().name(format!("draw {}", order.draw.request)).spawn({
            let job = job.clone();
            move || {
                let result = catch_unwind(AssertUnwindSafe(|| generator.generate(&order, &job.control)));
                let state = match result {
                    Ok(Ok(drafts)) => JobState::Done(drafts),
                    Ok(Err(Stop::Refused(refusal))) => JobState::Refused(refusal),
                    Ok(Err(Stop::Failed(failure))) => JobState::Failed(failure),
                    Ok(Err(Stop::Cancelled)) => JobState::Cancelled,
                    Err(_) => JobState::Failed(Failure::lasting(
                        "panic",
                        "the engine broke off with a fault of its own; please report it with the words above",
                    )),
                };
                *job.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
            }
        });
        if let Err(error) = spawned {
            let failure = Failure::passing("thread", format!("no thread could be started: {error}"));
            *job.ended.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(JobState::Failed(failure.clone()));
            return Err(failure);
        }
        Ok(id)
    }

    fn poll(&self, job: &JobId) -> Result<JobState, Failure> {
        Ok(self.job(job).map_or(JobState::Gone, |j| j.state()))
    }

    fn cancel(&self, job: &JobId) -> Result<(), Failure> {
        if let Some(job) = self.job(job) {
            job.control.cancel();
        }
        Ok(())
    }

    /// What this process does not run, nobody runs; and nobody sends a bill for it.
    fn find(&self, order: &Order, _: Option<&JobId>) -> Result<Found, Failure> {
        let id = self.name(order);
        Ok(match self.job(&id) {
            Some(_) => Found::Job(id),
            None => Found::Nothing,
        })
    }

    fn charged(&self, job: &JobId) -> Result<Charge, Failure> {
        Ok(match self.poll(job)? {
            JobState::Done(_) => Charge::AsPriced,
            _ => Charge::Nothing,
        })
    }

    fn open(&self, take: &TakeManifest, inputs: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        self.generator.open(take, inputs)
    }
}
