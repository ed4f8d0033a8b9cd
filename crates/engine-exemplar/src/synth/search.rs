//! The search: every pixel of the target looks for a better place in the matter.
//!
//! Cost = patch difference + a penalty for places used too often + a penalty for every neighbour that
//! comes from elsewhere. All integers. Rows are worked in fixed bands of [`BAND`] that see the rest of
//! the picture as it was before the sweep, so the result does not depend on the number of threads.

use super::feature::Plane;
use super::hash::Dice;
use super::matter::{Level, NOWHERE, Spot, spot, spot_x, spot_y};
use super::patch::{Kernel, Work, dispatch};
use rayon::prelude::*;

/// Rows of one band.
pub const BAND: usize = 16;

/// The picture being made, on one level.
#[derive(Clone, Debug)]
pub struct Target {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// What is wanted at each pixel.
    pub plane: Plane,
    /// Where each pixel's patch is taken from now.
    pub from: Vec<Spot>,
    /// The patch difference there.
    pub error: Vec<u32>,
    /// Pixels that may not change; empty for none.
    pub locked: Vec<bool>,
}

/// How one sweep goes.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<'a> {
    /// Penalty of each occupancy bin, from [`Occupancy::penalties`].
    pub penalties: &'a [u32],
    /// Penalty for each of the four neighbours that comes from elsewhere.
    pub beta: u32,
    /// How many random places each pixel tries.
    pub random: usize,
    /// Radius of the first random try, in pixels; `None`: anywhere at all.
    pub radius: Option<u32>,
    /// Compare 3x3 patches instead of 5x5.
    pub small: bool,
    /// From the bottom right instead of the top left.
    pub backwards: bool,
    /// Errors are stale: compute them anew first.
    pub fresh: bool,
    /// Randomness.
    pub seed: u64,
}

/// How often each part of the matter is used.
#[derive(Clone, Debug, Default)]
pub struct Occupancy {
    use_256: Vec<u32>,
}

/// Bins in a row of a level's stack.
pub fn bins_across(level: &Level) -> usize {
    (level.width >> level.bin_shift) + 2
}

impl Occupancy {
    /// Counts anew, keeping half of what was there before, so that it does not swing.
    pub fn count(&mut self, from: &[Spot], level: &Level) {
        let across = bins_across(level);
        let shift = level.bin_shift;
        let down = (level.height >> shift) + 2;
        let mut raw = vec![0u32; across * down];
        for s in from {
            raw[(spot_y(*s) >> shift) * across + (spot_x(*s) >> shift)] += 1;
        }
        // 256 = used as often as if all matter were used alike.
        let scale = |n: u32| -> u32 {
            let bin = 1u64 << (2 * shift);
            let v = u64::from(n) * 256 * level.area as u64 / (from.len() as u64 * bin * 9).max(1);
            v.min(1 << 20) as u32
        };
        let mut now = vec![0u32; raw.len()];
        for y in 0..down {
            for x in 0..across {
                let mut n = 0;
                for j in y.saturating_sub(1)..(y + 2).min(down) {
                    for i in x.saturating_sub(1)..(x + 2).min(across) {
                        n += raw[j * across + i];
                    }
                }
                now[y * across + x] = scale(n);
            }
        }
        if self.use_256.len() == now.len() {
            for (a, b) in self.use_256.iter_mut().zip(&now) {
                *a = (*a + *b).div_ceil(2);
            }
        } else {
            self.use_256 = now;
        }
    }

    /// The penalty of each bin: `lambda` where it is used as often as the mean, and its `bias` (empty for none).
    pub fn penalties(&self, lambda: u32, bias: &[u32]) -> Vec<u32> {
        let mut penalties: Vec<u32> = self
            .use_256
            .iter()
            .map(|u| ((u64::from(*u) * u64::from(lambda)) >> 8).min(1 << 28) as u32)
            .collect();
        for (p, b) in penalties.iter_mut().zip(bias) {
            *p = p.saturating_add(*b).min(1 << 28);
        }
        penalties
    }
}

/// One sweep over the whole target.
pub fn sweep(target: &mut Target, level: &Level, plane: &Plane, how: &Sweep) {
    let snapshot = target.from.clone();
    let width = target.width;
    let (wanted, locked, height) = (&target.plane, &target.locked, target.height);
    target
        .from
        .par_chunks_mut(width * BAND)
        .zip(target.error.par_chunks_mut(width * BAND))
        .enumerate()
        .for_each(|(band, (from, error))| {
            let top = band * BAND;
            let rows = from.len() / width;
            if !locked.is_empty() && locked[top * width..(top + rows) * width].iter().all(|l| *l) {
                return;
            }
            dispatch(Band {
                top,
                rows,
                width,
                height,
                from,
                error,
                locked,
                snapshot: &snapshot,
                wanted,
                level,
                plane,
                how,
            });
        });
}

struct Band<'a> {
    top: usize,
    rows: usize,
    width: usize,
    height: usize,
    from: &'a mut [Spot],
    error: &'a mut [u32],
    locked: &'a [bool],
    snapshot: &'a [Spot],
    wanted: &'a Plane,
    level: &'a Level,
    plane: &'a Plane,
    how: &'a Sweep<'a>,
}

/// What one pixel holds while it tries candidates.
struct Best {
    from: Spot,
    error: u32,
    cost: u32,
}

