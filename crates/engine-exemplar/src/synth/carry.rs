//! Carrying a frame's origins along the flow, and deciding which may stay.
//!
//! Origins keep their 1/256 pixel all the way, so a photograph is sampled once a frame however long the
//! shot: nothing blurs by and by.

use super::flow::Field;
use super::layout::bilinear;
use super::matter::{Colour, Guide, Level};
use crate::map::{Origin, UNIT};
use rayon::prelude::*;

/// What may stay.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Smallest and largest stretch of the matter.
    pub stretch: (f32, f32),
    /// Largest distance of the guides, in 8-bit steps over all guide channels.
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

/// Whether two neighbouring origins, `dx` and `dy` pixels apart, belong to one piece of a photograph.
#[inline(always)]
pub fn together(a: Origin, b: Origin, dx: i32, dy: i32) -> bool {
    const SLACK: i32 = UNIT * 7 / 10;
    a.source == b.source && (b.x - a.x - dx * UNIT).abs() < SLACK && (b.y - a.y - dy * UNIT).abs() < SLACK
}

/// The origin at a fractional place: between the four about it where they are one piece, else the
/// nearest, continued the way its piece goes.
#[inline(always)]
pub fn at(old: &[Origin], w: usize, h: usize, sx: i32, sy: i32) -> Origin {
    let (ix, iy) = (sx >> 8, sy >> 8);
    let (fx, fy) = (i64::from(sx & 255), i64::from(sy & 255));
    if ix >= 0 && iy >= 0 && ix + 1 < w as i32 && iy + 1 < h as i32 {
        let i = iy as usize * w + ix as usize;
        let (a, b, c, d) = (old[i], old[i + 1], old[i + w], old[i + w + 1]);
        if together(a, b, 1, 0) && together(a, c, 0, 1) && together(a, d, 1, 1) {
            let mix = |p: i32, q: i32, r: i32, s: i32| -> i32 {
                let top = i64::from(p) * (256 - fx) + i64::from(q) * fx;
                let bottom = i64::from(r) * (256 - fx) + i64::from(s) * fx;
                ((top * (256 - fy) + bottom * fy + 32768) >> 16) as i32
            };
            return coarse(Origin {
                source: a.source,
                x: mix(a.x, b.x, c.x, d.x),
                y: mix(a.y, b.y, c.y, d.y),
            });
        }
    }
    // The nearest pixel (of the edge, outside the frame) and how its piece is stretched.
    let nx = ((sx + 128) >> 8).clamp(0, w as i32 - 1);
    let ny = ((sy + 128) >> 8).clamp(0, h as i32 - 1);
    let (dx, dy) = (i64::from(sx - nx * UNIT), i64::from(sy - ny * UNIT));
    let base = old[ny as usize * w + nx as usize];
    let step = |ox: i32, oy: i32| -> Option<(i64, i64)> {
        let (px, py) = (nx + ox, ny + oy);
        if px < 0 || py < 0 || px >= w as i32 || py >= h as i32 {
            return None;
        }
        let o = old[py as usize * w + px as usize];
        let sign = i64::from(ox + oy);
        together(base, o, ox, oy).then(|| (i64::from(o.x - base.x) * sign, i64::from(o.y - base.y) * sign))
    };
    let unit = i64::from(UNIT);
    let gx = step(1, 0).or_else(|| step(-1, 0)).unwrap_or((unit, 0));
    let gy = step(0, 1).or_else(|| step(0, -1)).unwrap_or((0, unit));
    let go = |g: i64, k: i64| (g * dx + k * dy + unit / 2) >> 8;
    coarse(Origin {
        source: base.source,
        x: base.x + go(gx.0, gy.0) as i32,
        y: base.y + go(gx.1, gy.1) as i32,
    })
}

/// Carried places are kept to 1/64 pixel: nobody sees the rest, and maps pack into half the room.
#[inline(always)]
fn coarse(o: Origin) -> Origin {
    Origin {
        source: o.source,
        x: (o.x + 2) & !3,
        y: (o.y + 2) & !3,
    }
}

