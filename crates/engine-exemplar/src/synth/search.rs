//! The search: every pixel of the target looks for a better place in the matter.
//!
//! Cost = patch difference + a penalty for places used too often + a penalty for every neighbour that
//! comes from elsewhere. All integers. Rows are worked in fixed bands of [`BAND`] that see the rest of
//! the picture as it was before the sweep, so the result does not depend on the number of threads. Only the
//! target's spans are worked on: a sweep costs what is loose.

use super::feature::Plane;
use super::hash::Dice;
use super::matter::{Level, NOWHERE, Spot, spot, spot_x, spot_y};
use super::patch::{Kernel, Work, dispatch};
use super::spans::{BAND, Spans};
use rayon::prelude::*;

/// How far beside a pixel a sweep looks for what to follow.
pub const REACH: usize = 4;

/// The picture being made, on one level. What lies farther than the search and the votes reach from `work` holds
/// nothing of worth.
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
    /// The patch difference there; 0 where the pixel may not change.
    pub error: Vec<u32>,
    /// Pixels that may change.
    pub work: Spans,
}

/// How one sweep goes.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<'a> {
    /// Penalty of each occupancy bin, from [`Occupancy::penalties`]; empty for none.
    pub penalties: &'a [u32],
    /// Penalty for each of the four neighbours that comes from elsewhere.
    pub beta: u32,
    /// How many random places each pixel tries.
    pub random: usize,
    /// Difference of a patch under which a pixel whose neighbours go on with it tries only one random place.
    pub content: u32,
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
#[derive(Clone, Debug)]
pub struct Occupancy {
    across: usize,
    down: usize,
    shift: usize,
    /// Uses of the 3x3 bins about one, times this, shifted by [`SCALE`], are 256 at the mean.
    scale: u64,
    lambda: u32,
    /// What does not change: uses by pixels that are settled. Empty for none.
    settled: Vec<u32>,
    use_256: Vec<u32>,
    penalties: Vec<u32>,
    /// What each bin costs besides its use; empty for nothing.
    bias: Vec<u32>,
}

const SCALE: u32 = 24;

/// Bins in a row of a level's stack.
pub fn bins_across(level: &Level) -> usize {
    (level.width >> level.bin_shift) + 2
}

impl Occupancy {
    /// Nothing counted yet. `pixels` are those of the whole frame on this level; `lambda` is the penalty where a
    /// place is used as often as the mean.
    pub fn new(level: &Level, pixels: usize, lambda: u32) -> Occupancy {
        let shift = level.bin_shift;
        let bin = 1u64 << (2 * shift);
        Occupancy {
            across: bins_across(level),
            down: (level.height >> shift) + 2,
            shift,
            scale: ((256 * level.area as u64) << SCALE) / (pixels as u64 * bin * 9).max(1),
            lambda,
            bias: level.bias.clone(),
            settled: Vec::new(),
            use_256: Vec::new(),
            penalties: Vec::new(),
        }
    }

    /// Counts, once, the uses by pixels that stay: `place(i)` for every pixel `i` of the frame of width `w` that
    /// is not among `work`. One of four speaks for all: neighbours nearly always use neighbouring places.
    pub fn settle(&mut self, w: usize, work: &Spans, place: impl Fn(usize) -> Spot + Sync) {
        self.settled = self.count(work.height(), w * work.height(), |y, uses| {
            if y % 2 == 1 {
                return;
            }
            let mut x = 0;
            let mut stay = |to: usize, x: usize| {
                for i in (x.next_multiple_of(2)..to).step_by(2) {
                    self.note(place(y * w + i), 4, uses);
                }
            };
            for run in work.row(y) {
                stay(run.from as usize, x);
                x = run.to as usize;
            }
            stay(w, x);
        });
    }

    #[inline(always)]
    fn note(&self, s: Spot, n: u32, uses: &mut [u32]) {
        let bin = (spot_y(s) >> self.shift) * self.across + (spot_x(s) >> self.shift);
        if let Some(uses) = uses.get_mut(bin) {
            *uses += n;
        }
    }

