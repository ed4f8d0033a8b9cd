//! Takes measured, several at a time, and noted in the index: what a cull goes by.
//!
//! Every take is opened by its engine and its frames are looked at once, small ([`crate::measures`]); the same pass keeps
//! where which light and colour is at three moments (a sixth, a half and five sixths of the way), which is the take's
//! *look*: 144 numbers in OKLab, of 4 x 4 cells each. So 0.02 of distance between two looks is just seen.
//!
//! What is not held against anything here, for want of the shot's plan: the motion asked for, pictures of the layout, a
//! style. Those numbers are missing then, not zero. Subjects that the shot is to show may be handed in.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_engine::{Engines, TakeFrames};
use heirloom_film::Rate;
use heirloom_picture::look;
use heirloom_vault::{ObjectId, Vault};

use crate::index::{Index, IndexError, Measured};
use crate::measures::{
    Context, FrameError, Frames, MeasureError, MeasureOptions, NAMED, OfTake, Proxy, REVISION, Sought,
    measure,
};
use crate::takes;

/// The number under which the revision of the measures stands among a take's numbers.
pub const REVISION_NAME: &str = "measures.revision";
/// Moments of a take that its look is taken at, in sixths of its length.
const MOMENTS: [u32; 3] = [1, 3, 5];

/// Takes of a film to be measured.
#[derive(Clone, Copy)]
pub struct Measuring<'a> {
    /// Where the takes are.
    pub vault: &'a Arc<Vault>,
    /// What opens them.
    pub engines: &'a Engines,
    /// Where what was measured is noted.
    pub index: &'a Index,
    /// The subjects that the takes are to show.
    pub subjects: &'a [Sought],
    /// How.
    pub options: MeasureOptions,
    /// Takes that are measured at a time; at least one.
    pub threads: usize,
    /// Set to stop. What was measured by then is noted.
    pub stop: &'a AtomicBool,
}

/// What came of measuring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Takes that were measured now.
    pub measured: usize,
    /// Those that could not be, and why.
    pub failed: Vec<(ObjectId, String)>,
    /// Whether it was stopped.
    pub stopped: bool,
}

/// Which of these takes were not measured yet, or by another revision of the measures.
///
/// # Errors
/// The index can not be read.
pub fn missing(index: &Index, takes: &[ObjectId]) -> Result<Vec<ObjectId>, IndexError> {
    let mut missing = Vec::new();
    for take in takes {
        let revision = index
            .measured(take)?
            .and_then(|measured| measured.numbers.get(REVISION_NAME).copied());
        if revision != Some(f64::from(REVISION)) {
            missing.push(*take);
        }
    }
    Ok(missing)
}

impl Measuring<'_> {
    /// Measures these takes. `each` hears how many are done after each; what was measured is noted one by one, so that a
    /// run that was cut short goes on from there.
    ///
    /// A take that can not be measured is told of in the outcome and does not keep the others.
    ///
    /// # Errors
    /// The index can not be written.
    pub fn measure(&self, takes: &[ObjectId], each: &(dyn Fn(usize) + Sync)) -> Result<Outcome, IndexError> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let outcome = Mutex::new(Outcome::default());
        let fault: Mutex<Option<IndexError>> = Mutex::new(None);
        let over = || self.stop.load(Ordering::Relaxed) || held(&fault).is_some();
        let work = || {
            while !over() {
                let Some(take) = takes.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return;
                };
                match self.one(take) {
                    Ok(measured) => match self.index.put_measured(&[(*take, measured)]) {
                        Ok(()) => held(&outcome).measured += 1,
                        Err(error) => {
                            held(&fault).get_or_insert(error);
                        }
                    },
                    Err(Trouble::Stopped) => return,
                    Err(Trouble::Take(why)) => held(&outcome).failed.push((*take, why)),
                }
                each(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1).min(takes.len()) {
                scope.spawn(work);
            }
        });
        if let Some(error) = fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let mut outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome.failed.sort();
        outcome.stopped = self.stop.load(Ordering::Relaxed);
        Ok(outcome)
    }

    fn one(&self, take: &ObjectId) -> Result<Measured, Trouble> {
        let words = |error: &dyn std::fmt::Display| Trouble::Take(error.to_string());
        let manifest = takes::open(self.vault, take).map_err(|e| words(&e))?.manifest;
        let engine = self.engines.get(Some(&manifest.engine)).map_err(|e| words(&e))?;
        let opened = engine
            .open(&manifest, self.vault.clone())
            .map_err(|e| words(&e))?;
        match of_take(&*opened, manifest.rate, self.subjects, &self.options, self.stop) {
            Ok(measured) => Ok(measured),
            Err(MeasureError::Stopped) => Err(Trouble::Stopped),
            Err(error) => Err(words(&error)),
        }
    }
}

enum Trouble {
    Stopped,
    Take(String),
}

fn held<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Measures an opened take, and takes its look.
///
/// # Errors
/// As [`measure`].
pub fn of_take(
    take: &dyn TakeFrames,
    rate: Rate,
    subjects: &[Sought],
    options: &MeasureOptions,
    stop: &AtomicBool,
) -> Result<Measured, MeasureError> {
    let step = crate::measures::step_for(rate, options.frames_per_second);
    let seen = take.frames().div_ceil(step.max(1));
    let mut frames = Looking {
        of: OfTake::new(take, rate, options),
        at: 0,
        moments: MOMENTS.map(|sixth| (seen.saturating_sub(1) * sixth + 3) / 6),
        look: Vec::new(),
    };
    let context = Context {
        subjects,
        origins: Some(take),
        stop: Some(stop),
        ..Context::default()
    };
    let measures = measure(&mut frames, &context, options)?;
    let mut numbers: BTreeMap<String, f64> = NAMED
        .iter()
        .filter_map(|named| Some((named.name.to_owned(), named.of(&measures)?)))
        .collect();
    numbers.insert(REVISION_NAME.to_owned(), f64::from(REVISION));
    Ok(Measured {
        numbers,
        look: frames.look,
    })
}

/// Frames on their way to being measured, with the look taken of those that pass at its moments.
struct Looking<F> {
    of: F,
    at: u32,
    moments: [u32; 3],
    look: Vec<f32>,
}

impl<F: Frames> Frames for Looking<F> {
    fn rate(&self) -> Rate {
        self.of.rate()
    }

    fn step(&self) -> u32 {
        self.of.step()
    }

    fn next_frame(&mut self) -> Result<Option<Proxy>, FrameError> {
        let Some(proxy) = self.of.next_frame()? else {
            return Ok(None);
        };
        // A take of one or two frames has the same frame at several of its moments.
        for _ in self.moments.iter().filter(|moment| **moment == self.at) {
            if let Some(view) = proxy.picture.view() {
                self.look.extend(look::look(&view).composition);
            }
        }
        self.at += 1;
        Ok(Some(proxy))
    }
}
