//! How well drift tells archives apart.
//!
//! `cargo run --release -p heirloom-style --example measure_style -- PLOT.png FOLDER...` fits a reference to one half of
//! each archive's files, and asks how often a picture of its other half drifts less than one of another archive (AUC), over
//! several ways to halve. Every folder is a set of pictures of one kind; folders `KIND.SET` are sets of one kind. Told apart
//! are first the kinds, then, harder, the sets. Prints figures as xtask reads them and the pictures that fell on the wrong
//! side, and draws a strip for each pair of kinds.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod mixes;
mod plot;

use heirloom_picture::preview::{Preview, decode};
use heirloom_style::drift::{Drift, Features, Reference};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

const SEEDS: u64 = 10;
/// Pixels on the longer side, and those at which no archive is finer than another.
const SIDE: u32 = 1024;
const SMALL_SIDE: u32 = 320;
const PARTS: [&str; 6] = ["total", "palette", "contrast", "texture", "grain", "sharpness"];

#[derive(Clone)]
struct Source {
    file: String,
    picture: Preview,
    features: Features,
    small: Features,
}

struct Archive {
    name: String,
    sources: Vec<Source>,
}

/// One picture judged by one half of an archive.
struct Judged {
    home: usize,
    from: usize,
    seed: u64,
    file: String,
    parts: [f64; 6],
}

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let plot_path = arguments
        .next()
        .expect("say where the plot goes, then the folders");
    let sets: Vec<Archive> = arguments.map(|folder| archive(&folder)).collect();
    let kinds = kinds(&sets);
    assert!(kinds.len() > 1, "name two kinds or more");
    let judged = judge(&kinds);
    headline("kinds", &kinds, &judged, "0.97");
    parts(&kinds, &judged);
    pairs(&kinds, &judged, "0.97");
    medians(&kinds, &judged);
    plot::draw(&plot_path, &kinds, &judged);
    mixes::report(&kinds);
    let small = kinds.iter().map(small).collect::<Vec<_>>();
    headline(
        &format!("kinds, all at {SMALL_SIDE} pixels"),
        &small,
        &judge(&small),
        "-",
    );
    if sets.len() > kinds.len() {
        let judged = judge(&sets);
        headline("sets", &sets, &judged, "0.97");
        pairs(&sets, &judged, "-");
    }
}

fn archive(folder: &Path) -> Archive {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let source = |path: &PathBuf| -> Option<Source> {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let picture = decode(&std::fs::read(path).unwrap(), &file, SIDE).ok()?;
        Some(Source {
            features: Features::of(&picture.view().unwrap()),
            small: Features::of(&picture.scaled(SMALL_SIDE).view().unwrap()),
            file,
            picture,
        })
    };
    let sources: Vec<Source> = files.par_iter().filter_map(source).collect();
    println!("{name}: {} pictures of {} files", sources.len(), files.len());
    Archive { name, sources }
}

/// Sets of one kind together, in order.
fn kinds(sets: &[Archive]) -> Vec<Archive> {
    let mut kinds: Vec<Archive> = Vec::new();
    for set in sets {
        let name = set.name.split('.').next().unwrap_or_default();
        match kinds.iter_mut().find(|kind| kind.name == name) {
            Some(kind) => kind.sources.extend(set.sources.iter().cloned()),
            None => kinds.push(Archive {
                name: name.to_owned(),
                sources: set.sources.clone(),
            }),
        }
    }
    kinds
}

fn small(archive: &Archive) -> Archive {
    let one = |s: &Source| Source {
        features: s.small.clone(),
        ..s.clone()
    };
    Archive {
        name: archive.name.clone(),
        sources: archive.sources.iter().map(one).collect(),
    }
}

/// The order of `count` things by lot.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    let mut order: Vec<usize> = (0..count).collect();
    for n in (1..count).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        order.swap(n, (state >> 33) as usize % (n + 1));
    }
    order
}

/// A reference to one half of an archive's files, and the others. Every file is one picture.
fn half(archive: &Archive, seed: u64) -> (Reference, Vec<&Source>) {
    let order = shuffled(archive.sources.len(), seed);
    let (ours, held_out) = order.split_at(order.len().div_ceil(2));
    let features: Vec<Features> = ours
        .iter()
        .map(|n| archive.sources[*n].features.clone())
        .collect();
    let reference = Reference::fit(&features).unwrap_or_else(|e| panic!("{}: {e}", archive.name));
    (reference, held_out.iter().map(|n| &archive.sources[*n]).collect())
}

fn judge(archives: &[Archive]) -> Vec<Judged> {
    let homes: Vec<(usize, u64)> = (0..archives.len())
        .flat_map(|home| (0..SEEDS).map(move |s| (home, s)))
        .collect();
    let one = |(home, seed): &(usize, u64)| -> Vec<Judged> {
        let (reference, held_out) = half(&archives[*home], *seed);
        let mut judged = Vec::new();
        for (from, archive) in archives.iter().enumerate() {
            let pictures: Vec<&Source> = if from == *home {
                held_out.clone()
            } else {
                archive.sources.iter().collect()
            };
            judged.extend(pictures.into_iter().map(|source| Judged {
                home: *home,
                from,
                seed: *seed,
                file: source.file.clone(),
                parts: values(&reference.drift(&source.features)),
            }));
        }
        judged
    };
    homes.par_iter().flat_map(one).collect()
}

