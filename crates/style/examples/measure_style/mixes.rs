//! Whether drift rises as a foreign picture is mixed in.

use super::{Archive, half, shuffled};
use heirloom_picture::color;
use heirloom_picture::measure::View;
use heirloom_picture::preview::Preview;
use heirloom_style::drift::{Features, Reference};
use rayon::prelude::*;

/// Mixes of each pair of archives.
const MIXES: usize = 4;
const STEPS: u32 = 5;
/// A fall by this share is taken for the noise of measuring.
const NOISE: f64 = 0.02;

/// Prints figures: steps that do not fall, for pictures as near as usual at first (drift 1 or less) and for all.
pub fn report(archives: &[Archive]) {
    let mut runs: Vec<(Reference, &Preview, &Preview)> = Vec::new();
    for (home, archive) in archives.iter().enumerate() {
        let (reference, held_out) = half(archive, 1);
        for (from, foreign) in archives.iter().enumerate().filter(|(n, _)| *n != home) {
            let order = shuffled(held_out.len(), from as u64);
            let others = shuffled(foreign.sources.len(), home as u64);
            for n in 0..MIXES {
                let own = &held_out[order[n % order.len()]].picture;
                runs.push((
                    reference.clone(),
                    own,
                    &foreign.sources[others[n % others.len()]].picture,
                ));
            }
        }
    }
    let totals: Vec<Vec<f64>> = runs
        .par_iter()
        .map(|(reference, own, other)| {
            let at = |n: u32| {
                let codes = mixed(own, other, f64::from(n) / f64::from(STEPS));
                let view = View::new(&codes, own.width(), own.height()).unwrap();
                reference.drift(&Features::of(&view)).total
            };
            (0..=STEPS).map(at).collect()
        })
        .collect();
    let near: Vec<&Vec<f64>> = totals.iter().filter(|t| t[0] <= 1.0).collect();
    say("of pictures that start at 1 or nearer", "0.95", &near);
    say("of all", "-", &totals.iter().collect::<Vec<_>>());
}

fn say(of: &str, goal: &str, totals: &[&Vec<f64>]) {
    let holds = |pair: &[f64]| pair[1] >= (1.0 - NOISE) * pair[0];
    let steps: usize = totals
        .iter()
        .map(|t| t.windows(2).filter(|p| holds(p)).count())
        .sum();
    let whole = totals.iter().filter(|t| t.windows(2).all(holds)).count();
    let ends = totals.iter().filter(|t| t[t.len() - 1] > t[0]).count();
    println!(
        "figure\tsteps of mixing at which drift does not fall, {of}\t{:.3}\t\thigher\t{goal}\t{} mixes of {STEPS} steps: {whole} never fall, {ends} end higher",
        steps as f64 / (STEPS as usize * totals.len().max(1)) as f64,
        totals.len()
    );
}

/// A share of `b`, scaled to the size of `a`, in `a`; in linear light.
fn mixed(a: &Preview, b: &Preview, share: f64) -> Vec<[u8; 3]> {
    let light = |v: u8| color::srgb_decode(f64::from(v) / 255.0);
    let (w, h) = (a.width() as usize, a.height() as usize);
    let (bw, bh) = (b.width() as usize, b.height() as usize);
    let at = |x: usize, y: usize, c: usize| light(b.codes()[y.min(bh - 1) * bw + x.min(bw - 1)][c]);
    let scaled = |x: usize, y: usize, c: usize| {
        let (x, y) = (
            ((x as f64 + 0.5) * bw as f64 / w as f64 - 0.5).max(0.0),
            ((y as f64 + 0.5) * bh as f64 / h as f64 - 0.5).max(0.0),
        );
        let (i, j) = (x as usize, y as usize);
        let (dx, dy) = (x - i as f64, y - j as f64);
        let row = |j: usize| (1.0 - dx) * at(i, j, c) + dx * at(i + 1, j, c);
        (1.0 - dy) * row(j) + dy * row(j + 1)
    };
    let pixel = |n: usize| {
        std::array::from_fn(|c| {
            let own = light(a.codes()[n][c]);
            color::encode8(((1.0 - share) * own + share * scaled(n % w, n / w, c)) as f32)
        })
    };
    (0..w * h).map(pixel).collect()
}
