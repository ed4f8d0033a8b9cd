//! How well drift tells archives apart: every folder is one archive, its files split in halves over several seeds.
//!
//! `cargo run --release -p heirloom-style --example measure_style -- PLOT.png FOLDER...` fits a reference to one half of
//! each archive, and asks how often a picture of its other half drifts less than one of another archive (AUC). Pictures in
//! a folder `NAME.crops` are cut into 3 x 3 pictures that do not overlap; crops of one file never stand on both sides.
//! Archives of fewer than twelve files are foreign to the others only. Prints figures as xtask reads them, the pictures that
//! fell on the wrong side, and draws a strip for each pair of archives.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use heirloom_picture::measure::View;
use heirloom_picture::preview::{Preview, decode};
use heirloom_picture::{color, png};
use heirloom_style::drift::{Drift, Features, Reference};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

const SEEDS: u64 = 5;
const SIDE: u32 = 1024;
const LEAST_FILES: usize = 12;
const PARTS: [&str; 6] = ["total", "palette", "contrast", "texture", "grain", "sharpness"];

struct Source {
    file: String,
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
        for home in homes(&archives) {
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
                    file: name.clone(),
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

/// The archives that are large enough to be split.
fn homes(archives: &[Archive]) -> Vec<usize> {
    (0..archives.len())
        .filter(|n| files(&archives[*n]).len() >= LEAST_FILES)
        .collect()
}

fn files(archive: &Archive) -> Vec<&str> {
    let mut files: Vec<&str> = archive.sources.iter().map(|s| s.file.as_str()).collect();
    files.dedup();
    files
}

/// A reference to one half of an archive's files, and what is in the others.
fn half(archive: &Archive, seed: u64) -> (Reference, Vec<&Source>) {
    let files = files(archive);
    let order = shuffled(files.len(), seed);
    let fitted: Vec<&str> = order[..order.len().div_ceil(2)]
        .iter()
        .map(|n| files[*n])
        .collect();
    let (ours, held_out): (Vec<&Source>, Vec<&Source>) = archive
        .sources
        .iter()
        .partition(|s| fitted.contains(&s.file.as_str()));
    let features: Vec<Features> = ours.iter().map(|s| s.features.clone()).collect();
    let reference = Reference::fit(&features).unwrap_or_else(|e| panic!("{}: {e}", archive.name));
    (reference, held_out)
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
    let pairs = || {
        homes(archives)
            .into_iter()
            .flat_map(|a| (0..count).filter(move |b| *b != a).map(move |b| (a, b)))
    };
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
    for home in homes(archives) {
        let archive = &archives[home];
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
    for home in homes(archives) {
        let (reference, held_out) = half(&archives[home], 1);
        for archive in archives
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != home)
            .map(|(_, a)| a)
        {
            for n in 0..4 {
                let own = &held_out[n % held_out.len()].picture;
                let other = &archive.sources[shuffled(archive.sources.len(), n as u64)[0]].picture;
                runs.push((reference.clone(), own, other));
            }
        }
    }
    let steps: Vec<(usize, usize, bool)> = runs
        .par_iter()
        .map(|(reference, own, other)| {
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

/// A band for each style, a row in it for each archive (its own first, dark), a tick for each picture: drift from 1/4 to 64
/// on a logarithmic axis; a dark line stands at 1.
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
    let (count, homes) = (archives.len(), homes(archives));
    let (row, gap, left, width) = (15, 40, 170, 1160);
    let height = homes.len() * (count * row + gap) + gap;
    let mut codes = vec![[255u8; 3]; width * height];
    let span = (width - left - 20) as f64;
    let x_of =
        |drift: f64| left + (((libm::log2(drift.max(1e-9)) + 2.0) / 8.0).clamp(0.0, 1.0) * span) as usize;
    for (band, home) in homes.iter().enumerate() {
        let top = gap + band * (count * row + gap);
        words(
            &mut codes,
            width,
            (6, top - 18),
            &format!("style {}", archives[*home].name),
            [0; 3],
        );
        for n in 0..=8 {
            let x = x_of(libm::exp2(f64::from(n) - 2.0));
            let label = ["0.25", "0.5", "1", "2", "4", "8", "16", "32", "64"][n as usize];
            words(&mut codes, width, (x - 6 * label.len(), top - 18), label, [90; 3]);
            for y in top..top + count * row {
                codes[y * width + x] = [if n == 2 { 60 } else { 215 }; 3];
            }
        }
        for from in 0..count {
            let colour = if from == *home { [40; 3] } else { COLOURS[from % 8] };
            let place = if from == *home {
                0
            } else {
                from + usize::from(from < *home)
            };
            let top = top + place * row;
            words(&mut codes, width, (20, top), &archives[from].name, colour);
            for j in judged.iter().filter(|j| j.home == *home && j.from == from) {
                let x = x_of(j.parts[0]);
                for pixel in (top + 1..top + row - 2).flat_map(|y| [y * width + x, y * width + x + 1]) {
                    let mix = |c: usize| ((u16::from(codes[pixel][c]) + u16::from(colour[c])) / 2) as u8;
                    codes[pixel] = [mix(0), mix(1), mix(2)];
                }
            }
        }
    }
    png::write8(path, &codes, width as u32, height as u32).unwrap();
}

/// Letters of 5 columns by 7 rows, the lowest bit on top: a to z, then 0 to 9, then a point.
const LETTERS: [[u8; 5]; 37] = [
    [0x20, 0x54, 0x54, 0x54, 0x78],
    [0x7f, 0x48, 0x44, 0x44, 0x38],
    [0x38, 0x44, 0x44, 0x44, 0x20],
    [0x38, 0x44, 0x44, 0x48, 0x7f],
    [0x38, 0x54, 0x54, 0x54, 0x18],
    [0x08, 0x7e, 0x09, 0x01, 0x02],
    [0x0c, 0x52, 0x52, 0x52, 0x3e],
    [0x7f, 0x08, 0x04, 0x04, 0x78],
    [0x00, 0x44, 0x7d, 0x40, 0x00],
    [0x20, 0x40, 0x44, 0x3d, 0x00],
    [0x7f, 0x10, 0x28, 0x44, 0x00],
    [0x00, 0x41, 0x7f, 0x40, 0x00],
    [0x7c, 0x04, 0x18, 0x04, 0x78],
    [0x7c, 0x08, 0x04, 0x04, 0x78],
    [0x38, 0x44, 0x44, 0x44, 0x38],
    [0x7c, 0x14, 0x14, 0x14, 0x08],
    [0x08, 0x14, 0x14, 0x18, 0x7c],
    [0x7c, 0x08, 0x04, 0x04, 0x08],
    [0x48, 0x54, 0x54, 0x54, 0x20],
    [0x04, 0x3f, 0x44, 0x40, 0x20],
    [0x3c, 0x40, 0x40, 0x20, 0x7c],
    [0x1c, 0x20, 0x40, 0x20, 0x1c],
    [0x3c, 0x40, 0x30, 0x40, 0x3c],
    [0x44, 0x28, 0x10, 0x28, 0x44],
    [0x0c, 0x50, 0x50, 0x50, 0x3c],
    [0x44, 0x64, 0x54, 0x4c, 0x44],
    [0x3e, 0x51, 0x49, 0x45, 0x3e],
    [0x00, 0x42, 0x7f, 0x40, 0x00],
    [0x42, 0x61, 0x51, 0x49, 0x46],
    [0x21, 0x41, 0x45, 0x4b, 0x31],
    [0x18, 0x14, 0x12, 0x7f, 0x10],
    [0x27, 0x45, 0x45, 0x45, 0x39],
    [0x3c, 0x4a, 0x49, 0x49, 0x30],
    [0x01, 0x71, 0x09, 0x05, 0x03],
    [0x36, 0x49, 0x49, 0x49, 0x36],
    [0x06, 0x49, 0x49, 0x29, 0x1e],
    [0x00, 0x60, 0x60, 0x00, 0x00],
];

/// Words in letters of twice the size, from a corner on; what has no letter is a space.
fn words(codes: &mut [[u8; 3]], width: usize, (left, top): (usize, usize), text: &str, colour: [u8; 3]) {
    for (n, byte) in text.bytes().enumerate() {
        let letter = match byte {
            b'a'..=b'z' => LETTERS[usize::from(byte - b'a')],
            b'0'..=b'9' => LETTERS[usize::from(byte - b'0') + 26],
            b'.' => LETTERS[36],
            _ => [0; 5],
        };
        for (x, y) in (0..10).flat_map(|x| (0..14).map(move |y| (x, y))) {
            if letter[x / 2] >> (y / 2) & 1 == 1 {
                codes[(top + y) * width + left + 12 * n + x] = colour;
            }
        }
    }
}
