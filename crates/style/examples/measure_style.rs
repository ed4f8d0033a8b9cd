//! How well drift tells archives apart: every folder is one archive, split in halves over several seeds.
//!
//! `cargo run --release -p heirloom-style --example measure_style -- PLOT.png FOLDER...` fits a reference to one half of
//! each archive, and asks how often a picture of its other half drifts less than one of another archive (AUC). Pictures in
//! a folder `NAME.crops` are cut into 3 x 3 pictures that do not overlap. Prints figures as xtask reads them, the pictures
//! that fell on the wrong side, and draws a strip for each pair of archives: grey is home, colour is foreign.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use heirloom_picture::measure::View;
use heirloom_picture::preview::{Preview, decode};
use heirloom_picture::{color, png};
use heirloom_style::drift::{Drift, Features, Reference};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

const SEEDS: u64 = 5;
const SIDE: u32 = 1024;
const PARTS: [&str; 6] = ["total", "palette", "contrast", "texture", "grain", "sharpness"];

struct Source {
    name: String,
    picture: Preview,
    features: Features,
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
    name: String,
    parts: [f64; 6],
}

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let plot_path = arguments
        .next()
        .expect("say where the plot goes, then the folders");
    let archives: Vec<Archive> = arguments.map(|folder| archive(&folder)).collect();
    assert!(archives.len() > 1, "name two folders or more");
    let mut judged = Vec::new();
    for seed in 0..SEEDS {
        for home in 0..archives.len() {
            judge(&archives, home, seed, &mut judged);
        }
    }
    report(&archives, &judged);
    monotone(&archives);
    plot(&plot_path, &archives, &judged);
}

fn archive(folder: &Path) -> Archive {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let cut = name.ends_with(".crops");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let sources: Vec<Source> = files
        .par_iter()
        .flat_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let bytes = std::fs::read(path).unwrap();
            let pictures = match decode(&bytes, &name, SIDE) {
                Ok(whole) if cut => crops(&whole),
                Ok(whole) => vec![whole],
                Err(_) => Vec::new(),
            };
            pictures
                .into_iter()
                .enumerate()
                .map(|(n, picture)| Source {
                    name: format!("{name}#{n}"),
                    features: Features::of(&picture.view().unwrap()),
                    picture,
                })
                .collect::<Vec<_>>()
        })
        .collect();
    println!("{name}: {} pictures", sources.len());
    Archive {
        name: name.trim_end_matches(".crops").to_owned(),
        sources,
    }
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

fn values(d: &Drift) -> [f64; 6] {
    [d.total, d.palette, d.contrast, d.texture, d.grain, d.sharpness]
}

fn half(archive: &Archive, seed: u64) -> (Reference, Vec<&Source>) {
    let order = shuffled(archive.sources.len(), seed);
    let (fitted, held_out) = order.split_at(order.len().div_ceil(2));
    let features: Vec<Features> = fitted
        .iter()
        .map(|n| archive.sources[*n].features.clone())
        .collect();
    let reference = Reference::fit(&features).unwrap_or_else(|e| panic!("{}: {e}", archive.name));
    (reference, held_out.iter().map(|n| &archive.sources[*n]).collect())
}

fn judge(archives: &[Archive], home: usize, seed: u64, judged: &mut Vec<Judged>) {
    let (reference, held_out) = half(&archives[home], seed);
    for (from, archive) in archives.iter().enumerate() {
        let pictures: Vec<&Source> = if from == home {
            held_out.clone()
        } else {
            archive.sources.iter().collect()
        };
        for source in pictures {
            let parts = values(&reference.drift(&source.features));
            judged.push(Judged {
                home,
                from,
                seed,
                name: source.name.clone(),
                parts,
            });
        }
    }
}

