//! Variational refinement: the smooth field that explains both pictures best, to a fraction of a pixel.
//!
//! Brox, Bruhn, Papenberg, Weickert, "High Accuracy Optical Flow Estimation Based on a Theory for
//! Warping", ECCV 2004: brightness and gradient constancy under a robust penaliser, and a robust, edge
//! keeping smoothness. Data terms are normalised by the slope (Zimmer, Bruhn, Weickert, "Optic Flow in
//! Harmony", IJCV 2011, section 2.1), so that a soft gradient of light on clay counts as a sharp edge does.
//! Across an edge of the picture motion may jump more cheaply.
//!
//! The linear system is solved by successive over-relaxation in red-black order: all red pixels depend on
//! black ones alone, so rows may be done in any order, by any number of threads, with the same bytes. Red
//! and black pixels are kept apart, so that what is computed together lies together.

use rayon::prelude::*;

use super::pyramid::{BORDER, Bordered, Field, Level, slope};

/// Weights of the refinement at one level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refinement {
    /// Times the second picture is warped anew.
    pub warps: usize,
    /// Sweeps of over-relaxation after each warp.
    pub sweeps: usize,
    pub brightness: f32,
    pub gradient: f32,
    pub smoothness: f32,
}

/// Squared slope, in codes a pixel, below which the normalisation of the data term ends.
const FLAT: f32 = 0.5;
/// The penalisers' bend: squared, in pixels of normalised difference, and of motion a pixel.
const DATA_BEND: f32 = 1e-3;
const MOTION_BEND: f32 = 1e-4;
/// The slope (in codes) at which an edge of the picture halves the smoothness.
const EDGE: f32 = 12.0;
const RELAXATION: f32 = 1.85;

/// Second derivatives of the first picture and its edges, which no warp changes.
struct Still {
    /// xx, xy, yy, and how much motion is held together here: 1 in flat places, less on edges.
    curvature: Vec<[f32; 4]>,
}

impl Still {
    fn new(from: &Level) -> Self {
        let slopes = &from.slopes;
        let (width, height) = (slopes.width, slopes.height);
        let mut curvature = vec![[0.0f32; 4]; width * height];
        curvature.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
            let y = y as isize;
            let near: [&[[f32; 4]]; 5] = std::array::from_fn(|i| slopes.row(y + i as isize - 2, 2));
            for (x, out) in out.iter_mut().enumerate() {
                let across = &near[2][x..x + 5];
                let vertical = |c: usize| {
                    slope(
                        near[0][x + 2][c],
                        near[1][x + 2][c],
                        near[3][x + 2][c],
                        near[4][x + 2][c],
                    )
                };
                let xx = slope(across[0][1], across[1][1], across[3][1], across[4][1]);
                let [_, right, down, _] = across[2];
                let steep = (right * right + down * down) * (1.0 / (EDGE * EDGE));
                *out = [xx, vertical(1), vertical(2), 1.0 / (1.0 + steep)];
            }
        });
        Self { curvature }
    }
}

/// The numbers a pixel has in the system, each a plane of its own within a row.
mod part {
    /// Pull between a pixel and its right, and its lower neighbour.
    pub const RIGHT: usize = 0;
    pub const BELOW: usize = 1;
    /// What the data pull towards.
    pub const PULL_X: usize = 2;
    pub const PULL_Y: usize = 3;
    /// The inverse of the pixel's own 2x2 matrix.
    pub const XX: usize = 4;
    pub const XY: usize = 5;
    pub const YY: usize = 6;
    pub const COUNT: usize = 7;
}

/// Red (0) and black (1) pixels apart. In row `y` red pixels stand in columns `2i + y % 2`.
struct Coloured {
    /// Pixels of one colour in a row, and one more at each end that is nothing.
    half: usize,
    /// For each colour, for each row: motion to the right, then down.
    motion: [Vec<f32>; 2],
    /// For each row, for each part, red then black.
    system: Vec<f32>,
}

