//! How most of one picture lies in another, found coarsely over leaps that optical flow does not reach.
//!
//! Both pictures are made small. Patches of the first that have something in them are looked for everywhere in
//! the second, at several sizes, by normalised cross-correlation (Lewis, "Fast Normalized Cross-Correlation",
//! 1995), and the affine motion that most of the finds share is drawn out of them by chance hashed from the
//! seed (RANSAC, Fischler and Bolles 1981) and fitted by least squares. Whole numbers, then f64 with + - * /
//! and square roots in a fixed order: the same on every machine.

use super::hash::{Dice, mix};
use super::matter::halve_bytes;
use rayon::prelude::*;

/// x' = `x[0]` x + `x[1]` y + `x[2]`, and y' likewise, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Coefficients of x'.
    pub x: [f64; 3],
    /// Coefficients of y'.
    pub y: [f64; 3],
}

impl Affine {
    /// Where (x, y) goes.
    #[inline(always)]
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (
            self.x[0] * x + self.x[1] * y + self.x[2],
            self.y[0] * x + self.y[1] * y + self.y[2],
        )
    }

    /// The way back; `None` where the picture is folded flat.
    pub fn inverse(&self) -> Option<Affine> {
        let det = self.determinant();
        if det.abs() < 1e-9 {
            return None;
        }
        let (a, b, c, d) = (self.x[0], self.x[1], self.y[0], self.y[1]);
        let (ia, ib, ic, id) = (d / det, -b / det, -c / det, a / det);
        Some(Affine {
            x: [ia, ib, -(ia * self.x[2] + ib * self.y[2])],
            y: [ic, id, -(ic * self.x[2] + id * self.y[2])],
        })
    }

    fn determinant(&self) -> f64 {
        self.x[0] * self.y[1] - self.x[1] * self.y[0]
    }
}

/// The shorter side of the small pictures is at most this.
const SMALL: usize = 80;
/// Half the side of a patch.
const R: usize = 4;
/// The side of a patch.
const SIDE: usize = 2 * R + 1;
/// Pixels from one patch to the next.
const STEP: usize = 4;
/// Sizes of the second picture that are tried, in 64ths.
const ZOOMS: [usize; 7] = [64, 53, 77, 43, 96, 36, 114];
/// The least correlation of a find.
const ALIKE: f64 = 0.82;
/// How far, in small pixels, a find may lie from where the common motion puts it.
const NEAR: f64 = 1.6;
/// Fewest finds that make a motion.
const FEWEST: usize = 8;
/// Guesses at the common motion.
const GUESSES: u64 = 600;

struct Grey {
    w: usize,
    h: usize,
    px: Vec<u8>,
}

impl Grey {
    fn small(light: &[u8], w: usize, h: usize) -> (Grey, usize) {
        let (mut px, mut w, mut h, mut by): (Vec<[u8; 1]>, _, _, _) =
            (light.iter().map(|v| [*v]).collect(), w, h, 1);
        while w.min(h) > SMALL {
            (px, w, h) = halve_bytes(&px, w, h);
            by *= 2;
        }
        let px = px.into_iter().map(|v| v[0]).collect();
        (Grey { w, h, px }, by)
    }

    /// Enlarged by `zoom` / 64, between pixels.
    fn zoomed(&self, zoom: usize) -> Grey {
        let (w, h) = ((self.w * zoom / 64).max(1), (self.h * zoom / 64).max(1));
        let px: Vec<[u8; 1]> = self.px.iter().map(|v| [*v]).collect();
        let back = 64.0 / zoom as f32;
        let px = (0..w * h)
            .map(|i| {
                let (x, y) = ((i % w) as f32, (i / w) as f32);
                let at = |v: f32| (v + 0.5) * back - 0.5;
                super::layout::bilinear(&px, self.w, self.h, at(x), at(y))[0]
            })
            .collect();
        Grey { w, h, px }
    }

    /// Sum and sum of squares of the patch about (x, y).
    fn sums(&self, x: usize, y: usize) -> (i64, i64) {
        let (mut sum, mut squares) = (0i64, 0i64);
        for j in y - R..=y + R {
            for v in &self.px[j * self.w + x - R..=j * self.w + x + R] {
                sum += i64::from(*v);
                squares += i64::from(*v) * i64::from(*v);
            }
        }
        (sum, squares)
    }

    fn inner(&self) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        for y in R..self.h.saturating_sub(R) {
            for x in R..self.w.saturating_sub(R) {
                out.push((x, y));
            }
        }
        out
    }
}