    /// Sums what `row` notes of every row, `pixels` in all; whole numbers, so that any order will do.
    fn count(&self, rows: usize, pixels: usize, row: impl Fn(usize, &mut [u32]) + Sync) -> Vec<u32> {
        let bins = self.across * self.down;
        if pixels < 2 * bins {
            // Sums of so many bins would cost more than the pixels.
            let mut uses = vec![0; bins];
            (0..rows).for_each(|y| row(y, &mut uses));
            return uses;
        }
        (0..rows.div_ceil(8 * BAND))
            .into_par_iter()
            .fold(
                || vec![0u32; bins],
                |mut uses, part| {
                    for y in part * 8 * BAND..((part + 1) * 8 * BAND).min(rows) {
                        row(y, &mut uses);
                    }
                    uses
                },
            )
            .reduce_with(|mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                a
            })
            .unwrap_or_else(|| vec![0; bins])
    }

    /// Counts anew, keeping half of what was there before, so that it does not swing.
    pub fn renew(&mut self, target: &Target) {
        let w = target.width;
        let mut uses = self.count(target.height, target.work.pixels(), |y, uses| {
            for run in target.work.row(y) {
                for s in &target.from[y * w..][run.range()] {
                    self.note(*s, 1, uses);
                }
            }
        });
        if self.settled.len() == uses.len() {
            uses.iter_mut().zip(&self.settled).for_each(|(a, b)| *a += b);
        }
        let fresh = self.use_256.is_empty();
        if fresh {
            self.use_256 = vec![0; uses.len()];
            self.penalties = vec![0; uses.len()];
        }
        let (across, down, scale, lambda) = (self.across, self.down, self.scale, self.lambda);
        let bias = &self.bias;
        self.use_256
            .par_chunks_mut(across)
            .zip(self.penalties.par_chunks_mut(across))
            .enumerate()
            .for_each(|(y, (row, penalties))| {
                let rows = y.saturating_sub(1)..(y + 2).min(down);
                let column = |x: usize| -> u32 { rows.clone().map(|j| uses[j * across + x]).sum() };
                let (mut left, mut here) = (0, column(0));
                for x in 0..across {
                    let right = if x + 1 < across { column(x + 1) } else { 0 };
                    // 256 = used as often as if all matter were used alike.
                    let now = ((u64::from(left + here + right) * scale) >> SCALE).min(1 << 20) as u32;
                    row[x] = if fresh { now } else { (row[x] + now).div_ceil(2) };
                    penalties[x] = penalty(row[x], lambda, bias.get(y * across + x).copied().unwrap_or(0));
                    (left, here) = (here, right);
                }
            });
    }

    /// The penalty of each bin, as last renewed.
    pub fn penalties(&self) -> &[u32] {
        &self.penalties
    }
}

/// The penalty of a bin that is used so much: `lambda` where it is as often as the mean; and its `bias`.
#[inline(always)]
fn penalty(use_256: u32, lambda: u32, bias: u32) -> u32 {
    (((u64::from(use_256) * u64::from(lambda)) >> 8) + u64::from(bias)).min(1 << 28) as u32
}

