//! Shots from clips and from pairs of stills, prepared: which frames are sources, and the making of each kind.

use crate::atlas;
use crate::engine::{Prepared, originals, setting};
use crate::grid::Grid;
use crate::pictures::Pictures;
use crate::reel::{self, Reel, SourceReel, distinct};
use crate::synth::between::Stills;
use crate::synth::extend::Extend;
use crate::synth::matter::Sheet;
use crate::synth::slow::{Between, Slow};
use crate::synth::style::{Plain, Style};
use crate::take::SourceFacts;
use heirloom_engine::conform::{Moment, clip_frame, clip_frames_a_frame, moment};
use heirloom_engine::local::{Control, Stop};
use heirloom_engine::{Failure, Order, Param, Request, SourceClip, Task, settings};
use heirloom_vault::ObjectId;
use std::sync::Arc;

/// Most frames of a clip in one take: maps number their sources by sixteen bits.
const MOST_FRAMES: usize = 60_000;

/// Whether a shot shows its pictures as they are: then there is nothing to finish.
pub fn is_plain(task: Task) -> bool {
    matches!(task, Task::Between | Task::Slow | Task::Extend)
}

/// What is wrong with a request of these kinds before anything is read.
pub fn objection(request: &Request) -> Option<String> {
    let sources = request.sources.len();
    match request.task {
        Task::Extend | Task::Slow if sources != 1 => {
            Some("this kind of shot is made from one clip; name it with `clip`".into())
        }
        Task::Between if sources != 2 => {
            Some("a shot between two stills has two sources, `from` and `to`; name both".into())
        }
        Task::Between if request.frames < 2 => {
            Some("a shot between two stills has two frames or more; give the shot more frames".into())
        }
        _ => None,
    }
}

/// Prepares the shot of an order of these kinds.
pub fn prepare(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    match order.request.task {
        Task::Style => style(order, control),
        Task::Extend => extend(order),
        Task::Slow => slow(order),
        _ => between(order, control),
    }
}

/// The size of the shot's grid.
fn size(request: &Request) -> (usize, usize) {
    let grid = Grid::of_request(request);
    (grid.across, grid.down)
}

fn clip(order: &Order) -> Result<SourceClip, Failure> {
    let object: Option<&ObjectId> = order.request.sources.first();
    let object =
        object.ok_or_else(|| Failure::lasting("input", "the shot names no clip; give it one with `clip`"))?;
    SourceClip::open(&*order.inputs, *object)
}

fn whole(request: &Request, name: &str) -> Option<u32> {
    match request.params.get(name) {
        Some(Param::Whole(n)) => u32::try_from(*n).ok(),
        _ => None,
    }
}

fn facts(clip: &SourceClip, frames: &[u32], request: &Request) -> Result<Vec<SourceFacts>, Failure> {
    if frames.len() > MOST_FRAMES {
        return Err(Failure::lasting(
            "input",
            format!(
                "the shot needs {} frames of its clip, more than {MOST_FRAMES}; cut it into shorter shots",
                frames.len()
            ),
        ));
    }
    let (size, by) = (request.size, Grid::of_request(request).by);
    Ok(frames
        .iter()
        .map(|n| reel::facts(clip, *n, size.width, size.height, by))
        .collect())
}