impl Work for Band<'_> {
    #[inline(always)]
    fn run<K: Kernel>(self) {
        let Band {
            top,
            rows,
            width,
            height,
            from,
            error,
            locked,
            snapshot,
            wanted,
            level,
            plane,
            how,
        } = self;
        // The band with a frame of neighbours about it, so that no look needs a bounds test.
        let across = width + 2;
        let mut field = vec![NOWHERE; across * (rows + 2)];
        for r in 0..rows + 2 {
            let y = top + r;
            if y == 0 || y > height {
                continue;
            }
            field[r * across + 1..r * across + 1 + width]
                .copy_from_slice(&snapshot[(y - 1) * width..y * width]);
        }
        let bins = bins_across(level);
        // Offsets to the neighbours already visited: one beside, one above, one aslant.
        let back: isize = if how.backwards { -1 } else { 1 };
        let side = u32::MAX.wrapping_mul(if how.backwards { 1 } else { u32::MAX }); // +1 or -1
        let line = if how.backwards {
            0u32.wrapping_sub(1 << 16)
        } else {
            1 << 16
        };
        let whole = how.radius.is_none();
        let first_radius = how
            .radius
            .unwrap_or(level.width.max(level.height) as u32 / 4)
            .max(2);
        for step in 0..rows * width {
            let step = if how.backwards {
                rows * width - 1 - step
            } else {
                step
            };
            let (r, x) = (step / width, step % width);
            let y = top + r;
            if !locked.is_empty() && locked[y * width + x] {
                error[step] = 0;
                continue;
            }
            let at = (r + 1) * across + x + 1;
            let here = wanted.index(x, y);
            let near = [
                field[at - 1].wrapping_add(1),
                field[at + 1].wrapping_sub(1),
                field[at - across].wrapping_add(1 << 16),
                field[at + across].wrapping_sub(1 << 16),
            ];
            let mut best = Best {
                from: field[at],
                error: error[step],
                cost: 0,
            };
            {
                let index = plane.index(spot_x(best.from), spot_y(best.from));
                if how.fresh {
                    best.error = if how.small {
                        K::three(wanted, here, plane, index, u32::MAX)
                    } else {
                        K::five(wanted, here, plane, index, u32::MAX)
                    };
                }
                best.cost = if level.open(best.from) {
                    best.error + outside(best.from, &near, how, level.bin_shift, bins)
                } else {
                    // It may stay only while nothing else is to be had.
                    u32::MAX / 2
                };
            }
            macro_rules! attempt {
                ($candidate:expr) => {{
                    let c: Spot = $candidate;
                    if c != best.from && level.open(c) {
                        let extra = outside(c, &near, how, level.bin_shift, bins);
                        if extra < best.cost {
                            let limit = best.cost - extra;
                            let index = plane.index(spot_x(c), spot_y(c));
                            let e = if how.small {
                                K::three(wanted, here, plane, index, limit)
                            } else {
                                K::five(wanted, here, plane, index, limit)
                            };
                            if e < limit {
                                best = Best {
                                    from: c,
                                    error: e,
                                    cost: e + extra,
                                };
                            }
                        }
                    }
                }};
            }
            let ahead = at as isize;
            attempt!(field[(ahead - back) as usize].wrapping_add(side));
            attempt!(field[(ahead - back * across as isize) as usize].wrapping_add(line));
            if (how.backwards && x + 4 < width) || (!how.backwards && x >= 4) {
                attempt!(field[(ahead - 4 * back) as usize].wrapping_add(side.wrapping_mul(4)));
            }
            attempt!(
                field[(ahead - back * across as isize + back) as usize]
                    .wrapping_add(line)
                    .wrapping_sub(side)
            );
            if how.random > 0 {
                let mut dice = Dice::new(how.seed, (y * width + x) as u64);
                let mut radius = first_radius;
                for k in 0..how.random {
                    if k == 0 && whole {
                        let p = level.places[dice.below(level.places.len() as u32) as usize];
                        let (rx, ry) = (dice.below(p.width as u32), dice.below(p.height as u32));
                        attempt!(spot(rx as usize, p.top + ry as usize));
                        continue;
                    }
                    let span = 2 * radius + 1;
                    let dx = dice.below(span) as i64 - i64::from(radius);
                    let dy = dice.below(span) as i64 - i64::from(radius);
                    let (cx, cy) = (spot_x(best.from) as i64 + dx, spot_y(best.from) as i64 + dy);
                    if cx >= 0 && cy >= 0 && cx < level.width as i64 && cy < level.height as i64 {
                        attempt!(spot(cx as usize, cy as usize));
                    }
                    radius = (radius / 2).max(1);
                }
            }
            field[at] = best.from;
            error[step] = best.error;
        }
        for r in 0..rows {
            let row = (r + 1) * across + 1;
            from[r * width..(r + 1) * width].copy_from_slice(&field[row..row + width]);
        }
    }
}

/// What a candidate costs besides its difference.
#[inline(always)]
fn outside(c: Spot, near: &[Spot; 4], how: &Sweep, shift: usize, bins: usize) -> u32 {
    let bin = (spot_y(c) >> shift) * bins + (spot_x(c) >> shift);
    let strangers =
        u32::from(near[0] != c) + u32::from(near[1] != c) + u32::from(near[2] != c) + u32::from(near[3] != c);
    how.penalties[bin] + how.beta * strangers
}