/// How often one of `low` is below one of `high`.
fn auc(low: &[f64], high: &[f64]) -> f64 {
    let below = |l: &f64| {
        high.iter()
            .map(|h| {
                if l < h {
                    1.0
                } else if l > h {
                    0.0
                } else {
                    0.5
                }
            })
            .sum::<f64>()
    };
    low.iter().map(below).sum::<f64>() / (low.len() * high.len()) as f64
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

fn report(archives: &[Archive], judged: &[Judged]) {
    let of = |home: usize, from: usize, seed: Option<u64>, part: usize| -> Vec<f64> {
        let wanted = |j: &&Judged| j.home == home && j.from == from && seed.is_none_or(|s| s == j.seed);
        judged.iter().filter(wanted).map(|j| j.parts[part]).collect()
    };
    let count = archives.len();
    let pairs = || (0..count).flat_map(|a| (0..count).filter(move |b| *b != a).map(move |b| (a, b)));
    // Every pair counts alike, however many pictures it has.
    for (part, name) in PARTS.iter().enumerate() {
        let all: Vec<f64> = (0..SEEDS)
            .flat_map(|s| pairs().map(move |p| (s, p)))
            .map(|(s, (a, b))| auc(&of(a, a, Some(s), part), &of(a, b, Some(s), part)))
            .collect();
        let goal = if part == 0 { "0.97" } else { "-" };
        println!(
            "figure\t{name}, AUC of all pairs\t{:.4}\t\thigher\t{goal}\tleast of a pair and seed {:.3}",
            all.iter().sum::<f64>() / all.len() as f64,
            all.iter().copied().fold(1.0, f64::min)
        );
    }
    for (home, from) in pairs() {
        let value = |part: usize| auc(&of(home, home, None, part), &of(home, from, None, part));
        let parts: Vec<String> = (1..6).map(|p| format!("{} {:.3}", PARTS[p], value(p))).collect();
        println!(
            "figure\tstyle {}, foreign {}: AUC\t{:.4}\t\thigher\t0.97\t{}; median of foreign {:.2}",
            archives[home].name,
            archives[from].name,
            value(0),
            parts.join(", "),
            median(of(home, from, None, 0))
        );
    }
    for (home, archive) in archives.iter().enumerate() {
        let parts: Vec<String> = (1..6)
            .map(|p| format!("{} {:.2}", PARTS[p], median(of(home, home, None, p))))
            .collect();
        println!(
            "figure\t{}, median drift of held-out pictures, from 1\t{:.3}\t\tlower\t0.25\t{:.2}; {}",
            archive.name,
            (median(of(home, home, None, 0)) - 1.0).abs(),
            median(of(home, home, None, 0)),
            parts.join(", ")
        );
        // Who fell on the wrong side: the farthest at home, the nearest from elsewhere.
        let mut at_home: Vec<&Judged> = judged
            .iter()
            .filter(|j| j.home == home && j.from == home)
            .collect();
        let mut foreign: Vec<&Judged> = judged
            .iter()
            .filter(|j| j.home == home && j.from != home)
            .collect();
        at_home.sort_by(|a, b| b.parts[0].total_cmp(&a.parts[0]));
        foreign.sort_by(|a, b| a.parts[0].total_cmp(&b.parts[0]));
        for (word, list) in [("far at home", &at_home), ("near from elsewhere", &foreign)] {
            for j in list.iter().take(4) {
                println!(
                    "  {}: {word}: {} {} {:.2?}",
                    archive.name, archives[j.from].name, j.name, j.parts
                );
            }
        }
    }
}

fn monotone(archives: &[Archive]) {
    let mut runs = Vec::new();
    for home in 0..archives.len() {
        let (reference, held_out) = half(&archives[home], 1);
        for (from, archive) in archives.iter().enumerate().filter(|(n, _)| *n != home) {
            for n in 0..4 {
                let own = &held_out[n % held_out.len()].picture;
                let other = &archive.sources[shuffled(archive.sources.len(), n as u64)[0]].picture;
                runs.push((reference.clone(), own, other, home, from));
            }
        }
    }
    let steps: Vec<(usize, usize, bool)> = runs
        .par_iter()
        .map(|(reference, own, other, ..)| {
            let totals = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| {
                let (codes, w, h) = mixed(own, other, share);
                reference
                    .drift(&Features::of(&View::new(&codes, w, h).unwrap()))
                    .total
            });
            let rising = totals.windows(2).filter(|p| p[1] >= p[0]).count();
            (rising, 4, totals[4] > totals[0])
        })
        .collect();
    let rising: usize = steps.iter().map(|s| s.0).sum();
    let whole = steps.iter().filter(|s| s.0 == 4).count();
    println!(
        "figure\tsteps of mixing at which drift rises\t{:.3}\tof steps\thigher\t0.95\t{} mixes, {whole} rise at every step, {} from end to end",
        rising as f64 / (4 * steps.len()) as f64,
        steps.len(),
        steps.iter().filter(|s| s.2).count()
    );
}

/// The part that both have from the top left, mixed in linear light.
fn mixed(a: &Preview, b: &Preview, share: f64) -> (Vec<[u8; 3]>, u32, u32) {
    let (w, h) = (a.width().min(b.width()), a.height().min(b.height()));
    let light = |v: u8| color::srgb_decode(f64::from(v) / 255.0);
    let pixel = |i: u32| {
        let at = |p: &Preview| p.codes()[(i / w * p.width() + i % w) as usize];
        let (a, b) = (at(a), at(b));
        std::array::from_fn(|c| color::encode8(((1.0 - share) * light(a[c]) + share * light(b[c])) as f32))
    };
    ((0..w * h).map(pixel).collect(), w, h)
}

/// A band for each style, a row in it for each archive (its own first, dark), a tick for each picture: drift from 0.25 at
/// the left to 64 at the right, doubling every eighth; a line stands at 1.
fn plot(path: &Path, archives: &[Archive], judged: &[Judged]) {
    const COLOURS: [[u8; 3]; 8] = [
        [214, 39, 40],
        [31, 119, 180],
        [44, 160, 44],
        [255, 127, 14],
        [148, 103, 189],
        [140, 86, 75],
        [23, 190, 207],
        [188, 189, 34],
    ];
    let count = archives.len();
    let (row, gap, width) = (14, 16, 960);
    let height = count * (count * row + gap) + gap;
    let mut codes = vec![[255u8; 3]; width * height];
    let x_of = |drift: f64| {
        (((libm::log2(drift.max(1e-9)) + 2.0) / 8.0).clamp(0.0, 1.0) * (width - 3) as f64) as usize
    };
    let band = |home: usize| gap + home * (count * row + gap);
    for home in 0..count {
        for y in band(home)..band(home) + count * row {
            for n in 0..=8 {
                let shade = if n == 2 { 60 } else { 225 };
                codes[y * width + x_of(libm::exp2(f64::from(n) - 2.0))] = [shade; 3];
            }
        }
    }
    for j in judged {
        let place = if j.from == j.home {
            0
        } else if j.from < j.home {
            j.from + 1
        } else {
            j.from
        };
        let colour = if j.from == j.home {
            [40; 3]
        } else {
            COLOURS[j.from % 8]
        };
        let (x, top) = (x_of(j.parts[0]), band(j.home) + place * row);
        for y in top + 1..top + row - 2 {
            for x in x..x + 2 {
                let pixel = &mut codes[y * width + x];
                *pixel = std::array::from_fn(|c| ((u16::from(pixel[c]) + u16::from(colour[c])) / 2) as u8);
            }
        }
    }
    png::write8(path, &codes, width as u32, height as u32).unwrap();
}
