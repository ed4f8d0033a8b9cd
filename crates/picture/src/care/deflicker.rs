//! Flicker taken off along the motion, region by region.
//!
//! Each frame is compared with the frames around it along optical flow, so that what moves is held against itself: for the
//! pixels of a region the middle half of the ratios of their light, in luminance and in the two ratios of colours. From how
//! these go over the frames around, what the region's light would be without flicker is fitted (see `trend`), and the region
//! is multiplied by what is missing. Gains of whole frames and their smoothing follow Delon, "Movie and video scale-time
//! equalization" (IEEE TIP 2006); regions, motion and the check of what is hidden (Sundaram, Brox, Keutzer, ECCV 2010) are what
//! flicker of single places needs, as in Pitié, Kent, Collis, Kokaram, "Localised deflicker of moving images" (CVMP 2006).
//!
//! *Stays:* what goes evenly or bends slowly (a fade, a light that comes nearer), what steps (a lamp that is switched, a
//! flash), as the fit follows it. *Can not be known:* fire and lamps that truly flicker are mended as well; give less
//! strength there. Clipped areas have lost what they were, and go with what is around them. Flicker slower than about a
//! quarter of a second is taken for light that changes.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::gains::Gains;
use super::trend::{Sample, trend};
use crate::flow::{self, CheckedFlow, Flow, FlowOptions, Plane};
use crate::image::{AcesCg, Image};
use crate::preview::fitted;
use crate::resample;

/// How flicker is taken off. Values outside what is stated are brought to the nearest bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeflickerOptions {
    /// How much of the flicker is taken off, 0 to 1.
    pub strength: f32,
    /// Frames each way that one is held against, 2 to 12.
    pub reach_frames: u32,
    /// Pixels on the longer side of the frames that light is compared on, 64 to 2048.
    pub side_px: u32,
    /// Regions along a row of the frame, 1 to 64; fewer where they would be narrower than 16 compared pixels.
    pub regions_across: u32,
}

impl Default for DeflickerOptions {
    fn default() -> Self {
        Self {
            strength: 1.0,
            reach_frames: 6,
            side_px: 384,
            regions_across: 16,
        }
    }
}

/// Light that tells nothing: nearly black, or near to where a display clips.
const LIT: std::ops::Range<f32> = 0.002..0.93;
/// Pixels along a region's side at the least.
const REGION_PX: u32 = 16;
/// Share of a region's pixels that must be followed for it to speak for itself.
const FOLLOWED: f32 = 0.05;
/// Share of the whole frame's gain in a region whose every pixel is followed.
const PRIOR: f64 = 0.02;
/// Spread of light that is no flicker but how well light can be told: flicker of this size is taken off by half.
const SURE: f64 = 0.0012;
/// The largest gain that is given, as a logarithm.
const MOST: f32 = 0.4;
/// Luminance of ACEScg (AP1).
const LUMA: [f32; 3] = [0.272_228_72, 0.674_081_77, 0.053_689_51];

/// Takes flicker off a run of frames.
pub struct Deflicker {
    frames: u32,
    options: DeflickerOptions,
    seen: BTreeMap<u32, Seen>,
    pairs: BTreeMap<u32, Option<Pair>>,
}

impl Deflicker {
    /// For a run of so many frames.
    pub fn new(frames: u32, options: DeflickerOptions) -> Self {
        Self {
            frames,
            options: DeflickerOptions {
                strength: if options.strength.is_finite() {
                    options.strength.clamp(0.0, 1.0)
                } else {
                    0.0
                },
                reach_frames: options.reach_frames.clamp(2, 12),
                side_px: options.side_px.clamp(64, 2048),
                regions_across: options.regions_across.clamp(1, 64),
            },
            seen: BTreeMap::new(),
            pairs: BTreeMap::new(),
        }
    }

