//! Noise taken off along the motion, and grain put in its place that looks as the take's own.
//!
//! *Along the motion* each pixel becomes the mean of itself and of what it was and will be in the two frames on each side,
//! fetched along optical flow, each by how like its surroundings are (as motion-compensated non-local means: Buades, Lisani,
//! Miladinović, "Patch-based video denoising with optical flow estimation", IEEE TIP 2016). *Where little is found* (hidden places,
//! motion that is not followed) the pixel's own surroundings are averaged instead, edges kept (Tomasi, Manduchi, "Bilateral
//! filtering for gray and color images", ICCV 1998). How strong noise is, is measured by light (Immerkær, "Fast noise variance
//! estimation", CVIU 1996, in the quieter quarter of the frame's blocks).
//!
//! *Grain* is measured in what was taken off: how strong it is by light, and how it is correlated over seven by seven pixels. Fresh
//! noise is given that correlation by the square root of its spectrum (Newson, Delon, Galerne, "A stochastic film grain model for
//! resolution-independent rendering", CGF 2017, say why its luminance alone is enough for the eye) and put back with that
//! strength: a seed and a frame always have the same grain.
//!
//! *Blind to:* texture that boils as noise does is noise here. Very fine texture that moves by parts of pixels loses a little.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rayon::prelude::*;

use super::grain::{Grain, light_bin};
use crate::flow::{self, CheckedFlow, Flow, FlowOptions, Plane};
use crate::image::{AcesCg, Image};
use crate::preview::fitted;
use crate::resample;

/// How noise is taken off. Values outside what is stated are brought to the nearest bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DenoiseOptions {
    /// How much of the noise is taken off, 0 to 1.
    pub strength: f32,
    /// How strong the grain is to be afterwards, against the take's own; 0 to 2, 1 keeps it.
    pub grain: f32,
    /// Chance of the grain.
    pub seed: u64,
}

impl Default for DenoiseOptions {
    fn default() -> Self {
        Self {
            strength: 1.0,
            grain: 1.0,
            seed: 0,
        }
    }
}

/// Frames each way that are averaged.
pub const REACH: u32 = 2;
/// Pixels on the longer side of the frames that motion is looked for in.
const MOTION_PX: u32 = 640;
/// Side of the blocks that noise is measured in.
const BLOCK: usize = 16;
/// Noise below this, in encoded light, is not worth the work: an eighth of an 8-bit step.
const LEAST: f32 = 0.0005;

/// Takes noise off a run of frames.
pub struct Denoise {
    frames: u32,
    options: DenoiseOptions,
    seen: BTreeMap<u32, Seen>,
    pairs: BTreeMap<u32, Option<Ways>>,
}

/// Motion from a frame to the next and back, each with where the two agree.
type Ways = [(Flow, Vec<bool>); 2];

/// A frame in encoded light, and small to look for motion in.
struct Seen {
    code: Image<AcesCg>,
    plane: Plane,
}

impl Denoise {
    /// For a run of so many frames.
    pub fn new(frames: u32, options: DenoiseOptions) -> Self {
        let bound = |v: f32, most: f32| if v.is_finite() { v.clamp(0.0, most) } else { 0.0 };
        Self {
            frames,
            options: DenoiseOptions {
                strength: bound(options.strength, 1.0),
                grain: bound(options.grain, 2.0),
                seed: options.seed,
            },
            seen: BTreeMap::new(),
            pairs: BTreeMap::new(),
        }
    }

