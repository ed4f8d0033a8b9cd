//! The measures of one shot.

use std::path::Path;

use anyhow::Context;
use heirloom_dailies::guides::ShotGuides;
use heirloom_engine::{Guides, Request, TakeFrames, Task};
use heirloom_engine_exemplar::map::{CoordinateMap, Origin, UNIT};
use heirloom_engine_exemplar::measure::{chunk_pixels, pop};
use heirloom_engine_exemplar::synth::carry;
use heirloom_engine_exemplar::take::{Display, ExemplarTake, samples};
use heirloom_picture::measure::{View, palette_distance, patch_distance, patch_floor, sharpness, ssim};
use heirloom_picture::{Image, color, png, resample};

use crate::motion::{self, Moved};
use crate::said;

/// Frames of a shot that are judged, evenly spaced.
const JUDGED: u32 = 9;
/// Of the patches' and directions' draw.
pub const SEED: u64 = 1;
/// How far matter may drift and still lie in its own place: 8 pixels, in map units.
const HOME: i32 = 8 * UNIT;
/// A thing smaller than this share of the frame is not judged by its palette.
const LEAST_THING: f64 = 0.02;
/// Frames from which on a shot's sharpness is judged by how it drifts.
const LONG: u32 = 200;

/// A shot to be judged.
pub struct Judged<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its request.
    pub request: &'a Request,
    /// Its take.
    pub take: &'a ExemplarTake,
    /// Its guides, if it has any.
    pub guides: Option<&'a ShotGuides>,
}

/// What a shot scored, by measure; each the mean over the judged frames.
#[derive(Default)]
pub struct Scores {
    /// Sharpness against the sources', by frame.
    pub sharp: Vec<f64>,
    /// Patch distance, and the same without the finish.
    pub patch: Vec<f64>,
    pub plain: Vec<f64>,
    /// Share of pixels that jump.
    pub pops: Vec<f64>,
    /// Likeness to the frame before, carried along the motion.
    pub warp: Vec<f64>,
    /// Area-weighted pieces of what was made.
    pub chunks: Vec<f64>,
    /// Distance of each thing's colours from its sources'; and without the finish.
    pub palette: Vec<f64>,
    pub palette_plain: Vec<f64>,
    /// How far the finish moved pixels.
    pub moved: Vec<f32>,
    /// What the sources score against themselves.
    pub floor: f64,
}