fn values(d: &Drift) -> [f64; 6] {
    [d.total, d.palette, d.contrast, d.texture, d.grain, d.sharpness]
}

/// How often one of `low` is below one of `high`.
fn auc(low: &[f64], high: &[f64]) -> f64 {
    let mut sorted = high.to_vec();
    sorted.sort_by(f64::total_cmp);
    let above = |l: &f64| {
        let (below, to) = (
            sorted.partition_point(|h| h < l),
            sorted.partition_point(|h| h <= l),
        );
        (sorted.len() - to) as f64 + 0.5 * (to - below) as f64
    };
    low.iter().map(above).sum::<f64>() / (low.len() * high.len()) as f64
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    (v[(v.len() - 1) / 2] + v[v.len() / 2]) / 2.0
}

/// One part of the drifts of one archive's pictures from another's style.
fn of(judged: &[Judged], home: usize, from: usize, part: usize) -> Vec<f64> {
    let wanted = judged.iter().filter(|j| j.home == home && j.from == from);
    wanted.map(|j| j.parts[part]).collect()
}

/// The AUC of every pair and seed: (home, from, AUC).
fn aucs(archives: &[Archive], judged: &[Judged], part: usize) -> Vec<(usize, usize, f64)> {
    let mut all = Vec::new();
    for home in 0..archives.len() {
        for seed in 0..SEEDS {
            let of = |from: usize| -> Vec<f64> {
                let wanted = judged
                    .iter()
                    .filter(|j| j.home == home && j.seed == seed && j.from == from);
                wanted.map(|j| j.parts[part]).collect()
            };
            let own = of(home);
            all.extend(
                (0..archives.len())
                    .filter(|f| *f != home)
                    .map(|f| (home, f, auc(&own, &of(f)))),
            );
        }
    }
    all
}

fn mean(v: impl Iterator<Item = f64>) -> f64 {
    let all: Vec<f64> = v.collect();
    all.iter().sum::<f64>() / all.len() as f64
}

/// Every pair counts alike, however many pictures it has; and all pictures in one heap.
fn headline(what: &str, archives: &[Archive], judged: &[Judged], goal: &str) {
    let all = aucs(archives, judged, 0);
    let (own, foreign): (Vec<&Judged>, Vec<&Judged>) = judged.iter().partition(|j| j.home == j.from);
    let totals = |v: &[&Judged]| v.iter().map(|j| j.parts[0]).collect::<Vec<_>>();
    let names: Vec<&str> = archives.iter().map(|a| a.name.as_str()).collect();
    println!(
        "figure\tAUC, mean of all pairs of {what}\t{:.4}\t\thigher\t{goal}\t{}; all pictures in one heap {:.4}; least of a pair and a halving {:.3}",
        mean(all.iter().map(|a| a.2)),
        names.join(", "),
        auc(&totals(&own), &totals(&foreign)),
        all.iter().map(|a| a.2).fold(1.0, f64::min)
    );
}

/// What each part alone would tell.
fn parts(archives: &[Archive], judged: &[Judged]) {
    for (part, name) in PARTS.iter().enumerate().skip(1) {
        let mean = mean(aucs(archives, judged, part).iter().map(|a| a.2));
        println!("figure\tAUC by {name} alone\t{mean:.4}\t\thigher\t-");
    }
}

fn pairs(archives: &[Archive], judged: &[Judged], goal: &str) {
    let all = aucs(archives, judged, 0);
    for home in 0..archives.len() {
        for from in (0..archives.len()).filter(|f| *f != home) {
            println!(
                "figure\tAUC, style {}, foreign {}\t{:.4}\t\thigher\t{goal}\tmedian drift of the foreign {:.2}",
                archives[home].name,
                archives[from].name,
                mean(all.iter().filter(|a| (a.0, a.1) == (home, from)).map(|a| a.2)),
                median(of(judged, home, from, 0))
            );
        }
    }
}

fn medians(archives: &[Archive], judged: &[Judged]) {
    for (home, archive) in archives.iter().enumerate() {
        let values: Vec<f64> = (0..6).map(|part| median(of(judged, home, home, part))).collect();
        let parts: Vec<String> = (1..6).map(|p| format!("{} {:.2}", PARTS[p], values[p])).collect();
        println!(
            "figure\t{}, median drift of held-out pictures, from 1\t{:.3}\t\tlower\t0.25\t{:.2}; {}",
            archive.name,
            (values[0] - 1.0).abs(),
            values[0],
            parts.join(", ")
        );
        // Who fell on the wrong side: the farthest at home, the nearest from elsewhere.
        let (mut own, mut foreign): (Vec<&Judged>, Vec<&Judged>) = judged
            .iter()
            .filter(|j| j.home == home && j.seed == 0)
            .partition(|j| j.from == home);
        own.sort_by(|a, b| b.parts[0].total_cmp(&a.parts[0]));
        foreign.sort_by(|a, b| a.parts[0].total_cmp(&b.parts[0]));
        for (word, list) in [("far at home", &own), ("near from elsewhere", &foreign)] {
            for j in list.iter().take(3) {
                println!(
                    "  {}: {word}: {} {} {:.2?}",
                    archive.name, archives[j.from].name, j.file, j.parts
                );
            }
        }
    }
}
