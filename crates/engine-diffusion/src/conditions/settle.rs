//! What is kept put back as it was, and what is made anew brought to it: an autoencoder gives kept places back a little lighter or
//! darker than they were, and the places made beside them are off in the same way.

use super::{HALF, Mask};
use crate::generate::Clip;

/// Sides of the cells in which the difference is averaged at first, in pixels: below it, it is texture and not light.
const CELL_PX: usize = 4;

/// Puts back what the mask keeps of `kept`, pixel by pixel, and adds to what is made anew by how much the places around it were
/// off: the difference, known where a place is kept, is carried smoothly over the rest, frame by frame.
///
/// Carried by averages over ever larger cells and back, as in Gortler and others, "The Lumigraph" (1996, section 3.4.1: pull
/// and push).
pub fn settle(made: &mut Clip, kept: &Clip, mask: &Mask) {
    let (width, height) = (made.width, made.height);
    let plane = (width * height).max(1);
    let frames = made
        .pixels
        .chunks_exact_mut(plane)
        .zip(kept.pixels.chunks_exact(plane))
        .zip(mask.values.chunks_exact(plane));
    for ((made, kept), mask) in frames {
        let is_kept = |at: usize| mask[at] <= HALF;
        let mut finest = Level::new(width.div_ceil(CELL_PX), height.div_ceil(CELL_PX));
        for at in (0..plane).filter(|at| is_kept(*at)) {
            let cell = at / width / CELL_PX * finest.width + at % width / CELL_PX;
            let off = [0, 1, 2].map(|c| kept[at][c] - made[at][c]);
            finest.add(cell, off, 1.0);
        }
        let carried = finest.carried();
        for at in 0..plane {
            if is_kept(at) {
                made[at] = kept[at];
                continue;
            }
            let place = |v: usize| (v as f32 + 0.5) / CELL_PX as f32;
            let off = carried.at(place(at % width), place(at / width));
            for (value, off) in made[at].iter_mut().zip(off) {
                *value = (*value + off).clamp(0.0, 1.0);
            }
        }
    }
}

/// Differences by cells: their sums, and how much is known of each.
struct Level {
    width: usize,
    height: usize,
    sums: Vec<[f32; 3]>,
    known: Vec<f32>,
}

impl Level {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            sums: vec![[0.0; 3]; width * height],
            known: vec![0.0; width * height],
        }
    }

    fn add(&mut self, cell: usize, value: [f32; 3], weight: f32) {
        for (sum, v) in self.sums[cell].iter_mut().zip(value) {
            *sum += v * weight;
        }
        self.known[cell] += weight;
    }

    /// The mean of a cell.
    fn mean(&self, cell: usize) -> [f32; 3] {
        let known = self.known[cell].max(f32::MIN_POSITIVE);
        self.sums[cell].map(|sum| sum / known)
    }

    /// The same with something known in every cell, the rest of each from cells twice as large.
    fn carried(mut self) -> Self {
        if self.width * self.height > 1 {
            let mut coarser = Self::new(self.width.div_ceil(2), self.height.div_ceil(2));
            for cell in 0..self.known.len() {
                let (x, y) = (cell % self.width, cell / self.width);
                // A cell that is known well counts no more than one.
                let weight = self.known[cell].min(1.0);
                coarser.add(y / 2 * coarser.width + x / 2, self.mean(cell), weight);
            }
            let coarser = coarser.carried();
            for cell in 0..self.known.len() {
                let (mean, known) = (self.mean(cell), self.known[cell].min(1.0));
                let place = |v: usize| (v as f32 + 0.5) / 2.0;
                let beyond = coarser.at(place(cell % self.width), place(cell / self.width));
                self.sums[cell] = [0, 1, 2].map(|c| known * mean[c] + (1.0 - known) * beyond[c]);
                self.known[cell] = 1.0;
            }
        } else {
            self.sums = vec![self.mean(0)];
            self.known = vec![1.0];
        }
        self
    }

    /// The value at a place in cells, between their middles in straight lines.
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let between = |v: f32, cells: usize| {
            let v = (v - 0.5).clamp(0.0, (cells - 1) as f32);
            let before = (v as usize).min(cells.saturating_sub(2));
            (before, (before + 1).min(cells - 1), v - before as f32)
        };
        let ((left, right, dx), (top, below, dy)) = (between(x, self.width), between(y, self.height));
        let of = |x: usize, y: usize| self.mean(y * self.width + x);
        let (a, b, c, d) = (of(left, top), of(right, top), of(left, below), of(right, below));
        [0, 1, 2].map(|k| {
            let above = a[k] * (1.0 - dx) + b[k] * dx;
            above * (1.0 - dy) + (c[k] * (1.0 - dx) + d[k] * dx) * dy
        })
    }
}
