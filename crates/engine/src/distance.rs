//! How far two takes lie apart: composition, matter and motion, each a number from 0 to 1.
//!
//! ```text
//! whole = 0.60 composition + 0.25 matter + 0.15 motion
//! ```
//!
//! and where a part can not be told (an engine without origins, takes of one frame) the others by their weights.
//!
//! - *Composition* compares coarse pictures: frames at the beginning, middle and end of both takes as means of
//!   [`GRID`] cells in OKLab (Ottosson, "A perceptual color space for image processing", 2020), softened once. With
//!   d² the mean square of the difference and v, m each take's variance and mean colour it is
//!   sqrt(d² / (2(v + v') + |m - m'|²)): 0 for equal pictures, about 0.7 for two that have nothing to do with each
//!   other, 1 for a picture and its negative. So it does not depend on how strong a photograph's contrasts are.
//! - *Matter* compares which places of which photographs are used: shares of the sources' [`BINS`] x [`BINS`] bins,
//!   and of those the part that is not common (total variation distance).
//! - *Motion* compares how the picture moves (optical flow between small frames, in heights a second):
//!   sqrt(d² / (2(p + p'))), d² the mean square of the difference, p the mean square of each.
//!
//! All parts are 0 between a take and itself and the same both ways round. Sizes, rates and lengths may differ.

use std::collections::BTreeMap;
use std::fmt;

use heirloom_film::Rate;
use heirloom_picture::flow::{self, FlowOptions};
use heirloom_picture::{Image, LinearRec709, resample};
use heirloom_vault::ObjectId;
use serde::Serialize;

use crate::job::Failure;
use crate::take::TakeFrames;

/// Cells across and down that compositions are compared in.
pub const GRID: (u32, u32) = (32, 18);
/// Bins of a photograph across and down.
pub const BINS: u32 = 12;
/// Pixels across and down in which origins are asked for.
const ASKED: (u32, u32) = (96, 54);
/// Size of the frames between which motion is looked for.
const MOVING: (u32, u32) = (160, 90);
/// Seconds from one frame to the other between which motion is looked for.
const APART_S: f64 = 0.25;

/// How far two takes lie apart. All 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distance {
    /// All parts together.
    pub whole: f64,
    /// Where which colours are.
    pub composition: f64,
    /// Which places of the sources are used; none where an engine can not say.
    pub matter: Option<f64>,
    /// How the picture moves; none where a take has a single frame.
    pub motion: Option<f64>,
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |value: Option<f64>| value.map_or("   - ".to_owned(), |v| format!("{v:.3}"));
        writeln!(f, "distance     {:.3}", self.whole)?;
        writeln!(
            f,
            "  composition  {:.3}   where which colours are",
            self.composition
        )?;
        writeln!(
            f,
            "  matter       {}   which places of the sources are used",
            part(self.matter)
        )?;
        write!(f, "  motion       {}   how the picture moves", part(self.motion))
    }
}

/// What a take is compared by; made once where it is compared with several.
#[derive(Debug, Clone)]
pub struct Signature {
    /// OKLab means of the cells, one grid a frame looked at.
    cells: Vec<Vec<[f64; 3]>>,
    matter: BTreeMap<(ObjectId, u32), f64>,
    /// Motion in heights a second, one field a pair of frames looked at.
    motion: Vec<Vec<[f64; 2]>>,
}

impl Signature {
    /// Looks at a take whose frames follow each other at `rate`.
    ///
    /// # Errors
    /// As [`TakeFrames::frame`].
    pub fn of(take: &dyn TakeFrames, rate: Rate) -> Result<Signature, Failure> {
        let last = take.frames().saturating_sub(1);
        let looked_at = [0, last / 2, last];
        let mut signature = Signature {
            cells: Vec::new(),
            matter: BTreeMap::new(),
            motion: Vec::new(),
        };
        let step =
            ((f64::from(rate.num()) / f64::from(rate.den().max(1)) * APART_S) as u32).clamp(1, last.max(1));
        for (k, n) in looked_at.into_iter().enumerate() {
            if k > 0 && n == looked_at[k - 1] {
                // A take so short that two of them are one: it counts once more, so that takes of any length compare.
                signature.repeat();
                continue;
            }
            let frame = take.frame(n)?;
            signature.cells.push(cells(&frame));
            matter(take, n, &mut signature.matter)?;
            if last > 0 {
                let (from, to) = if n + step <= last {
                    (n, n + step)
                } else {
                    (last - step, last)
                };
                let (a, b) = (take.frame(from)?, take.frame(to)?);
                let seconds = f64::from(step) * f64::from(rate.den()) / f64::from(rate.num().max(1));
                signature.motion.push(motion(&a, &b, seconds)?);
            }
        }
        let all: f64 = signature.matter.values().sum();
        signature
            .matter
            .values_mut()
            .for_each(|share| *share /= all.max(1e-12));
        Ok(signature)
    }