/// Measures a shot and prints its figures.
pub fn measure(shot: &Judged<'_>) -> anyhow::Result<()> {
    let name = shot.name;
    let scores = score(shot, JUDGED)?;
    let ratio = mean(&scores.sharp);
    println!(
        "figure\t{name}, sharpness\t{:.3}\tfrom 1\tlower\t0.15\tratio {ratio:.3}, frames {}",
        (ratio - 1.0).abs(),
        range(&scores.sharp)
    );
    println!(
        "figure\t{name}, patch distance\t{:.3}\tcodes\tlower\t0.5\tframes {}; without the finish {:.3}; its photographs \
         against themselves {:.3}",
        mean(&scores.patch),
        range(&scores.patch),
        mean(&scores.plain),
        scores.floor
    );
    if !scores.pops.is_empty() {
        println!(
            "figure\t{name}, pop\t{:.3}\tof pixels\tlower\t0.08\tframes {}",
            mean(&scores.pops),
            range(&scores.pops)
        );
    }
    if !scores.warp.is_empty() {
        println!(
            "figure\t{name}, warp SSIM\t{:.3}\t\thigher\t0.95\tframes {}",
            mean(&scores.warp),
            range(&scores.warp)
        );
    }
    if !scores.chunks.is_empty() {
        println!(
            "figure\t{name}, chunk\t{:.0}\tpx\tlower\t2000\tlargest frame {:.0}",
            mean(&scores.chunks),
            scores.chunks.iter().copied().fold(0.0, f64::max)
        );
    }
    if !scores.palette.is_empty() {
        println!(
            "figure\t{name}, palette distance of things\t{:.2}\tcodes\tlower\t6\tframes {}; without the finish (and so \
             without the stage's light) {:.2}",
            mean(&scores.palette),
            range(&scores.palette),
            mean(&scores.palette_plain)
        );
    }
    let mut moved = scores.moved;
    moved.sort_unstable_by(f32::total_cmp);
    let at = |part: f64| {
        moved
            .get((part * (moved.len().max(1) - 1) as f64) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    println!(
        "figure\t{name}, moved by the finish, median\t{:.2}\tcodes of 255\tlower\t-\t99th percentile {:.1}",
        at(0.5),
        at(0.99)
    );
    if shot.request.frames >= LONG {
        let drift = drift(shot.take)?;
        println!(
            "figure\t{name}, drift of sharpness over {} frames\t{:.3}\tof it\tlower\t0.1\tthe last second against the first",
            shot.request.frames,
            drift.abs()
        );
    }
    Ok(())
}

/// Judges so many frames of a shot.
pub fn score(shot: &Judged<'_>, judged: u32) -> anyhow::Result<Scores> {
    let take = shot.take;
    let frames = take.frames();
    let matter = reference(shot.request, take)?;
    let views: Vec<View<'_>> = matter
        .iter()
        .filter_map(|(codes, w, h)| View::new(codes, *w, *h))
        .collect();
    anyhow::ensure!(
        !views.is_empty() && views.len() == matter.len(),
        "a source is empty"
    );
    let sharpnesses: Vec<f64> = views.iter().map(sharpness).collect();
    let mut scores = Scores::default();
    let mut floors = Vec::new();
    for k in 0..judged.min(frames) {
        let n = if frames < 2 {
            0
        } else {
            k * (frames - 1) / (judged.min(frames) - 1).max(1)
        };
        let map = seen(take, n)?;
        let shares = shares(map.origins(), views.len());
        if floors.is_empty() {
            floors = views
                .iter()
                .zip(&shares)
                .filter(|(_, part)| **part > 0.05)
                .map(|(v, _)| patch_floor(v, SEED))
                .collect();
        }
        let mixed = mixed(&views, &shares);
        let expected: f64 = sharpnesses.iter().zip(&shares).map(|(s, part)| s * part).sum();
        let frame = take.frame(n).map_err(said)?;
        let (ratio, distance) = judge(&frame, |view| {
            (sharpness(view) / expected, patch_distance(view, &mixed, SEED))
        })?;
        let held = take.pictures().for_frame(map.origins(), None).map_err(said)?;
        let sampled = Image::from_pixels(map.width(), map.height(), samples(map.origins(), &held))
            .context("an empty frame")?;
        scores
            .plain
            .push(judge(&sampled, |view| patch_distance(view, &mixed, SEED))?);
        scores.moved.extend(moved_by_finish(&frame, &sampled));
        scores.sharp.push(ratio);
        scores.patch.push(distance);
        let made = chunk_of_made(shot.request, take, &map);
        scores.chunks.extend(made);
        let mut jumped = f64::NAN;
        let mut alike = f64::NAN;
        if n > 0 {
            let before = seen(take, n - 1)?;
            let way = motion::known(shot, n)?;
            jumped = match &way {
                Some(way) => jumps(&before, &map, way),
                None => motion::pop(&before, &map),
            };
            scores.pops.push(jumped);
            if let Some(way) = &way {
                alike = warp(&take.frame(n - 1).map_err(said)?, &frame, way)?;
                scores.warp.push(alike);
            }
        }
        if let Some(guides) = shot.guides {
            let ids = guides
                .frame(n, shot.request.size)
                .map_err(said)?
                .object_id
                .context("the guides have no ids")?
                .values;
            scores.palette.extend(palettes(&frame, &map, &ids, &views)?);
            scores
                .palette_plain
                .extend(palettes(&sampled, &map, &ids, &views)?);
        }
        println!(
            "  frame {n}: sharpness ratio {ratio:.3}, patch distance {distance:.3}, pop {jumped:.3}, warp {alike:.3}, \
             chunk {:.0}",
            made.unwrap_or(f64::NAN)
        );
    }
    scores.floor = mean(&floors);
    Ok(scores)
}

/// The map of a frame as it is seen: of two layers the one that shows more.
fn seen(take: &ExemplarTake, n: u32) -> anyhow::Result<CoordinateMap> {
    let map = take.map(n).map_err(said)?;
    let Some(over) = take.over(n).map_err(said)? else {
        return Ok(map);
    };
    let mut origins = map.origins().to_vec();
    for (o, (new, weight)) in origins.iter_mut().zip(over.map.iter().zip(&over.weight)) {
        if *weight > 127 {
            *o = *new;
        }
    }
    CoordinateMap::new(map.width(), map.height(), origins).context("an empty frame")
}

/// Each source counts by its share of the frame; to the tenth.
fn mixed<'v>(views: &[View<'v>], shares: &[f64]) -> Vec<View<'v>> {
    let all: Vec<View<'v>> = views
        .iter()
        .zip(shares)
        .flat_map(|(v, part)| std::iter::repeat_n(*v, (part * 10.0).round() as usize))
        .collect();
    if all.is_empty() { views.to_vec() } else { all }
}