/// A patch at (x, y) found at (u, v), in pixels of the small pictures.
#[derive(Clone, Copy)]
struct Find {
    from: (f64, f64),
    to: (f64, f64),
    alike: f64,
}

/// The affine motion from picture `a` to picture `b` that most of `a` goes along, in their own pixels. `a` and
/// `b` are luminances of `w` x `h`. `None` where there is none that many places agree on.
pub fn affine(a: &[u8], b: &[u8], w: usize, h: usize, seed: u64) -> Option<Affine> {
    let ((a, by), (b, _)) = (Grey::small(a, w, h), Grey::small(b, w, h));
    if a.w < 2 * R + 3 || a.h < 2 * R + 3 {
        return None;
    }
    let finds = finds(&a, &b);
    let found = common(&finds, seed)?;
    // Centres of small pixels are not those of large ones.
    let by = by as f64;
    let shift = |row: [f64; 3]| -> [f64; 3] {
        let c = (by - 1.0) / 2.0;
        [row[0], row[1], row[2] * by + c - (row[0] + row[1]) * c]
    };
    Some(Affine {
        x: shift(found.x),
        y: shift(found.y),
    })
}

/// Of every textured patch of `a`, the best place in `b`, at whatever size.
fn finds(a: &Grey, b: &Grey) -> Vec<Find> {
    let n = (SIDE * SIDE) as i64;
    let places: Vec<(usize, usize, i64, i64)> = a
        .inner()
        .into_iter()
        .filter(|(x, y)| (x - R).is_multiple_of(STEP) && (y - R).is_multiple_of(STEP))
        .filter_map(|(x, y)| {
            let (sum, squares) = a.sums(x, y);
            let spread = n * squares - sum * sum;
            // A deviation of four steps at least: a plain patch is everywhere.
            (spread > 16 * n * n).then_some((x, y, sum, spread))
        })
        .collect();
    let mut best: Vec<Option<Find>> = vec![None; places.len()];
    for zoom in ZOOMS {
        let b = b.zoomed(zoom);
        if b.w < SIDE || b.h < SIDE {
            continue;
        }
        let targets: Vec<(usize, usize, i64, i64)> = b
            .inner()
            .into_iter()
            .filter_map(|(x, y)| {
                let (sum, squares) = b.sums(x, y);
                let spread = n * squares - sum * sum;
                (spread > 16 * n * n).then_some((x, y, sum, spread))
            })
            .collect();
        let back = 64.0 / zoom as f64;
        best.par_iter_mut()
            .zip(&places)
            .for_each(|(best, (x, y, sum, spread))| {
                let own: [[u8; SIDE]; SIDE] = std::array::from_fn(|j| {
                    let p = (y + j - R) * a.w + x - R;
                    std::array::from_fn(|i| a.px[p + i])
                });
                for (u, v, other, wide) in &targets {
                    // At most 81 squares of a byte: 32 bits are enough, and fast.
                    let mut dot = 0u32;
                    for (j, own) in own.iter().enumerate() {
                        let q = (v + j - R) * b.w + u - R;
                        for (s, t) in own.iter().zip(&b.px[q..q + SIDE]) {
                            dot += u32::from(*s) * u32::from(*t);
                        }
                    }
                    let over = (n * i64::from(dot) - sum * other) as f64;
                    if over <= 0.0 {
                        continue;
                    }
                    let alike = over / (*spread as f64 * *wide as f64).sqrt();
                    if alike > ALIKE && best.is_none_or(|b| alike > b.alike) {
                        let at = |v: usize| (v as f64 + 0.5) * back - 0.5;
                        *best = Some(Find {
                            from: (*x as f64, *y as f64),
                            to: (at(*u), at(*v)),
                            alike,
                        });
                    }
                }
            });
    }
    best.into_iter().flatten().collect()
}

/// The motion that most finds share.
fn common(finds: &[Find], seed: u64) -> Option<Affine> {
    if finds.len() < FEWEST {
        return None;
    }
    let agreeing = |m: &Affine| -> Vec<Find> {
        finds
            .iter()
            .filter(|f| {
                let (x, y) = m.at(f.from.0, f.from.1);
                let (dx, dy) = (x - f.to.0, y - f.to.1);
                dx * dx + dy * dy <= NEAR * NEAR
            })
            .copied()
            .collect()
    };
    let mut best: (usize, Option<Affine>) = (0, None);
    for guess in 0..GUESSES {
        let mut dice = Dice::new(mix(seed ^ 0xa11e), guess);
        let three: Vec<Find> = (0..3)
            .map(|_| finds[dice.below(finds.len() as u32) as usize])
            .collect();
        let Some(m) = fit(&three).filter(plausible) else {
            continue;
        };
        let count = agreeing(&m).len();
        if count > best.0 {
            best = (count, Some(m));
        }
    }
    let mut motion = best.1?;
    for _ in 0..3 {
        motion = fit(&agreeing(&motion)).filter(plausible)?;
    }
    let count = agreeing(&motion).len();
    (count >= FEWEST.max(finds.len() / 4)).then_some(motion)
}

