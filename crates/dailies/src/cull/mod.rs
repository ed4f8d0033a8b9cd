//! A thousand takes become ten: by stated limits, by likeness, for quality and for difference.
//!
//! 1. *Sound or not.* A take outside a limit of `[cull.limits]` is let go; the reason names the measure, its number and
//!    the limit. A take that lacks a measure with a limit, or a look, is neither kept nor let go: it is told of.
//! 2. *Quality.* Every measure that counts gives a sound take its percentile among the sound ones (ties share the mean
//!    of their places), turned round where less is better; quality is their mean by the measures' weights. So no measure
//!    outweighs another by its unit.
//! 3. *Near-identical.* From the best down, a take whose look lies within `alike` of one that stays in the running is let
//!    go in favour of the nearest such. So no chain of small steps makes one group of what differs.
//! 4. *The few.* The best first; then over and over the one with the largest
//!    (1 - difference) * quality + difference * (distance to the nearest kept one): maximal marginal relevance (Carbonell &
//!    Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing summaries", 1998).
//!    Distances are counted in that from the best to the take furthest from it.
//! 5. *Happy accidents.* Of the sound, distinct takes that are not kept, those are shelved whose mean distance to their
//!    [`NEIGHBOURS`] nearest is more than `unusual` times the median of all, furthest first (after Angiulli & Pizzuti,
//!    "Fast outlier detection in high dimensional spaces", 2002).
//!
//! A take about which there is a question that only a person can answer ([`Candidate::question`]: a face where the charter
//! forbids them) goes to a person: it is neither kept nor let go, whatever its numbers are.
//!
//! A take that a person judged or gave stars is left alone. Nothing is deleted, and nothing is even written until
//! [`apply`] is called, which writes one act: taking that back takes the whole cull back.
//!
//! The plan rests on the set of candidates alone, never on their order; where numbers tie, the take with the smaller id
//! goes first.
//!
//! What it is blind to: it knows of takes what the measures and looks know. Takes whose looks are alike but that move
//! otherwise are near-identical to it, unless motion is part of the look.
//!
//! ```
//! use heirloom_dailies::cull::{Candidate, Fate, cull};
//! use heirloom_film::{Cull, Limit};
//! use heirloom_vault::ObjectId;
//!
//! let rules = Cull { keep: 1, limits: [("flicker".into(), Limit::at_most(0.02))].into(), ..Cull::default() };
//! let take = |name: &str, flicker: f64, look: f32| Candidate {
//!     take: ObjectId::of(name.as_bytes()),
//!     measures: [("flicker".into(), flicker)].into(),
//!     look: vec![look],
//!     judged: false,
//!     question: None,
//! };
//! let plan = cull("shot:sh-00000001", &[take("a", 0.5, 0.1), take("b", 0.01, 0.1)], &rules)?;
//! assert!(matches!(plan.takes[&ObjectId::of(b"b")].fate, Fate::Kept { place: 1, .. }));
//! assert_eq!(plan.takes[&ObjectId::of(b"a")].to_string(), "flicker is 0.5, and must be 0.02 or less");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod likeness;
mod plan;
mod quality;

pub use apply::{ApplyError, apply};
pub use likeness::{NEIGHBOURS, apart};
pub use plan::{Breach, Counts, CullPlan, Fate, Judged, Why};

use std::collections::{BTreeMap, BTreeSet};

use heirloom_film::Cull;
use heirloom_film::toml::nearest;
use heirloom_vault::ObjectId;

use likeness::{Lookalike, Pool};

/// A take as a cull sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The take.
    pub take: ObjectId,
    /// What was measured, by the measures' names. A number that is none (infinite, or not a number) counts as not measured.
    pub measures: BTreeMap<String, f64>,
    /// How it looks: a short list of numbers, the same for all takes. Empty where it was not looked at.
    pub look: Vec<f32>,
    /// Whether a person has judged it or given it stars: then it is left alone.
    pub judged: bool,
    /// What only a person can answer about it, in words; then it is neither kept nor let go until a person has judged it.
    pub question: Option<String>,
}

impl Candidate {
    /// A measure, if it was taken.
    fn measure(&self, name: &str) -> Option<f64> {
        self.measures.get(name).copied().filter(|value| value.is_finite())
    }
}

/// Takes could not be culled, and the mend.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum CullError {
    /// A rule looks at a measure that no take has.
    #[error("[cull] of film.toml looks at `{name}`, which no take of the shot has; {mend}")]
    UnknownMeasure {
        /// The measure's name.
        name: String,
        /// What to do.
        mend: String,
    },
    /// Two looks can not be compared.
    #[error(
        "the looks of the takes {} and {} have {} and {} numbers, and can not be compared; measure the takes of this shot \
         again",
        takes.0.short(), takes.1.short(), lengths.0, lengths.1
    )]
    Looks {
        /// The takes.
        takes: (ObjectId, ObjectId),
        /// How many numbers their looks have.
        lengths: (usize, usize),
    },
    /// The same take twice.
    #[error("the take {} was handed in twice; hand in every take of the shot once", .0.short())]
    Twice(ObjectId),
}