/// One sweep over the target's spans.
pub fn sweep(target: &mut Target, level: &Level, plane: &Plane, how: &Sweep) {
    let (width, height) = (target.width, target.height);
    let (wanted, work) = (&target.plane, &target.work);
    // Bands see the rows beside them as they were.
    let rows = |y: usize| target.from[y * width..(y + 1) * width].to_vec();
    let edges: Vec<[Vec<Spot>; 2]> = (0..height.div_ceil(BAND))
        .map(|band| {
            let (top, end) = (band * BAND, ((band + 1) * BAND).min(height));
            if work.rows_empty(top..end) {
                return Default::default();
            }
            [
                if top > 0 { rows(top - 1) } else { Vec::new() },
                if end < height { rows(end) } else { Vec::new() },
            ]
        })
        .collect();
    target
        .from
        .par_chunks_mut(width * BAND)
        .zip(target.error.par_chunks_mut(width * BAND))
        .zip(&edges)
        .enumerate()
        .for_each_init(Vec::new, |field, (band, ((from, error), edges))| {
            let top = band * BAND;
            let rows = from.len() / width;
            if work.rows_empty(top..top + rows) {
                return;
            }
            dispatch(Band {
                top,
                rows,
                width,
                field,
                from,
                error,
                work,
                edges,
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
    field: &'a mut Vec<Spot>,
    from: &'a mut [Spot],
    error: &'a mut [u32],
    work: &'a Spans,
    edges: &'a [Vec<Spot>; 2],
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

/// The most random tries of a pixel.
const MOST_RANDOM: usize = 8;

impl Work for Band<'_> {
    #[inline(always)]
    fn run<K: Kernel>(self) {
        let Band {
            top,
            rows,
            width,
            field,
            from,
            error,
            work,
            edges,
            wanted,
            level,
            plane,
            how,
        } = self;
        // The band with a frame of neighbours about it, so that no look needs a bounds test. Only what the runs
        // reach is filled in.
        let across = width + 2;
        field.resize(across * (rows + 2), NOWHERE);
        for r in 0..rows + 2 {
            field[r * across] = NOWHERE;
            field[(r + 1) * across - 1] = NOWHERE;
        }
        for (r, edge) in [(0, &edges[0]), (rows + 1, &edges[1])] {
            let row = &mut field[r * across + 1..r * across + 1 + width];
            if edge.is_empty() {
                row.fill(NOWHERE);
            } else {
                row.copy_from_slice(edge);
            }
        }
        for r in 0..rows {
            for run in work.row(top + r) {
                let (x0, x1) = (
                    (run.from as usize).saturating_sub(REACH),
                    (run.to as usize + REACH).min(width),
                );
                for q in r.saturating_sub(1)..(r + 2).min(rows) {
                    let at = (q + 1) * across + 1;
                    field[at + x0..at + x1].copy_from_slice(&from[q * width + x0..q * width + x1]);
                }
            }
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
        for r in 0..rows {
            let r = if how.backwards { rows - 1 - r } else { r };
            let y = top + r;
            let runs = work.row(y);
            for k in 0..runs.len() {
                let run = if how.backwards {
                    runs[runs.len() - 1 - k]
                } else {
                    runs[k]
                };
                for x in run.range() {
                    let x = if how.backwards {
                        (run.from + run.to) as usize - 1 - x
                    } else {
                        x
                    };
                    let step = r * width + x;
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
                    // What neighbours found, then chance about the best of it.
                    let ahead = at as isize;
                    let line_back = back * across as isize;
                    let far = (how.backwards && x + REACH < width) || (!how.backwards && x >= REACH);
                    let mut tries = [NOWHERE; 4 + MOST_RANDOM];
                    tries[0] = field[(ahead - back) as usize].wrapping_add(side);
                    tries[1] = field[(ahead - line_back) as usize].wrapping_add(line);
                    if far {
                        tries[2] = field[(ahead - REACH as isize * back) as usize]
                            .wrapping_add(side.wrapping_mul(REACH as u32));
                    }
                    tries[3] = field[(ahead - line_back + back) as usize]
                        .wrapping_add(line)
                        .wrapping_sub(side);
                    let (mut k, mut all) = (0, 4);
                    loop {
                        if k == all {
                            if all > 4 || how.random == 0 {
                                break;
                            }
                            // Within a piece that fits, others are hardly ever found.
                            let settled = best.error < how.content && near.iter().all(|n| *n == best.from);
                            let random = how.random.min(if settled { 1 } else { MOST_RANDOM });
                            all += random;
                            let mut dice = Dice::new(how.seed, (y * width + x) as u64);
                            let (bx, by) = (spot_x(best.from) as i64, spot_y(best.from) as i64);
                            let mut radius = first_radius;
                            for (n, c) in tries[4..all].iter_mut().enumerate() {
                                if n == 0 && whole {
                                    let p = level.places[dice.below(level.places.len() as u32) as usize];
                                    let (rx, ry) = (dice.below(p.width as u32), dice.below(p.height as u32));
                                    *c = spot(rx as usize, p.top + ry as usize);
                                } else {
                                    let span = 2 * radius + 1;
                                    let cx = bx + i64::from(dice.below(span)) - i64::from(radius);
                                    let cy = by + i64::from(dice.below(span)) - i64::from(radius);
                                    let (w, h) = (level.width as i64, level.height as i64);
                                    if cx >= 0 && cy >= 0 && cx < w && cy < h {
                                        *c = spot(cx as usize, cy as usize);
                                    }
                                    radius = (radius / 2).max(1);
                                }
                                if *c != NOWHERE {
                                    // All are fetched side by side while the first is looked at.
                                    K::fetch(plane, plane.index(spot_x(*c), spot_y(*c)));
                                }
                            }
                        }
                        let c = tries[k];
                        k += 1;
                        if c == best.from || !level.open(c) {
                            continue;
                        }
                        let extra = outside(c, &near, how, level.bin_shift, bins);
                        if extra >= best.cost {
                            continue;
                        }
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
                    field[at] = best.from;
                    error[step] = best.error;
                }
            }
        }
        for r in 0..rows {
            let row = (r + 1) * across + 1;
            for run in work.row(top + r) {
                let range = run.range();
                from[r * width..][range.clone()].copy_from_slice(&field[row..][range]);
            }
        }
    }
}

/// What a candidate costs besides its difference.
#[inline(always)]
fn outside(c: Spot, near: &[Spot; 4], how: &Sweep, shift: usize, bins: usize) -> u32 {
    let bin = (spot_y(c) >> shift) * bins + (spot_x(c) >> shift);
    let strangers =
        u32::from(near[0] != c) + u32::from(near[1] != c) + u32::from(near[2] != c) + u32::from(near[3] != c);
    how.penalties.get(bin).copied().unwrap_or(0) + how.beta * strangers
}
