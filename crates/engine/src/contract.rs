//! The engine itself, and the set of engines that a program plugs in.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::card::Card;
use crate::charge::{Charge, Found};
use crate::job::{Failure, Inputs, JobId, JobState, Order};
use crate::take::{TakeFrames, TakeManifest};

/// A generator of takes, here or far away.
///
/// `submit` is idempotent by draw: while a draw runs or is done, submitting it again gives the same job and
/// nothing is made or paid twice. After a failure or a cancel the same draw may be submitted again and goes
/// on from what its work folder holds.
pub trait Engine: Send + Sync {
    /// What it can do.
    fn card(&self) -> &Card;
    /// Hand in a draw.
    ///
    /// # Errors
    /// The engine can not be reached or has no room; nothing was begun. Where it is not known whether something was begun (the
    /// line broke after the order was sent), the failure says so: [`Failure::uncertain`].
    fn submit(&self, order: Order) -> Result<JobId, Failure>;
    /// Where a job stands.
    ///
    /// # Errors
    /// The engine can not be reached; the job is as it was.
    fn poll(&self, job: &JobId) -> Result<JobState, Failure>;
    /// Stop a job. Stopping what is over already changes nothing.
    ///
    /// # Errors
    /// The engine can not be reached.
    fn cancel(&self, job: &JobId) -> Result<(), Failure>;
    /// What became of a draw that was handed in before, perhaps by a process that is no more; `job` is what `submit` answered,
    /// where that is known. Asked before the draw is handed in again, so that nothing is paid twice: the key is `order.draw`.
    /// An engine that answers [`Found::Job`] takes up the job with this order: its outputs go to `order.work`.
    ///
    /// By default a known job that still can be polled is found, and of all else nothing is known.
    ///
    /// # Errors
    /// The engine can not be reached; the draw is as it was.
    fn find(&self, _order: &Order, job: Option<&JobId>) -> Result<Found, Failure> {
        match job {
            Some(job) if self.poll(job)? != JobState::Gone => Ok(Found::Job(job.clone())),
            _ => Ok(Found::Unknown),
        }
    }
    /// What a job that is over cost. By default the engine can not say: a finished draw then counts at its price, and any other
    /// end is for a person to judge.
    ///
    /// # Errors
    /// The engine can not be reached; ask again later.
    fn charged(&self, _job: &JobId) -> Result<Charge, Failure> {
        Ok(Charge::Unknown)
    }
    /// Open a take that this engine made.
    ///
    /// # Errors
    /// Files of the take are missing, or from a newer revision than this engine reads.
    fn open(&self, take: &TakeManifest, inputs: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure>;
}

/// The engines a program has, by name.
#[derive(Clone, Default)]
pub struct Engines {
    by_name: BTreeMap<String, Arc<dyn Engine>>,
    default: Option<String>,
}

impl Engines {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plug one in; the first is the default.
    #[must_use]
    pub fn with(mut self, engine: Arc<dyn Engine>) -> Self {
        let name = engine.card().engine.clone();
        self.default.get_or_insert_with(|| name.clone());
        self.by_name.insert(name, engine);
        self
    }

    /// The engine of that name, or the default one.
    ///
    /// # Errors
    /// There is none; the failure lists those there are.
    pub fn get(&self, name: Option<&str>) -> Result<&Arc<dyn Engine>, Failure> {
        let name = name.or(self.default.as_deref()).unwrap_or_default();
        self.by_name.get(name).ok_or_else(|| {
            let known = self.by_name.keys().cloned().collect::<Vec<_>>().join(", ");
            Failure::lasting(
                "engine",
                format!("there is no engine `{name}`; those plugged in: {known}"),
            )
        })
    }

    /// Every engine, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Engine>> {
        self.by_name.values()
    }
}
