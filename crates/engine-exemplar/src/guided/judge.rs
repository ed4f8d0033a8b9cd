//! Which of the carried matter may stay: each thing for itself, so that its edges do not count against it.

use crate::map::{Origin, UNIT};
use crate::synth::carry::{inside, together};
use crate::synth::matter::{Guide, Level};
use rayon::prelude::*;

/// What may stay.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Smallest and largest stretch of the matter.
    pub stretch: (f32, f32),
    /// Largest distance of the guides, in 8-bit steps over all guide channels, of the mean about a pixel.
    pub guide: f32,
}

impl Keep {
    /// From lively (0) to steady (1).
    pub fn steady(steady: f32) -> Keep {
        Keep {
            stretch: (0.62, 1.6),
            guide: 40.0 + 50.0 * steady,
        }
    }
}

/// The frame whose matter is judged.
pub struct Carried<'a> {
    /// Width in pixels.
    pub width: usize,
    /// Origins; the default where there is nothing.
    pub map: &'a [Origin],
    /// Where there is something.
    pub there: &'a [bool],
    /// Numbers of the things.
    pub thing: &'a [u16],
    /// What is asked for.
    pub guide: &'a [Guide],
    /// Weights of the guides, 1 is full.
    pub weights: [f32; 5],
}

/// Side of the square about a pixel that is judged with it, less one, halved.
const AROUND: usize = 2;

/// Which pixels may stay. `level` gives the matter of a pixel's thing, and the number of its first sheet.
pub fn judge<'a>(
    c: &Carried<'_>,
    keep: &Keep,
    level: impl Fn(u16) -> Option<(&'a Level, u16)> + Sync,
) -> Vec<bool> {
    let (w, h) = (c.width, c.map.len() / c.width.max(1));
    let squares = c.weights.map(|v| v * v);
    // Distance of the guides, or nothing at all.
    let far: Vec<Option<u32>> = (0..w * h)
        .into_par_iter()
        .map(|i| {
            if !c.there[i] {
                return None;
            }
            let (level, first) = level(c.thing[i])?;
            let o = c.map[i];
            let own = Origin {
                source: o.source.checked_sub(first)?,
                ..o
            };
            let g = level.guide[inside(level, own)?];
            let e: f32 = (0..5)
                .map(|k| {
                    let z = f32::from(g[k]) - f32::from(c.guide[i][k]);
                    z * z * squares[k]
                })
                .sum();
            // One pixel far off counts, but not for its whole neighbourhood.
            Some((e as u32).min(30_000))
        })
        .collect();
    let limit = keep.guide * keep.guide;
    let raw: Vec<bool> = (0..w * h)
        .into_par_iter()
        .map(|i| {
            if far[i].is_none() {
                return false;
            }
            let (mut sum, mut n) = (0u64, 0u64);
            for j in around(i, w, h) {
                if let (true, Some(e)) = (c.thing[j] == c.thing[i], far[j]) {
                    sum += u64::from(e);
                    n += 1;
                }
            }
            sum as f32 <= limit * n.max(1) as f32 && bears(c, i, w, h, keep)
        })
        .collect();
    (0..w * h)
        .into_par_iter()
        .map(|i| {
            if !raw[i] {
                return false;
            }
            let (mut good, mut n) = (0, 0);
            for j in around(i, w, h) {
                if c.thing[j] == c.thing[i] {
                    n += 1;
                    good += usize::from(raw[j]);
                }
            }
            good * 2 > n
        })
        .collect()
}

/// Whether the matter at a pixel is neither drawn out nor pressed together too far.
fn bears(c: &Carried<'_>, i: usize, w: usize, h: usize, keep: &Keep) -> bool {
    let (x, y) = ((i % w) as i32, (i / w) as i32);
    let o = c.map[i];
    let step = |dx: i32, dy: i32| -> Option<(f32, f32)> {
        let (px, py) = (x + dx, y + dy);
        if px < 0 || py < 0 || px >= w as i32 || py >= h as i32 {
            return None;
        }
        let j = py as usize * w + px as usize;
        let b = c.map[j];
        let sign = (dx + dy) as f32 / UNIT as f32;
        (c.there[j] && c.thing[j] == c.thing[i] && together(o, b, dx, dy))
            .then(|| ((b.x - o.x) as f32 * sign, (b.y - o.y) as f32 * sign))
    };
    let gx = step(1, 0).or_else(|| step(-1, 0));
    let gy = step(0, 1).or_else(|| step(0, -1));
    if gx.is_none() && gy.is_none() {
        return false;
    }
    let (a, b) = gx.unwrap_or((1.0, 0.0));
    let (p, q) = gy.unwrap_or((0.0, 1.0));
    let det = a * q - b * p;
    let all = a * a + b * b + p * p + q * q;
    let root = (all * all - 4.0 * det * det).max(0.0).sqrt();
    let (most, least) = (((all + root) * 0.5).sqrt(), ((all - root) * 0.5).max(0.0).sqrt());
    det > 0.0 && least >= keep.stretch.0 && most <= keep.stretch.1
}

/// The square about a pixel, inside the frame.
fn around(i: usize, w: usize, h: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (i % w, i / w);
    let xs = x.saturating_sub(AROUND)..(x + AROUND + 1).min(w);
    (y.saturating_sub(AROUND)..(y + AROUND + 1).min(h)).flat_map(move |j| xs.clone().map(move |k| j * w + k))
}