    fn repeat(&mut self) {
        if let Some(again) = self.cells.last().cloned() {
            self.cells.push(again);
        }
        if let Some(again) = self.motion.last().cloned() {
            self.motion.push(again);
        }
    }

    /// How far the two lie apart.
    pub fn distance(&self, other: &Signature) -> Distance {
        let pairs = self.cells.iter().zip(&other.cells);
        let each: Vec<f64> = pairs.map(|(a, b)| composition(a, b)).collect();
        let composition = mean(&each);
        let matter = (!self.matter.is_empty() && !other.matter.is_empty()).then(|| {
            // Half of all differences, so that a take is exactly 0 from itself.
            let bins = self.matter.keys().chain(other.matter.keys());
            let of = |side: &BTreeMap<_, f64>, bin| side.get(bin).copied().unwrap_or(0.0);
            let all: std::collections::BTreeSet<_> = bins.collect();
            let apart: f64 = all
                .into_iter()
                .map(|bin| (of(&self.matter, bin) - of(&other.matter, bin)).abs())
                .sum();
            (apart / 2.0).clamp(0.0, 1.0)
        });
        let motion = (!self.motion.is_empty() && !other.motion.is_empty()).then(|| {
            let pairs = self.motion.iter().zip(&other.motion);
            let each: Vec<f64> = pairs.map(|(a, b)| unlike(a, b)).collect();
            mean(&each)
        });
        let parts = [(0.60, Some(composition)), (0.25, matter), (0.15, motion)];
        let told = parts.iter().filter_map(|(weight, part)| Some((weight, (*part)?)));
        let (sum, weights) = told.fold((0.0, 0.0), |(s, w), (weight, part)| {
            (s + weight * part, w + weight)
        });
        Distance {
            whole: sum / weights,
            composition,
            matter,
            motion,
        }
    }
}

