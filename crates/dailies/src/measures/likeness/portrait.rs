//! How a part of a picture looks, as numbers that hold while it moves, turns and grows: what a subject is known by.
//!
//! The part is laid onto 48 x 48 samples, which takes its size and turn off, in linear light and then OKLab (Ottosson
//! 2020). More or less light multiplies all of OKLab, so dividing by the mean lightness takes it off. Two things are kept:
//! - *colour*: a soft histogram over the palette's nodes ([`heirloom_picture::look`]), what is near the middle counting most
//!   (the kernel of Comaniciu, Ramesh and Meer, "Kernel-Based Object Tracking", PAMI 2003), compared as there by
//!   sqrt(1 - sum sqrt(p q));
//! - *shape*: histograms of oriented gradients (Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection",
//!   CVPR 2005): 6 x 6 cells of 9 directions, blocks of 2 x 2 cells normed, clipped and normed again; compared by
//!   1 - correlation, which is 0 at least.
//!
//! The distance is the mean of both.

use std::f64::consts::PI;

use heirloom_picture::look::{LIGHTNESSES, PALETTE, TINTS, node_position};
use heirloom_picture::measure::View;
use heirloom_picture::oklab;

use crate::measures::planes::LIGHT;

/// Samples on a side.
const SIDE: usize = 48;
/// Cells on a side.
const CELLS: usize = 6;
const CELL: usize = SIDE / CELLS;
/// Directions of gradients, over half a turn.
const DIRECTIONS: usize = 9;
/// Blocks on a side; each of 2 x 2 cells.
const BLOCKS: usize = CELLS - 1;
const BLOCK: usize = 4 * DIRECTIONS;
/// Most samples that one is the mean of, each way.
const FINEST: usize = 8;
/// A block's gradients below which it counts as flat: what the grain of a take comes to.
const FLAT: f64 = 0.3;
/// Mean lightness that every part is brought to.
const LEVEL: f64 = 0.5;

/// A box that moves, grows and turns with what it holds, in pixels; pixel n reaches from n to n + 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// Its middle.
    pub middle: [f64; 2],
    /// From its middle to the middle of its right side.
    pub right: [f64; 2],
    /// Height over width.
    pub tall: f64,
}

impl Place {
    /// A region, in fractions of a picture of such a size.
    pub fn of([left, top, width, height]: [f64; 4], size: [f64; 2]) -> Self {
        let (wide, high) = ((width * size[0]).max(1e-6), (height * size[1]).max(1e-6));
        Self {
            middle: [(left + 0.5 * width) * size[0], (top + 0.5 * height) * size[1]],
            right: [0.5 * wide, 0.0],
            tall: high / wide,
        }
    }

    /// From its middle to the middle of its lower side.
    pub fn down(&self) -> [f64; 2] {
        [-self.right[1] * self.tall, self.right[0] * self.tall]
    }

    /// Where something lies: from -1 at the left to 1 at the right, and from -1 at the top to 1 at the bottom.
    pub fn within(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let (dx, dy) = (x - self.middle[0], y - self.middle[1]);
        [self.right, self.down()].map(|[ax, ay]| (dx * ax + dy * ay) / (ax * ax + ay * ay).max(1e-12))
    }

    /// The inverse of [`Place::within`].
    pub fn at(&self, [u, v]: [f64; 2]) -> [f64; 2] {
        let down = self.down();
        [0, 1].map(|k| self.middle[k] + u * self.right[k] + v * down[k])
    }

    /// The same in a picture that is so many times larger.
    pub fn times(&self, by: f64) -> Self {
        Self {
            middle: self.middle.map(|v| v * by),
            right: self.right.map(|v| v * by),
            tall: self.tall,
        }
    }

    /// Itself, and boxes a little aside of it, smaller and larger: nobody draws a box to the pixel.
    fn around(&self) -> Vec<Self> {
        let mut all = Vec::with_capacity(27);
        for size in [1.0, 0.9, 1.1] {
            for v in [0.0, -0.12, 0.12] {
                for u in [0.0, -0.12, 0.12] {
                    all.push(Self {
                        middle: self.at([u, v]),
                        right: self.right.map(|r| r * size),
                        tall: self.tall,
                    });
                }
            }
        }
        all
    }
}

