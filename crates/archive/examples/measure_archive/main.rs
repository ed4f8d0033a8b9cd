//! How well near copies are found, and bad photographs told: alters photographs in known ways and looks at all of them.
//!
//! `cargo run --release -p heirloom-archive --example measure_archive -- LIST`
//!
//! LIST is a text file with a name, a tab and a path on each line. Originals are the photographs and two quarters of each:
//! different places of one photograph are different pictures of the same kind, the hardest to tell apart. A quarter and
//! the whole that it was cut from are not counted either way.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program prints, and may end at the first thing wrong"
)]

#[path = "../../tests/altered/mod.rs"]
mod altered;
mod copies;
mod faults;
mod pairs;

use std::path::Path;
use std::time::Instant;

use altered::Codes;
use rayon::prelude::*;

/// Pixels on an original's longer side.
const SIDE: u32 = 1024;

/// A photograph or a quarter of one.
pub struct Original {
    /// The photograph's name, of a quarter with its number.
    pub name: String,
    /// Which photograph it is of.
    pub photograph: usize,
    /// The photograph itself, not a quarter.
    pub whole: bool,
    /// Its pixels.
    pub codes: Codes,
}

impl Original {
    /// Whether the two share pixels: one is a quarter of the other.
    pub fn kin(&self, other: &Self) -> bool {
        self.photograph == other.photograph && self.whole != other.whole
    }
}

fn main() {
    let list = std::env::args().nth(1).unwrap_or_default();
    let Ok(list) = std::fs::read_to_string(&list) else {
        println!("give a list of photographs: a text file with a name, a tab and a path on each line");
        std::process::exit(2);
    };
    let lines: Vec<(&str, &str)> = list.lines().filter_map(|l| l.split_once('\t')).collect();
    let read: Vec<Option<Codes>> = lines
        .par_iter()
        .map(|(_, path)| Codes::read(Path::new(path), SIDE))
        .collect();
    let mut originals = Vec::new();
    for (photograph, ((name, path), codes)) in lines.iter().zip(read).enumerate() {
        let Some(codes) = codes else {
            println!("not read: {name} ({path})");
            continue;
        };
        originals.extend(quarters(name, photograph, &codes));
        originals.push(Original {
            name: (*name).to_owned(),
            photograph,
            whole: true,
            codes,
        });
    }
    let wholes = originals.iter().filter(|o| o.whole).count();
    let before = Instant::now();
    let pictures: Vec<copies::Picture> = originals
        .par_iter()
        .enumerate()
        .flat_map_iter(|(n, o)| copies::all_of(n, o))
        .collect();
    println!(
        "{wholes} photographs, {} originals, {} pictures, {:.1} s",
        originals.len(),
        pictures.len(),
        before.elapsed().as_secs_f64()
    );
    figure("photographs", wholes as f64, "", "higher", "-", "");
    let note = format!(
        "the photographs, and {} quarters of them",
        originals.len() - wholes
    );
    figure("originals", originals.len() as f64, "", "higher", "-", &note);
    let before = Instant::now();
    pairs::in_pairs(&originals, &pictures);
    println!("pairs: {:.1} s", before.elapsed().as_secs_f64());
    let before = Instant::now();
    pairs::in_groups(&originals, &pictures);
    println!("groups: {:.1} s", before.elapsed().as_secs_f64());
    let before = Instant::now();
    faults::measure(&originals);
    println!("faults: {:.1} s", before.elapsed().as_secs_f64());
    let took: f64 = pictures.iter().map(|p| p.took.as_secs_f64()).sum();
    figure(
        "fingerprint of a picture",
        took * 1e3 / pictures.len() as f64,
        "ms",
        "lower",
        "-",
        "with all cores busy",
    );
}

fn quarters(name: &str, photograph: usize, codes: &Codes) -> Vec<Original> {
    let (w, h) = (codes.width / 2, codes.height / 2);
    [(0, 0), (w, h)]
        .into_iter()
        .enumerate()
        .map(|(q, (x, y))| Original {
            name: format!("{name}/{q}"),
            photograph,
            whole: false,
            codes: codes.part(x, y, w, h),
        })
        // A quarter of one plain tone, sky or a backdrop, is no picture that could be told from another.
        .filter(|o| !plain(&o.codes))
        .collect()
}

/// Whether nearly all pixels are within a few codes of each other.
fn plain(codes: &Codes) -> bool {
    let mut luma: Vec<u32> = codes
        .codes
        .iter()
        .map(|c| c.iter().map(|v| u32::from(*v)).sum::<u32>() / 3)
        .collect();
    luma.sort_unstable();
    let at = |share: usize| luma.get(luma.len() * share / 100).copied().unwrap_or(0);
    at(98) - at(2) < 8
}

/// One line for `cargo xtask measure`.
pub fn figure(name: &str, value: f64, unit: &str, better: &str, goal: &str, note: &str) {
    let value = (value * 10_000.0).round() / 10_000.0;
    println!("figure\t{name}\t{value}\t{unit}\t{better}\t{goal}\t{note}");
}

/// A part of all, 0 to 1.
pub fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}
