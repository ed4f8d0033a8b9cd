//! Many takes of one shot, few of them sound: what a cull is tried on.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use heirloom_dailies::cull::{Candidate, CullPlan, Fate, Why, apart, cull};
use heirloom_dailies::measures::{Context, MeasureOptions, Measures, NAMED, OfPictures, measure};
use heirloom_film::{Cull, Limit, Rate};
use heirloom_picture::look;
use heirloom_picture::preview::Preview;
use heirloom_vault::ObjectId;

use super::{Clean, Defect, Shot, spoil};

/// Sound takes that the limits are drawn from: as many as a person looks through before a cull. None of them is culled.
const LOOKED_THROUGH: u64 = 10;
/// A limit stands so many standard deviations from the mean of those, on the worse side.
const DEVIATIONS: f64 = 4.0;
/// Every way of a camera is taken so many times by sound takes, each with its own grain and exposure: near-identical.
const TWINS: u64 = 2;
/// The film's `alike`: just above how far such twins lie apart, below most ways of the camera.
const ALIKE: f64 = 0.003;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What came of culling takes of which it is known which are sound.
pub struct Culled {
    pub takes: usize,
    pub sound: usize,
    /// What the cull kept, and whether it is sound; by what it is spoiled where it is not.
    pub kept: Vec<(ObjectId, Option<(Defect, bool)>)>,
    /// Spoiled takes that no limit let go, by what is wrong with them.
    pub slipped: BTreeMap<String, usize>,
    /// Sound takes that a limit let go.
    pub lost: usize,
    /// The least distance of two that were kept, and what counts as near-identical.
    pub nearest: f64,
    pub alike: f64,
}

struct Take {
    candidate: Candidate,
    wrong: Option<(Defect, bool)>,
}

/// A way of the camera, and what is taken along it.
struct Job {
    seed: u64,
    takes: Vec<(u64, Option<(Defect, bool)>)>,
}

/// Makes so many takes of a shot, so many of them sound, measures and culls them to `keep`.
pub fn cull_mixed(shot: &Shot, takes: usize, sound: usize, keep: u32) -> Outcome<Culled> {
    let asked = Asked::of(shot);
    let looked_through: Vec<Job> = (0..LOOKED_THROUGH)
        .map(|n| Job {
            seed: 500_000 + n,
            takes: vec![(500_000 + n, None)],
        })
        .collect();
    let limits = limits(&run(shot, &asked, &looked_through)?);
    let all = run(shot, &asked, &jobs(takes, sound))?;
    let rules = Cull {
        keep,
        alike: ALIKE,
        limits,
        ..Cull::default()
    };
    let candidates: Vec<Candidate> = all.iter().map(|take| take.candidate.clone()).collect();
    let plan = cull("shot:sh-00000001", &candidates, &rules)?;
    Ok(told(&all, &plan, rules.alike))
}

struct Asked {
    plans: heirloom_dailies::measures::LayoutPlans,
    motion: heirloom_dailies::measures::Expected,
    exemplars: heirloom_dailies::measures::Exemplars,
}

impl Asked {
    fn of(shot: &Shot) -> Self {
        Self {
            plans: shot.plans(),
            motion: shot.expected(1.0),
            exemplars: shot.exemplars(),
        }
    }
}

/// Ways of the camera: those of sound takes, each taken twice, and those of spoiled ones, each spoiled in every way.
fn jobs(takes: usize, sound: usize) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    for n in 0..sound as u64 {
        if n % TWINS == 0 {
            jobs.push(Job {
                seed: 1 + n,
                takes: Vec::new(),
            });
        }
        if let Some(job) = jobs.last_mut() {
            job.takes.push((1 + n, None));
        }
    }
    let kinds: Vec<(Defect, bool)> = Defect::ALL
        .iter()
        .flat_map(|defect| [(*defect, true), (*defect, false)])
        .collect();
    for n in 0..takes.saturating_sub(sound) {
        if n % kinds.len() == 0 {
            jobs.push(Job {
                seed: 10_000 + n as u64,
                takes: Vec::new(),
            });
        }
        if let Some(job) = jobs.last_mut() {
            job.takes.push((10_000 + n as u64, Some(kinds[n % kinds.len()])));
        }
    }
    jobs
}

