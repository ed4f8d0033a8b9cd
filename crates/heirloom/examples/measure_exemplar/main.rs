//! How good the weightless engine's takes of a film are: prints tab-separated figures for
//! `cargo xtask measure exemplar`.
//!
//! `measure_exemplar FILM_FOLDER`. The film must have been made: takes are read from its vault, by the same plan and
//! the same engine that `make` uses.

#![allow(clippy::print_stdout)]

mod motion;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use heirloom_dailies::{Plan, Work, plan, takes};
use heirloom_engine::gate::SourceGate;
use heirloom_engine::{Draw, Engines, Failure, Request, TakeFrames, Task};
use heirloom_engine_exemplar::engine::carried;
use heirloom_engine_exemplar::map::{CoordinateMap, Origin, UNIT};
use heirloom_engine_exemplar::measure::{chunk_pixels, pop};
use heirloom_engine_exemplar::take::{Display, ExemplarTake, samples};
use heirloom_picture::measure::{View, patch_distance, patch_floor, sharpness};
use heirloom_picture::{Image, color};
use heirloom_vault::Vault;

/// Frames of a shot that are judged, evenly spaced.
const JUDGED: u32 = 9;
/// Of the patches' and directions' draw.
const SEED: u64 = 1;
/// How far matter may drift and still lie in its own place: 8 pixels, in map units.
const HOME: i32 = 8 * UNIT;

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("argument: the film's folder")?);
    let loaded = heirloom_film::load(&folder.join("film.toml")).map_err(|p| anyhow::anyhow!("{p}"))?;
    let vault = Arc::new(Vault::open(&folder.join("vault"))?);
    let engines = Engines::new().with(Arc::new(heirloom_engine_exemplar::engine::engine()));
    let gate = SourceGate::new(&vault, jiff::Zoned::now().date());
    let plan: Plan = plan(&loaded.film, &folder, &vault, &engines, &gate)?;
    anyhow::ensure!(
        plan.objections.is_empty(),
        "the film can not be made: {}",
        plan.objections[0]
    );
    for shot in &plan.shots {
        // A plate is a clip as it is.
        let Work::Draw { request, id } = &shot.work else {
            continue;
        };
        let take = takes::take_of(&vault, &Draw { request: *id, n: 0 })?
            .with_context(|| format!("shot {} has no take; run `cargo xtask demo` first", shot.label()))?;
        let open = ExemplarTake::open(&take.manifest, vault.clone()).map_err(said)?;
        println!("{}: {} frames", shot.label(), open.frames());
        measure(&shot.label(), request, &open)
            .with_context(|| format!("shot {} could not be measured", shot.label()))?;
    }
    Ok(())
}

fn said(failure: Failure) -> anyhow::Error {
    anyhow::anyhow!(failure.message)
}

