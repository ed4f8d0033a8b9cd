//! Takes measured, several at a time, and noted in the index: what a cull goes by.
//!
//! Every take is opened by its engine and its frames are looked at once, small ([`crate::measures`]); the same pass keeps
//! where which light and colour is at three moments (a sixth, a half and five sixths of the way), which is the take's
//! *look*: 144 numbers in OKLab, of 4 x 4 cells each. So 0.02 of distance between two looks is just seen.
//!
//! What a take is held against, besides itself, whoever measures says ([`Measuring::asked`], [`crate::asked`]): the shot's
//! plan gives `motion.as_asked`, `motion.gain` and `layout.*`, a style `style.*` and `drift.*`, the stage `stage.*`, the
//! shot's subjects `likeness.*`, a charter that forbids faces `faces.*`. What it
//! was held against stands in the index beside the numbers: where that changes, the take is measured again. Of what is not
//! asked, and of what can not be had, the numbers are missing, not zero.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_archive::PROXY_SIDE;
use heirloom_engine::{Engines, GuideSet, TakeFrames, TakeManifest};
use heirloom_film::Rate;
use heirloom_picture::look;
use heirloom_picture::preview::Preview;
use heirloom_stage::adherence::{Adherence, AdherenceError, AdherenceOptions, FromFn, judge};
use heirloom_vault::{ObjectId, Vault};

use crate::asked::{self, Against, AskedFor, StyleDrift};
use crate::index::{Index, IndexError, Measured};
use crate::measures::{
    Context, Drift, DriftOf, FindFaces, Followed, FrameError, Frames, MeasureError, MeasureOptions, NAMED,
    OfTake, Proxy, REVISION, measure, step_for,
};
use crate::takes;

/// The number under which the revision of the measures stands among a take's numbers.
pub const REVISION_NAME: &str = "measures.revision";
/// Moments of a take that its look is taken at, in sixths of its length.
const MOMENTS: [u32; 3] = [1, 3, 5];

/// What is asked for by name, and how the numbers that come of it begin.
const BY_NAME: &[(&str, &[&str])] = &[
    (asked::STYLE, &["style.", "drift."]),
    (asked::STAGE, &["stage."]),
    (asked::FACES, &["faces."]),
];

/// Takes of a film to be measured.
#[derive(Clone, Copy)]
pub struct Measuring<'a> {
    /// Where the takes are.
    pub vault: &'a Arc<Vault>,
    /// What opens them.
    pub engines: &'a Engines,
    /// Where what was measured is noted.
    pub index: &'a Index,
    /// What a take is held against.
    pub asked: &'a (dyn Fn(&TakeManifest) -> AskedFor + Sync),
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
    /// Why some of them were not held against all that was asked; each reason once, in order.
    pub without: BTreeSet<String>,
    /// Whether it was stopped.
    pub stopped: bool,
}

/// Nothing: takes are measured for themselves.
pub fn nothing(_: &TakeManifest) -> AskedFor {
    AskedFor::default()
}

impl Measuring<'_> {
    /// Which of these takes were not measured yet, or by another revision of the measures, or not against what is asked of
    /// them now.
    ///
    /// # Errors
    /// The index can not be read.
    pub fn missing(&self, takes: &[ObjectId]) -> Result<Vec<ObjectId>, IndexError> {
        let mut missing = Vec::new();
        for take in takes {
            let revision = self
                .index
                .measured(take)?
                .and_then(|measured| measured.numbers.get(REVISION_NAME).copied());
            // Of a take that can not be opened nothing is asked: it was measured while it could be.
            let asked = || takes::open(self.vault, take).map(|take| (self.asked)(&take.manifest));
            let met = match revision == Some(f64::from(REVISION)) {
                true => match asked() {
                    Ok(asked) => asked.is_met_by(&self.index.against(take)?),
                    Err(_) => true,
                },
                false => false,
            };
            if !met {
                missing.push(*take);
            }
        }
        Ok(missing)
    }

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
                    Ok(of_take) => match self.note(take, of_take) {
                        Ok(without) => {
                            let mut outcome = held(&outcome);
                            outcome.measured += 1;
                            outcome.without.extend(without);
                        }
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

    /// Notes a take's numbers, and with them those that an earlier go took against what was asked for by name then and is not
    /// now. Gives back why it was not held against all that was asked.
    fn note(&self, take: &ObjectId, held: Held) -> Result<Vec<String>, IndexError> {
        let Held {
            mut measured,
            mut against,
            without,
        } = held;
        let numbers = self.index.measured(take)?.map(|before| before.numbers);
        let numbers = numbers
            .filter(|numbers| numbers.get(REVISION_NAME) == Some(&f64::from(REVISION)))
            .unwrap_or_default();
        let before = self.index.against(take)?;
        let replanned = before.get(asked::PLAN) != against.get(asked::PLAN);
        for (what, id) in before {
            let parts = BY_NAME.iter().find(|(named, _)| *named == what);
            // Another plan may be another stage, whose numbers would be wrong.
            let stale = numbers.is_empty() || (what == asked::STAGE && replanned);
            let Some((_, parts)) = parts.filter(|_| !stale && !against.contains_key(&what)) else {
                continue;
            };
            against.insert(what, id);
            let stays = |name: &str| parts.iter().any(|part| name.starts_with(part));
            let kept = numbers.iter().filter(|(name, _)| stays(name));
            measured
                .numbers
                .extend(kept.map(|(name, value)| (name.clone(), *value)));
        }
        self.index.put_measured(&[(*take, measured)])?;
        self.index.put_against(take, &against)?;
        Ok(without)
    }

    fn one(&self, take: &ObjectId) -> Result<Held, Trouble> {
        let words = |error: &dyn std::fmt::Display| Trouble::Take(error.to_string());
        let manifest = takes::open(self.vault, take).map_err(|e| words(&e))?.manifest;
        let engine = self.engines.get(Some(&manifest.engine)).map_err(|e| words(&e))?;
        let opened = engine
            .open(&manifest, self.vault.clone())
            .map_err(|e| words(&e))?;
        let asked = (self.asked)(&manifest);
        match of_take(&*opened, manifest.rate, &asked, &self.options, self.stop) {
            Ok(held) => Ok(held),
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

/// A take's numbers, and what they were taken against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// The numbers, and the look.
    pub measured: Measured,
    /// What it was held against, by what it is.
    pub against: BTreeMap<String, ObjectId>,
    /// Why it was not held against all that was asked.
    pub without: Vec<String>,
}

impl Held {
    /// What is asked for, where it can be had; noted either way.
    fn take<'a, T>(&mut self, what: &str, asked: Option<&'a Arc<Against<T>>>) -> Option<&'a T> {
        let asked = asked?;
        match asked.get() {
            Ok(made) => {
                self.against.insert(what.to_owned(), asked.id());
                Some(made)
            }
            Err(why) => {
                self.without.push(format!("without the {what}: {why}"));
                None
            }
        }
    }
}

