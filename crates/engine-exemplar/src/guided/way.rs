//! Where each pixel's matter was laid down: a layer (the key frame, or a frame since in which it came into view) and a
//! place in it, carried along the stage's exact motion.
//!
//! So a map is warped once from where it was made, however many frames ago, and its pieces keep clean edges; what has
//! just come into view begins a layer of its own.

use super::seen::Seen;
use crate::map::{Origin, UNIT};
use crate::synth::carry::at;
use rayon::prelude::*;

/// Bits of a place's fraction.
const FINE: i32 = 16;
/// Nobody knows: the pixel has just come into view.
const NEW: u8 = u8::MAX;
/// Least way, in layer pixels, from one pixel to the next: under it matter would be drawn out to streaks.
const LEAST: i64 = 30_000;

/// Where one pixel's matter was laid down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    layer: u8,
    x: i32,
    y: i32,
}

/// A map laid down in one frame; of the frames after the key only what came into view, in rows of tiles.
#[derive(Clone, Debug)]
struct Layer {
    /// First row and column, and the size of what is kept.
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    map: Vec<Origin>,
}

impl Layer {
    /// The part of a map that holds all pixels of `which`, with a margin.
    fn around(map: &[Origin], w: usize, h: usize, which: &[bool]) -> Option<Layer> {
        let (mut x0, mut y0, mut x1, mut y1) = (w, h, 0, 0);
        for (y, row) in which.chunks(w).enumerate() {
            if let (Some(a), Some(b)) = (row.iter().position(|v| *v), row.iter().rposition(|v| *v)) {
                (x0, x1) = (x0.min(a), x1.max(b));
                (y0, y1) = (y0.min(y), y);
            }
        }
        if x0 > x1 {
            return None;
        }
        let (x0, y0) = (x0.saturating_sub(2), y0.saturating_sub(2));
        let (x1, y1) = ((x1 + 3).min(w), (y1 + 3).min(h));
        Some(Layer {
            x: x0,
            y: y0,
            width: x1 - x0,
            height: y1 - y0,
            map: (y0..y1)
                .flat_map(|y| map[y * w + x0..y * w + x1].iter().copied())
                .collect(),
        })
    }

    fn read(&self, x: i32, y: i32) -> Origin {
        at(
            &self.map,
            self.width,
            self.height,
            x - self.x as i32 * UNIT,
            y - self.y as i32 * UNIT,
        )
    }
}

/// The ways of all pixels since the key frame.
#[derive(Clone, Debug)]
pub struct Ways {
    w: usize,
    h: usize,
    at: Vec<At>,
    layers: Vec<Layer>,
    object: Vec<u32>,
}

impl Ways {
    /// At the key frame, whose map is `base` and whose objects are `object`.
    pub fn rest(w: usize, h: usize, base: &[Origin], object: &[u32]) -> Ways {
        Ways {
            w,
            h,
            at: (0..w * h)
                .map(|i| At {
                    layer: 0,
                    x: ((i % w) as i32) << FINE,
                    y: ((i / w) as i32) << FINE,
                })
                .collect(),
            layers: vec![Layer {
                x: 0,
                y: 0,
                width: w,
                height: h,
                map: base.to_vec(),
            }],
            object: object.to_vec(),
        }
    }