/// Decides which origins may stay: inside their photograph, not stretched, and still what the guides ask for.
pub fn judge(
    origins: &[Origin],
    w: usize,
    h: usize,
    level: &Level,
    wish: &[Guide],
    weights: &[f32; 5],
    keep: &Keep,
) -> Vec<bool> {
    let (low, high) = keep.stretch;
    let far = if wish.is_empty() {
        Vec::new()
    } else {
        distances(origins, w, level, wish, weights)
    };
    let far = box_mean(&far, w, 2);
    let limit = (keep.guide * keep.guide) as u32;
    let raw: Vec<bool> = (0..w * h)
        .into_par_iter()
        .map(|i| {
            let (x, y) = ((i % w) as i32, (i / w) as i32);
            let o = origins[i];
            if inside(level, o).is_none() || (!far.is_empty() && far[i] > limit) {
                return false;
            }
            let step = |dx: i32, dy: i32| -> Option<(f32, f32)> {
                let (px, py) = (x + dx, y + dy);
                if px < 0 || py < 0 || px >= w as i32 || py >= h as i32 {
                    return None;
                }
                let b = origins[py as usize * w + px as usize];
                let sign = (dx + dy) as f32 / UNIT as f32;
                together(o, b, dx, dy).then(|| ((b.x - o.x) as f32 * sign, (b.y - o.y) as f32 * sign))
            };
            let gx = step(1, 0).or_else(|| step(-1, 0));
            let gy = step(0, 1).or_else(|| step(0, -1));
            if gx.is_none() && gy.is_none() {
                return false;
            }
            let (a, b) = gx.unwrap_or((1.0, 0.0));
            let (c, d) = gy.unwrap_or((0.0, 1.0));
            let det = a * d - b * c;
            let all = a * a + b * b + c * c + d * d;
            let root = (all * all - 4.0 * det * det).max(0.0).sqrt();
            let (most, least) = (((all + root) * 0.5).sqrt(), ((all - root) * 0.5).max(0.0).sqrt());
            det > 0.0 && least >= low && most <= high
        })
        .collect();
    loosen(&majority(&raw, w, h), w, h)
}

/// How many of the 25 pixels about one must go before all near it go.
const DENSE: u32 = 8;
/// How near, in pixels.
const LOOSE: usize = 4;

/// Where matter must go, what lies about it goes too, so that whole pieces come anew and not threads.
fn loosen(kept: &[bool], w: usize, h: usize) -> Vec<bool> {
    let gone: Vec<u32> = kept.par_iter().map(|k| u32::from(!*k)).collect();
    // Only where a good part is gone: single pixels mend alone.
    let dense: Vec<u32> = box_sum(&gone, w, 2)
        .into_iter()
        .map(|n| u32::from(n >= DENSE))
        .collect();
    let near = box_sum(&dense, w, LOOSE);
    (0..w * h).map(|i| kept[i] && near[i] == 0).collect()
}

const AROUND: [(i32, i32); 8] = [
    (-1, -1),
    (0, -1),
    (1, -1),
    (-1, 0),
    (1, 0),
    (-1, 1),
    (0, 1),
    (1, 1),
];

/// Crumbs, pixels that hardly any neighbour shares a piece with, join the piece that most of their
/// neighbours would continue. Pixels of `kept` stay as they are.
pub fn tidy(origins: &mut Vec<Origin>, w: usize, h: usize, level: &Level, kept: &[bool]) {
    let old = &*origins;
    let near = |x: i32, y: i32| -> Option<Origin> {
        (x >= 0 && y >= 0 && x < w as i32 && y < h as i32).then(|| old[y as usize * w + x as usize])
    };
    let support = |o: Origin, x: i32, y: i32| -> usize {
        AROUND
            .iter()
            .filter(|(dx, dy)| near(x + dx, y + dy).is_some_and(|n| together(o, n, *dx, *dy)))
            .count()
    };
    let next: Vec<Origin> = (0..w * h)
        .into_par_iter()
        .map(|i| {
            let (x, y) = ((i % w) as i32, (i / w) as i32);
            let own = old[i];
            if kept.get(i).copied().unwrap_or(false) {
                return own;
            }
            let now = support(own, x, y);
            if now > 2 {
                return own;
            }
            let mut best = (now + 1, own);
            for (dx, dy) in AROUND {
                let Some(n) = near(x + dx, y + dy) else { continue };
                let c = Origin {
                    source: n.source,
                    x: n.x - dx * UNIT,
                    y: n.y - dy * UNIT,
                };
                let s = support(c, x, y);
                if s > best.0 && inside(level, c).is_some() {
                    best = (s, c);
                }
            }
            best.1
        })
        .collect();
    *origins = next;
}

