//! Motion of square patches by inverse search, and from patches to pixels.
//!
//! Kroeger, Timofte, Dai, Van Gool, "Fast Optical Flow using Dense Inverse Search", ECCV 2016, sections
//! 2.1 to 2.3: a patch of the first picture is matched to the second by Gauss-Newton steps whose slopes
//! and Hessian come from the first picture and are computed once (Baker and Matthews' inverse composition);
//! then each pixel takes the mean of the patches over it, weighted by how well each explains that pixel.
//! Beyond the paper: a patch also tries its neighbours' motions (as PatchMatch does, Barnes et al. 2009),
//! but all patches at once from the last round's motions, so that the order of work, and with it the number
//! of threads, has no say; and at the coarsest levels it tries every whole-pixel motion nearby.

use rayon::prelude::*;

use super::pyramid::{BORDER, Field, Level};

/// Pixels on a patch's side.
pub(super) const SIDE: usize = 8;
const AREA: f32 = (SIDE * SIDE) as f32;

type Square = [[f32; SIDE]; SIDE];

/// How patches are searched at one level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// Pixels from one patch to the next.
    pub spacing: usize,
    /// Steps of descent in each round.
    pub steps: usize,
    /// Rounds in which neighbours' motions are tried.
    pub rounds: usize,
    /// Whole pixels each way that are tried first; 0 for none.
    pub reach: usize,
}

/// The patches of a level and what was found for them, row by row.
pub(super) struct Patches {
    lefts: Vec<usize>,
    tops: Vec<usize>,
    found: Vec<Found>,
}

#[derive(Clone, Copy)]
struct Found {
    motion: [f32; 2],
    /// Sum of squared differences, each patch's mean taken off.
    cost: f32,
    /// The second patch's mean less the first's: a change of light, not of place.
    lighter: f32,
}

/// A square of the first picture, ready for descent.
struct Template {
    values: Square,
    /// Slopes with their mean taken off, so that a change of light does not pull.
    right: Square,
    down: Square,
    /// The inverse of the Hessian: xx, xy, yy. Zero where the patch is flat.
    inverse: [f32; 3],
    at: [f32; 2],
}

