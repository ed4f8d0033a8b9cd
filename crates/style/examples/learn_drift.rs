//! Learns what drift weighs every number by, and prints the table of `src/drift/weights.rs`.
//!
//! `cargo run --release -p heirloom-style --example learn_drift -- FOLDER...`: every folder is one archive; pictures in a
//! folder `NAME.crops` are cut into 3 x 3. Name no folder that the result is then measured on. `docs/drift.md` says which
//! archives the table stands on.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use heirloom_picture::preview::{Preview, decode};
use heirloom_style::drift::Features;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Pixels on the longer side of a picture.
const SIDE: u32 = 1024;
/// Variance that is not told from none.
const LEAST: f64 = 1e-3;
/// The ratio of variances is held between these: no number is quite without weight, and none outweighs a whole part.
const RATIOS: (f64, f64) = (0.02, 10.0);
const NAMES: [&str; 5] = ["PALETTE", "CONTRAST", "TEXTURE", "GRAIN", "SHARPNESS"];

fn main() {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    assert!(folders.len() > 3, "name four folders or more");
    let archives: Vec<Vec<Features>> = folders.iter().map(|folder| archive(folder)).collect();
    for (part, name) in NAMES.iter().enumerate() {
        let length = list(&archives[0][0], part).len();
        let weights: Vec<String> = (0..length)
            .map(|n| format!("{:.3}", weight(&archives, part, n)))
            .collect();
        println!("const {name}: [f32; {length}] = [{}];", weights.join(", "));
    }
}

/// The ratio of a number's variance between archives (of their means) and within one (the mean of all), over the root of the
/// latter.
fn weight(archives: &[Vec<Features>], part: usize, n: usize) -> f64 {
    let values = |a: &[Features]| -> Vec<f64> { a.iter().map(|f| f64::from(list(f, part)[n])).collect() };
    let within = archives.iter().map(|a| spread(&values(a)).1).sum::<f64>() / archives.len() as f64 + LEAST;
    let means: Vec<f64> = archives.iter().map(|a| spread(&values(a)).0).collect();
    (spread(&means).1 / within).clamp(RATIOS.0, RATIOS.1) / libm::sqrt(within)
}

/// Mean and variance.
fn spread(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, squares / (values.len() - 1) as f64)
}

fn list(features: &Features, part: usize) -> &[f32] {
    [
        &features.palette,
        &features.contrast,
        &features.texture,
        &features.grain,
        &features.sharpness,
    ][part]
}

fn archive(folder: &Path) -> Vec<Features> {
    let cut = folder.extension().is_some_and(|e| e == "crops");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let of = |path: &PathBuf| -> Vec<Features> {
        let name = path.file_name().unwrap().to_string_lossy();
        let whole = decode(&std::fs::read(path).unwrap(), &name, SIDE).unwrap();
        let pictures = if cut { crops(&whole) } else { vec![whole] };
        pictures
            .iter()
            .map(|p| Features::of(&p.view().unwrap()))
            .collect()
    };
    files.par_iter().flat_map(of).collect()
}

fn crops(whole: &Preview) -> Vec<Preview> {
    let (w, h) = (whole.width() / 3, whole.height() / 3);
    let one = |n: u32| {
        let at = |i: u32| (n / 3 * h + i / w) * whole.width() + n % 3 * w + i % w;
        let codes = (0..w * h).map(|i| whole.codes()[at(i) as usize]).collect();
        Preview::from_codes(codes, w, h).unwrap()
    };
    (0..9).map(one).collect()
}