impl Coloured {
    fn new(width: usize, height: usize) -> Self {
        let half = width.div_ceil(2) + 2;
        Self {
            half,
            motion: [vec![0.0; 2 * half * height], vec![0.0; 2 * half * height]],
            system: vec![0.0; 2 * part::COUNT * half * height],
        }
    }

    /// Takes the values of a row apart by colour.
    fn split(row: &[f32], y: usize, red: &mut [f32], black: &mut [f32]) {
        let (even, odd) = if y.is_multiple_of(2) {
            (red, black)
        } else {
            (black, red)
        };
        let pairs = row.chunks_exact(2);
        let last = pairs.remainder();
        for ((pair, even), odd) in pairs.zip(&mut even[1..]).zip(&mut odd[1..]) {
            (*even, *odd) = (pair[0], pair[1]);
        }
        if let [last] = last {
            even[1 + row.len() / 2] = *last;
        }
    }

    fn join(red: &[f32], black: &[f32], y: usize, row: &mut [f32]) {
        let (even, odd) = if y.is_multiple_of(2) {
            (red, black)
        } else {
            (black, red)
        };
        for (i, pair) in row.chunks_mut(2).enumerate() {
            pair[0] = even[1 + i];
            if let Some(v) = pair.get_mut(1) {
                *v = odd[1 + i];
            }
        }
    }

    fn take(&mut self, field: &Field) {
        let (half, width) = (self.half, field.width);
        let [red, black] = &mut self.motion;
        red.par_chunks_mut(2 * half)
            .zip(black.par_chunks_mut(2 * half))
            .enumerate()
            .for_each(|(y, (red, black))| {
                let (red_x, red_y) = red.split_at_mut(half);
                let (black_x, black_y) = black.split_at_mut(half);
                Self::split(&field.right[y * width..][..width], y, red_x, black_x);
                Self::split(&field.down[y * width..][..width], y, red_y, black_y);
            });
    }

    fn give(&self, field: &mut Field) {
        let (half, width) = (self.half, field.width);
        field
            .right
            .par_chunks_mut(width)
            .zip(field.down.par_chunks_mut(width))
            .enumerate()
            .for_each(|(y, (right, down))| {
                let at = |colour: usize, axis: usize| &self.motion[colour][(2 * y + axis) * half..][..half];
                Self::join(at(0, 0), at(1, 0), y, right);
                Self::join(at(0, 1), at(1, 1), y, down);
            });
    }

    /// One sweep over the pixels of one colour.
    fn relax(&mut self, colour: usize, height: usize) {
        let half = self.half;
        let inner = half - 2;
        let [red, black] = &mut self.motion;
        let (own, other) = if colour == 0 {
            (red, &*black)
        } else {
            (black, &*red)
        };
        let system = &self.system;
        own.par_chunks_mut(2 * half).enumerate().for_each(|(y, own)| {
            // Beyond the first and the last row the pull is 0, and what stands there does not matter.
            let (above, below) = (y.saturating_sub(1), (y + 1).min(height - 1));
            // The left neighbour of the other colour has the same number or the one before.
            let left = if y % 2 == colour { 0 } else { 1 };
            let part = |row: usize, colour: usize, part: usize, from: usize| {
                &system[((row * part::COUNT + part) * 2 + colour) * half + from..][..inner]
            };
            let moved =
                |row: usize, axis: usize, from: usize| &other[(2 * row + axis) * half + from..][..inner];
            let [right_pull, below_pull] = [part::RIGHT, part::BELOW].map(|p| part(y, colour, p, 1));
            let left_pull = part(y, 1 - colour, part::RIGHT, left);
            let nothing = vec![0.0f32; if y == 0 { inner } else { 0 }];
            let above_pull = if y == 0 {
                &nothing[..]
            } else {
                part(above, 1 - colour, part::BELOW, 1)
            };
            let [pull_x, pull_y] = [part::PULL_X, part::PULL_Y].map(|p| part(y, colour, p, 1));
            let [xx, xy, yy] = [part::XX, part::XY, part::YY].map(|p| part(y, colour, p, 1));
            let (own_x, own_y) = own.split_at_mut(half);
            let (own_x, own_y) = (&mut own_x[1..][..inner], &mut own_y[1..][..inner]);
            let [left_x, left_y] = [0, 1].map(|axis| moved(y, axis, left));
            let [right_x, right_y] = [0, 1].map(|axis| moved(y, axis, left + 1));
            let [above_x, above_y] = [0, 1].map(|axis| moved(above, axis, 1));
            let [below_x, below_y] = [0, 1].map(|axis| moved(below, axis, 1));
            for i in 0..inner {
                let (l, r, a, b) = (left_pull[i], right_pull[i], above_pull[i], below_pull[i]);
                let x = pull_x[i] + (l * left_x[i] + r * right_x[i]) + (a * above_x[i] + b * below_x[i]);
                let y = pull_y[i] + (l * left_y[i] + r * right_y[i]) + (a * above_y[i] + b * below_y[i]);
                own_x[i] += RELAXATION * ((xx[i] * x + xy[i] * y) - own_x[i]);
                own_y[i] += RELAXATION * ((xy[i] * x + yy[i] * y) - own_y[i]);
            }
        });
    }
}