    /// What the light of frame `n` is to be multiplied by. `fetch` gives frames, each asked for once while frames are worked on
    /// in order; the answer depends on the frames alone.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub fn gains<E>(
        &mut self,
        n: u32,
        fetch: &mut dyn FnMut(u32) -> Result<Image<AcesCg>, E>,
    ) -> Result<Gains, E> {
        let reach = self.options.reach_frames;
        let first = n.saturating_sub(reach);
        let last = n.saturating_add(reach).min(self.frames.saturating_sub(1)).max(n);
        self.seen.retain(|at, _| (first..=last).contains(at));
        self.pairs.retain(|at, _| (first..last).contains(at));
        for at in first..=last {
            if !self.seen.contains_key(&at) {
                let seen = Seen::of(&fetch(at)?, self.options.side_px);
                self.seen.insert(at, seen);
            }
        }
        for at in first..last {
            if !self.pairs.contains_key(&at)
                && let (Some(from), Some(to)) = (self.seen.get(&at), self.seen.get(&(at + 1)))
            {
                self.pairs.insert(at, Pair::of(from, to));
            }
        }
        Ok(self.judge(n, first, last))
    }

    fn judge(&self, n: u32, first: u32, last: u32) -> Gains {
        let Some(own) = self.seen.get(&n).filter(|own| own.width > 0) else {
            return Gains::still();
        };
        let regions = Regions::of(own, &self.options);
        let told: Vec<Told> = (0..regions.count())
            .into_par_iter()
            .map(|region| self.told(own, &regions.pixels(region), (n, first, last)))
            .collect();
        let told = smooth(&told, &regions);
        let before = (n - first) as i32;
        let fitted: Vec<[f32; 3]> = told
            .par_iter()
            .map(|told| fit(told, before, self.options.strength))
            .collect();
        let log = soften(&fitted, &regions);
        Gains::from_log(regions.across as u16, regions.down as u16, &log).unwrap_or_else(Gains::still)
    }

    /// How the light of a region goes over the frames around: for each the middle half of the ratios, and how many there were.
    fn told(&self, own: &Seen, pixels: &[(usize, usize)], (n, first, last): (u32, u32, u32)) -> Told {
        let count = (last - first + 1) as usize;
        let mut ratios: Vec<[Vec<f32>; 3]> = vec![Default::default(); count];
        for (x, y) in pixels {
            let from = own.at(*x, *y);
            for forward in [true, false] {
                let mut place = [*x as f32, *y as f32];
                let mut at = n;
                while at != if forward { last } else { first } {
                    let before = if forward { at } else { at - 1 };
                    let pair = self.pairs.get(&before);
                    let Some(Some(pair)) = pair else { break };
                    let Some(next) = pair.follow(place, forward) else {
                        break;
                    };
                    place = next;
                    at = if forward { at + 1 } else { at - 1 };
                    let Some(to) = self.seen.get(&at).and_then(|seen| seen.sample(place)) else {
                        continue;
                    };
                    let ratio = &mut ratios[(at - first) as usize];
                    if let (Some(a), Some(b)) = (from.luma, to.luma) {
                        ratio[0].push(b - a);
                    }
                    if let (Some(a), Some(b)) = (from.chroma, to.chroma) {
                        ratio[1].push(b[0] - a[0]);
                        ratio[2].push(b[1] - a[1]);
                    }
                }
            }
        }
        let least = (FOLLOWED * pixels.len() as f32).max(4.0);
        ratios
            .into_iter()
            .map(|channels| {
                channels.map(|mut values| {
                    if (values.len() as f32) < least {
                        return (0.0, 0.0);
                    }
                    let share = values.len() as f64 / pixels.len().max(1) as f64;
                    (middle_half(&mut values), share)
                })
            })
            .collect()
    }
}

/// For each frame around, and for luminance and two ratios of colours: the logarithm of a region's light over its own, and of
/// what share of its pixels that is known.
type Told = Vec<[(f64, f64); 3]>;

/// Mean of the middle half.
fn middle_half(values: &mut [f32]) -> f64 {
    values.sort_unstable_by(f32::total_cmp);
    let cut = values.len() / 4;
    let middle = values.get(cut..values.len() - cut).unwrap_or(values);
    middle.iter().map(|v| f64::from(*v)).sum::<f64>() / middle.len().max(1) as f64
}

/// The regions of a frame.
struct Regions {
    across: usize,
    down: usize,
    width: usize,
    height: usize,
}

impl Regions {
    fn of(seen: &Seen, options: &DeflickerOptions) -> Self {
        let (width, height) = (seen.width, seen.height);
        let across = (width / REGION_PX as usize).clamp(1, options.regions_across as usize);
        let side = width as f32 / across as f32;
        let down = (libm::roundf(height as f32 / side) as usize).clamp(1, 256);
        Self {
            across,
            down,
            width,
            height,
        }
    }

    fn count(&self) -> usize {
        self.across * self.down
    }

    /// The pixels of a region, row by row: every one of them, or every other where there are many.
    fn pixels(&self, region: usize) -> Vec<(usize, usize)> {
        let (column, row) = (region % self.across, region / self.across);
        let span = |at: usize, cells: usize, pixels: usize| at * pixels / cells..(at + 1) * pixels / cells;
        let (xs, ys) = (
            span(column, self.across, self.width),
            span(row, self.down, self.height),
        );
        let many = xs.len() * ys.len() > 400;
        let mut pixels = Vec::new();
        for y in ys {
            let chosen = xs.clone().filter(|x| !many || (x + y) % 2 == 0);
            pixels.extend(chosen.map(|x| (x, y)));
        }
        pixels
    }