    /// Frame `n` without noise, and with its grain. `fetch` gives frames, each asked for once while frames are worked on in order;
    /// the answer depends on the frames and the options alone.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub fn frame<E>(
        &mut self,
        n: u32,
        fetch: &mut dyn FnMut(u32) -> Result<Image<AcesCg>, E>,
    ) -> Result<Image<AcesCg>, E> {
        let (first, last) = (
            n.saturating_sub(REACH),
            n.saturating_add(REACH).min(self.frames.saturating_sub(1)).max(n),
        );
        self.seen.retain(|at, _| (first..=last).contains(at));
        self.pairs.retain(|at, _| (first..last).contains(at));
        for at in first..=last {
            if let Entry::Vacant(place) = self.seen.entry(at) {
                place.insert(Seen::of(&fetch(at)?));
            }
        }
        for at in first..last {
            if !self.pairs.contains_key(&at)
                && let (Some(from), Some(to)) = (self.seen.get(&at), self.seen.get(&(at + 1)))
            {
                self.pairs.insert(at, pair(from, to));
            }
        }
        Ok(self.cleaned(n, first, last))
    }

    fn cleaned(&self, n: u32, first: u32, last: u32) -> Image<AcesCg> {
        let Some(own) = self.seen.get(&n) else {
            return Image::new(0, 0);
        };
        let code = &own.code;
        let noise = Noise::of(code);
        if self.options.strength <= 0.0 || noise.is_nothing() {
            return map(code, decode);
        }
        let fetched: Vec<(Image<AcesCg>, Vec<bool>)> = (first..=last)
            .filter(|at| *at != n)
            .filter_map(|at| self.fetched(n, at))
            .collect();
        let clean = average(code, &fetched, &noise);
        let strength = self.options.strength;
        let grain = Grain::measured(code, &clean);
        // What is left of the old grain and the new one add by their squares.
        let left = 1.0 - strength;
        let fresh = (self.options.grain * self.options.grain - left * left)
            .max(0.0)
            .sqrt();
        let field = grain.field(code.width(), code.height(), self.options.seed, n);
        let mut result = code.clone();
        result
            .pixels_mut()
            .par_iter_mut()
            .zip(clean.pixels())
            .zip(&field)
            .for_each(|((pixel, clean), grained)| {
                let add = fresh * grained * grain.strength(clean);
                for k in 0..3 {
                    pixel[k] += strength * (clean[k] - pixel[k]) + add;
                }
            });
        map(&result, decode)
    }

    /// Frame `at` as it lies on frame `n`, and where that is known; `None` where the frames have no motion between them.
    fn fetched(&self, n: u32, at: u32) -> Option<(Image<AcesCg>, Vec<bool>)> {
        let (own, other) = (self.seen.get(&n)?, self.seen.get(&at)?);
        let (width, height) = (own.code.width(), own.code.height());
        let small = (own.plane.width(), own.plane.height());
        let (right, down) = (small.0 as f32 / width as f32, small.1 as f32 / height as f32);
        let steps: Vec<&(Flow, Vec<bool>)> = if at > n {
            (n..at)
                .map(|k| self.pairs.get(&k)?.as_ref().map(|p| &p[0]))
                .collect::<Option<_>>()?
        } else {
            (at..n)
                .rev()
                .map(|k| self.pairs.get(&k)?.as_ref().map(|p| &p[1]))
                .collect::<Option<_>>()?
        };
        let inside = |v: f32, side: u32| v >= -0.5 && v <= side as f32 - 0.5;
        let mut image = Image::new(width, height);
        let mut known = vec![false; image.pixels().len()];
        image
            .pixels_mut()
            .par_chunks_mut(width.max(1) as usize)
            .zip(known.par_chunks_mut(width.max(1) as usize))
            .enumerate()
            .for_each(|(y, (row, known))| {
                for (x, (pixel, known)) in row.iter_mut().zip(known).enumerate() {
                    let begin = [(x as f32 + 0.5) * right - 0.5, (y as f32 + 0.5) * down - 0.5];
                    let mut place = begin;
                    *known = steps.iter().all(|(flow, sound)| {
                        if !inside(place[0], small.0) || !inside(place[1], small.1) {
                            return false;
                        }
                        let near = |v: f32, side: u32| libm::roundf(v.clamp(0.0, side as f32 - 1.0)) as usize;
                        let i = near(place[1], small.1) * small.0 as usize + near(place[0], small.0);
                        let motion = flow.sample(place[0], place[1]).unwrap_or_default();
                        place = [place[0] + motion[0], place[1] + motion[1]];
                        sound.get(i).copied().unwrap_or(false)
                    });
                    if *known {
                        let to = [
                            f64::from(x as u32) + f64::from((place[0] - begin[0]) / right),
                            f64::from(y as u32) + f64::from((place[1] - begin[1]) / down),
                        ];
                        *pixel = resample::bicubic(&other.code, to[0], to[1]);
                    }
                }
            });
        Some((image, known))
    }
}