/// Makes `field`, the motion from `from` to `to`, smooth and exact.
pub(super) fn refine(from: &Level, to: &Level, field: &mut Field, weights: Refinement) {
    let (width, height) = (field.width, field.height);
    let still = Still::new(from);
    let mut coloured = Coloured::new(width, height);
    for _ in 0..weights.warps {
        coloured.take(field);
        let row_parts = 2 * part::COUNT * coloured.half;
        coloured
            .system
            .par_chunks_mut(row_parts)
            .enumerate()
            .for_each(|(y, system)| assemble(from, to, &still, field, y, weights, system));
        for _ in 0..weights.sweeps {
            coloured.relax(0, height);
            coloured.relax(1, height);
        }
        coloured.give(field);
    }
}

/// A row's equations, from the field as it is now.
fn assemble(
    from: &Level,
    to: &Level,
    still: &Still,
    field: &Field,
    y: usize,
    weights: Refinement,
    system: &mut [f32],
) {
    let (width, height) = (field.width, field.height);
    let above_pull = (y > 0).then(|| pulls_below(still, field, y - 1, weights.smoothness));
    let below_pull = pulls_below(still, field, y, weights.smoothness);
    let right_pull = pulls_right(still, field, y, weights.smoothness);

    let right = &field.right[y * width..][..width];
    let down = &field.down[y * width..][..width];
    let curvature = &still.curvature[y * width..][..width];
    let start = from.slopes.place(0, y as isize);
    let slopes = &from.slopes.values[start..start + width];
    let (most_x, most_y) = ((width - 1) as f32, (height - 1) as f32);

    let mut parts: [Vec<f32>; 5] = std::array::from_fn(|_| vec![0.0; width]);
    for x in 0..width {
        let (u, v) = (right[x], down[x]);
        let (to_x, to_y) = (x as f32 + u, y as f32 + v);
        // What leaves the picture is led by its neighbours alone.
        let inside = to_x >= 0.0 && to_y >= 0.0 && to_x <= most_x && to_y <= most_y;
        let (mut xx, mut xy, mut yy, mut pull_x, mut pull_y) = (0.0f32, 0.0f32, 0.0f32, 0.0f32, 0.0f32);
        if inside {
            let here = slopes[x];
            let there = cubic(&to.slopes, to_x, to_y);
            let change: [f32; 3] = std::array::from_fn(|c| there[c] - here[c]);
            let (ix, iy) = (0.5 * (here[1] + there[1]), 0.5 * (here[2] + there[2]));
            let [ixx, ixy, iyy, _] = curvature[x];

            let norm = 1.0 / (ix * ix + iy * iy + FLAT);
            let bright = weights.brightness * norm / (change[0] * change[0] * norm + DATA_BEND).sqrt();
            xx += bright * ix * ix;
            xy += bright * ix * iy;
            yy += bright * iy * iy;
            pull_x -= bright * ix * change[0];
            pull_y -= bright * iy * change[0];

            let norm_x = 1.0 / (ixx * ixx + ixy * ixy + FLAT);
            let norm_y = 1.0 / (ixy * ixy + iyy * iyy + FLAT);
            let off = change[1] * change[1] * norm_x + change[2] * change[2] * norm_y;
            let sharp = weights.gradient / (off + DATA_BEND).sqrt();
            let (sx, sy) = (sharp * norm_x, sharp * norm_y);
            xx += sx * ixx * ixx + sy * ixy * ixy;
            xy += sx * ixx * ixy + sy * ixy * iyy;
            yy += sx * ixy * ixy + sy * iyy * iyy;
            pull_x -= sx * ixx * change[1] + sy * ixy * change[2];
            pull_y -= sx * ixy * change[1] + sy * iyy * change[2];
        }
        // The differences are linear in the motion beyond (u, v); the system is solved for all of it.
        pull_x += xx * u + xy * v;
        pull_y += xy * u + yy * v;
        let left = if x > 0 { right_pull[x - 1] } else { 0.0 };
        let above = above_pull.as_ref().map_or(0.0, |pulls| pulls[x]);
        // A pixel without any pull keeps its motion: the rest is rounding.
        let held = (left + right_pull[x]) + (above + below_pull[x]) + 1e-6;
        let (xx, yy) = (xx + held, yy + held);
        let inverse = 1.0 / (xx * yy - xy * xy);
        parts[0][x] = pull_x;
        parts[1][x] = pull_y;
        parts[2][x] = yy * inverse;
        parts[3][x] = -xy * inverse;
        parts[4][x] = xx * inverse;
    }
    let half = system.len() / (2 * part::COUNT);
    let rows = [
        (part::RIGHT, &right_pull),
        (part::BELOW, &below_pull),
        (part::PULL_X, &parts[0]),
        (part::PULL_Y, &parts[1]),
        (part::XX, &parts[2]),
        (part::XY, &parts[3]),
        (part::YY, &parts[4]),
    ];
    for (part, row) in rows {
        let (red, black) = system[2 * part * half..][..2 * half].split_at_mut(half);
        Coloured::split(row, y, red, black);
    }
}