/// How a part of a picture looks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Portrait {
    /// Square roots of the colours' shares.
    colour: Vec<f32>,
    /// The blocks by weight, without their weighted mean, of length 1; empty where nothing has an edge.
    shape: Vec<f32>,
}

impl Portrait {
    /// Of a part of a picture. What reaches out of the picture goes on as its edge is.
    pub fn of(view: &View<'_>, place: &Place) -> Self {
        let samples = samples(view, place);
        Self {
            colour: colour(&samples),
            shape: shape(&samples),
        }
    }

    /// The part and what lies a little aside of it: against these the nearest counts.
    pub fn all_of(view: &View<'_>, place: &Place) -> Vec<Self> {
        place.around().iter().map(|place| Self::of(view, place)).collect()
    }

    /// How far apart two parts look, from 0 to 1.
    pub fn distance(&self, other: &Self) -> f64 {
        let product = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let colour = libm::sqrt((1.0 - product(&self.colour, &other.colour)).clamp(0.0, 1.0));
        let shape = match (self.shape.is_empty(), other.shape.is_empty()) {
            (true, true) => 0.0,
            (false, false) => (1.0 - product(&self.shape, &other.shape)).clamp(0.0, 1.0),
            _ => 1.0,
        };
        0.5 * (colour + shape)
    }

    /// The distance to the nearest of these.
    pub fn nearest<'a>(&self, to: impl IntoIterator<Item = &'a Self>) -> Option<f64> {
        to.into_iter()
            .map(|other| self.distance(other))
            .min_by(f64::total_cmp)
    }
}

/// Linear light between pixels.
fn light(view: &View<'_>, [x, y]: [f64; 2]) -> [f64; 3] {
    let (width, height) = (view.width() as usize, view.height() as usize);
    let along = |v: f64, side: usize| {
        let v = (v - 0.5).clamp(0.0, (side - 1) as f64);
        let below = v as usize;
        (below, (below + 1).min(side - 1), v - below as f64)
    };
    let (left, right, fx) = along(x, width);
    let (top, bottom, fy) = along(y, height);
    let codes = view.codes();
    let table = &*LIGHT;
    let pixel = |x: usize, y: usize| codes[y * width + x].map(|c| f64::from(table[usize::from(c)]));
    let corners = [
        (pixel(left, top), (1.0 - fx) * (1.0 - fy)),
        (pixel(right, top), fx * (1.0 - fy)),
        (pixel(left, bottom), (1.0 - fx) * fy),
        (pixel(right, bottom), fx * fy),
    ];
    std::array::from_fn(|k| corners.iter().map(|(light, share)| light[k] * share).sum())
}

/// The part in OKLab, brought to one lightness.
fn samples(view: &View<'_>, place: &Place) -> Vec<[f64; 3]> {
    let length = |[x, y]: [f64; 2]| libm::sqrt(x * x + y * y);
    let longest = length(place.right).max(length(place.down()));
    // As many looks for a sample as it has pixels across, so that detail finer than a sample becomes its mean.
    let fine = (libm::ceil(2.0 * longest / SIDE as f64).max(1.0) as usize).min(FINEST);
    let total = SIDE * fine;
    let along = |i: usize| (2 * i + 1) as f64 / total as f64 - 1.0;
    let mut all = Vec::with_capacity(SIDE * SIDE);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let mut sum = [0.0; 3];
            for i in 0..fine * fine {
                let at = place.at([along(column * fine + i % fine), along(row * fine + i / fine)]);
                for (sum, light) in sum.iter_mut().zip(light(view, at)) {
                    *sum += light;
                }
            }
            let looks = (fine * fine) as f64;
            all.push(oklab::from_linear(sum.map(|v| v / looks)));
        }
    }
    let mut mean = (0.0, 0.0);
    for (i, lab) in all.iter().enumerate() {
        mean.0 += kernel(i) * lab[0];
        mean.1 += kernel(i);
    }
    let by = LEVEL / (mean.0 / mean.1).max(0.02);
    for lab in &mut all {
        *lab = lab.map(|v| v * by);
    }
    all
}

