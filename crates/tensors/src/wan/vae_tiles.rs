//! A large picture in overlapping tiles, and the tiles in one picture again.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};

use crate::weights::ModelError;

/// How a picture is cut into tiles: rows, then columns, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    tile: [usize; 2],
    step: [usize; 2],
}

impl Tiling {
    /// Tiles of `tile` rows and columns, each `step` after the one before; where they overlap one fades into the other.
    /// A picture that fits one tile is not cut.
    ///
    /// # Errors
    /// [`ModelError::Input`] unless all are multiples of `ratio`, the VAE's pixels to a latent, and a step is no more
    /// than a tile.
    pub fn new(tile: [usize; 2], step: [usize; 2], ratio: usize) -> Result<Self, ModelError> {
        let fits = |v: usize| v > 0 && v.is_multiple_of(ratio.max(1));
        if !tile.into_iter().chain(step).all(fits) || step[0] > tile[0] || step[1] > tile[1] {
            return Err(ModelError::Input(format!(
                "tiles of {tile:?} pixels every {step:?} cannot be; take multiples of {ratio}, and a step of no more than \
                 the tile"
            )));
        }
        Ok(Self { tile, step })
    }
}

/// A tile's place in what is cut.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

/// A cut, in the units of what is cut.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    /// Row by row.
    pub(super) tiles: Vec<Tile>,
    across: usize,
    size: [usize; 2],
    tile: [usize; 2],
    step: [usize; 2],
}

impl Cut {
    /// Cuts `size` rows and columns, each of `unit` pixels.
    pub(super) fn new(size: [usize; 2], tiling: Option<Tiling>, unit: usize) -> Self {
        let whole = Tiling {
            tile: [size[0] * unit, size[1] * unit],
            step: [size[0] * unit, size[1] * unit],
        };
        let tiling = tiling.unwrap_or(whole);
        let (mut tile, mut step) = (tiling.tile.map(|v| v / unit), tiling.step.map(|v| v / unit));
        if size[0] <= tile[0] && size[1] <= tile[1] {
            (tile, step) = (size, size);
        }
        let along = |axis: usize| -> Vec<Range<usize>> {
            (0..size[axis])
                .step_by(step[axis])
                .map(|from| from..(from + tile[axis]).min(size[axis]))
                .collect()
        };
        let columns = along(1);
        let tiles = along(0)
            .into_iter()
            .flat_map(|rows| {
                columns.iter().map(move |columns| Tile {
                    rows: rows.clone(),
                    columns: columns.clone(),
                })
            })
            .collect();
        Self {
            tiles,
            across: columns.len(),
            size,
            tile,
            step,
        }
    }
}

/// Puts tiles, each (frames, rows, columns, channels), together. `scale` turns a length of what was cut into one of the
/// tiles.
pub(super) fn join(mut tiles: Vec<Tensor<4>>, cut: &Cut, scale: impl Fn(usize) -> usize) -> Tensor<4> {
    if tiles.len() == 1 {
        return tiles.remove(0);
    }
    let overlap = [0, 1].map(|axis| scale(cut.tile[axis]) - scale(cut.step[axis]));
    let step = cut.step.map(&scale);
    let mut rows = Vec::new();
    // The row above, faded already, as far as it has been done.
    let mut above: Vec<Tensor<4>> = Vec::new();
    while !tiles.is_empty() {
        let mut row: Vec<Tensor<4>> = Vec::new();
        for (column, mut tile) in tiles.drain(..cut.across).enumerate() {
            if let Some(above) = above.get(column) {
                tile = fade(above, tile, 1, overlap[0]);
            }
            if let Some(left) = row.last() {
                tile = fade(left, tile, 2, overlap[1]);
            }
            row.push(tile);
        }
        let cropped = row.iter().map(|tile| {
            let [t, h, w, c] = tile.dims();
            tile.clone()
                .slice([0..t, 0..h.min(step[0]), 0..w.min(step[1]), 0..c])
        });
        rows.push(Tensor::cat(cropped.collect(), 2));
        above = row;
    }
    let all = Tensor::cat(rows, 1);
    let [t, h, w, c] = all.dims();
    all.slice([
        0..t,
        0..h.min(scale(cut.size[0])),
        0..w.min(scale(cut.size[1])),
        0..c,
    ])
}

/// `b` with its first `overlap` rows (axis 1) or columns (axis 2) fading in over the last ones of `a`.
fn fade(a: &Tensor<4>, b: Tensor<4>, axis: usize, overlap: usize) -> Tensor<4> {
    let (before, size) = (a.dims()[axis], b.dims()[axis]);
    let n = overlap.min(before).min(size);
    if n == 0 {
        return b;
    }
    let part = |x: &Tensor<4>, range: Range<usize>| {
        let mut ranges = x.dims().map(|n| 0..n);
        ranges[axis] = range;
        x.clone().slice(ranges)
    };
    let mut shape = [1; 4];
    shape[axis] = n;
    let ramp = (0..n).map(|i| i as f32 / n as f32).collect::<Vec<_>>();
    let ramp = Tensor::<4>::from_data(TensorData::new(ramp, shape), &b.device());
    let (old, new) = (part(a, before - n..before), part(&b, 0..n));
    let faded = old * (ramp.clone().neg() + 1.0) + new * ramp;
    if n == size {
        faded
    } else {
        Tensor::cat(vec![faded, part(&b, n..size)], axis)
    }
}
