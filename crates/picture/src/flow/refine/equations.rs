//! The equations of one warp: what the pictures ask of each pixel, and how it is held to its neighbours.

use rayon::prelude::*;

use super::Refinement;
use crate::flow::pyramid::{BORDER, Bordered, Field, Level, slope};

/// Squared slope, in codes a pixel, below which the normalisation of the data term ends.
const FLAT: f32 = 0.5;
/// The penalisers' bend: squared, in pixels of normalised difference, and of motion a pixel.
const DATA_BEND: f32 = 1e-3;
const MOTION_BEND: f32 = 2e-3;
/// The slope (in codes) at which an edge of the picture halves the smoothness.
const EDGE: f32 = 40.0;

/// Rows of slopes around one: two above, itself, two below, with two pixels of border on each side.
type Near<'a> = [&'a [[f32; 4]]; 5];

/// What of the first picture no warp changes, each a plane of its own.
pub(super) struct Still {
    grey: Vec<f32>,
    /// Slopes to the right and down.
    slopes: [Vec<f32>; 2],
    /// Second derivatives xx, xy, yy.
    curvature: [Vec<f32>; 3],
    /// How much motion is held together here: 1 in flat places, less on edges of the picture.
    hold: Vec<f32>,
}

impl Still {
    pub fn new(from: &Level) -> Self {
        fn across(near: &Near<'_>, x: usize, c: usize) -> f32 {
            let row = near[2];
            slope(row[x - 2][c], row[x - 1][c], row[x + 1][c], row[x + 2][c])
        }
        fn along(near: &Near<'_>, x: usize, c: usize) -> f32 {
            slope(near[0][x][c], near[1][x][c], near[3][x][c], near[4][x][c])
        }
        let slopes = &from.slopes;
        let edge = 1.0 / (EDGE * EDGE);
        Self {
            grey: plane(slopes, |near, x| near[2][x][0]),
            slopes: [
                plane(slopes, |near, x| near[2][x][1]),
                plane(slopes, |near, x| near[2][x][2]),
            ],
            curvature: [
                plane(slopes, |near, x| across(near, x, 1)),
                plane(slopes, |near, x| along(near, x, 1)),
                plane(slopes, |near, x| along(near, x, 2)),
            ],
            hold: plane(slopes, |near, x| {
                let [_, right, down, _] = near[2][x];
                1.0 / (1.0 + (right * right + down * down) * edge)
            }),
        }
    }
}

fn plane(slopes: &Bordered<[f32; 4]>, value: impl Fn(&Near<'_>, usize) -> f32 + Sync) -> Vec<f32> {
    let width = slopes.width;
    let mut plane = vec![0.0f32; width * slopes.height];
    plane.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        let near: Near<'_> = std::array::from_fn(|i| slopes.row(y as isize + i as isize - 2, 2));
        for (x, out) in out.iter_mut().enumerate() {
            *out = value(&near, x + 2);
        }
    });
    plane
}

/// How strongly each pixel is held to its right and its lower neighbour; at the border to nothing.
pub(super) struct Pulls {
    width: usize,
    right: Vec<f32>,
    below: Vec<f32>,
}

impl Pulls {
    /// By the robust penaliser of the motion's slope, half way between the two pixels, and the edges of the
    /// picture there.
    pub fn new(still: &Still, field: &Field, smoothness: f32) -> Self {
        let (width, height) = (field.width, field.height);
        let mut pulls = Self {
            width,
            right: vec![0.0; width * height],
            below: vec![0.0; width * height],
        };
        pulls
            .right
            .par_chunks_mut(width)
            .zip(pulls.below.par_chunks_mut(width))
            .enumerate()
            .for_each(|(y, (right, below))| {
                let row = |y: usize| y * width..(y + 1) * width;
                let (up, low) = (y.saturating_sub(1), (y + 1).min(height - 1));
                let rows = |y: usize| [&field.right[row(y)], &field.down[row(y)]];
                let hold = |y: usize| &still.hold[row(y)];
                pull_right(right, rows(up), rows(y), rows(low), hold(y), smoothness);
                if y + 1 < height {
                    pull_below(below, rows(y), rows(low), hold(y), hold(low), smoothness);
                }
            });
        pulls
    }

    pub fn right_of(&self, y: usize) -> &[f32] {
        &self.right[y * self.width..][..self.width]
    }

    pub fn below(&self, y: usize) -> &[f32] {
        &self.below[y * self.width..][..self.width]
    }
}

