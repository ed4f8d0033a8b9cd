//! Which of the carried matter may stay: each thing for itself, so that its edges do not count against it.

use super::OCTAVE;
use crate::map::{Origin, UNIT};
use crate::synth::carry::{inside, together};
use crate::synth::matter::{Guide, Level};
use rayon::prelude::*;

/// What may stay.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Octaves by which matter may be larger or smaller than is wished, across or down.
    pub octaves: f32,
    /// How far a square of matter may be sheared: the cosine between its sides.
    pub shear: f32,
    /// Largest distance of the guides, in 8-bit steps over all guide channels, of the mean about a pixel.
    pub guide: f32,
}

impl Keep {
    /// From lively (0) to steady (1).
    pub fn steady(steady: f32) -> Keep {
        Keep {
            // 1.6 times.
            octaves: 0.68,
            shear: 0.5,
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
    /// Octaves by which each sheet is smaller than its photograph's usual size, across and down.
    pub sizes: &'a [(i32, i32)],
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
            let group = level(c.thing[i]).map_or(&[][..], |(l, first)| {
                let first = usize::from(first);
                c.sizes.get(first..first + l.places.len()).unwrap_or(&[])
            });
            sum as f32 <= limit * n.max(1) as f32 && bears(c, i, w, h, keep, group)
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

/// Whether the matter at a pixel is as large and as square as is wished there, or as nearly as the sheets of its group
/// (`group` of all sizes) can be.
fn bears(c: &Carried<'_>, i: usize, w: usize, h: usize, keep: &Keep, group: &[(i32, i32)]) -> bool {
    let (x, y) = ((i % w) as i32, (i / w) as i32);
    let o = c.map[i];
    let Some(size) = c.sizes.get(usize::from(o.source)) else {
        return false;
    };
    let scale = [libm::exp2f(size.0 as f32), libm::exp2f(size.1 as f32)];
    // The way in the photograph from this pixel to the next.
    let step = |dx: i32, dy: i32| -> Option<[f32; 2]> {
        let (px, py) = (x + dx, y + dy);
        if px < 0 || py < 0 || px >= w as i32 || py >= h as i32 {
            return None;
        }
        let j = py as usize * w + px as usize;
        let b = c.map[j];
        let sign = (dx + dy) as f32 / UNIT as f32;
        (c.there[j] && c.thing[j] == c.thing[i] && together(o, b, dx, dy)).then(|| {
            [
                (b.x - o.x) as f32 * sign * scale[0],
                (b.y - o.y) as f32 * sign * scale[1],
            ]
        })
    };
    let across = step(1, 0).or_else(|| step(-1, 0));
    let down = step(0, 1).or_else(|| step(0, -1));
    if across.is_none() && down.is_none() {
        return false;
    }
    let wish = [
        (f32::from(c.guide[i][3]) - 128.0) / OCTAVE,
        (f32::from(c.guide[i][4]) - 128.0) / OCTAVE,
    ];
    let length = |v: [f32; 2]| (v[0] * v[0] + v[1] * v[1]).sqrt();
    for (k, way) in [across, down].into_iter().enumerate() {
        let Some(way) = way else { continue };
        let off = (libm::log2f(length(way).max(1.0e-4)) - wish[k]).abs();
        let of = |s: &(i32, i32)| if k == 0 { s.0 } else { s.1 } as f32;
        let best = group
            .iter()
            .map(|s| (of(s) - wish[k]).abs())
            .fold(f32::MAX, f32::min);
        if off > keep.octaves.max(best + 0.4) {
            return false;
        }
    }
    if let (Some(a), Some(b)) = (across, down) {
        let dot = a[0] * b[0] + a[1] * b[1];
        let det = a[0] * b[1] - a[1] * b[0];
        if det <= 0.0 || dot.abs() > keep.shear * length(a) * length(b) {
            return false;
        }
    }
    true
}

/// The square about a pixel, inside the frame.
fn around(i: usize, w: usize, h: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (i % w, i / w);
    let xs = x.saturating_sub(AROUND)..(x + AROUND + 1).min(w);
    (y.saturating_sub(AROUND)..(y + AROUND + 1).min(h)).flat_map(move |j| xs.clone().map(move |k| j * w + k))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::matter::{Matter, Sheet};

    /// Judges a frame of 24x24 whose matter is laid by `place`, in sheets of these octaves, where `wish` is asked for.
    fn kept(place: impl Fn(i32, i32) -> (u16, i32, i32), sizes: &[(i32, i32)], wish: (u8, u8)) -> f64 {
        let (w, h) = (24usize, 24usize);
        let sheet = |(): ()| Sheet {
            width: 200,
            height: 200,
            colour: vec![[90, 90, 90, 0]; 40_000],
            guide: vec![[90, 0, 0, 128, 128]; 40_000],
            barred: Vec::new(),
        };
        let matter = Matter::new(sizes.iter().map(|_| sheet(())).collect(), 1).unwrap();
        let map: Vec<Origin> = (0..w * h)
            .map(|i| {
                let (source, x, y) = place((i % w) as i32, (i / w) as i32);
                Origin { source, x, y }
            })
            .collect();
        let kept = judge(
            &Carried {
                width: w,
                map: &map,
                there: &vec![true; w * h],
                thing: &vec![0; w * h],
                guide: &vec![[90, 0, 0, wish.0, wish.1]; w * h],
                weights: [1.0, 0.0, 1.0, 0.0, 0.0],
                sizes,
            },
            &Keep::steady(0.5),
            |_| Some((&matter.levels[0], 0)),
        );
        kept.iter().filter(|k| **k).count() as f64 / kept.len() as f64
    }

    #[test]
    fn matter_stays_where_it_is_as_large_and_square_as_is_wished() {
        let plain = |x: i32, y: i32| (0, (x + 20) * 256, (y + 20) * 256);
        assert_eq!(kept(plain, &[(0, 0)], (128, 128)), 1.0);
        // Drawn out to nearly twice its width.
        let wide = |x: i32, y: i32| (0, x * 140 + 5120, (y + 20) * 256);
        assert_eq!(kept(wide, &[(0, 0)], (128, 128)), 0.0);
        // A ground seen aslant wants its matter pressed together: the pressed sheet stays, the plain one may go.
        let pressed = |x: i32, y: i32| (1, (x + 20) * 256, (y + 20) * 256);
        assert_eq!(kept(pressed, &[(0, 0), (0, 2)], (128, 192)), 1.0);
        assert_eq!(kept(plain, &[(0, 0), (0, 2)], (128, 192)), 0.0);
        // A camera has gone a quarter round it: pressed together the wrong way.
        let turned = |x: i32, y: i32| (1, (y + 20) * 256, (100 - x) * 256);
        assert_eq!(kept(turned, &[(0, 0), (0, 2)], (128, 192)), 0.0);
        // What no sheet can be better is left.
        assert_eq!(kept(plain, &[(0, 0)], (128, 192)), 1.0);
        // Sheared.
        let sheared = |x: i32, y: i32| (0, (x + 40) * 256 + y * 170, (y + 20) * 256);
        assert_eq!(kept(sheared, &[(0, 0)], (128, 128)), 0.0);
    }
}
