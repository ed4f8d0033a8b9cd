//! Votes: what colour a pixel gets from the patches that overlap it.

use super::matter::{Colour, Level, Spot, spot, spot_x, spot_y};
use super::search::Target;
use rayon::prelude::*;

/// Weight of a patch with difference `e`: half at 500.
#[inline(always)]
fn weight(e: u32) -> u32 {
    ((1u64 << 22) / (500 + u64::from(e))) as u32
}

/// The mean of the 25 patches over each pixel, better patches counting more.
/// Locked pixels keep what `colour` holds.
pub fn mean(target: &Target, level: &Level, even: bool, colour: &mut [Colour]) {
    let (w, h) = (target.width, target.height);
    let weights: Vec<u32> = if even {
        vec![1; w * h]
    } else {
        target.error.par_iter().map(|e| weight(*e)).collect()
    };
    colour.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        let (y0, y1) = (y.saturating_sub(2), (y + 3).min(h));
        for (x, out) in row.iter_mut().enumerate() {
            if !target.locked.is_empty() && target.locked[y * w + x] {
                continue;
            }
            let (x0, x1) = (x.saturating_sub(2), (x + 3).min(w));
            let mut sum = [0u32; 3];
            let mut all = 0u32;
            for j in y0..y1 {
                for i in x0..x1 {
                    let s = target.from[j * w + i];
                    // The part of that patch that lies over this pixel.
                    let q = (spot_y(s) + y - j) * level.width + spot_x(s) + x - i;
                    let (c, g) = (level.colour[q], weights[j * w + i]);
                    sum[0] += g * u32::from(c[0]);
                    sum[1] += g * u32::from(c[1]);
                    sum[2] += g * u32::from(c[2]);
                    all += g;
                }
            }
            let half = all / 2;
            *out = [
                ((sum[0] + half) / all) as u8,
                ((sum[1] + half) / all) as u8,
                ((sum[2] + half) / all) as u8,
                0,
            ];
        }
    });
}

/// The final vote: of the 9 places that the 3x3 patches over a pixel propose, the one nearest to
/// their mean colour, helped by every other patch that proposes the same place. One real pixel.
pub fn medoid(target: &Target, level: &Level, agreement: i32, chosen: &mut [Spot]) {
    let (w, h) = (target.width, target.height);
    chosen.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        let (y0, y1) = (y.saturating_sub(1), (y + 2).min(h));
        for (x, out) in row.iter_mut().enumerate() {
            if !target.locked.is_empty() && target.locked[y * w + x] {
                continue;
            }
            let (x0, x1) = (x.saturating_sub(1), (x + 2).min(w));
            let mut places = [(0 as Spot, [0u8; 4]); 9];
            let mut sum = [0i32; 3];
            let mut n = 0usize;
            for j in y0..y1 {
                for i in x0..x1 {
                    let s = target.from[j * w + i];
                    let (px, py) = (spot_x(s) + x - i, spot_y(s) + y - j);
                    let c = level.colour[py * level.width + px];
                    places[n] = (spot(px, py), c);
                    for k in 0..3 {
                        sum[k] += i32::from(c[k]);
                    }
                    n += 1;
                }
            }
            let own = target.from[y * w + x];
            let mut best = (i32::MAX, own);
            for (s, c) in &places[..n] {
                let mut d = 0;
                for k in 0..3 {
                    // In 1/16 of a step, so that the mean's fraction counts.
                    let z = (i32::from(c[k]) * 16) - sum[k] * 16 / n as i32;
                    d += (z * z) >> 8;
                }
                let agree = places[..n].iter().filter(|o| o.0 == *s).count() as i32;
                d -= agreement * agree + i32::from(*s == own);
                if d < best.0 {
                    best = (d, *s);
                }
            }
            *out = best.1;
        }
    });
}