fn style(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    let request = &order.request;
    let (w, h) = size(request);
    let clip = clip(order)?;
    let start = whole(request, settings::START).unwrap_or(0);
    let strength = request.number(settings::STRENGTH).unwrap_or(1.0).clamp(0.0, 1.0) as f32;
    let shown = |n: u32| clip_frame(u64::from(start) + u64::from(n), request.rate, clip.rate());
    clip.must_have(shown(request.frames.saturating_sub(1)) + 1, request.rate)?;
    let frames: Vec<u32> = (0..request.frames).map(|n| shown(n) as u32).collect();
    let (once, order_of) = distinct(&frames);
    let clips = facts(&clip, &once, request)?;
    let grid = Grid::of_request(request).by;
    let reel = SourceReel::new(order.inputs.clone(), clips.clone(), order_of.clone(), grid);
    let reel: Arc<dyn Reel> = Arc::new(reel);

    let matter = originals(order, control, 1)?;
    let by = request.number(settings::SCALE).unwrap_or(1.0).clamp(0.1, 8.0);
    let sizes = atlas::sizes(&matter, request.size.height, by, grid);
    let mut sources: Vec<SourceFacts> = request
        .sources
        .iter()
        .skip(1)
        .zip(matter)
        .zip(sizes)
        .map(|((object, original), size)| atlas::whole(*object, original, size))
        .collect();
    let own = sources.len();
    // Frames that are seen are sources; those that only lead are not.
    if strength < 1.0 {
        sources.extend(clips);
    }
    let over: Vec<u16> = order_of.iter().map(|k| (own + k) as u16).collect();
    let pictures = Pictures::new(order.inputs.clone(), sources);
    if strength <= 0.0 {
        return Ok(Prepared {
            making: Box::new(Plain { w, h, clip: over }),
            pictures,
        });
    }
    let mut sheets: Vec<Sheet> = Vec::new();
    for k in 0..own {
        control.check()?;
        sheets.push(pictures.sheet(k, grid, true)?);
    }
    let stop = || control.cancelled();
    let making = Style::new(sheets, reel, over, setting(request), strength, &stop)?;
    control.check()?;
    Ok(Prepared {
        making: Box::new(making),
        pictures,
    })
}

/// A prepared shot whose sources are frames of one clip, and what lies between them.
fn of_clip(order: &Order, clip: &SourceClip, frames: &[u32]) -> Result<(Pictures, Between), Failure> {
    let request = &order.request;
    let (w, h) = size(request);
    let sources = facts(clip, frames, request)?;
    let all = (0..sources.len()).collect();
    let reel = SourceReel::new(
        order.inputs.clone(),
        sources.clone(),
        all,
        Grid::of_request(request).by,
    );
    let between = Between::new(Arc::new(reel), w, h, request.seed);
    Ok((Pictures::new(order.inputs.clone(), sources), between))
}

fn slow(order: &Order) -> Result<Prepared, Stop> {
    let request = &order.request;
    let clip = clip(order)?;
    let start = whole(request, settings::START).unwrap_or(0);
    let pace = request.number(settings::PACE).unwrap_or(0.25).clamp(0.01, 1.0);
    let at = |n: u32| moment(start, n, pace, request.rate, clip.rate());
    let (first, last) = (at(0), at(request.frames.saturating_sub(1)));
    clip.must_have(last.needs(), request.rate)?;
    let frames: Vec<u32> = (first.frame..last.needs() as u32).collect();
    let (pictures, between) = of_clip(order, &clip, &frames)?;
    let moments = (0..request.frames)
        .map(|n| {
            let now = at(n);
            Moment {
                frame: now.frame - first.frame,
                ..now
            }
        })
        .collect();
    Ok(Prepared {
        making: Box::new(Slow::new(between, moments)),
        pictures,
    })
}

fn extend(order: &Order) -> Result<Prepared, Stop> {
    let request = &order.request;
    let (w, h) = size(request);
    let clip = clip(order)?;
    let tail = whole(request, settings::TAIL).unwrap_or(24).clamp(2, 1000);
    let end = clip.frames();
    let frames: Vec<u32> = (end.saturating_sub(tail)..end).collect();
    let (pictures, between) = of_clip(order, &clip, &frames)?;
    let step = clip_frames_a_frame(request.rate, clip.rate());
    Ok(Prepared {
        making: Box::new(Extend::new(between, w, h, step, request.seed)?),
        pictures,
    })
}

fn between(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    let request = &order.request;
    let (size, by) = (request.size, Grid::of_request(request).by);
    let sources = request.sources.iter().zip(originals(order, control, 0)?);
    let sources = sources.map(|(object, o)| atlas::covering(*object, o, size.width, size.height, by));
    let pictures = Pictures::new(order.inputs.clone(), sources.collect());
    let (from, to) = (pictures.used(0, by)?, pictures.used(1, by)?);
    control.check()?;
    let making = Stills::new(&from, &to, request.frames, request.seed)?;
    Ok(Prepared {
        making: Box::new(making),
        pictures,
    })
}
