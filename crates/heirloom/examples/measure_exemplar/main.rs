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
use heirloom_archive::Archive;
use heirloom_dailies::{Plan, Work, plan, takes};
use heirloom_engine::gate::SourceGate;
use heirloom_engine::{Draw, Engines, Failure, Request, TakeFrames, Task};
use heirloom_engine_exemplar::engine::carried;
use heirloom_engine_exemplar::map::CoordinateMap;
use heirloom_engine_exemplar::measure::{chunk_pixels, pop};
use heirloom_engine_exemplar::take::ExemplarTake;
use heirloom_picture::color;
use heirloom_picture::measure::{View, patch_distance, sharpness};
use heirloom_vault::Vault;

/// Frames of a shot that are judged, evenly spaced.
const JUDGED: u32 = 9;
/// Of the patches' and directions' draw.
const SEED: u64 = 1;

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("argument: the film's folder")?);
    let loaded = heirloom_film::load(&folder.join("film.toml")).map_err(|p| anyhow::anyhow!("{p}"))?;
    let vault = Arc::new(Vault::open(&folder.join("vault"))?);
    let engines = Engines::new().with(Arc::new(heirloom_engine_exemplar::engine::engine()));
    let gate = SourceGate::new(&vault, jiff::Zoned::now().date());
    let plan: Plan = plan(&loaded.film, &Archive::new(&vault), &engines, &gate)?;
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
    // The parts of the photographs that the shot is made from, in the size it uses, as a person would see them.
    let matter = take.matter().map_err(said)?;
    let views: Vec<View<'_>> = matter
        .iter()
        .filter_map(|(codes, w, h)| View::new(codes, *w, *h))
        .collect();
    anyhow::ensure!(
        !views.is_empty() && views.len() == matter.len(),
        "a source is empty"
    );
    let sharpnesses: Vec<f64> = views.iter().map(sharpness).collect();
    let (mut sharp, mut patch, mut pops, mut chunks) = (vec![], vec![], vec![], vec![]);
    for k in 0..JUDGED {
        let n = if frames < 2 {
            0
        } else {
            k * (frames - 1) / (JUDGED - 1)
        };
        let map = take.map(n).map_err(said)?;
        let shares = shares(&map, views.len());
        let image = take.frame(n).map_err(said)?;
        let codes = color::to_display8(&image);
        let view = View::new(&codes, image.width(), image.height()).context("an empty frame")?;
        // Each source counts by its share of the frame; for the patches, to the tenth.
        let ratio = sharpness(&view)
            / sharpnesses
                .iter()
                .zip(&shares)
                .map(|(s, part)| s * part)
                .sum::<f64>();
        let mixed: Vec<View<'_>> = views
            .iter()
            .zip(&shares)
            .flat_map(|(v, part)| std::iter::repeat_n(*v, (part * 10.0).round() as usize))
            .collect();
        let distance = patch_distance(&view, &mixed, SEED);
        let chunk = chunk_pixels(map.origins(), map.width() as usize);
        // The two ends of a becoming are whole photographs by design.
        if request.task != Task::Becoming || (n > 0 && n + 1 < frames) {
            chunks.push(chunk);
        }
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
            "  frame {n}: sharpness ratio {ratio:.3}, patch distance {distance:.3}, pop {jumped:.3}, chunk {chunk:.0}"
        );
        sharp.push(ratio);
        patch.push(distance);
        if frames < 2 {
            break;
        }
    }
    let (ratio, patch) = (mean(&sharp), mean(&patch));
    let range = |v: &[f64]| {
        let (least, most) = v
            .iter()
            .fold((f64::INFINITY, 0f64), |(a, b), v| (a.min(*v), b.max(*v)));
        format!("{least:.2} to {most:.2}")
    };
    let ratios = range(&sharp);
    println!(
        "figure\t{label}, sharpness\t{:.3}\tfrom 1\tlower\t0.15\tratio {ratio:.3}, frames {ratios}",
        (ratio - 1.0).abs()
    );
    println!("figure\t{label}, patch distance\t{patch:.3}\tcodes\tlower\t0.61");
    if !pops.is_empty() {
        println!(
            "figure\t{label}, pop\t{:.3}\tof pixels\tlower\t0.12\tframes {}",
            mean(&pops),
            range(&pops)
        );
    }
    println!(
        "figure\t{label}, chunk\t{:.0}\tpx\tlower\t5000\tlargest frame {:.0}",
        mean(&chunks),
        max(&chunks)
    );
    Ok(())
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

fn max(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
