//! Flicker put into clips and taken off again.

use std::path::Path;

use anyhow::Context;
use heirloom_dailies::measures::{MeasureOptions, Measures, OfPictures, measure as measures};
use heirloom_film::Rate;
use heirloom_picture::care::{Deflicker, DeflickerOptions, Gains};
use heirloom_picture::preview::Preview;
use heirloom_picture::resample::{self, Window};
use heirloom_picture::{Image, color, photo, png};

use crate::mean;

const WIDTH: u32 = 480;
const HEIGHT: u32 = 270;
const FRAMES: u32 = 32;
/// Cells of light that is put in.
const CELLS: (u16, u16) = (5, 3);

/// Lots of our own (SplitMix64).
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From -1 to 1.
    fn either(&mut self) -> f32 {
        (self.next() >> 11) as f32 / (1u64 << 52) as f32 - 1.0
    }
}

/// What is put into the light of a clip: frame by frame the logarithms of a grid of gains.
struct Kind {
    name: &'static str,
    note: &'static str,
    light: fn(u32, &mut Lot) -> Vec<[f32; 3]>,
}

const CELL_COUNT: usize = CELLS.0 as usize * CELLS.1 as usize;

fn even(log: [f32; 3]) -> Vec<[f32; 3]> {
    vec![log; CELL_COUNT]
}

/// Flicker, that is to go.
const FLICKER: [Kind; 3] = [
    Kind {
        name: "of the whole frame",
        note: "each frame's light off by up to 8 %",
        light: |_, lot| even([0.08 * lot.either(); 3]),
    },
    Kind {
        name: "of single places",
        note: "each of 5 x 3 places off by up to 12 % in each frame",
        light: |_, lot| (0..CELL_COUNT).map(|_| [0.12 * lot.either(); 3]).collect(),
    },
    Kind {
        name: "of colours",
        note: "red, green and blue of each frame off by up to 8 %, each by itself",
        light: |_, lot| even([0.08 * lot.either(), 0.08 * lot.either(), 0.08 * lot.either()]),
    },
];

/// Light that is meant, and is to stay.
const MEANT: [Kind; 4] = [
    Kind {
        name: "none",
        note: "no change of light",
        light: |_, _| even([0.0; 3]),
    },
    Kind {
        name: "a fade",
        note: "to an eighth of the light, evenly",
        light: |n, _| even([ln(1.0 - 0.875 * n as f32 / FRAMES as f32); 3]),
    },
    Kind {
        name: "a flash",
        note: "two frames, 65 % more light",
        light: |n, _| even([if (15..17).contains(&n) { 0.5 } else { 0.0 }; 3]),
    },
    Kind {
        name: "a light that passes",
        note: "65 % more light in a fifth of the width, from left to right",
        light: |n, _| {
            (0..CELL_COUNT)
                .map(|cell| {
                    let off = (cell % CELLS.0 as usize) as f32 - n as f32 * 4.0 / FRAMES as f32;
                    [0.5 * (-off * off).exp(); 3]
                })
                .collect()
        },
    },
];

fn ln(v: f32) -> f32 {
    v.ln()
}

/// A camera's way over a photograph: a slow pan with a push-in.
fn way(photograph: &Image, turn: u64) -> Vec<Image> {
    let mut lot = Lot(turn);
    let (w, h) = (f64::from(photograph.width()), f64::from(photograph.height()));
    let seen = 0.6 * w.min(h * f64::from(WIDTH) / f64::from(HEIGHT));
    let go = [f64::from(lot.either()) * 0.08, f64::from(lot.either()) * 0.05];
    (0..FRAMES)
        .map(|n| {
            let time = f64::from(n) / f64::from(FRAMES) - 0.5;
            let width = seen * (1.0 - 0.06 * time);
            let tall = width * f64::from(HEIGHT) / f64::from(WIDTH);
            let window = Window {
                left: w / 2.0 + go[0] * time * seen - width / 2.0,
                top: h / 2.0 + go[1] * time * seen - tall / 2.0,
                width,
                height: tall,
            };
            resample::window(photograph, window, WIDTH, HEIGHT)
        })
        .collect()
}

/// The way in other light, with fresh grain, as 8-bit codes keep it.
fn lit(way: &[Image], kind: &Kind, seed: u64) -> anyhow::Result<Vec<Image>> {
    let mut lot = Lot(seed);
    let mut clip = Vec::new();
    for (n, frame) in (0..).zip(way) {
        let gains = Gains::from_log(CELLS.0, CELLS.1, &(kind.light)(n, &mut lot)).context("a grid")?;
        let codes = color::to_video16(&gains.apply(frame));
        let codes: Vec<[u8; 3]> = codes
            .iter()
            .map(|code| {
                let grain = lot.either() + lot.either();
                code.map(|v| (f32::from(v) / 257.0 + 1.5 * grain + 0.5).clamp(0.0, 255.0) as u8)
            })
            .collect();
        clip.push(color::from_display8(&codes, WIDTH, HEIGHT).context("a frame")?);
    }
    Ok(clip)
}