/// How strongly each pixel of row `y` is held to its right neighbour; the last to nothing.
fn pulls_right(still: &Still, field: &Field, y: usize, smoothness: f32) -> Vec<f32> {
    let (width, height) = (field.width, field.height);
    let (above, below) = (y.saturating_sub(1) * width, (y + 1).min(height - 1) * width);
    let mut steep = vec![MOTION_BEND; width];
    for values in [&field.right, &field.down] {
        let (up, here, low) = (
            &values[above..][..width],
            &values[y * width..][..width],
            &values[below..][..width],
        );
        for x in 0..width - 1 {
            let along = here[x + 1] - here[x];
            let across = 0.25 * ((low[x] - up[x]) + (low[x + 1] - up[x + 1]));
            steep[x] += along * along + across * across;
        }
    }
    let held = &still.curvature[y * width..][..width];
    for x in 0..width - 1 {
        steep[x] = smoothness * 0.5 * (held[x][3] + held[x + 1][3]) / steep[x].sqrt();
    }
    steep[width - 1] = 0.0;
    steep
}

/// How strongly each pixel of row `y` is held to the one below; in the last row to nothing.
fn pulls_below(still: &Still, field: &Field, y: usize, smoothness: f32) -> Vec<f32> {
    let (width, height) = (field.width, field.height);
    if y + 1 >= height {
        return vec![0.0; width];
    }
    let mut steep = vec![MOTION_BEND; width];
    for values in [&field.right, &field.down] {
        let (here, low) = (&values[y * width..][..width], &values[(y + 1) * width..][..width]);
        for x in 0..width {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
            let along = low[x] - here[x];
            let across = 0.25 * ((here[right] - here[left]) + (low[right] - low[left]));
            steep[x] += along * along + across * across;
        }
    }
    let (held, next) = (
        &still.curvature[y * width..][..width],
        &still.curvature[(y + 1) * width..][..width],
    );
    for x in 0..width {
        steep[x] = smoothness * 0.5 * (held[x][3] + next[x][3]) / steep[x].sqrt();
    }
    steep
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