/// Neither folded nor torn: a camera that moved, turned or zoomed.
fn plausible(m: &Affine) -> bool {
    let det = m.determinant();
    let longest = |a: f64, b: f64| (a * a + b * b).sqrt();
    (0.15..6.0).contains(&det)
        && longest(m.x[0], m.y[0]) < 3.0
        && longest(m.x[1], m.y[1]) < 3.0
        && (m.x[0] * m.x[1] + m.y[0] * m.y[1]).abs() < 0.5 * det
}

/// The affine motion of least squares.
fn fit(finds: &[Find]) -> Option<Affine> {
    let n = finds.len() as f64;
    if finds.len() < 3 {
        return None;
    }
    let mean = |pick: &dyn Fn(&Find) -> f64| finds.iter().map(pick).sum::<f64>() / n;
    let (mx, my) = (mean(&|f| f.from.0), mean(&|f| f.from.1));
    let (mu, mv) = (mean(&|f| f.to.0), mean(&|f| f.to.1));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    let (mut xu, mut yu, mut xv, mut yv) = (0.0, 0.0, 0.0, 0.0);
    for f in finds {
        let (x, y, u, v) = (f.from.0 - mx, f.from.1 - my, f.to.0 - mu, f.to.1 - mv);
        xx += x * x;
        xy += x * y;
        yy += y * y;
        xu += x * u;
        yu += y * u;
        xv += x * v;
        yv += y * v;
    }
    let det = xx * yy - xy * xy;
    // Three places in a row say nothing of what lies beside it.
    if det < 4.0 * n {
        return None;
    }
    let row = |xs: f64, ys: f64, m: f64| {
        let (a, b) = ((xs * yy - ys * xy) / det, (ys * xx - xs * xy) / det);
        [a, b, m - a * mx - b * my]
    };
    Some(Affine {
        x: row(xu, yu, mu),
        y: row(xv, yv, mv),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::flow::value_noise;

    #[test]
    fn a_zoom_with_a_leap_is_found_and_two_strangers_have_nothing_in_common() {
        let (w, h) = (160usize, 96usize);
        let scene = |x: f64, y: f64, seed: u64| -> u8 {
            let at = |s: f32| value_noise(x as f32 / s, y as f32 / s, seed);
            ((0.5 * at(21.0) + 0.3 * at(9.0) + 0.2 * at(5.0)) * 255.0) as u8
        };
        let picture = |m: &dyn Fn(f64, f64) -> (f64, f64), seed: u64| -> Vec<u8> {
            (0..w * h)
                .map(|i| {
                    let (x, y) = m((i % w) as f64, (i / w) as f64);
                    scene(x + 300.0, y + 300.0, seed)
                })
                .collect()
        };
        let a = picture(&|x, y| (x, y), 1);
        // What is at (x, y) in A is at 1.25 (x - 30), 1.25 (y - 8) in B: a leap of a fifth of the width.
        let b = picture(&|x, y| (x / 1.25 + 30.0, y / 1.25 + 8.0), 1);
        let found = affine(&a, &b, w, h, 7).unwrap();
        for (x, y) in [(40.0, 20.0), (130.0, 20.0), (130.0, 75.0)] {
            let (u, v) = found.at(x, y);
            let off = (u - 1.25 * (x - 30.0)).abs().max((v - 1.25 * (y - 8.0)).abs());
            assert!(off < 2.0, "({x}, {y}) goes to ({u}, {v})");
        }
        let stranger = picture(&|x, y| (x, y), 99);
        assert_eq!(affine(&a, &stranger, w, h, 7), None);
    }

    #[test]
    fn the_way_back_leads_back() {
        let m = Affine {
            x: [1.2, 0.1, -7.0],
            y: [-0.05, 0.9, 3.0],
        };
        let back = m.inverse().unwrap();
        let (x, y) = m.at(12.0, 34.0);
        let (x, y) = back.at(x, y);
        assert!((x - 12.0).abs() < 1e-9 && (y - 34.0).abs() < 1e-9);
    }
}