    /// Each region's neighbours and itself, with how much they count.
    fn around(&self, region: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let (column, row) = ((region % self.across) as i64, (region / self.across) as i64);
        (-1i64..=1)
            .flat_map(move |dy| (-1i64..=1).map(move |dx| (dx, dy)))
            .filter_map(move |(dx, dy)| {
                let (x, y) = (column + dx, row + dy);
                let inside = (0..self.across as i64).contains(&x) && (0..self.down as i64).contains(&y);
                let weight = [4.0, 2.0, 1.0][(dx.abs() + dy.abs()) as usize];
                inside.then(|| (y as usize * self.across + x as usize, weight))
            })
    }
}

/// Each region with its neighbours, and a little of the whole frame for where nothing could be followed.
fn smooth(told: &[Told], regions: &Regions) -> Vec<Told> {
    let frames = told.first().map_or(0, Vec::len);
    let whole: Told = (0..frames)
        .map(|at| {
            std::array::from_fn(|k| {
                let mut known: Vec<(f64, f64)> =
                    told.iter().map(|t| t[at][k]).filter(|v| v.1 > 0.0).collect();
                known.sort_by(|a, b| a.0.total_cmp(&b.0));
                let cut = known.len() / 4;
                let middle = known.get(cut..known.len() - cut).unwrap_or_default();
                let weight: f64 = middle.iter().map(|v| v.1).sum();
                let sum: f64 = middle.iter().map(|v| v.0 * v.1).sum();
                match weight > 0.0 {
                    true => (sum / weight, 1.0),
                    false => (0.0, 0.0),
                }
            })
        })
        .collect();
    (0..regions.count())
        .map(|region| {
            (0..frames)
                .map(|at| {
                    std::array::from_fn(|k| {
                        let (level, known) = whole[at][k];
                        let (mut sum, mut weight, mut most) = (PRIOR * known * level, PRIOR * known, PRIOR);
                        for (near, by) in regions.around(region) {
                            let (value, share) = told[near][at][k];
                            sum += by * share * value;
                            weight += by * share;
                            most += by;
                        }
                        match weight > 0.0 {
                            true => (sum / weight, weight / most),
                            false => (0.0, 0.0),
                        }
                    })
                })
                .collect()
        })
        .collect()
}

/// The gains of a region; `before` frames come before its own.
fn fit(told: &Told, before: i32, strength: f32) -> [f32; 3] {
    let missing = |k: usize| -> f32 {
        let samples: Vec<Sample> = (-before..)
            .zip(told)
            .filter_map(|(at, channels)| match at {
                0 => Some(Sample {
                    at,
                    log: 0.0,
                    weight: channels_of(told, k),
                }),
                _ => {
                    let (log, weight) = channels[k];
                    (weight > 0.0).then_some(Sample { at, log, weight })
                }
            })
            .filter(|s| s.weight > 0.0)
            .collect();
        let found = trend(&samples);
        let square = found.spread * found.spread;
        let sure = square / (square + SURE * SURE);
        ((found.log * sure) as f32 * strength).clamp(-MOST, MOST)
    };
    let luma = missing(0);
    let (red, blue) = (missing(1), missing(2));
    // The ratios of colours are mended so that luminance stays.
    let moved = LUMA[0] * red + LUMA[2] * blue;
    [luma + red - moved, luma - moved, luma + blue - moved]
}

/// How surely a frame's own light is known: as well as that of the best-known frame around.
fn channels_of(told: &Told, k: usize) -> f64 {
    told.iter().map(|channels| channels[k].1).fold(0.0, f64::max)
}

/// Gains without steps between regions that were fitted in different ways.
fn soften(fitted: &[[f32; 3]], regions: &Regions) -> Vec<[f32; 3]> {
    (0..regions.count())
        .map(|region| {
            let (mut sum, mut weight) = ([0.0f64; 3], 0.0);
            for (near, by) in regions.around(region) {
                // Sharper than the smoothing before: most of it is the region's own.
                let by = if near == region { 2.0 * by } else { by };
                for k in 0..3 {
                    sum[k] += by * f64::from(fitted[near][k]);
                }
                weight += by;
            }
            sum.map(|v| (v / weight) as f32)
        })
        .collect()
}

/// The light of one pixel, as logarithms.
#[derive(Clone, Copy, Debug, Default)]
struct Light {
    luma: Option<f32>,
    /// Red over green, and blue over green.
    chroma: Option<[f32; 2]>,
}