/// How far two takes lie apart, each with its rate.
///
/// # Errors
/// As [`TakeFrames::frame`].
pub fn between(a: (&dyn TakeFrames, Rate), b: (&dyn TakeFrames, Rate)) -> Result<Distance, Failure> {
    Ok(Signature::of(a.0, a.1)?.distance(&Signature::of(b.0, b.1)?))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Linear sRGB to OKLab: lightness 0..1, green to red, blue to yellow.
pub fn oklab(rgb: [f32; 3]) -> [f64; 3] {
    let [r, g, b] = rgb.map(|v| f64::from(v.max(0.0)));
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

/// The mean colours of a frame's cells, each softened with its neighbours.
fn cells(frame: &Image) -> Vec<[f64; 3]> {
    let small: Image<LinearRec709> = resample::scale_to(frame, GRID.0, GRID.1).to_space();
    let (w, h) = (GRID.0 as usize, GRID.1 as usize);
    let raw: Vec<[f64; 3]> = small.pixels().iter().map(|p| oklab([p[0], p[1], p[2]])).collect();
    let soften = |px: &[[f64; 3]], dx: usize, dy: usize| -> Vec<[f64; 3]> {
        (0..w * h)
            .map(|i| {
                let (x, y) = (i % w, i / w);
                let before = px[y.saturating_sub(dy) * w + x.saturating_sub(dx)];
                let after = px[(y + dy).min(h - 1) * w + (x + dx).min(w - 1)];
                std::array::from_fn(|k| 0.25 * before[k] + 0.5 * px[i][k] + 0.25 * after[k])
            })
            .collect()
    };
    soften(&soften(&raw, 1, 0), 0, 1)
}

/// Difference that nobody sees, in OKLab: what keeps two flat pictures from being far apart.
const UNSEEN: f64 = 0.01;

fn composition(a: &[[f64; 3]], b: &[[f64; 3]]) -> f64 {
    let n = a.len().max(1) as f64;
    let about = |px: &[[f64; 3]]| -> ([f64; 3], f64) {
        let m: [f64; 3] = std::array::from_fn(|k| px.iter().map(|p| p[k]).sum::<f64>() / n);
        let spread = px.iter().flat_map(|p| (0..3).map(move |k| (p[k] - m[k]).powi(2)));
        (m, spread.sum::<f64>() / n)
    };
    let ((ma, va), (mb, vb)) = (about(a), about(b));
    let squared = |p: &[f64; 3], q: &[f64; 3]| (0..3).map(|k| (p[k] - q[k]).powi(2)).sum::<f64>();
    let apart = a.iter().zip(b).map(|(p, q)| squared(p, q)).sum::<f64>() / n;
    (apart / (2.0 * (va + vb) + squared(&ma, &mb) + UNSEEN * UNSEEN))
        .sqrt()
        .min(1.0)
}

/// Adds the shares of the bins that frame `n` uses.
fn matter(take: &dyn TakeFrames, n: u32, into: &mut BTreeMap<(ObjectId, u32), f64>) -> Result<(), Failure> {
    let size = take.size();
    let (across, down) = (ASKED.0.min(size.width), ASKED.1.min(size.height));
    let at = |k: u32, of: u32, whole: u32| {
        ((u64::from(2 * k + 1) * u64::from(whole)) / u64::from(2 * of)).min(u64::from(whole - 1)) as u32
    };
    for row in 0..down {
        for column in 0..across {
            for origin in take.origins(n, at(column, across, size.width), at(row, down, size.height))? {
                let bin = |v: f64, whole: u32| {
                    let share = (v + 0.5) / f64::from(whole.max(1));
                    ((share * f64::from(BINS)) as u32).min(BINS - 1)
                };
                let (x, y) = (
                    bin(origin.scaled_x, origin.scaled_to.0),
                    bin(origin.scaled_y, origin.scaled_to.1),
                );
                *into.entry((origin.source, y * BINS + x)).or_default() += origin.weight;
            }
        }
    }
    Ok(())
}

/// Slowest motion that counts as one, in heights a second: what keeps two pictures that stand still together.
const STANDING: f64 = 0.002;

fn motion(a: &Image, b: &Image, seconds: f64) -> Result<Vec<[f64; 2]>, Failure> {
    let small = |image: &Image| resample::scale_to(image, MOVING.0, MOVING.1);
    let flow = flow::flow(&small(a), &small(b), &FlowOptions::quick())
        .map_err(|e| Failure::lasting("frame", e.to_string()))?;
    let scale = 1.0 / (f64::from(MOVING.1) * seconds.max(1e-6));
    // Means of cells: single vectors are not certain.
    let (w, h) = (GRID.0 as usize, GRID.1 as usize);
    let mut sums = vec![[0.0, 0.0, 0.0]; w * h];
    for (i, v) in flow.motion().iter().enumerate() {
        let (x, y) = (i % MOVING.0 as usize, i / MOVING.0 as usize);
        let cell = &mut sums[y * h / MOVING.1 as usize * w + x * w / MOVING.0 as usize];
        cell[0] += f64::from(v[0]) * scale;
        cell[1] += f64::from(v[1]) * scale;
        cell[2] += 1.0;
    }
    Ok(sums
        .iter()
        .map(|s| [s[0] / s[2].max(1.0), s[1] / s[2].max(1.0)])
        .collect())
}

fn unlike(a: &[[f64; 2]], b: &[[f64; 2]]) -> f64 {
    let power = |v: &[[f64; 2]]| v.iter().map(|v| v[0] * v[0] + v[1] * v[1]).sum::<f64>();
    let apart: f64 = a
        .iter()
        .zip(b)
        .map(|(p, q)| (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2))
        .sum();
    let floor = a.len() as f64 * STANDING * STANDING;
    (apart / (2.0 * (power(a) + power(b)) + floor)).sqrt().min(1.0)
}