/// What a sample counts by its distance from the middle: 1 there, a fifth in the corners, where the ground shows.
fn kernel(i: usize) -> f64 {
    let from_middle = |k: usize| (2 * k + 1) as f64 / SIDE as f64 - 1.0;
    let (x, y) = (from_middle(i % SIDE), from_middle(i / SIDE));
    1.0 - 0.4 * (x * x + y * y)
}

/// Square roots of the soft histogram's shares.
fn colour(samples: &[[f64; 3]]) -> Vec<f32> {
    let mut shares = vec![0f64; PALETTE];
    let mut total = 0.0;
    for (i, lab) in samples.iter().enumerate() {
        let weight = kernel(i);
        total += weight;
        let at = node_position(lab.map(|v| v as f32)).map(f64::from);
        let split = |at: f64, nodes: usize| {
            let below = (at as usize).min(nodes - 2);
            (below, at - below as f64)
        };
        let (l, dl) = split(at[0], LIGHTNESSES);
        let (a, da) = split(at[1], TINTS);
        let (b, db) = split(at[2], TINTS);
        for corner in 0..8 {
            let (i, j, k) = (corner >> 2, corner >> 1 & 1, corner & 1);
            let share = |upper: usize, d: f64| if upper == 1 { d } else { 1.0 - d };
            let node = ((l + i) * TINTS + a + j) * TINTS + b + k;
            shares[node] += weight * share(i, dl) * share(j, da) * share(k, db);
        }
    }
    shares.iter().map(|v| libm::sqrt(v / total) as f32).collect()
}

/// Lightness, a little smoothed: a step that one sample is off then changes little.
fn smoothed(samples: &[[f64; 3]]) -> Vec<f64> {
    let mut plane: Vec<f64> = samples.iter().map(|lab| lab[0]).collect();
    for _ in 0..2 {
        for step in [1, SIDE] {
            let before = plane.clone();
            for (i, v) in plane.iter_mut().enumerate() {
                let at = i / step % SIDE;
                let lower = if at > 0 { i - step } else { i };
                let upper = if at + 1 < SIDE { i + step } else { i };
                *v = 0.25 * (before[lower] + 2.0 * before[i] + before[upper]);
            }
        }
    }
    plane
}

/// Histograms of oriented gradients.
fn shape(samples: &[[f64; 3]]) -> Vec<f32> {
    let plane = smoothed(samples);
    let mut cells = vec![[0f64; DIRECTIONS]; CELLS * CELLS];
    for y in 1..SIDE - 1 {
        for x in 1..SIDE - 1 {
            let i = y * SIDE + x;
            let (gx, gy) = (
                0.5 * (plane[i + 1] - plane[i - 1]),
                0.5 * (plane[i + SIDE] - plane[i - SIDE]),
            );
            let size = libm::sqrt(gx * gx + gy * gy);
            let turn = libm::atan2(gy, gx) / PI + 1.0;
            // A gradient and its opposite are one direction; it is shared between the two nearest.
            let at = (turn - libm::floor(turn)) * DIRECTIONS as f64;
            let (first, part) = (at as usize % DIRECTIONS, at - libm::floor(at));
            let second = (first + 1) % DIRECTIONS;
            let split = |v: usize| {
                let at = (2 * v + 1) as f64 / (2 * CELL) as f64 - 0.5;
                let below = libm::floor(at);
                [(below, 1.0 - (at - below)), (below + 1.0, at - below)]
            };
            for (row, by_row) in split(y) {
                for (column, by_column) in split(x) {
                    let whole = 0.0..CELLS as f64;
                    if whole.contains(&row) && whole.contains(&column) {
                        let cell = &mut cells[row as usize * CELLS + column as usize];
                        let weight = size * by_row * by_column;
                        cell[first] += weight * (1.0 - part);
                        cell[second] += weight * part;
                    }
                }
            }
        }
    }
    blocks(&cells)
}