fn measure(label: &str, request: &Request, take: &ExemplarTake) -> anyhow::Result<()> {
    let frames = take.frames();
    let images = take.images().map_err(said)?;
    let matter = reference(request, take)?;
    let views: Vec<View<'_>> = matter
        .iter()
        .filter_map(|(codes, w, h)| View::new(codes, *w, *h))
        .collect();
    anyhow::ensure!(
        !views.is_empty() && views.len() == matter.len(),
        "a source is empty"
    );
    let sharpnesses: Vec<f64> = views.iter().map(sharpness).collect();
    let floor = mean(&views.iter().map(|v| patch_floor(v, SEED)).collect::<Vec<_>>());
    let (mut sharp, mut patch, mut plain) = (vec![], vec![], vec![]);
    let (mut pops, mut chunks, mut moved) = (vec![], vec![], vec![]);
    let judged = if frames < 2 { 1 } else { JUDGED };
    for n in (0..judged).map(|k| k * (frames - 1) / (JUDGED - 1)) {
        let map = take.map(n).map_err(said)?;
        let shares = shares(&map, views.len());
        // Each source counts by its share of the frame; for the patches, to the tenth.
        let mixed: Vec<View<'_>> = views
            .iter()
            .zip(&shares)
            .flat_map(|(v, part)| std::iter::repeat_n(*v, (part * 10.0).round() as usize))
            .collect();
        let expected: f64 = sharpnesses.iter().zip(&shares).map(|(s, part)| s * part).sum();
        let (ratio, distance) = judge(&take.frame(n).map_err(said)?, |view| {
            (sharpness(view) / expected, patch_distance(view, &mixed, SEED))
        })?;
        let sampled = Image::from_pixels(map.width(), map.height(), samples(map.origins(), &images))
            .context("an empty frame")?;
        plain.push(judge(&sampled, |view| patch_distance(view, &mixed, SEED))?);
        moved.extend(moved_by_finish(&take.frame(n).map_err(said)?, &sampled));
        sharp.push(ratio);
        patch.push(distance);
        let made = chunk_of_made(request, take, &map);
        chunks.extend(made);
        let mut jumped = f64::NAN;
        if n > 0 {
            let before = take.map(n - 1).map_err(said)?;
            jumped = match carried(request, n, &before) {
                Some(carried) => pop(&carried, map.origins()),
                None => motion::pop(&before, &map),
            };
            pops.push(jumped);
        }
        println!(
            "  frame {n}: sharpness ratio {ratio:.3}, patch distance {distance:.3}, pop {jumped:.3}, chunk {:.0}",
            made.unwrap_or(f64::NAN)
        );
    }
    let ratio = mean(&sharp);
    println!(
        "figure\t{label}, sharpness\t{:.3}\tfrom 1\tlower\t0.15\tratio {ratio:.3}, frames {}",
        (ratio - 1.0).abs(),
        range(&sharp)
    );
    println!(
        "figure\t{label}, patch distance\t{:.3}\tcodes\tlower\t0.61\tframes {}; without the finish {:.3}; its \
         photographs against themselves {floor:.3}",
        mean(&patch),
        range(&patch),
        mean(&plain)
    );
    moved.sort_unstable_by(f32::total_cmp);
    let at = |part: f64| {
        moved
            .get((part * (moved.len() - 1) as f64) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    for (what, part) in [("median", 0.5), ("99th percentile", 0.99)] {
        println!(
            "figure\t{label}, moved by the finish, {what}\t{:.2}\tcodes of 255\tlower\t-\tfinish {:.2}",
            at(part),
            take.facts().finish
        );
    }
    if !pops.is_empty() {
        println!(
            "figure\t{label}, pop\t{:.3}\tof pixels\tlower\t0.12\tframes {}",
            mean(&pops),
            range(&pops)
        );
    }
    if !chunks.is_empty() {
        println!(
            "figure\t{label}, chunk\t{:.0}\tpx\tlower\t5000\tlargest frame {:.0}",
            mean(&chunks),
            chunks.iter().copied().fold(0.0, f64::max)
        );
    }
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

fn judge<T>(image: &Image, by: impl Fn(&View<'_>) -> T) -> anyhow::Result<T> {
    let codes = color::to_display8(image);
    Ok(by(
        &View::new(&codes, image.width(), image.height()).context("an empty frame")?
    ))
}

/// What frames are compared with, in the size that the shot uses and as a person would see it: of a becoming the two
/// pictures that it begins and ends with, of other shots all that they are made from.
fn reference(request: &Request, take: &ExemplarTake) -> anyhow::Result<Vec<Display>> {
    if request.task != Task::Becoming {
        return take.matter().map_err(said);
    }
    let images = take.images().map_err(said)?;
    let parts = images.iter().zip(&take.facts().sources).map(|(image, facts)| {
        let (x, y, w, h) = facts.crop;
        let codes = color::to_display8(image);
        let rows = (y..y + h).flat_map(|row| {
            let start = (row * image.width() + x) as usize;
            codes[start..start + w as usize].iter().copied()
        });
        (rows.collect(), w, h)
    });
    Ok(parts.collect())
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
fn shares(map: &CoordinateMap, sources: usize) -> Vec<f64> {
    let mut counts = vec![0usize; sources];
    for origin in map.origins() {
        if let Some(count) = counts.get_mut(usize::from(origin.source)) {
            *count += 1;
        }
    }
    counts
        .into_iter()
        .map(|c| c as f64 / map.origins().len() as f64)
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn range(values: &[f64]) -> String {
    let (least, most) = values
        .iter()
        .fold((f64::INFINITY, 0f64), |(a, b), v| (a.min(*v), b.max(*v)));
    format!("{least:.2} to {most:.2}")
}