/// Squared distance of what the guides of each origin are from what is wished there.
fn distances(origins: &[Origin], w: usize, level: &Level, wish: &[Guide], weights: &[f32; 5]) -> Vec<u32> {
    let squares = weights.map(|v| v * v);
    let mut out = vec![0u32; origins.len()];
    out.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        for (x, o) in row.iter_mut().enumerate() {
            let i = y * w + x;
            let Some(s) = inside(level, origins[i]) else {
                continue;
            };
            let g = level.guide[s];
            let mut e = 0.0;
            for k in 0..5 {
                let z = f32::from(g[k]) - f32::from(wish[i][k]);
                e += z * z * squares[k];
            }
            // One pixel far off counts, but not for its whole neighbourhood.
            *o = (e as u32).min(30_000);
        }
    });
    out
}

/// Mean over the square of radius `r` about each pixel.
fn box_mean(px: &[u32], w: usize, r: usize) -> Vec<u32> {
    let h = px.len() / w;
    let side = |i: usize, n: usize| (i + r + 1).min(n) - i.saturating_sub(r);
    let mut sums = box_sum(px, w, r);
    for (i, s) in sums.iter_mut().enumerate() {
        *s /= (side(i % w, w) * side(i / w, h)) as u32;
    }
    sums
}

/// Sum over the square of radius `r` about each pixel, inside the picture.
fn box_sum(px: &[u32], w: usize, r: usize) -> Vec<u32> {
    let h = px.len() / w;
    let mut across = vec![0u32; px.len()];
    across
        .par_chunks_mut(w)
        .zip(px.par_chunks(w))
        .for_each(|(out, row)| {
            for x in 0..w {
                out[x] = row[x.saturating_sub(r)..(x + r + 1).min(w)].iter().sum();
            }
        });
    let mut out = vec![0u32; px.len()];
    out.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        for j in y.saturating_sub(r)..(y + r + 1).min(h) {
            for (o, a) in row.iter_mut().zip(&across[j * w..(j + 1) * w]) {
                *o += a;
            }
        }
    });
    out
}

/// Bits of a [`Sway`]'s fraction: finer than the map's, so that steps after steps add no noise.
const FINE: i32 = 16;

/// Where each pixel was some frames ago, in 1/65536 pixel, carried along a flow and perhaps drawn back to rest.
#[derive(Clone, Debug)]
pub struct Sway {
    w: usize,
    h: usize,
    at: Vec<(i32, i32)>,
}

impl Sway {
    /// At rest: every pixel at its own place.
    pub fn rest(w: usize, h: usize) -> Sway {
        Sway {
            w,
            h,
            at: (0..w * h)
                .map(|i| (((i % w) as i32) << FINE, ((i / w) as i32) << FINE))
                .collect(),
        }
    }

    /// One frame on. `home` is how much of the way back to rest is made good, in 1/256.
    pub fn step(&mut self, field: &Field, home: i32) {
        self.step_by(&|x, y| field.at(x, y), home);
    }