fn mended(clip: &[Image]) -> Vec<Image> {
    let mut care = Deflicker::new(FRAMES, DeflickerOptions::default());
    (0..FRAMES)
        .map(|n| {
            let Ok(gains) =
                care.gains::<std::convert::Infallible>(n, &mut |at| Ok(clip[at as usize].clone()));
            gains.apply(&clip[n as usize])
        })
        .collect()
}

fn measured(clip: &[Image]) -> anyhow::Result<Measures> {
    let pictures: Vec<Preview> = clip.iter().map(|image| Preview::of_image(image, WIDTH)).collect();
    let options = MeasureOptions {
        frames_per_second: 24,
        ..MeasureOptions::default()
    };
    Ok(measures(
        &mut OfPictures::new(pictures.into_iter(), Rate::CINEMA),
        &heirloom_dailies::measures::Context::default(),
        &options,
    )?)
}

/// Mean difference in codes.
fn apart(a: &[Image], b: &[Image]) -> f64 {
    let each = a.iter().zip(b).map(|(a, b)| {
        let (a, b) = (color::to_video16(a), color::to_video16(b));
        let sum: f64 = a
            .as_flattened()
            .iter()
            .zip(b.as_flattened())
            .map(|(a, b)| f64::from(a.abs_diff(*b)) / 257.0)
            .sum();
        sum / a.as_flattened().len() as f64
    });
    mean(&each.collect::<Vec<f64>>())
}

/// Measures every kind over every photograph, and prints figures.
pub fn measure(photographs: &Path, pictures: &Path) -> anyhow::Result<()> {
    let mut paths: Vec<_> = std::fs::read_dir(photographs)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "jpg" || e == "png"));
    paths.sort();
    let mut ways = Vec::new();
    for (n, path) in (0..).zip(&paths) {
        let name = path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        ways.push((name, way(&photo::read(path)?.image, n + 3)));
    }
    for kind in &FLICKER {
        let (mut ratios, mut sharp, mut worst) = (Vec::new(), Vec::new(), (0.0, String::new()));
        for (n, (name, way)) in (0..).zip(&ways) {
            let hurt = lit(way, kind, n)?;
            let mend = mended(&hurt);
            let (was, is) = (measured(&hurt)?, measured(&mend)?);
            let number = |m: &Measures| match kind.name {
                "of single places" => m.flicker.local_percent,
                _ => m.flicker.frame_percent,
            };
            let (Some(before), Some(after)) = (number(&was), number(&is)) else {
                continue;
            };
            let ratio = after / before;
            println!(
                "{name}: flicker {} {before:.3} became {after:.3} percent",
                kind.name
            );
            ratios.push(ratio);
            if ratio > worst.0 {
                worst = (ratio, name.clone());
            }
            if let (Some(before), Some(after)) = (was.sharpness.blur_px, is.sharpness.blur_px) {
                sharp.push(before / after);
            }
            if n == 0 {
                strip(
                    &hurt,
                    &mend,
                    &pictures.join(format!("care-flicker-{}.png", kind.name.replace(' ', "-"))),
                )?;
            }
        }
        println!(
            "figure\tflicker {}, mended against injected\t{:.3}\ttimes\tlower\t0.5\t{}; worst clip {} {:.3}",
            kind.name,
            mean(&ratios),
            kind.note,
            worst.1,
            worst.0
        );
        println!(
            "figure\tflicker {}, sharpness mended against injected\t{:.3}\ttimes\thigher\t0.98\tleast {:.3}",
            kind.name,
            mean(&sharp),
            sharp.iter().copied().fold(f64::INFINITY, f64::min)
        );
    }
    for kind in &MEANT {
        let (mut changes, mut worst) = (Vec::new(), (0.0, String::new()));
        for (n, (name, way)) in (0..).zip(&ways) {
            let meant = lit(way, kind, n)?;
            let change = apart(&mended(&meant), &meant);
            if change > worst.0 {
                worst = (change, name.clone());
            }
            changes.push(change);
        }
        println!(
            "figure\tlight that is meant: {}, changed by\t{:.3}\tcodes of 255\tlower\t1\t{}; most {} {:.3}",
            kind.name,
            mean(&changes),
            kind.note,
            worst.1,
            worst.0
        );
    }
    Ok(())
}

/// Eight frames in a row, small and one third of each: as they were hurt above, mended below.
fn strip(hurt: &[Image], mend: &[Image], path: &Path) -> anyhow::Result<()> {
    let (across, w, h) = (12u32, 80u32, 135u32);
    let mut codes = vec![[0u8; 3]; (across * w * 2 * h) as usize];
    for (row, clip) in (0..).zip([hurt, mend]) {
        for n in 0..across {
            let small = resample::scale_to(&clip[n as usize + 6], WIDTH / 2, HEIGHT / 2);
            let small_codes = color::to_display8(&small);
            for y in 0..h {
                let from = (y * (WIDTH / 2) + 80) as usize;
                let to = ((row * h + y) * across * w + n * w) as usize;
                codes[to..to + w as usize].copy_from_slice(&small_codes[from..from + w as usize]);
            }
        }
    }
    png::write8(path, &codes, across * w, 2 * h)?;
    Ok(())
}