#[inline(never)]
fn pull_right(
    out: &mut [f32],
    up: [&[f32]; 2],
    here: [&[f32]; 2],
    low: [&[f32]; 2],
    hold: &[f32],
    smoothness: f32,
) {
    let last = out.len() - 1;
    let bend = MOTION_BEND;
    let [[up_x, up_y], [here_x, here_y], [low_x, low_y]] =
        [up, here, low].map(|rows| rows.map(|r| &r[..=last]));
    let hold = &hold[..=last];
    for x in 0..last {
        let steep = |up: &[f32], here: &[f32], low: &[f32]| {
            let along = here[x + 1] - here[x];
            let across = 0.25 * ((low[x] - up[x]) + (low[x + 1] - up[x + 1]));
            along * along + across * across
        };
        let steep = bend + steep(up_x, here_x, low_x) + steep(up_y, here_y, low_y);
        out[x] = smoothness * 0.5 * (hold[x] + hold[x + 1]) / steep.sqrt();
    }
    out[last] = 0.0;
}

#[inline(never)]
fn pull_below(
    out: &mut [f32],
    here: [&[f32]; 2],
    low: [&[f32]; 2],
    hold: &[f32],
    hold_below: &[f32],
    smoothness: f32,
) {
    let len = out.len();
    let bend = MOTION_BEND;
    let [[here_x, here_y], [low_x, low_y]] = [here, low].map(|rows| rows.map(|r| &r[..len]));
    let (hold, hold_below) = (&hold[..len], &hold_below[..len]);
    let pull = |x: usize, left: usize, right: usize| {
        let steep = |here: &[f32], low: &[f32]| {
            let along = low[x] - here[x];
            let across = 0.25 * ((here[right] - here[left]) + (low[right] - low[left]));
            along * along + across * across
        };
        let steep = bend + steep(here_x, low_x) + steep(here_y, low_y);
        smoothness * 0.5 * (hold[x] + hold_below[x]) / steep.sqrt()
    };
    out[0] = pull(0, 0, 1.min(len - 1));
    for left in 0..len.saturating_sub(2) {
        out[left + 1] = pull(left + 1, left, left + 2);
    }
    out[len - 1] = pull(len - 1, len.saturating_sub(2), len - 1);
}

/// A row of the second picture where the pixels of the first go.
struct Seen {
    /// Grey, slope to the right, slope down.
    values: [Vec<f32>; 3],
    /// 1 where the place lies within the picture, else 0.
    inside: Vec<f32>,
}

impl Seen {
    fn new(to: &Level, right: &[f32], down: &[f32], y: usize) -> Self {
        let (width, height) = (to.slopes.width, to.slopes.height);
        let mut seen = Self {
            values: std::array::from_fn(|_| vec![0.0; width]),
            inside: vec![0.0; width],
        };
        let (most_x, most_y) = ((width - 1) as f32, (height - 1) as f32);
        let [grey, slope_x, slope_y] = &mut seen.values;
        for x in 0..width {
            let (to_x, to_y) = (x as f32 + right[x], y as f32 + down[x]);
            if to_x >= 0.0 && to_y >= 0.0 && to_x <= most_x && to_y <= most_y {
                let there = cubic(&to.slopes, to_x, to_y);
                (grey[x], slope_x[x], slope_y[x]) = (there[0], there[1], there[2]);
                seen.inside[x] = 1.0;
            }
        }
        seen
    }
}

/// A row's equations, from the field as it is now: what the data pull towards (right, down), and the
/// inverse (xx, xy, yy) of each pixel's own matrix.
pub(super) fn assemble(
    to: &Level,
    still: &Still,
    field: &Field,
    pulls: &Pulls,
    y: usize,
    weights: Refinement,
) -> ([Vec<f32>; 2], [Vec<f32>; 3]) {
    let width = field.width;
    let row = y * width..(y + 1) * width;
    let (right, down) = (&field.right[row.clone()], &field.down[row.clone()]);
    let seen = Seen::new(to, right, down, y);

    // All that holds the pixel to its neighbours.
    let mut held = vec![1e-6f32; width];
    let (pull_right, pull_below) = (pulls.right_of(y), pulls.below(y));
    for x in 0..width {
        held[x] += pull_right[x] + pull_below[x];
    }
    for x in 1..width {
        held[x] += pull_right[x - 1];
    }
    if y > 0 {
        for (held, above) in held.iter_mut().zip(pulls.below(y - 1)) {
            *held += above;
        }
    }
    let mut pull = [vec![0.0; width], vec![0.0; width]];
    let mut inverse = [vec![0.0; width], vec![0.0; width], vec![0.0; width]];
    let [pull_x, pull_y] = &mut pull;
    let [xx, xy, yy] = &mut inverse;
    equations(
        (pull_x, pull_y),
        (xx, xy, yy),
        [right, down],
        &seen,
        [
            &still.grey[row.clone()],
            &still.slopes[0][row.clone()],
            &still.slopes[1][row.clone()],
        ],
        [0, 1, 2].map(|i| &still.curvature[i][row.clone()]),
        &held,
        weights,
    );
    (pull, inverse)
}