/// A frame as light is compared on it.
struct Seen {
    width: usize,
    height: usize,
    light: Vec<Light>,
    plane: Plane,
}

impl Seen {
    fn of(image: &Image<AcesCg>, side: u32) -> Self {
        let (w, h) = fitted(image.width(), image.height(), side);
        let small = resample::scale_to(image, w, h);
        let light = small
            .pixels()
            .par_iter()
            .map(|p| {
                let luma = LUMA[0] * p[0] + LUMA[1] * p[1] + LUMA[2] * p[2];
                let most = p[0].max(p[1]).max(p[2]);
                let least = p[0].min(p[1]).min(p[2]);
                let told = luma > LIT.start && most < LIT.end;
                Light {
                    luma: told.then(|| libm::logf(luma)),
                    chroma: (told && least > LIT.start)
                        .then(|| [libm::logf(p[0] / p[1]), libm::logf(p[2] / p[1])]),
                }
            })
            .collect();
        // Motion is looked for at one level of light, so that flicker does not pass for motion.
        let sum: f64 = small
            .pixels()
            .iter()
            .map(|p| f64::from((LUMA[0] * p[0] + LUMA[1] * p[1] + LUMA[2] * p[2]).clamp(0.0, 1.0)))
            .sum();
        let mean = (sum / small.pixels().len().max(1) as f64) as f32;
        let level = if mean > 1e-4 { 0.18 / mean } else { 1.0 };
        let mut level_image = small;
        for p in level_image.pixels_mut() {
            for v in p.iter_mut().take(3) {
                *v *= level;
            }
        }
        Self {
            width: w as usize,
            height: h as usize,
            light,
            plane: Plane::of_image(&level_image),
        }
    }

    fn at(&self, x: usize, y: usize) -> Light {
        self.light.get(y * self.width + x).copied().unwrap_or_default()
    }

    /// Light between pixels, linearly in its logarithm; what one of the four does not tell is not told.
    fn sample(&self, [x, y]: [f32; 2]) -> Option<Light> {
        let (right, bottom) = (self.width.checked_sub(1)?, self.height.checked_sub(1)?);
        let (x, y) = (x.clamp(0.0, right as f32), y.clamp(0.0, bottom as f32));
        let (left, top) = (x as usize, y as usize);
        let (fx, fy) = (x - left as f32, y - top as f32);
        let corner = |dx: usize, dy: usize| self.at((left + dx).min(right), (top + dy).min(bottom));
        let four = [corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)];
        let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
        let mut luma = Some(0.0);
        let mut chroma = Some([0.0, 0.0]);
        for (light, weight) in four.iter().zip(weights) {
            if weight > 0.0 {
                luma = luma.zip(light.luma).map(|(sum, v)| sum + weight * v);
                chroma = chroma
                    .zip(light.chroma)
                    .map(|(sum, v)| [sum[0] + weight * v[0], sum[1] + weight * v[1]]);
            }
        }
        Some(Light { luma, chroma })
    }
}

/// Motion between two neighbouring frames, and which of it leads back.
struct Pair {
    motion: [Flow; 2],
    sound: [Vec<bool>; 2],
}

impl Pair {
    /// None where frames have not one size.
    fn of(from: &Seen, to: &Seen) -> Option<Self> {
        let options = FlowOptions::default();
        let CheckedFlow {
            forward,
            backward,
            valid,
        } = flow::flow_of_planes_checked(&from.plane, &to.plane, &options).ok()?;
        let back = flow::consistent(&backward, &forward).ok()?;
        Some(Self {
            motion: [forward, backward],
            sound: [valid, back],
        })
    }

    /// Where a place goes to in the next frame, or comes from in the one before; `None` where that is hidden.
    fn follow(&self, [x, y]: [f32; 2], forward: bool) -> Option<[f32; 2]> {
        let way = usize::from(!forward);
        let motion = &self.motion[way];
        let (width, height) = (motion.width() as f32, motion.height() as f32);
        let inside = |v: f32, side: f32| v >= -0.5 && v <= side - 0.5;
        if !inside(x, width) || !inside(y, height) {
            return None;
        }
        let near = |v: f32, side: f32| libm::roundf(v.clamp(0.0, side - 1.0)) as usize;
        let at = near(y, height) * motion.width() as usize + near(x, width);
        if !self.sound[way].get(at).copied().unwrap_or(false) {
            return None;
        }
        let [dx, dy] = motion.sample(x, y)?;
        Some([x + dx, y + dy])
    }
}