/// Share of pixels whose place jumps against the carried one, of those that were seen before.
fn jumps(before: &CoordinateMap, now: &CoordinateMap, way: &Moved) -> f64 {
    let (w, h) = (now.width() as usize, now.height() as usize);
    let (mut carried, mut new) = (Vec::new(), Vec::new());
    for (i, o) in now.origins().iter().enumerate() {
        if way.valid[i] {
            let fix = |v: f32| (v * UNIT as f32).round() as i32;
            let (x, y) = (fix(way.at[i][0]), fix(way.at[i][1]));
            carried.push(carry::at(before.origins(), w, h, x, y));
            new.push(*o);
        }
    }
    pop(&carried, &new)
}

/// How like a frame is to the one before, carried along the motion.
pub fn warp(before: &Image, now: &Image, way: &Moved) -> anyhow::Result<f64> {
    let pixels = way
        .at
        .iter()
        .map(|p| resample::bicubic(before, f64::from(p[0]), f64::from(p[1])))
        .collect();
    let carried = Image::from_pixels(now.width(), now.height(), pixels).context("an empty frame")?;
    let (a, b) = (color::to_display8(&carried), color::to_display8(now));
    let view = |codes| View::new(codes, now.width(), now.height()).context("an empty frame");
    Ok(ssim(&view(&a)?, &view(&b)?, Some(&way.valid)))
}