fn run(shot: &Shot, asked: &Asked, jobs: &[Job]) -> Outcome<Vec<Take>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(at) else { return };
                    let clean = shot.clean(&shot.stray(job.seed, 1.0));
                    let slow = shot.clean(&shot.stray(job.seed, 0.25));
                    let made: Outcome<Vec<Take>> = job
                        .takes
                        .iter()
                        .map(|(seed, wrong)| take(shot, asked, (&clean, &slow), *seed, *wrong))
                        .collect();
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(at, made);
                }
            });
        }
    });
    let mut all = Vec::new();
    for made in done
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .into_values()
    {
        all.extend(made?);
    }
    Ok(all)
}

fn take(
    shot: &Shot,
    asked: &Asked,
    (clean, slow): (&[Clean], &[Clean]),
    seed: u64,
    wrong: Option<(Defect, bool)>,
) -> Outcome<Take> {
    let frames = match wrong {
        None => shot.finish(clean, seed, false),
        Some((defect, strong)) => spoil(shot, clean, slow, defect, strong, seed),
    };
    let look = look_of(&frames);
    let context = Context {
        layout: Some(&asked.plans),
        motion: Some(&asked.motion),
        style: Some(&asked.exemplars),
        ..Context::default()
    };
    let mut frames = OfPictures::new(frames.into_iter(), Rate::CINEMA);
    let measures: Measures = measure(&mut frames, &context, &MeasureOptions::default())?;
    let numbers = NAMED
        .iter()
        .filter_map(|named| Some((named.name.to_owned(), named.of(&measures)?)));
    Ok(Take {
        candidate: Candidate {
            take: ObjectId::of(format!("{seed} {wrong:?}").as_bytes()),
            measures: numbers.collect(),
            look,
            judged: false,
            question: None,
        },
        wrong,
    })
}

/// Where which light and colour is, at a sixth, a half and five sixths of the way, as takes are looked at.
fn look_of(frames: &[Preview]) -> Vec<f32> {
    [1, 3, 5]
        .into_iter()
        .filter_map(|sixth| frames.get((frames.len() - 1) * sixth / 6)?.view())
        .flat_map(|view| look::look(&view).composition)
        .collect()
}

/// A limit for every measure that tells a defect.
fn limits(looked_through: &[Take]) -> BTreeMap<String, Limit> {
    let mut limits = BTreeMap::new();
    for defect in Defect::ALL {
        let (name, more_is_worse) = defect.told_by();
        let values: Vec<f64> = looked_through
            .iter()
            .filter_map(|take| take.candidate.measures.get(name).copied())
            .collect();
        let count = values.len().max(2) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (count - 1.0);
        let far = DEVIATIONS * variance.sqrt();
        let limit = match more_is_worse {
            true => Limit::at_most(mean + far),
            false => Limit::at_least(mean - far),
        };
        limits.insert(name.to_owned(), limit);
    }
    limits
}

fn told(all: &[Take], plan: &CullPlan, alike: f64) -> Culled {
    let name = |(defect, strong): (Defect, bool)| {
        format!(
            "{}, {}",
            defect.name(),
            if strong { "strong" } else { "barely visible" }
        )
    };
    let mut culled = Culled {
        takes: all.len(),
        sound: all.iter().filter(|take| take.wrong.is_none()).count(),
        kept: Vec::new(),
        slipped: BTreeMap::new(),
        lost: 0,
        nearest: f64::INFINITY,
        alike,
    };
    let mut looks: Vec<&[f32]> = Vec::new();
    for take in all {
        let Some(judged) = plan.takes.get(&take.candidate.take) else {
            continue;
        };
        let dropped = matches!(judged.fate, Fate::Dropped(Why::Unsound(_)));
        match take.wrong {
            None => culled.lost += usize::from(dropped),
            Some(wrong) if !dropped => *culled.slipped.entry(name(wrong)).or_default() += 1,
            Some(_) => {}
        }
        if matches!(judged.fate, Fate::Kept { .. }) {
            culled.kept.push((take.candidate.take, take.wrong));
            for other in &looks {
                culled.nearest = culled.nearest.min(apart(other, &take.candidate.look));
            }
            looks.push(&take.candidate.look);
        }
    }
    culled
}
