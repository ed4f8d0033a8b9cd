//! From counts of matched edges, frame by frame, to what stands where and what is missing when.

use std::collections::{BTreeMap, BTreeSet};

use super::outline::{BUDGETS, FrameTally, Pair};
use super::report::{Blocking, ObjectOutline, Outlines, Reading, Span};

/// Frames each side that are looked at together, so that one bad frame is not a gap.
const AROUND: usize = 2;
/// Pixels of outline in a frame from which on an object's is spoken of.
const LEAST_OUTLINE_PX: u64 = 16;
/// An outline counts as not there below this, between chance and all,
const MISSING: f64 = 0.3;
/// where the stage's own picture has at least this.
const STAGE_SHOWS: f64 = 0.5;
/// Frames in a row that make a gap.
const LEAST_FRAMES: usize = 3;

/// What a take's outlines come to; `stage` are those of the stage's own colour pass, as many as frames or none. Beside
/// it the figures of each frame.
pub(super) fn read(
    take: &[FrameTally],
    stage: &[FrameTally],
    names: &BTreeMap<u32, String>,
) -> (Reading<Blocking>, Vec<Option<Outlines>>) {
    let Some((budget, whole)) = best_budget(take) else {
        let why =
            "no object ends within the picture: the object-id pass is missing, or shows a single object";
        return (Reading::unsure(why), vec![None; take.len()]);
    };
    let stage_best = best_budget(stage);
    let mut ids = BTreeSet::new();
    for frame in take {
        ids.extend(frame.objects.keys().copied());
    }
    let objects = ids.into_iter().map(|id| {
        let own = joined(take.iter().map(|f| f.objects.get(&id)), budget);
        let on_stage = stage_best.map(|(budget, _)| joined(stage.iter().map(|f| f.objects.get(&id)), budget));
        let name = names.get(&id).cloned();
        ObjectOutline {
            id,
            name: name.unwrap_or_else(|| format!("object {id}")),
            recall: own.own.recall(),
            shown: own.shown(),
            stage_shown: on_stage.map(|pair| pair.shown()),
            missing: gaps(take, budget, stage, stage_best.map(|(budget, _)| budget), id),
        }
    });
    let objects: Vec<ObjectOutline> = objects.collect();
    let shown: f64 = objects.iter().map(|o| o.shown).sum();
    let blocking = Blocking {
        take: figures(&whole),
        stage: stage_best.map(|(_, pair)| figures(&pair)),
        objects_shown: shown / objects.len().max(1) as f64,
        objects,
    };
    let frames = take
        .iter()
        .map(|frame| (frame.all[budget].own.outline > 0).then(|| figures(&frame.all[budget])));
    (Reading::Read(blocking), frames.collect())
}

fn figures(pair: &Pair) -> Outlines {
    Outlines {
        precision: pair.own.precision(),
        recall: pair.own.recall(),
        f: pair.own.f(),
        chance_f: pair.aside.f(),
        placed: pair.placed(),
    }
}

/// The budget that places outlines best over all frames, and the counts at it.
fn best_budget(frames: &[FrameTally]) -> Option<(usize, Pair)> {
    let mut best: Option<(usize, Pair)> = None;
    for budget in 0..BUDGETS.len() {
        let pair = joined(frames.iter().map(|f| Some(&f.all)), budget);
        if pair.own.outline > 0 && best.is_none_or(|(_, b)| pair.placed() > b.placed()) {
            best = Some((budget, pair));
        }
    }
    best
}

fn joined<'a>(frames: impl Iterator<Item = Option<&'a [Pair; BUDGETS.len()]>>, budget: usize) -> Pair {
    let mut sum = Pair::default();
    for pairs in frames.flatten() {
        sum.join(&pairs[budget]);
    }
    sum
}

/// Runs of frames in which an object's outline is not there.
fn gaps(
    take: &[FrameTally],
    budget: usize,
    stage: &[FrameTally],
    stage_budget: Option<usize>,
    id: u32,
) -> Vec<Span> {
    let near = |frames: &[FrameTally], frame: usize, budget: usize| {
        let around = frame.saturating_sub(AROUND)..(frame + AROUND + 1).min(frames.len());
        joined(frames[around].iter().map(|f| f.objects.get(&id)), budget)
    };
    let missing = |frame: usize| {
        let own = take[frame]
            .objects
            .get(&id)
            .map_or(0, |pairs| pairs[budget].own.outline);
        let stage_shows =
            || stage_budget.is_none_or(|budget| near(stage, frame, budget).shown() >= STAGE_SHOWS);
        own >= LEAST_OUTLINE_PX && near(take, frame, budget).shown() < MISSING && stage_shows()
    };
    let mut spans: Vec<Span> = Vec::new();
    for frame in (0..take.len()).filter(|frame| missing(*frame)) {
        match spans.last_mut() {
            Some(span) if span.last + 1 == frame => span.last = frame,
            _ => spans.push(Span {
                first: frame,
                last: frame,
            }),
        }
    }
    spans.retain(|span| span.last - span.first + 1 >= LEAST_FRAMES);
    spans
}
