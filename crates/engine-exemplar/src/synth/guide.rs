//! Guides out of photographs: what is asked of a place besides its fine texture.
//!
//! Channels 0..3 are the blurred colours (the layout), channel 3 is structure: how much lighter or darker
//! a place is than its surroundings, measured in the photograph's own contrast, so that the faint vessels
//! of a retina steer as strongly as the edges of a gland. Channel 4 is free (0).

use super::blur::soften;
use super::matter::{Colour, Guide, Sheet};

/// Luminance of a display colour, 0..=255.
#[inline(always)]
pub fn luminance(c: Colour) -> u8 {
    ((u32::from(c[0]) * 77 + u32::from(c[1]) * 150 + u32::from(c[2]) * 29 + 128) >> 8) as u8
}

/// How much the structure channel enlarges a difference, in 1/256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain(i32);

impl Gain {
    /// No structure at all.
    pub const NONE: Gain = Gain(0);
}

fn lights(colour: &[Colour], w: usize, h: usize, radius: usize) -> (Vec<[u8; 1]>, Vec<[u8; 1]>) {
    let light: Vec<[u8; 1]> = colour.iter().map(|c| [luminance(*c)]).collect();
    (
        soften(&light, w, h, (radius / 5).max(1)),
        soften(&light, w, h, radius * 2),
    )
}

/// The gain that suits these photographs together: their mean structure becomes 28 steps, but noise is
/// not enlarged more than 8 times.
pub fn gain(sheets: &[Sheet], radius: usize) -> Gain {
    let (mut sum, mut n) = (0u64, 0u64);
    for s in sheets {
        let (fine, wide) = lights(&s.colour, s.width, s.height, radius);
        for i in (0..s.width * s.height).filter(|i| s.barred.is_empty() || !s.barred[*i]) {
            sum += u64::from(fine[i][0].abs_diff(wide[i][0]));
            n += 1;
        }
    }
    let mean_256 = (sum * 256 / n.max(1)).max(1);
    Gain(((28 * 256 * 256) / mean_256).clamp(64, 8 * 256) as i32)
}

/// The guides of a picture of `w` x `h`. `radius` is the blur of the layout, in pixels.
pub fn of_photograph(colour: &[Colour], w: usize, h: usize, radius: usize, gain: Gain) -> Vec<Guide> {
    let soft = soften(colour, w, h, radius);
    let (fine, wide) = lights(colour, w, h, radius);
    (0..w * h)
        .map(|i| {
            let d = (i32::from(fine[i][0]) - i32::from(wide[i][0])) * gain.0 / 256;
            [
                soft[i][0],
                soft[i][1],
                soft[i][2],
                (128 + d).clamp(0, 255) as u8,
                0,
            ]
        })
        .collect()
}

/// How textured the photographs are: the usual 5x5 patch difference between a place and its neighbour two
/// pixels on, in units of the search's costs. Penalties are set in proportion to it, else they would rule
/// smooth pictures and vanish in busy ones.
pub fn texture(sheets: &[Sheet]) -> u32 {
    let (mut sum, mut n) = (0u64, 0u64);
    for s in sheets {
        for y in 0..s.height {
            for x in 0..s.width.saturating_sub(2) {
                let i = y * s.width + x;
                if !s.barred.is_empty() && (s.barred[i] || s.barred[i + 2]) {
                    continue;
                }
                let (a, b) = (s.colour[i], s.colour[i + 2]);
                sum += (0..3).map(|k| u64::from(a[k].abs_diff(b[k]))).sum::<u64>();
                n += 1;
            }
        }
    }
    // Mean difference of a colour in 1/64 steps of 8 bits; a step of 7 bits is 128 of them.
    let mean = sum * 64 / (3 * n.max(1));
    (75 * mean * mean / (128 * 128)).clamp(1, 1 << 20) as u32
}