/// The sum of eight lanes, in one fixed order.
#[inline]
fn sum(lanes: [f32; SIDE]) -> f32 {
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

impl Template {
    fn new(level: &Level, left: usize, top: usize) -> Self {
        let mut values = [[0.0; SIDE]; SIDE];
        let mut right = [[0.0; SIDE]; SIDE];
        let mut down = [[0.0; SIDE]; SIDE];
        for j in 0..SIDE {
            let start = level.slopes.place(left as isize, (top + j) as isize);
            let row = &level.slopes.values[start..start + SIDE];
            for (i, p) in row.iter().enumerate() {
                values[j][i] = p[0];
                right[j][i] = p[1];
                down[j][i] = p[2];
            }
        }
        for slopes in [&mut right, &mut down] {
            let mut lanes = [0.0; SIDE];
            for row in slopes.iter() {
                for i in 0..SIDE {
                    lanes[i] += row[i];
                }
            }
            let mean = sum(lanes) / AREA;
            for v in slopes.as_flattened_mut() {
                *v -= mean;
            }
        }
        let (mut xx, mut xy, mut yy) = ([0.0; SIDE], [0.0; SIDE], [0.0; SIDE]);
        for (r, d) in right.iter().zip(&down) {
            for i in 0..SIDE {
                xx[i] += r[i] * r[i];
                xy[i] += r[i] * d[i];
                yy[i] += d[i] * d[i];
            }
        }
        // A little on the diagonal keeps the step along an edge, which the patch cannot see, small.
        let (xx, xy, yy) = (sum(xx), sum(xy), sum(yy));
        let extra = 1.0 + DAMPING * (xx + yy);
        let (xx, yy) = (xx + extra, yy + extra);
        let determinant = xx * yy - xy * xy;
        Self {
            values,
            right,
            down,
            inverse: [yy / determinant, -xy / determinant, xx / determinant],
            at: [left as f32, top as f32],
        }
    }

    /// The second picture under the patch moved by `motion`.
    #[inline]
    fn look(&self, to: &Level, motion: [f32; 2]) -> Square {
        let grey = &to.grey;
        // Positive in the bordered plane, so that cutting off the fraction rounds down. The furthest
        // place still has its nine columns and rows within the border.
        let inside =
            |at: f32, len: usize| (at + BORDER as f32).clamp(0.0, (len + 2 * BORDER - SIDE - 2) as f32);
        let x = inside(self.at[0] + motion[0], grey.width);
        let y = inside(self.at[1] + motion[1], grey.height);
        let (left, top) = (x as usize, y as usize);
        let (fx, fy) = (x - left as f32, y - top as f32);
        let start = top * grey.stride + left;
        let across = |j: usize| -> [f32; SIDE] {
            let row = &grey.values[start + j * grey.stride..][..SIDE + 1];
            std::array::from_fn(|i| row[i] + (row[i + 1] - row[i]) * fx)
        };
        let mut above = across(0);
        let mut seen = [[0.0; SIDE]; SIDE];
        for (j, out) in seen.iter_mut().enumerate() {
            let below = across(j + 1);
            for i in 0..SIDE {
                out[i] = above[i] + (below[i] - above[i]) * fy;
            }
            above = below;
        }
        seen
    }

    /// What `motion` costs, and the step of descent from there.
    #[inline]
    fn judge(&self, to: &Level, motion: [f32; 2]) -> (Found, [f32; 2]) {
        let seen = self.look(to, motion);
        let zero = [0.0f32; SIDE];
        let (mut total, mut squares, mut right, mut down) = (zero, zero, zero, zero);
        for (j, seen) in seen.iter().enumerate() {
            for i in 0..SIDE {
                let r = seen[i] - self.values[j][i];
                total[i] += r;
                squares[i] += r * r;
                right[i] += r * self.right[j][i];
                down[i] += r * self.down[j][i];
            }
        }
        let (total, right, down) = (sum(total), sum(right), sum(down));
        let found = Found {
            motion,
            cost: (sum(squares) - total * total / AREA).max(0.0),
            lighter: total / AREA,
        };
        let [xx, xy, yy] = self.inverse;
        (found, [-(xx * right + xy * down), -(xy * right + yy * down)])
    }

    /// Descends from `motion` while the cost falls.
    fn descend(&self, to: &Level, motion: [f32; 2], steps: usize) -> Found {
        let (mut best, mut step) = self.judge(to, motion);
        for _ in 0..steps {
            // Linearisation holds for about half a patch; a longer stride is a leap into the dark.
            let length = (step[0] * step[0] + step[1] * step[1]).sqrt();
            if length < 0.02 {
                break;
            }
            let short = if length > 2.0 { 2.0 / length } else { 1.0 };
            let motion = [best.motion[0] + step[0] * short, best.motion[1] + step[1] * short];
            let (next, onward) = self.judge(to, motion);
            if next.cost >= best.cost {
                break;
            }
            (best, step) = (next, onward);
        }
        best
    }
}

/// Where patches begin along one side: every `spacing` pixels, and one that ends with the picture.
fn begins(len: usize, spacing: usize) -> Vec<usize> {
    let last = len.saturating_sub(SIDE);
    let mut begins: Vec<usize> = (0..last).step_by(spacing).collect();
    begins.push(last);
    begins
}

/// A motion must be better by this much a patch to be taken over: below it lies the rounding of codes.
const MARGIN: f32 = 4.0;
/// A motion found far off must cost less than this share of what descent found nearby.
const RATIO: f32 = 0.7;
/// How much dearer a far-off motion is for each squared pixel.
const FAR: f32 = 0.02;
/// The part of the Hessian's trace on its diagonal besides.
const DAMPING: f32 = 0.05;

/// Searches every patch of `from` in `to`, beginning with the motion `start` of the same size.
pub(super) fn search(from: &Level, to: &Level, start: &Field, search: Search) -> Patches {
    let (width, height) = (from.grey.width, from.grey.height);
    let lefts = begins(width, search.spacing);
    let tops = begins(height, search.spacing);
    let nothing = Found {
        motion: [0.0; 2],
        cost: 0.0,
        lighter: 0.0,
    };
    let mut found = vec![nothing; lefts.len() * tops.len()];
    found
        .par_chunks_mut(lefts.len())
        .zip(&tops)
        .for_each(|(row, &top)| {
            for (out, &left) in row.iter_mut().zip(&lefts) {
                let template = Template::new(from, left, top);
                let centre = (top + SIDE / 2).min(height - 1) * width + (left + SIDE / 2).min(width - 1);
                let begin = [start.right[centre], start.down[centre]];
                let mut best = template.descend(to, begin, search.steps);
                if search.reach > 0 {
                    let nearby = everywhere(&template, to, begin, search.reach);
                    let nearby = template.descend(to, nearby, search.steps);
                    if nearby.cost + MARGIN < RATIO * best.cost {
                        best = nearby;
                    }
                }
                *out = best;
            }
        });
    for _ in 0..search.rounds {
        let before = found.clone();
        found
            .par_chunks_mut(lefts.len())
            .enumerate()
            .for_each(|(j, row)| {
                for (i, out) in row.iter_mut().enumerate() {
                    let template = Template::new(from, lefts[i], tops[j]);
                    let here = j * lefts.len() + i;
                    let mut best = *out;
                    let around = [
                        (i > 0).then(|| here - 1),
                        (i + 1 < lefts.len()).then(|| here + 1),
                        (j > 0).then(|| here - lefts.len()),
                        (j + 1 < tops.len()).then(|| here + lefts.len()),
                    ];
                    for neighbour in around.into_iter().flatten() {
                        let motion = before[neighbour].motion;
                        let apart = (motion[0] - out.motion[0]).abs() + (motion[1] - out.motion[1]).abs();
                        // What is next to the own motion, descent has tried.
                        if apart > 0.25 {
                            let (other, _) = template.judge(to, motion);
                            if other.cost + MARGIN < best.cost {
                                best = other;
                            }
                        }
                    }
                    if best.motion != out.motion {
                        *out = template.descend(to, best.motion, search.steps);
                    }
                }
            });
    }
    Patches { lefts, tops, found }
}

/// The best of all motions up to `reach` whole pixels from `begin`; nearer ones win ties.
fn everywhere(template: &Template, to: &Level, begin: [f32; 2], reach: usize) -> [f32; 2] {
    let reach = reach as i32;
    let (mut best, mut least) = (begin, f32::INFINITY);
    for y in -reach..=reach {
        for x in -reach..=reach {
            let motion = [begin[0] + x as f32, begin[1] + y as f32];
            let (found, _) = template.judge(to, motion);
            let cost = (found.cost + MARGIN) * (1.0 + FAR * (x * x + y * y) as f32);
            if cost < least {
                (best, least) = (motion, cost);
            }
        }
    }
    best
}

impl Patches {
    /// The motion of every pixel: the mean of the patches over it, each with the weight
    /// `1 / max(1, difference)` where it looks (the paper's equation 3), light changes taken off.
    pub fn densify(&self, from: &Level, to: &Level) -> Field {
        let (width, height) = (from.grey.width, from.grey.height);
        let mut field = Field::still(width, height);
        field
            .right
            .par_chunks_mut(width)
            .zip(field.down.par_chunks_mut(width))
            .enumerate()
            .for_each(|(y, (right, down))| {
                let first = self.tops.partition_point(|&top| top + SIDE <= y);
                let over = self.tops.partition_point(|&top| top <= y);
                // A picture smaller than a patch has one, which also covers the border.
                let reach = self.lefts[self.lefts.len() - 1] + SIDE;
                let mut sums = vec![[0.0f32; 3]; reach];
                let from_start = from.grey.place(0, y as isize);
                let row = &from.grey.values[from_start..from_start + reach.min(width + BORDER)];
                for j in first..over {
                    let found = &self.found[j * self.lefts.len()..][..self.lefts.len()];
                    for (&left, found) in self.lefts.iter().zip(found) {
                        let seen = under(to, left as f32 + found.motion[0], y as f32 + found.motion[1]);
                        let sums = &mut sums[left..left + SIDE];
                        let row = &row[left..left + SIDE];
                        for i in 0..SIDE {
                            let difference = seen[i] - row[i] - found.lighter;
                            let weight = 1.0 / difference.abs().max(1.0);
                            sums[i][0] += weight;
                            sums[i][1] += weight * found.motion[0];
                            sums[i][2] += weight * found.motion[1];
                        }
                    }
                }
                for ((right, down), sum) in right.iter_mut().zip(down).zip(&sums) {
                    *right = sum[1] / sum[0];
                    *down = sum[2] / sum[0];
                }
            });
        field
    }
}

/// Eight values of a row at (`x`, `y`), linearly between pixels.
#[inline]
fn under(to: &Level, x: f32, y: f32) -> [f32; SIDE] {
    let grey = &to.grey;
    let inside = |at: f32, len: usize| (at + BORDER as f32).clamp(0.0, (len + 2 * BORDER - SIDE - 2) as f32);
    let (x, y) = (inside(x, grey.width), inside(y, grey.height));
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = (x - left as f32, y - top as f32);
    let above = &grey.values[top * grey.stride + left..][..SIDE + 1];
    let below = &grey.values[(top + 1) * grey.stride + left..][..SIDE + 1];
    std::array::from_fn(|i| {
        let a = above[i] + (above[i + 1] - above[i]) * fx;
        let b = below[i] + (below[i + 1] - below[i]) * fx;
        a + (b - a) * fy
    })
}
