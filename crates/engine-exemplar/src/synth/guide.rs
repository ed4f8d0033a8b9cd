//! Guides out of photographs: what is asked of a place besides its fine texture.
//!
//! Channels 0..3 are the blurred colours (the layout), channel 3 is structure: how much lighter or darker
//! a place is than its surroundings, measured in the photograph's own contrast, so that the faint vessels
//! of a retina steer as strongly as the edges of a gland. Channel 4 is free (0).

use super::blur::soften;
use super::matter::{Colour, Guide, Sheet};
use rayon::prelude::*;

/// Luminance of a display colour, 0..=255.
#[inline(always)]
pub fn luminance(c: Colour) -> u8 {
    heirloom_engine::hole::luminance([c[0], c[1], c[2]])
}

/// How much the structure channel enlarges a difference, in 1/256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain(i32);

impl Gain {
    /// No structure at all.
    pub const NONE: Gain = Gain(0);
}

/// Luminance softened a little and much: their difference is the structure.
struct Lights {
    fine: Vec<[u8; 1]>,
    wide: Vec<[u8; 1]>,
}

impl Lights {
    fn of(colour: &[Colour], w: usize, h: usize, radius: usize) -> Lights {
        let light: Vec<[u8; 1]> = colour.par_iter().map(|c| [luminance(*c)]).collect();
        Lights {
            fine: soften(&light, w, h, (radius / 5).max(1)),
            wide: soften(&light, w, h, radius * 2),
        }
    }

    /// Sum and number of differences where the sheet is not barred.
    fn differences(&self, s: &Sheet) -> (u64, u64) {
        let n = s.width * s.height;
        let free = |i: usize| s.barred.is_empty() || !s.barred[i];
        (0..n.div_ceil(CHUNK))
            .into_par_iter()
            .map(|c| {
                (c * CHUNK..((c + 1) * CHUNK).min(n))
                    .filter(|i| free(*i))
                    .fold((0, 0), |(sum, n), i| {
                        (sum + u64::from(self.fine[i][0].abs_diff(self.wide[i][0])), n + 1)
                    })
            })
            .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    }

    fn guides(&self, colour: &[Colour], w: usize, h: usize, radius: usize, gain: Gain) -> Vec<Guide> {
        let soft = soften(colour, w, h, radius);
        soft.par_iter()
            .zip(self.fine.par_iter().zip(&self.wide))
            .map(|(c, (fine, wide))| {
                let d = (i32::from(fine[0]) - i32::from(wide[0])) * gain.0 / 256;
                [c[0], c[1], c[2], (128 + d).clamp(0, 255) as u8, 0]
            })
            .collect()
    }
}

/// Pixels that are summed up in one go.
const CHUNK: usize = 1 << 16;

fn gain_of(sums: impl Iterator<Item = (u64, u64)>) -> Gain {
    let (sum, n) = sums.fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let mean_256 = (sum * 256 / n.max(1)).max(1);
    Gain(((28 * 256 * 256) / mean_256).clamp(64, 8 * 256) as i32)
}

/// The gain that suits these photographs together: their mean structure becomes 28 steps, but noise is
/// not enlarged more than 8 times.
pub fn gain(sheets: &[Sheet], radius: usize) -> Gain {
    gain_of(
        sheets
            .iter()
            .map(|s| Lights::of(&s.colour, s.width, s.height, radius).differences(s)),
    )
}

/// The guides of a picture of `w` x `h`. `radius` is the blur of the layout, in pixels.
pub fn of_photograph(colour: &[Colour], w: usize, h: usize, radius: usize, gain: Gain) -> Vec<Guide> {
    Lights::of(colour, w, h, radius).guides(colour, w, h, radius, gain)
}

/// Gives all sheets their guides, as [`gain`] and [`of_photograph`] do, and says what the gain is.
pub fn steer(sheets: &mut [Sheet], radius: usize) -> Gain {
    let lights: Vec<Lights> = sheets
        .iter()
        .map(|s| Lights::of(&s.colour, s.width, s.height, radius))
        .collect();
    let gain = gain_of(sheets.iter().zip(&lights).map(|(s, l)| l.differences(s)));
    for (s, l) in sheets.iter_mut().zip(lights) {
        s.guide = l.guides(&s.colour, s.width, s.height, radius, gain);
    }
    gain
}

/// Mean colours from sums of red, green, blue and a count for each of 256 steps of light, over neighbouring steps; the reach
/// grows where there is nothing near.
pub fn mean_colours(sum: &[[u64; 4]]) -> Vec<Colour> {
    (0..sum.len())
        .map(|v| {
            let mut reach = 4;
            loop {
                let mut all = [0u64; 4];
                for o in &sum[v.saturating_sub(reach)..(v + reach + 1).min(sum.len())] {
                    for k in 0..4 {
                        all[k] += o[k];
                    }
                }
                if all[3] > 0 || reach > 256 {
                    let n = all[3].max(1);
                    return [(all[0] / n) as u8, (all[1] / n) as u8, (all[2] / n) as u8, 0];
                }
                reach *= 2;
            }
        })
        .collect()
}

/// How textured the photographs are: the usual 5x5 patch difference between a place and its neighbour two
/// pixels on, in units of the search's costs. Penalties are set in proportion to it, else they would rule
/// smooth pictures and vanish in busy ones.
pub fn texture(sheets: &[Sheet]) -> u32 {
    let row = |s: &Sheet, y: usize| -> (u64, u64) {
        let (mut sum, mut n) = (0, 0);
        for i in y * s.width..y * s.width + s.width.saturating_sub(2) {
            if !s.barred.is_empty() && (s.barred[i] || s.barred[i + 2]) {
                continue;
            }
            let (a, b) = (s.colour[i], s.colour[i + 2]);
            sum += (0..3).map(|k| u64::from(a[k].abs_diff(b[k]))).sum::<u64>();
            n += 1;
        }
        (sum, n)
    };
    let (sum, n) = sheets
        .iter()
        .map(|s| {
            (0..s.height)
                .into_par_iter()
                .map(|y| row(s, y))
                .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
        })
        .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    // Mean difference of a colour in 1/64 steps of 8 bits; a step of 7 bits is 128 of them.
    let mean = sum * 64 / (3 * n.max(1));
    (75 * mean * mean / (128 * 128)).clamp(1, 1 << 20) as u32
}