/// Measures an opened take against what is asked of it, and takes its look.
///
/// # Errors
/// As [`measure`].
pub fn of_take(
    take: &dyn TakeFrames,
    rate: Rate,
    asked: &AskedFor,
    options: &MeasureOptions,
    stop: &AtomicBool,
) -> Result<Held, MeasureError> {
    let step = step_for(rate, options.frames_per_second);
    let seen = take.frames().div_ceil(step.max(1));
    let mut frames = Looking {
        of: OfTake::new(take, rate, options),
        at: 0,
        moments: MOMENTS.map(|sixth| (seen.saturating_sub(1) * sixth + 3) / 6),
        look: Vec::new(),
    };
    let mut held = Held::default();
    let plan = held.take(asked::PLAN, asked.plan.as_ref());
    let style = held.take(asked::STYLE, asked.style.as_ref());
    let stage = held.take(asked::STAGE, asked.stage.as_ref());
    let subjects = held.take(asked::SUBJECTS, asked.subjects.as_ref());
    let faces = held.take(asked::FACES, asked.faces.as_ref());
    let context = Context {
        faces: faces.map(|faces| &**faces as &dyn FindFaces),
        layout: plan.and_then(|plan| plan.layout.as_ref()),
        motion: plan.and_then(|plan| plan.motion.as_ref()),
        style: style
            .map(|style| &style.exemplars)
            .filter(|pictures| !pictures.is_empty()),
        // On frames of its own, larger ones.
        drift: None,
        subjects: subjects.map_or(&[], Vec::as_slice),
        origins: Some(take),
        stop: Some(stop),
    };
    let mut measures = measure(&mut frames, &context, options)?;
    if let Some(drift) = style.and_then(|style| style.drift.as_ref()) {
        measures.drift = Some(drifting(take, rate, drift, options, stop)?);
    }
    if let Some(stage) = stage {
        match following(take, stage, stop) {
            Ok(judged) => measures.stage = Some(Followed::from(&judged)),
            Err(AdherenceError::Stopped) => return Err(MeasureError::Stopped),
            Err(error) => {
                held.against.remove(asked::STAGE);
                held.without.push(format!("without the stage: {error}"));
            }
        }
    }
    let mut numbers: BTreeMap<String, f64> = NAMED
        .iter()
        .filter_map(|named| Some((named.name.to_owned(), named.of(&measures)?)))
        .collect();
    numbers.insert(REVISION_NAME.to_owned(), f64::from(REVISION));
    held.measured = Measured {
        numbers,
        look: frames.look,
    };
    Ok(held)
}

/// How far a take lies from a fitted style, on a few frames a second as large as the style's own pictures were seen: of smaller
/// ones grain and sharpness would be others.
fn drifting(
    take: &dyn TakeFrames,
    rate: Rate,
    drift: &StyleDrift,
    options: &MeasureOptions,
    stop: &AtomicBool,
) -> Result<Drift, MeasureError> {
    let of: DriftOf<'_> = &**drift;
    let step = step_for(rate, options.style_frames_per_second).max(1) as usize;
    let mut each = Vec::new();
    for n in (0..take.frames()).step_by(step) {
        if stop.load(Ordering::Relaxed) {
            return Err(MeasureError::Stopped);
        }
        let frame = take.frame(n).map_err(FrameError::from)?;
        let small = Preview::of_image(&frame, PROXY_SIDE);
        let view = small.view().ok_or(FrameError::Empty { frame: n })?;
        each.push(of(&view));
    }
    each.retain(|v| v.is_finite());
    Ok(Drift {
        mean: (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64),
        farthest: each.iter().copied().reduce(f64::max),
    })
}

/// How a take follows the stage.
fn following(
    take: &dyn TakeFrames,
    stage: &GuideSet,
    stop: &AtomicBool,
) -> Result<Adherence, AdherenceError> {
    let pictures = FromFn::new(take.frames() as usize, |n| {
        take.frame(u32::try_from(n)?).map_err(Into::into)
    });
    judge(
        stage,
        &pictures,
        &AdherenceOptions::default(),
        &mut |_, _| (),
        stop,
    )
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
