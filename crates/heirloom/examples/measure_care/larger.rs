//! Takes that were made larger, beside the same enlarged by Lanczos' kernel alone.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use heirloom_dailies::takes;
use heirloom_engine::{Engine, Engines, Inputs, TakeFrames, settings};
use heirloom_engine_exemplar::pictures::read_photograph;
use heirloom_engine_exemplar::{care, engine};
use heirloom_picture::flow::{self, FlowOptions};
use heirloom_picture::measure::{View, patch_distance, sharpness};
use heirloom_picture::{Image, color, png, resample};
use heirloom_vault::Vault;

use crate::{mean, said};

/// Frames of a take that are judged.
const JUDGED: u32 = 4;
/// Side of the crops that are shown.
const CROP: u32 = 300;

/// Measures every larger take of a film.
pub fn measure(film: &Path, pictures: &Path) -> anyhow::Result<()> {
    let vault = Arc::new(Vault::open(&film.join("vault"))?);
    let engines = Engines::new().with(Arc::new(engine::engine()));
    let care = care::engine(engines.clone());
    let inputs: Arc<dyn Inputs> = vault.clone();
    let mut found = 0;
    for listed in takes::all(&vault)? {
        let manifest = takes::open(&vault, &listed.id)?.manifest;
        let request = takes::request(&vault, &manifest)?;
        let Some(of) = request.pictures.get(settings::OF_TAKE) else {
            continue;
        };
        let below = takes::open(&vault, of)?.manifest;
        if request.number(settings::UPSCALE).is_none() || below.size == manifest.size {
            continue;
        }
        found += 1;
        let large = care.open(&manifest, inputs.clone()).map_err(said)?;
        let small = engines
            .get(Some(&below.engine))
            .and_then(|engine| engine.open(&below, inputs.clone()))
            .map_err(said)?;
        let mut matter = Vec::new();
        for source in &request.sources {
            let image = read_photograph(&*inputs, source).map_err(said)?;
            matter.push((color::to_display8(&image), image.width(), image.height()));
        }
        let name = listed.shot.split(' ').next_back().unwrap_or_default().to_owned();
        shot(&name, &*large, &*small, &matter, pictures).with_context(|| format!("shot {name}"))?;
    }
    anyhow::ensure!(
        found > 0,
        "the film has no take that was made larger; run `heirloom care` first"
    );
    Ok(())
}

fn shot(
    name: &str,
    large: &dyn TakeFrames,
    small: &dyn TakeFrames,
    matter: &[(Vec<[u8; 3]>, u32, u32)],
    pictures: &Path,
) -> anyhow::Result<()> {
    let size = large.size();
    let views: Vec<View<'_>> = matter
        .iter()
        .filter_map(|(codes, w, h)| View::new(codes, *w, *h))
        .collect();
    let (mut ours, mut theirs, mut sharp, mut stays) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let judged = JUDGED.min(large.frames());
    for k in 0..judged {
        let n = k * (large.frames() - 1) / (judged - 1).max(1);
        let frame = large.frame(n).map_err(said)?;
        let plain = resample::lanczos(&small.frame(n).map_err(said)?, size.width, size.height);
        let seen = |image: &Image| -> anyhow::Result<(f64, f64)> {
            let codes = color::to_display8(image);
            let view = View::new(&codes, size.width, size.height).context("an empty frame")?;
            Ok((patch_distance(&view, &views, 1), sharpness(&view)))
        };
        let ((a, sa), (b, sb)) = (seen(&frame)?, seen(&plain)?);
        ours.push(a);
        theirs.push(b);
        sharp.push(sa / sb);
        if n + 1 < large.frames() {
            let plain_next = resample::lanczos(&small.frame(n + 1).map_err(said)?, size.width, size.height);
            stays.push(change(
                &frame,
                &large.frame(n + 1).map_err(said)?,
                &plain,
                &plain_next,
            )?);
        }
        if k == judged / 2 {
            crops(&plain, &frame, &pictures.join(format!("care-larger-{name}.png")))?;
        }
    }
    println!(
        "figure\t{name}, patch distance to the photographs, larger by care against Lanczos\t{:.3}\ttimes\tlower\t1\t{:.3} beside {:.3} codes",
        mean(&ours) / mean(&theirs),
        mean(&ours),
        mean(&theirs)
    );
    println!(
        "figure\t{name}, fine detail against Lanczos\t{:.3}\ttimes\thigher\t-\tmean Laplacian",
        mean(&sharp)
    );
    println!(
        "figure\t{name}, change along the motion against Lanczos\t{:.3}\ttimes\tlower\t-\tmean difference from one frame to the next, fetched along optical flow",
        mean(&stays)
    );
    Ok(())
}

/// How much two neighbouring frames differ along the motion, over how much those by Lanczos do.
fn change(a: &Image, b: &Image, plain_a: &Image, plain_b: &Image) -> anyhow::Result<f64> {
    let motion = flow::flow_checked(plain_a, plain_b, &FlowOptions::quick())?;
    let off = |a: &Image, b: &Image| -> anyhow::Result<f64> {
        let back = flow::warp(b, &motion.forward)?;
        let (a, b) = (color::to_display8(a), color::to_display8(&back));
        let known = a.iter().zip(&b).zip(&motion.valid).filter(|(_, valid)| **valid);
        let each: Vec<f64> = known.map(|((a, b), _)| f64::from(a[1].abs_diff(b[1]))).collect();
        Ok(mean(&each))
    };
    Ok(off(a, b)? / off(plain_a, plain_b)?.max(1e-6))
}

/// The middle of both, side by side, twice as large.
fn crops(plain: &Image, ours: &Image, path: &Path) -> anyhow::Result<()> {
    let (left, top) = ((plain.width() - CROP) / 2, (plain.height() - CROP) / 2);
    let mut codes = vec![[255u8; 3]; ((2 * CROP + 8) * CROP) as usize];
    for (n, image) in (0..).zip([plain, ours]) {
        let all = color::to_display8(image);
        for y in 0..CROP {
            let from = ((top + y) * image.width() + left) as usize;
            let to = (y * (2 * CROP + 8) + n * (CROP + 8)) as usize;
            codes[to..to + CROP as usize].copy_from_slice(&all[from..from + CROP as usize]);
        }
    }
    png::write8(path, &codes, 2 * CROP + 8, CROP)?;
    Ok(())
}
