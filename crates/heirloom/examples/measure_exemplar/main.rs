//! How good the weightless engine's takes of a film are: prints tab-separated figures for
//! `cargo xtask measure exemplar`.
//!
//! `measure_exemplar FILM_FOLDER`. The film must have been made: takes are read from its vault, by the same plan and
//! the same engine that `make` uses.

#![allow(clippy::print_stdout)]

mod places;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use heirloom_archive::Archive;
use heirloom_dailies::{Plan, Work, plan, takes};
use heirloom_engine::gate::SourceGate;
use heirloom_engine::{Draw, Engines, TakeFrames, Task};
use heirloom_picture::measure::{View, patch_distance, sharpness};
use heirloom_picture::{color, photo, resample};
use heirloom_vault::Vault;

use places::{Frame, Scaled};

/// Frames of a shot that are judged, evenly spaced.
const JUDGED: u32 = 9;
/// Of the patches' and directions' draw.
const SEED: u64 = 1;

/// A source as it was looked at by the engine, in display codes.
struct Seen {
    codes: Vec<[u8; 3]>,
    size: (u32, u32),
}

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
        let engine = engines
            .get(Some(&request.engine))
            .map_err(|f| anyhow::anyhow!("{}", f.message))?;
        let open = engine
            .open(&take.manifest, vault.clone())
            .map_err(|f| anyhow::anyhow!("{}", f.message))?;
        println!("{}: {} frames", shot.label(), open.frames());
        measure(&shot.label(), request.task, open.as_ref(), &vault)
            .with_context(|| format!("shot {} could not be measured", shot.label()))?;
    }
    Ok(())
}

fn measure(label: &str, task: Task, take: &dyn TakeFrames, vault: &Vault) -> anyhow::Result<()> {
    let frames = take.frames();
    let mut sources: Vec<Scaled> = Vec::new();
    let mut seen: Vec<Seen> = Vec::new();
    let (mut sharp, mut patch, mut pops, mut chunks) = (vec![], vec![], vec![], vec![]);
    for k in 0..JUDGED {
        let n = if frames < 2 {
            0
        } else {
            k * (frames - 1) / (JUDGED - 1)
        };
        let now = read(take, n, &mut sources)?;
        while seen.len() < sources.len() {
            seen.push(look(&sources[seen.len()], vault)?);
        }
        let image = take.frame(n).map_err(|f| anyhow::anyhow!("{}", f.message))?;
        let codes = color::to_display8(&image);
        let view = View::new(&codes, image.width(), image.height()).context("an empty frame")?;
        let ratio = sharpness(&view) / expected_sharpness(&now, &seen)?;
        let distance = patch_distance_to_used(&view, &now, &seen)?;
        println!("  frame {n}: sharpness ratio {ratio:.3}, patch distance {distance:.3}");
        sharp.push(ratio);
        patch.push(distance);
        // The two ends of a becoming are whole photographs by design.
        let is_an_end = task == Task::Becoming && (n == 0 || n + 1 == frames);
        if !is_an_end {
            chunks.push(places::chunk(&now));
        }
        if n > 0 {
            pops.push(places::pop(&read(take, n - 1, &mut sources)?, &now));
        }
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

fn read(take: &dyn TakeFrames, n: u32, sources: &mut Vec<Scaled>) -> anyhow::Result<Frame> {
    places::read(take, n, sources).map_err(|f| anyhow::anyhow!("frame {n}: {}", f.message))
}

/// The source in the size that the take used, as a person would see it.
fn look(scaled: &Scaled, vault: &Vault) -> anyhow::Result<Seen> {
    let photo = photo::decode(&vault.read(&scaled.object)?, &scaled.object.to_string())?;
    let image = resample::scale_to(&photo.image, scaled.size.0, scaled.size.1);
    Ok(Seen {
        codes: color::to_display8(&image),
        size: scaled.size,
    })
}

fn view(seen: &Seen) -> anyhow::Result<View<'_>> {
    View::new(&seen.codes, seen.size.0, seen.size.1).context("an empty source")
}

/// The sources' sharpness, each by its share of the frame.
fn expected_sharpness(frame: &Frame, seen: &[Seen]) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for (source, part) in shares(frame, seen.len()).into_iter().enumerate() {
        if part > 0.0 {
            sum += part * sharpness(&view(&seen[source])?);
        }
    }
    Ok(sum)
}

/// The patch distance to the sources that make up the frame, each counted by its share to the tenth.
fn patch_distance_to_used(frame: &View<'_>, places: &Frame, seen: &[Seen]) -> anyhow::Result<f64> {
    let mut views = Vec::new();
    for (source, part) in shares(places, seen.len()).into_iter().enumerate() {
        for _ in 0..(part * 10.0).round() as usize {
            views.push(view(&seen[source])?);
        }
    }
    Ok(patch_distance(frame, &views, SEED))
}

fn shares(frame: &Frame, sources: usize) -> Vec<f64> {
    let mut counts = vec![0usize; sources];
    for place in &frame.places {
        counts[usize::from(place.source)] += 1;
    }
    counts
        .into_iter()
        .map(|c| c as f64 / frame.places.len() as f64)
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn max(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