    /// One frame on. Returns which pixels have just come into view.
    pub fn step(&mut self, seen: &Seen) -> Vec<bool> {
        let (w, h) = (self.w, self.h);
        let old = &self.at;
        let was = &self.object;
        let next: Vec<At> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let new = At {
                    layer: NEW,
                    x: 0,
                    y: 0,
                };
                let d = seen.back[i];
                if seen.hidden[i] || !d[0].is_finite() || !d[1].is_finite() {
                    return new;
                }
                let fix = |v: f32| libm::floorf(v.clamp(-16_000.0, 16_000.0) * 65_536.0 + 0.5) as i64;
                let (x, y) = (
                    (((i % w) as i64) << FINE) + fix(d[0]),
                    (((i / w) as i64) << FINE) + fix(d[1]),
                );
                let half = 1i64 << (FINE - 1);
                let (nx, ny) = ((x + half) >> FINE, (y + half) >> FINE);
                if nx < 0 || ny < 0 || nx >= w as i64 || ny >= h as i64 {
                    return new;
                }
                let near = ny as usize * w + nx as usize;
                if was[near] != seen.object[i] {
                    return new;
                }
                let base = old[near];
                let (ix, iy) = (
                    (x >> FINE).clamp(0, w as i64 - 1),
                    (y >> FINE).clamp(0, h as i64 - 1),
                );
                let (jx, jy) = ((ix + 1).min(w as i64 - 1), (iy + 1).min(h as i64 - 1));
                let corner = |x: i64, y: i64| {
                    let k = y as usize * w + x as usize;
                    let c = old[k];
                    let far = (c.x.abs_diff(base.x)).max(c.y.abs_diff(base.y));
                    (c.layer == base.layer && was[k] == seen.object[i] && far < 4 << FINE).then_some(c)
                };
                let (fx, fy) = ((x & 0xffff).max(0), (y & 0xffff).max(0));
                let four = (corner(ix, iy), corner(jx, iy), corner(ix, jy), corner(jx, jy));
                if let (Some(a), Some(b), Some(c), Some(d)) = four {
                    let mix = |p: i32, q: i32, r: i32, s: i32| -> i32 {
                        let (p, q, r, s) = (i64::from(p), i64::from(q), i64::from(r), i64::from(s));
                        let top = (p << FINE) + (q - p) * fx;
                        let bottom = (r << FINE) + (s - r) * fx;
                        (((top << 4) + (((bottom - top) >> 12) * fy) + (1 << 19)) >> 20) as i32
                    };
                    return At {
                        layer: base.layer,
                        x: mix(a.x, b.x, c.x, d.x),
                        y: mix(a.y, b.y, c.y, d.y),
                    };
                }
                // At an edge: the nearest goes on by the rest of the way.
                let on = |v: i32, exact: i64, n: i64| {
                    (i64::from(v) + exact - (n << FINE)).clamp(i64::from(i32::MIN), i64::from(i32::MAX))
                        as i32
                };
                At {
                    layer: base.layer,
                    x: on(base.x, x, nx),
                    y: on(base.y, y, ny),
                }
            })
            .collect();
        let fresh: Vec<bool> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let a = next[i];
                if a.layer == NEW {
                    return true;
                }
                // Drawn out to more than about twice its size: as good as new.
                let thin = |before: Option<usize>, after: Option<usize>| -> bool {
                    let (Some(b), Some(c)) = (before, after) else {
                        return false;
                    };
                    let (p, q) = (next[b], next[c]);
                    let same = |o: At, k: usize| o.layer == a.layer && seen.object[k] == seen.object[i];
                    if !same(p, b) || !same(q, c) {
                        return false;
                    }
                    let (dx, dy) = (
                        (i64::from(q.x) - i64::from(p.x)).abs(),
                        (i64::from(q.y) - i64::from(p.y)).abs(),
                    );
                    dx.max(dy) < 2 * LEAST
                };
                let (x, y) = (i % w, i / w);
                thin(x.checked_sub(1).map(|_| i - 1), (x + 1 < w).then_some(i + 1))
                    || thin(y.checked_sub(1).map(|_| i - w), (y + 1 < h).then_some(i + w))
            })
            .collect();
        self.at = next;
        self.object.copy_from_slice(&seen.object);
        fresh
    }

    /// The map as carried here; where `fresh` is true it means nothing.
    pub fn map(&self, fresh: &[bool]) -> Vec<Origin> {
        self.at
            .par_iter()
            .enumerate()
            .map(|(i, a)| {
                if fresh[i] {
                    return Origin::default();
                }
                self.layers
                    .get(usize::from(a.layer))
                    .map_or_else(Origin::default, |l| l.read(a.x >> 8, a.y >> 8))
            })
            .collect()
    }

    /// Where pixel `i` lay in the key frame, in 1/256 pixel; `None` if it has come into view since.
    pub fn in_key(&self, i: usize) -> Option<(i32, i32)> {
        let a = self.at[i];
        (a.layer == 0).then_some(((a.x + 128) >> 8, (a.y + 128) >> 8))
    }

    /// Takes in what was made for the pixels of `fresh`, as a layer of its own.
    pub fn lay(&mut self, map: &[Origin], fresh: &[bool]) {
        let (w, h) = (self.w, self.h);
        let Some(layer) = Layer::around(map, w, h, fresh) else {
            return;
        };
        self.layers.push(layer);
        let number = (self.layers.len() - 1).min(usize::from(NEW - 1)) as u8;
        self.at
            .par_iter_mut()
            .enumerate()
            .filter(|(i, _)| fresh[*i])
            .for_each(|(i, a)| {
                *a = At {
                    layer: number,
                    x: ((i % w) as i32) << FINE,
                    y: ((i / w) as i32) << FINE,
                };
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still(w: usize, h: usize, back: [f32; 2]) -> Seen {
        Seen {
            width: w,
            height: h,
            object: vec![1; w * h],
            back: vec![back; w * h],
            hidden: vec![false; w * h],
            ..Seen::default()
        }
    }

    #[test]
    fn a_pan_brings_the_map_along_exactly_and_shows_what_is_new() {
        let (w, h) = (32, 8);
        let base: Vec<Origin> = (0..w * h)
            .map(|i| Origin::whole(0, (i % w) as i32, (i / w) as i32))
            .collect();
        let mut ways = Ways::rest(w, h, &base, &vec![1; w * h]);
        // Matter goes 0.75 px to the left each frame: each pixel was 0.75 px further right.
        let seen = still(w, h, [0.75, 0.0]);
        for n in 1..=4 {
            let fresh = ways.step(&seen);
            let map = ways.map(&fresh);
            // A pixel well inside keeps its exact place through all four frames.
            assert_eq!(map[3 * w + 10].x, (10 << 8) + n * 192);
            let mut map = map;
            for (o, f) in map.iter_mut().zip(&fresh) {
                if *f {
                    *o = Origin::whole(7, 0, 0);
                }
            }
            ways.lay(&map, &fresh);
        }
        // The last column came in from outside.
        let fresh = ways.step(&still(w, h, [0.0, 0.0]));
        assert!(fresh.iter().all(|f| !f));
        let map = ways.map(&fresh);
        assert_eq!(map[3 * w + 31].source, 7);
        assert_eq!(ways.in_key(3 * w + 31), None);
        assert_eq!(ways.in_key(3 * w + 10), Some(((10 << 8) + 768, 3 << 8)));
    }

    #[test]
    fn matter_that_would_be_drawn_to_streaks_is_new() {
        let (w, h) = (32, 8);
        let base: Vec<Origin> = (0..w * h)
            .map(|i| Origin::whole(0, (i % w) as i32, (i / w) as i32))
            .collect();
        let mut ways = Ways::rest(w, h, &base, &vec![1; w * h]);
        // All columns from 16 on come out of column 15: a surface that turns into view.
        let mut seen = still(w, h, [0.0, 0.0]);
        for i in 0..w * h {
            if i % w > 16 {
                seen.back[i] = [-((i % w - 16) as f32) * 0.9, 0.0];
            }
        }
        let fresh = ways.step(&seen);
        assert!(fresh[3 * w + 24] && !fresh[3 * w + 5]);
    }
}