impl Seen {
    fn of(image: &Image<AcesCg>) -> Self {
        let (w, h) = fitted(image.width(), image.height(), MOTION_PX);
        Self {
            code: map(image, encode),
            plane: Plane::of_image(&resample::scale_to(image, w, h)),
        }
    }
}

fn pair(from: &Seen, to: &Seen) -> Option<Ways> {
    if (from.code.width(), from.code.height()) != (to.code.width(), to.code.height()) {
        return None;
    }
    let CheckedFlow {
        forward,
        backward,
        valid,
    } = flow::flow_of_planes_checked(&from.plane, &to.plane, &FlowOptions::default()).ok()?;
    let back = flow::consistent(&backward, &forward).ok()?;
    Some([(forward, valid), (backward, back)])
}

/// Light as noise is even in it: near a root.
fn encode(v: f32) -> f32 {
    if v < 0.0 { -(-v).sqrt() } else { v.sqrt() }
}

fn decode(v: f32) -> f32 {
    v * v.abs()
}

fn map(image: &Image<AcesCg>, of: fn(f32) -> f32) -> Image<AcesCg> {
    let mut result = image.clone();
    result.pixels_mut().par_iter_mut().for_each(|pixel| {
        for v in pixel.iter_mut().take(3) {
            *v = of(*v);
        }
    });
    result
}

/// How strong noise is, by light.
struct Noise {
    by_light: [f32; super::grain::BINS],
}

impl Noise {
    fn of(code: &Image<AcesCg>) -> Self {
        let (width, height) = (code.width() as usize, code.height() as usize);
        let grey = |i: usize| {
            let p = code.pixels()[i];
            (p[0] + p[1] + p[2]) / 3.0
        };
        let mut blocks: Vec<(usize, f32)> = Vec::new();
        for top in (1..height.saturating_sub(BLOCK)).step_by(BLOCK) {
            for left in (1..width.saturating_sub(BLOCK)).step_by(BLOCK) {
                let (mut sum, mut light) = (0.0f32, 0.0f32);
                for y in top..top + BLOCK {
                    for x in left..left + BLOCK {
                        let at = |dx: usize, dy: usize| grey((y + dy - 1) * width + x + dx - 1);
                        let corners = at(0, 0) + at(2, 0) + at(0, 2) + at(2, 2);
                        let sides = at(1, 0) + at(0, 1) + at(2, 1) + at(1, 2);
                        sum += (corners - 2.0 * sides + 4.0 * at(1, 1)).abs();
                        light += at(1, 1);
                    }
                }
                let count = (BLOCK * BLOCK) as f32;
                // Of a normal distribution the mean size is sqrt(2 / pi) of its deviation; the mask's is six times the noise's.
                blocks.push((light_bin(light / count), sum / count * 1.253_314 / 6.0));
            }
        }
        let quieter = |bin: Option<usize>| -> Option<f32> {
            let mut found: Vec<f32> = blocks
                .iter()
                .filter(|(of, _)| bin.is_none_or(|bin| bin == *of))
                .map(|(_, noise)| *noise)
                .collect();
            found.sort_by(f32::total_cmp);
            (found.len() >= 4 || bin.is_none())
                .then(|| found.get(found.len() / 4).copied())
                .flatten()
        };
        let whole = quieter(None).unwrap_or(0.0);
        Self {
            by_light: std::array::from_fn(|bin| {
                quieter(Some(bin))
                    .unwrap_or(whole)
                    .clamp(0.25 * whole, 4.0 * whole)
            }),
        }
    }

    fn is_nothing(&self) -> bool {
        self.by_light.iter().all(|noise| *noise < LEAST)
    }