/// Brightness and gradient constancy, linear in what is added to the motion, under their penalisers. A
/// function of its own, so that the compiler knows that nothing it reads is what it writes.
#[inline(never)]
fn equations(
    (pull_x, pull_y): (&mut [f32], &mut [f32]),
    (inverse_xx, inverse_xy, inverse_yy): (&mut [f32], &mut [f32], &mut [f32]),
    motion: [&[f32]; 2],
    seen: &Seen,
    here: [&[f32]; 3],
    curvature: [&[f32]; 3],
    held: &[f32],
    weights: Refinement,
) {
    let len = held.len();
    let (pull_x, pull_y) = (&mut pull_x[..len], &mut pull_y[..len]);
    let (inverse_xx, inverse_xy, inverse_yy) = (
        &mut inverse_xx[..len],
        &mut inverse_xy[..len],
        &mut inverse_yy[..len],
    );
    let [right, down] = motion.map(|row| &row[..len]);
    let [grey, slope_x, slope_y] = here.map(|row| &row[..len]);
    let [cxx, cxy, cyy] = curvature.map(|row| &row[..len]);
    let [seen_grey, seen_x, seen_y] = [0, 1, 2].map(|i| &seen.values[i][..len]);
    let inside = &seen.inside[..len];
    let (flat, bend) = (FLAT, DATA_BEND);
    for x in 0..len {
        let (u, v) = (right[x], down[x]);
        let change = seen_grey[x] - grey[x];
        let (change_x, change_y) = (seen_x[x] - slope_x[x], seen_y[x] - slope_y[x]);
        let (ix, iy) = (0.5 * (slope_x[x] + seen_x[x]), 0.5 * (slope_y[x] + seen_y[x]));
        let (ixx, ixy, iyy) = (cxx[x], cxy[x], cyy[x]);

        // What leaves the picture is led by its neighbours alone.
        let norm = 1.0 / (ix * ix + iy * iy + flat);
        let bright = inside[x] * weights.brightness * norm / (change * change * norm + bend).sqrt();
        let norm_x = 1.0 / (ixx * ixx + ixy * ixy + flat);
        let norm_y = 1.0 / (ixy * ixy + iyy * iyy + flat);
        let off = change_x * change_x * norm_x + change_y * change_y * norm_y;
        let sharp = inside[x] * weights.gradient / (off + bend).sqrt();
        let (sx, sy) = (sharp * norm_x, sharp * norm_y);

        let xx = bright * ix * ix + (sx * ixx * ixx + sy * ixy * ixy);
        let xy = bright * ix * iy + (sx * ixx * ixy + sy * ixy * iyy);
        let yy = bright * iy * iy + (sx * ixy * ixy + sy * iyy * iyy);
        let to_x = -(bright * ix * change + (sx * ixx * change_x + sy * ixy * change_y));
        let to_y = -(bright * iy * change + (sx * ixy * change_x + sy * iyy * change_y));
        // The system is solved for all of the motion, not for what is added to it.
        pull_x[x] = to_x + xx * u + xy * v;
        pull_y[x] = to_y + xy * u + yy * v;
        let (xx, yy) = (xx + held[x], yy + held[x]);
        let scale = 1.0 / (xx * yy - xy * xy);
        inverse_xx[x] = yy * scale;
        inverse_xy[x] = -xy * scale;
        inverse_yy[x] = xx * scale;
    }
}

/// Grey and slopes at (`x`, `y`) of the plane, which must lie inside, by the Catmull-Rom cubic.
#[inline]
fn cubic(plane: &Bordered<[f32; 4]>, x: f32, y: f32) -> [f32; 4] {
    let (left, top) = (x as usize, y as usize);
    let (wx, wy) = (weights(x - left as f32), weights(y - top as f32));
    let start = (top + BORDER - 1) * plane.stride + left + BORDER - 1;
    let mut sum = [0.0; 4];
    for (j, wy) in wy.iter().enumerate() {
        let row = &plane.values[start + j * plane.stride..][..4];
        let mut across = [0.0; 4];
        for c in 0..4 {
            across[c] = (wx[0] * row[0][c] + wx[1] * row[1][c]) + (wx[2] * row[2][c] + wx[3] * row[3][c]);
        }
        for c in 0..4 {
            sum[c] += wy * across[c];
        }
    }
    sum
}

#[inline]
fn weights(t: f32) -> [f32; 4] {
    [
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ]
}