/// Plans a cull of these takes of the shot that the ledger calls `shot`. Nothing is written.
///
/// # Errors
/// [`CullError`].
pub fn cull(shot: &str, candidates: &[Candidate], rules: &Cull) -> Result<CullPlan, CullError> {
    let mut all: Vec<&Candidate> = candidates.iter().collect();
    all.sort_by_key(|candidate| candidate.take);
    check(&all, rules)?;
    let mut plan = CullPlan::new(shot, rules);
    let mut sound: Vec<&Candidate> = Vec::new();
    for candidate in all {
        match soundness(candidate, rules) {
            Soundness::Sound => sound.push(candidate),
            Soundness::Not(fate) => plan.judge(candidate, fate, None),
        }
    }
    let qualities = quality::qualities(&sound, rules);
    let mut pool = Pool::new(sound.iter().copied().zip(qualities).collect());
    for Lookalike { of, to, distance } in pool.distinct(rules.alike) {
        let why = Why::Alike {
            to: pool.take(to),
            distance,
        };
        plan.judge(pool.candidate(of), Fate::Dropped(why), Some(pool.quality(of)));
    }
    let kept = pool.few(rules.keep as usize, rules.difference);
    let mut left: BTreeSet<usize> = pool.running().iter().copied().collect();
    for (place, pick) in kept.iter().enumerate() {
        left.remove(&pick.index);
        let fate = Fate::Kept {
            place: number(place + 1),
            apart: pick.apart,
        };
        plan.judge(pool.candidate(pick.index), fate, Some(pool.quality(pick.index)));
    }
    let shelved = pool.unusual(&left, rules.unusual, rules.shelve as usize);
    for (place, (index, times)) in shelved.into_iter().enumerate() {
        left.remove(&index);
        let fate = Fate::Shelved {
            place: number(place + 1),
            times,
        };
        plan.judge(pool.candidate(index), fate, Some(pool.quality(index)));
    }
    for index in left {
        let nearest = pool.nearest(index, kept.iter().map(|pick| pick.index));
        let why = Why::PassedOver {
            kept: number(kept.len()),
            place: number(index + 1),
            of: number(sound.len()),
            nearest: nearest.map(|(near, distance)| (pool.take(near), distance)),
        };
        plan.judge(
            pool.candidate(index),
            Fate::Dropped(why),
            Some(pool.quality(index)),
        );
    }
    Ok(plan)
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

enum Soundness {
    Sound,
    Not(Fate),
}

/// Whether a take is sound, or what becomes of it at once.
fn soundness(candidate: &Candidate, rules: &Cull) -> Soundness {
    if candidate.judged {
        return Soundness::Not(Fate::LeftAlone);
    }
    if let Some(question) = &candidate.question {
        return Soundness::Not(Fate::ForAPerson(question.clone()));
    }
    let mut breaches = Vec::new();
    let mut missing = Vec::new();
    for (name, limit) in &rules.limits {
        match candidate.measure(name) {
            None => missing.push(name.clone()),
            Some(value) if !limit.holds(value) => breaches.push(Breach {
                measure: name.clone(),
                value,
                limit: *limit,
            }),
            Some(_) => {}
        }
    }
    if !breaches.is_empty() {
        return Soundness::Not(Fate::Dropped(Why::Unsound(breaches)));
    }
    let looks = !candidate.look.is_empty() && candidate.look.iter().all(|v| v.is_finite());
    if !looks {
        missing.push("look".to_owned());
    }
    if missing.is_empty() {
        Soundness::Sound
    } else {
        Soundness::Not(Fate::Unmeasured(missing))
    }
}

/// What can not be culled at all.
fn check(all: &[&Candidate], rules: &Cull) -> Result<(), CullError> {
    for (a, b) in all.iter().zip(all.iter().skip(1)) {
        if a.take == b.take {
            return Err(CullError::Twice(a.take));
        }
    }
    let mut looking = all.iter().filter(|candidate| !candidate.look.is_empty());
    if let Some(first) = looking.next()
        && let Some(other) = looking.find(|candidate| candidate.look.len() != first.look.len())
    {
        return Err(CullError::Looks {
            takes: (first.take, other.take),
            lengths: (first.look.len(), other.look.len()),
        });
    }
    let known: BTreeSet<&str> = all
        .iter()
        .flat_map(|candidate| candidate.measures.keys().map(String::as_str))
        .collect();
    let unknown = rules
        .limits
        .keys()
        .chain(rules.weights.keys())
        .find(|name| !known.contains(name.as_str()));
    match unknown {
        // Nothing was measured at all: every take is told of as not measured.
        Some(name) if !known.is_empty() => Err(CullError::UnknownMeasure {
            name: name.clone(),
            mend: match nearest(name, known.iter().copied()) {
                Some(meant) => format!("write `{meant}`"),
                None => {
                    let listed: Vec<&str> = known.into_iter().collect();
                    format!("there are {}", listed.join(", "))
                }
            },
        }),
        _ => Ok(()),
    }
}