    fn at(&self, pixel: &[f32; 4]) -> f32 {
        self.by_light[light_bin((pixel[0] + pixel[1] + pixel[2]) / 3.0)].max(LEAST)
    }
}

/// The frame averaged with what lies on it, and with its own surroundings where that is little.
fn average(code: &Image<AcesCg>, fetched: &[(Image<AcesCg>, Vec<bool>)], noise: &Noise) -> Image<AcesCg> {
    let (width, height) = (code.width() as usize, code.height() as usize);
    let weights: Vec<Vec<f32>> = fetched
        .iter()
        .map(|(image, known)| alike(code, image, known, noise))
        .collect();
    let mut along = code.clone();
    // What is left of the noise's variance.
    let mut left = vec![1.0f32; code.pixels().len()];
    along
        .pixels_mut()
        .par_iter_mut()
        .zip(left.par_iter_mut())
        .enumerate()
        .for_each(|(i, (pixel, left))| {
            let (mut sum, mut squares) = (1.0f32, 1.0f32);
            let mut total = *pixel;
            for ((image, _), weights) in fetched.iter().zip(&weights) {
                let weight = weights[i];
                for (total, value) in total.iter_mut().zip(image.pixels()[i]).take(3) {
                    *total += weight * value;
                }
                sum += weight;
                squares += weight * weight;
            }
            for (pixel, total) in pixel.iter_mut().zip(total).take(3) {
                *pixel = total / sum;
            }
            *left = squares / (sum * sum);
        });
    let mut result = along.clone();
    result
        .pixels_mut()
        .par_chunks_mut(width.max(1))
        .enumerate()
        .for_each(|(y, row)| {
            for (x, pixel) in row.iter_mut().enumerate() {
                let own = along.pixels()[y * width + x];
                let share = ((left[y * width + x] - 0.25) / 0.75).clamp(0.0, 1.0);
                if share <= 0.0 {
                    continue;
                }
                let reach = 6.0 * noise.at(&own) * noise.at(&own);
                let (mut sum, mut total) = (0.0f32, [0.0f32; 3]);
                for v in y.saturating_sub(2)..(y + 3).min(height) {
                    for u in x.saturating_sub(2)..(x + 3).min(width) {
                        let p = along.pixels()[v * width + u];
                        let off: f32 = (0..3).map(|k| (p[k] - own[k]) * (p[k] - own[k])).sum::<f32>() / 3.0;
                        let weight = 1.0 / (1.0 + (off / reach) * (off / reach));
                        for k in 0..3 {
                            total[k] += weight * p[k];
                        }
                        sum += weight;
                    }
                }
                for k in 0..3 {
                    pixel[k] += share * (total[k] / sum - pixel[k]);
                }
            }
        });
    result
}

/// For each pixel how much its place in a fetched frame counts: by the mean square of the difference over 5x5 pixels, in parts of
/// what noise alone makes of it.
fn alike(code: &Image<AcesCg>, image: &Image<AcesCg>, known: &[bool], noise: &Noise) -> Vec<f32> {
    let (width, height) = (code.width() as usize, code.height() as usize);
    let off: Vec<f32> = code
        .pixels()
        .par_iter()
        .zip(image.pixels())
        .map(|(a, b)| {
            let square: f32 = (0..3).map(|k| (a[k] - b[k]) * (a[k] - b[k])).sum();
            square / (6.0 * noise.at(a) * noise.at(a))
        })
        .collect();
    let mut weights = vec![0.0f32; off.len()];
    weights
        .par_chunks_mut(width.max(1))
        .enumerate()
        .for_each(|(y, row)| {
            for (x, weight) in row.iter_mut().enumerate() {
                if !known[y * width + x] {
                    continue;
                }
                let (mut sum, mut count) = (0.0f32, 0.0f32);
                for v in y.saturating_sub(2)..(y + 3).min(height) {
                    for u in x.saturating_sub(2)..(x + 3).min(width) {
                        sum += off[v * width + u];
                        count += 1.0;
                    }
                }
                let over = (sum / count - 1.2).max(0.0);
                *weight = 1.0 / (1.0 + 4.0 * over * over);
            }
        });
    weights
}