/// How far the colours of each thing are from those of the sources that it is made of here.
fn palettes(frame: &Image, map: &CoordinateMap, ids: &[u32], views: &[View<'_>]) -> anyhow::Result<Vec<f64>> {
    let codes = color::to_display8(frame);
    let mut things: Vec<u32> = ids.to_vec();
    things.sort_unstable();
    things.dedup();
    let mut out = Vec::new();
    for thing in things {
        let own: Vec<usize> = (0..ids.len()).filter(|i| ids[*i] == thing).collect();
        if (own.len() as f64) < LEAST_THING * ids.len() as f64 {
            continue;
        }
        let origins: Vec<Origin> = own.iter().map(|i| map.origins()[*i]).collect();
        let shares = shares(&origins, views.len());
        // As a picture 64 pixels wide: colours only, so their order is nothing.
        let rows = own.len() / 64;
        let part: Vec<[u8; 3]> = own[..rows * 64].iter().map(|i| codes[*i]).collect();
        let view = View::new(&part, 64, rows as u32).context("a thing of no pixels")?;
        out.push(palette_distance(&view, &mixed(views, &shares), SEED));
    }
    Ok(out)
}

/// How much sharper (or less sharp) the last second is than the first.
fn drift(take: &ExemplarTake) -> anyhow::Result<f64> {
    let frames = take.frames();
    let of = |first: u32| -> anyhow::Result<f64> {
        let mut all = Vec::new();
        for n in (first..first + 24).step_by(6) {
            all.push(judge(&take.frame(n).map_err(said)?, sharpness)?);
        }
        Ok(mean(&all))
    };
    Ok(of(frames - 24)? / of(0)? - 1.0)
}

/// Four frames of a take beside each other, each at most 480 pixels wide.
pub fn strip(take: &ExemplarTake, path: &Path) -> anyhow::Result<()> {
    let frames = take.frames();
    let size = take.size();
    let width = size.width.min(480);
    let height = size.height * width / size.width;
    let mut out = vec![[0u8; 3]; (4 * width * height) as usize];
    for k in 0..4u32 {
        let n = k * (frames - 1) / 3;
        let small = resample::scale_to(&take.frame(n).map_err(said)?, width, height);
        let codes = color::to_display8(&small);
        for y in 0..height {
            let from = (y * width) as usize;
            let to = (y * 4 * width + k * width) as usize;
            out[to..to + width as usize].copy_from_slice(&codes[from..from + width as usize]);
        }
    }
    png::write8(path, &out, 4 * width, height)?;
    Ok(())
}

/// How far the finish moved each pixel from its sample: its largest channel, in display codes of 255.
fn moved_by_finish(frame: &Image, sampled: &Image) -> Vec<f32> {
    let (a, b) = (color::to_video16(frame), color::to_video16(sampled));
    let most = |(a, b): (&[u16; 3], &[u16; 3])| (0..3).map(|c| a[c].abs_diff(b[c])).max().unwrap_or(0);
    a.iter()
        .zip(&b)
        .map(|pair| f32::from(most(pair)) / 257.0)
        .collect()
}

pub fn judge<T>(image: &Image, by: impl Fn(&View<'_>) -> T) -> anyhow::Result<T> {
    let codes = color::to_display8(image);
    Ok(by(
        &View::new(&codes, image.width(), image.height()).context("an empty frame")?
    ))
}

/// What frames are compared with, in the size that the shot uses and as a person would see it: of a becoming the two
/// pictures that it begins and ends with, of other shots all that they are made from.
pub fn reference(request: &Request, take: &ExemplarTake) -> anyhow::Result<Vec<Display>> {
    if request.task != Task::Becoming {
        return take.matter().map_err(said);
    }
    let parts = (0..take.facts().sources.len()).map(|k| {
        let part = take.pictures().used(k, 1).map_err(said)?;
        Ok((color::to_display8(&part), part.width(), part.height()))
    });
    parts.collect()
}

/// The area-weighted chunk of what was synthesised, in pixels. In a becoming, what still (or already) lies in its own
/// place in the picture that begins (or ends) the shot is that picture by design and does not count. `None` where less
/// than a twentieth of the frame was synthesised.
fn chunk_of_made(request: &Request, take: &ExemplarTake, map: &CoordinateMap) -> Option<f64> {
    let width = map.width() as usize;
    if request.task != Task::Becoming {
        return Some(chunk_pixels(map.origins(), width));
    }
    let sources = &take.facts().sources;
    let mut origins = map.origins().to_vec();
    let mut home = 0usize;
    for (i, o) in origins.iter_mut().enumerate() {
        let Some(facts) = sources.get(usize::from(o.source)) else {
            continue;
        };
        let (x, y) = (
            (i % width) as i32 + facts.crop.0 as i32,
            (i / width) as i32 + facts.crop.1 as i32,
        );
        if (o.x - x * UNIT).abs() <= HOME && (o.y - y * UNIT).abs() <= HOME {
            home += 1;
            // Far from every neighbour: a piece of one pixel.
            *o = Origin {
                source: u16::MAX,
                x: i as i32 * 4 * UNIT,
                y: 0,
            };
        }
    }
    let all = origins.len();
    let made = all - home;
    (made * 20 >= all).then(|| (chunk_pixels(&origins, width) * all as f64 - home as f64) / made as f64)
}

/// Each source's part of a frame.
fn shares(origins: &[Origin], sources: usize) -> Vec<f64> {
    let mut counts = vec![0usize; sources];
    for origin in origins {
        if let Some(count) = counts.get_mut(usize::from(origin.source)) {
            *count += 1;
        }
    }
    counts
        .into_iter()
        .map(|c| c as f64 / origins.len().max(1) as f64)
        .collect()
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn range(values: &[f64]) -> String {
    let (least, most) = values
        .iter()
        .fold((f64::INFINITY, 0f64), |(a, b), v| (a.min(*v), b.max(*v)));
    format!("{least:.2} to {most:.2}")
}