    /// One frame on, where pixel (x, y) was `back(x, y)` pixels away in the frame before.
    pub fn step_by(&mut self, back: &(impl Fn(usize, usize) -> [f32; 2] + Sync), home: i32) {
        let (w, h) = (self.w, self.h);
        let mut next = vec![(0, 0); w * h];
        let old = &self.at;
        next.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
            for (x, o) in row.iter_mut().enumerate() {
                let d = back(x, y);
                let fix = |v: f32| libm::floorf(v * 65_536.0 + 0.5) as i32;
                let (rx, ry) = ((x as i32) << FINE, (y as i32) << FINE);
                let (sx, sy) = (rx + fix(d[0]), ry + fix(d[1]));
                // Outside the frame it goes on as at its edge.
                let cx = sx.clamp(0, (w as i32 - 1) << FINE);
                let cy = sy.clamp(0, (h as i32 - 1) << FINE);
                let (ix, iy) = ((cx >> FINE) as usize, (cy >> FINE) as usize);
                let (fx, fy) = (i64::from(cx & 0xffff), i64::from(cy & 0xffff));
                let (jx, jy) = ((ix + 1).min(w - 1), (iy + 1).min(h - 1));
                let (a, b, c, d) = (
                    old[iy * w + ix],
                    old[iy * w + jx],
                    old[jy * w + ix],
                    old[jy * w + jx],
                );
                let mix = |p: i32, q: i32, r: i32, s: i32| -> i32 {
                    let (p, q, r, s) = (i64::from(p), i64::from(q), i64::from(r), i64::from(s));
                    let top = (p << FINE) + (q - p) * fx;
                    let bottom = (r << FINE) + (s - r) * fx;
                    (((top << 4) + (((bottom - top) >> 12) * fy) + (1 << 19)) >> 20) as i32
                };
                let (px, py) = (
                    mix(a.0, b.0, c.0, d.0) + sx - cx,
                    mix(a.1, b.1, c.1, d.1) + sy - cy,
                );
                let homeward = |p: i32, rest: i32| p + ((i64::from(rest - p) * i64::from(home)) >> 8) as i32;
                *o = (homeward(px, rx), homeward(py, ry));
            }
        });
        self.at = next;
    }

    /// Where pixel `i` was, in 1/256 pixel.
    #[inline(always)]
    pub fn was(&self, i: usize) -> (i32, i32) {
        let (x, y) = self.at[i];
        ((x + 128) >> 8, (y + 128) >> 8)
    }

    /// A map carried here from where this began.
    pub fn carry(&self, old: &[Origin]) -> Vec<Origin> {
        (0..self.at.len())
            .into_par_iter()
            .map(|i| {
                let (x, y) = self.was(i);
                at(old, self.w, self.h, x, y)
            })
            .collect()
    }

    /// The guides of the frame it began with, swayed.
    pub fn draw(&self, guides: &[Guide]) -> Vec<Guide> {
        let (w, h) = (self.w, self.h);
        let fold = |v: i32, n: usize| -> f32 {
            // Beyond the edge, as in a mirror.
            let last = (n - 1) as i32 * UNIT;
            let v = if v < 0 {
                (-v).min(last)
            } else if v > last {
                (2 * last - v).max(0)
            } else {
                v
            };
            v as f32 / UNIT as f32
        };
        (0..w * h)
            .into_par_iter()
            .map(|i| {
                let (x, y) = self.was(i);
                bilinear(guides, w, h, fold(x, w), fold(y, h))
            })
            .collect()
    }
}

/// Index of an origin's nearest pixel in the level's stack; `None` outside what may be used.
#[inline(always)]
pub fn inside(level: &Level, o: Origin) -> Option<usize> {
    let p = level.places.get(usize::from(o.source))?;
    let (x, y) = o.nearest();
    if x < 0 || y < 0 || x >= p.width as i32 || y >= p.height as i32 {
        return None;
    }
    let i = (p.top + y as usize) * level.width + x as usize;
    (level.owner[i] != 0).then_some(i)
}

/// A pixel stays when it may itself and most of the 25 about it may.
fn majority(raw: &[bool], w: usize, h: usize) -> Vec<bool> {
    let mut across = vec![0u8; w * h];
    across
        .par_chunks_mut(w)
        .zip(raw.par_chunks(w))
        .for_each(|(out, row)| {
            for x in 0..w {
                out[x] = row[x.saturating_sub(2)..(x + 3).min(w)]
                    .iter()
                    .map(|b| u8::from(*b))
                    .sum();
            }
        });
    let mut out = vec![false; w * h];
    out.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        let (y0, y1) = (y.saturating_sub(2), (y + 3).min(h));
        for (x, o) in row.iter_mut().enumerate() {
            if raw[y * w + x] {
                let n: usize = (y0..y1).map(|j| usize::from(across[j * w + x])).sum();
                let all = (y1 - y0) * ((x + 3).min(w) - x.saturating_sub(2));
                *o = n * 2 > all;
            }
        }
    });
    out
}

/// The display colour of an origin, between pixels, inside its own photograph.
#[inline(always)]
pub fn colour(level: &Level, o: Origin) -> Colour {
    let p = level.places[usize::from(o.source)];
    let own = &level.colour[p.top * level.width..(p.top + p.height) * level.width];
    let x = (o.x as f32 / UNIT as f32).min((p.width - 1) as f32);
    bilinear(own, level.width, p.height, x, o.y as f32 / UNIT as f32)
}