/// Blocks normed, clipped, normed again, and made ready to be correlated.
fn blocks(cells: &[[f64; DIRECTIONS]]) -> Vec<f32> {
    let mut all: Vec<(f64, f64)> = Vec::with_capacity(BLOCKS * BLOCKS * BLOCK);
    let mut edges = false;
    for row in 0..BLOCKS {
        for column in 0..BLOCKS {
            let mut block: Vec<f64> = Vec::with_capacity(BLOCK);
            for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                block.extend(cells[(row + y) * CELLS + column + x]);
            }
            let norm = |v: &[f64]| libm::sqrt(v.iter().map(|v| v * v).sum::<f64>());
            let size = norm(&block);
            edges |= size > FLAT;
            let by = libm::sqrt(size * size + FLAT * FLAT);
            block.iter_mut().for_each(|v| *v = (*v / by).min(0.2));
            let by = libm::sqrt(norm(&block) * norm(&block) + 0.01);
            // What a block counts: its middle's share, as of a sample there.
            let middle = |k: usize| (k + 1) * CELL;
            let weight = kernel(middle(row) * SIDE + middle(column));
            all.extend(block.iter().map(|v| (v / by, weight)));
        }
    }
    if !edges {
        return Vec::new();
    }
    let total: f64 = all.iter().map(|(_, w)| w).sum();
    let mean = all.iter().map(|(v, w)| v * w).sum::<f64>() / total;
    let centred = all.iter().map(|(v, w)| (v - mean) * libm::sqrt(*w));
    let centred: Vec<f64> = centred.collect();
    let length = libm::sqrt(centred.iter().map(|v| v * v).sum::<f64>()).max(1e-9);
    centred.iter().map(|v| (v / length) as f32).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::measures::likeness::worlds::World;

    /// A world seen with so much light.
    fn lit(world: &World, gain: f64) -> Vec<[u8; 3]> {
        let code = |v: f64| (heirloom_picture::color::srgb_encode((gain * v).min(1.0)) * 255.0 + 0.5) as u8;
        (0..160 * 120)
            .map(|i| world.light(f64::from(i % 160), f64::from(i / 160)).map(code))
            .collect()
    }

    #[test]
    fn a_box_is_laid_out_and_read_back() {
        let place = Place {
            middle: [10.0, 20.0],
            right: [3.0, 4.0],
            tall: 2.0,
        };
        assert_eq!(place.at([1.0, 0.0]), [13.0, 24.0]);
        assert_eq!(place.at([0.0, 1.0]), [2.0, 26.0]);
        let [u, v] = place.within(place.at([0.3, -0.7]));
        assert!((u - 0.3).abs() < 1e-12 && (v + 0.7).abs() < 1e-12);
    }

    #[test]
    fn light_and_turn_and_size_are_taken_off_and_another_thing_is_far() {
        for seed in 1..=6 {
            let (own, other) = (World::new(seed), World::new(seed + 100));
            let codes = lit(&own, 0.6);
            let view = View::new(&codes, 160, 120).unwrap();
            let place = Place {
                middle: [80.0, 60.0],
                right: [30.0, 0.0],
                tall: 0.8,
            };
            let portrait = Portrait::of(&view, &place);
            assert!(portrait.distance(&portrait.clone()) < 1e-3);
            let darker = lit(&own, 0.3);
            let darker = Portrait::of(&View::new(&darker, 160, 120).unwrap(), &place);
            let there = portrait.distance(&darker);
            let else_where = lit(&other, 0.6);
            let far = Portrait::of(&View::new(&else_where, 160, 120).unwrap(), &place).distance(&portrait);
            assert!(there < 0.12 && far > 0.4, "{seed}: {there} {far}");
            // Drawn a little off, it is found among what lies around.
            let off = Place {
                middle: [83.0, 58.0],
                right: [31.5, 0.0],
                tall: 0.8,
            };
            let near = Portrait::of(&view, &off)
                .nearest(&Portrait::all_of(&view, &place))
                .unwrap();
            assert!(near < 0.25, "{seed}: {near}");
        }
    }
}
