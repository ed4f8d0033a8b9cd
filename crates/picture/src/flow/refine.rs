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

mod equations;

use super::pyramid::{Field, Level};
use equations::{Pulls, Still, assemble};

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

const RELAXATION: f32 = 1.85;

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
        let nothing = vec![0.0f32; inner];
        own.par_chunks_mut(2 * half).enumerate().for_each(|(y, own)| {
            // Beyond the first and the last row the pull is 0, and what stands there does not matter.
            let (above, below) = (y.saturating_sub(1), (y + 1).min(height - 1));
            // The left neighbour of the other colour has the same number or the one before.
            let left = if y % 2 == colour { 0 } else { 1 };
            let part = |row: usize, colour: usize, part: usize, from: usize| {
                &system[((row * part::COUNT + part) * 2 + colour) * half + from..][..inner]
            };
            let moved = |row: usize, from: usize| {
                [0, 1].map(|axis| &other[(2 * row + axis) * half + from..][..inner])
            };
            let (own_x, own_y) = own.split_at_mut(half);
            relax_row(
                &mut own_x[1..][..inner],
                &mut own_y[1..][..inner],
                [
                    part(y, 1 - colour, part::RIGHT, left),
                    part(y, colour, part::RIGHT, 1),
                    if y == 0 {
                        &nothing
                    } else {
                        part(above, 1 - colour, part::BELOW, 1)
                    },
                    part(y, colour, part::BELOW, 1),
                ],
                [
                    moved(y, left),
                    moved(y, left + 1),
                    moved(above, 1),
                    moved(below, 1),
                ],
                [part::PULL_X, part::PULL_Y].map(|p| part(y, colour, p, 1)),
                [part::XX, part::XY, part::YY].map(|p| part(y, colour, p, 1)),
            );
        });
    }
}

/// Moves the pixels of one colour of a row towards what their neighbours (left, right, above, below, each
/// with its pull) and the data ask for. A function of its own, so that the compiler knows that nothing it
/// reads is what it writes.
#[inline(never)]
fn relax_row(
    own_x: &mut [f32],
    own_y: &mut [f32],
    pulls: [&[f32]; 4],
    around: [[&[f32]; 2]; 4],
    data: [&[f32]; 2],
    inverse: [&[f32]; 3],
) {
    let len = own_x.len();
    let own_y = &mut own_y[..len];
    let [left, right, above, below] = pulls.map(|row| &row[..len]);
    let [
        [left_x, left_y],
        [right_x, right_y],
        [above_x, above_y],
        [below_x, below_y],
    ] = around.map(|rows| rows.map(|row| &row[..len]));
    let [data_x, data_y] = data.map(|row| &row[..len]);
    let [xx, xy, yy] = inverse.map(|row| &row[..len]);
    let relaxation = RELAXATION;
    for i in 0..len {
        let (l, r, a, b) = (left[i], right[i], above[i], below[i]);
        let x = data_x[i] + (l * left_x[i] + r * right_x[i]) + (a * above_x[i] + b * below_x[i]);
        let y = data_y[i] + (l * left_y[i] + r * right_y[i]) + (a * above_y[i] + b * below_y[i]);
        own_x[i] += relaxation * ((xx[i] * x + xy[i] * y) - own_x[i]);
        own_y[i] += relaxation * ((xy[i] * x + yy[i] * y) - own_y[i]);
    }
}

/// Makes `field`, the motion from `from` to `to`, smooth and exact.
pub(super) fn refine(from: &Level, to: &Level, field: &mut Field, weights: Refinement) {
    let height = field.height;
    let still = Still::new(from);
    let mut coloured = Coloured::new(field.width, height);
    for _ in 0..weights.warps {
        coloured.take(field);
        let pulls = Pulls::new(&still, field, weights.smoothness);
        let row_parts = 2 * part::COUNT * coloured.half;
        coloured
            .system
            .par_chunks_mut(row_parts)
            .enumerate()
            .for_each(|(y, system)| {
                let (pull, inverse) = assemble(to, &still, field, &pulls, y, weights);
                let half = system.len() / (2 * part::COUNT);
                let rows = [
                    (part::RIGHT, pulls.right_of(y)),
                    (part::BELOW, pulls.below(y)),
                    (part::PULL_X, &pull[0]),
                    (part::PULL_Y, &pull[1]),
                    (part::XX, &inverse[0]),
                    (part::XY, &inverse[1]),
                    (part::YY, &inverse[2]),
                ];
                for (part, row) in rows {
                    let (red, black) = system[2 * part * half..][..2 * half].split_at_mut(half);
                    Coloured::split(row, y, red, black);
                }
            });
        for _ in 0..weights.sweeps {
            coloured.relax(0, height);
            coloured.relax(1, height);
        }
        coloured.give(field);
    }
}
