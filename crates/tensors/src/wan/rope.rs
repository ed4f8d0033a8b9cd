//! Rotary position over frames, rows and columns.
//!
//! A head's pairs are shared out between the three axes; on each, pair `i` of `n` turns by `position·10000^(−i/n)`.

use burn::tensor::Tensor;

use crate::weights::Reader;

/// The base of the frequencies.
const THETA: f64 = 10_000.0;

/// Cosines and sines for a grid of tokens: (tokens, head_dim / 2) each.
#[derive(Debug, Clone)]
pub(super) struct Rope {
    pub(super) cos: Tensor<2>,
    pub(super) sin: Tensor<2>,
}

impl Rope {
    /// For tokens in the order (frame, row, column) of `grid`.
    pub(super) fn new(from: &Reader<'_>, grid: [usize; 3], head_dim: usize) -> Self {
        let (cos, sin) = turns(grid, head_dim);
        let (tokens, half) = (grid.iter().product::<usize>(), head_dim / 2);
        Self {
            cos: from.put(cos, [tokens, half]),
            sin: from.put(sin, [tokens, half]),
        }
    }
}

/// Cosines and sines, (tokens, head_dim / 2) each, for tokens in the order (frame, row, column) of `grid`.
pub(crate) fn turns(grid: [usize; 3], head_dim: usize) -> (Vec<f32>, Vec<f32>) {
    let space = head_dim / 6;
    let pairs = [head_dim / 2 - 2 * space, space, space];
    let axes: Vec<Vec<f64>> = (0..3).map(|axis| angles(grid[axis], pairs[axis])).collect();
    let (tokens, half) = (grid.iter().product::<usize>(), head_dim / 2);
    let (mut cos, mut sin) = (
        Vec::with_capacity(tokens * half),
        Vec::with_capacity(tokens * half),
    );
    for token in 0..tokens {
        let place = [
            token / (grid[1] * grid[2]),
            token / grid[2] % grid[1],
            token % grid[2],
        ];
        for axis in 0..3 {
            let at = place[axis] * pairs[axis];
            for angle in &axes[axis][at..at + pairs[axis]] {
                cos.push(angle.cos() as f32);
                sin.push(angle.sin() as f32);
            }
        }
    }
    (cos, sin)
}

/// The angles of `pairs` pairs at each position.
fn angles(positions: usize, pairs: usize) -> Vec<f64> {
    (0..positions)
        .flat_map(|p| (0..pairs).map(move |i| p as f64 * THETA.powf(-(i as f64) / pairs as f64)))
        .collect()
}
