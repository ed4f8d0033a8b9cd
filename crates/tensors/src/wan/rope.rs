//! Rotary position over frames, rows and columns.
//!
//! RoFormer (arXiv 2104.09864, section 3.2.2) on three axes: a head's pairs of channels are shared out between them; on
//! each, pair `i` of `n` turns by `position·10000^(−i/n)`.

use burn::tensor::Tensor;

use crate::weights::Reader;

/// The base of the frequencies.
const THETA: f64 = 10_000.0;

/// Cosines and sines of each token's turns.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeTable {
    /// Tokens in the order (frame, row, column), the columns running fastest.
    pub tokens: usize,
    /// Pairs of channels of a head; pair `i` is channels `2i` and `2i + 1`.
    pub pairs: usize,
    /// `tokens × pairs` cosines.
    pub cos: Vec<f32>,
    /// `tokens × pairs` sines.
    pub sin: Vec<f32>,
}

impl RopeTable {
    /// For a grid of tokens in time, down and across, and heads of `head_dim` channels.
    pub fn new(grid: [usize; 3], head_dim: usize) -> Self {
        let counts = Self::pairs(head_dim);
        let axes: Vec<Vec<f64>> = (0..3).map(|axis| angles(grid[axis], counts[axis])).collect();
        let (tokens, pairs) = (grid.iter().product::<usize>(), head_dim / 2);
        let (mut cos, mut sin) = (
            Vec::with_capacity(tokens * pairs),
            Vec::with_capacity(tokens * pairs),
        );
        for token in 0..tokens {
            let place = [
                token / (grid[1] * grid[2]),
                token / grid[2] % grid[1],
                token % grid[2],
            ];
            for axis in 0..3 {
                let at = place[axis] * counts[axis];
                for angle in &axes[axis][at..at + counts[axis]] {
                    cos.push(angle.cos() as f32);
                    sin.push(angle.sin() as f32);
                }
            }
        }
        Self {
            tokens,
            pairs,
            cos,
            sin,
        }
    }

    /// Pairs of a head of `head_dim` channels that time, rows and columns have.
    pub fn pairs(head_dim: usize) -> [usize; 3] {
        let space = head_dim / 6;
        [head_dim / 2 - 2 * space, space, space]
    }
}

/// A table on the device: (tokens, head_dim / 2) each.
#[derive(Debug, Clone)]
pub(super) struct Rope {
    pub(super) cos: Tensor<2>,
    pub(super) sin: Tensor<2>,
}

impl Rope {
    /// For tokens in the order (frame, row, column) of `grid`.
    pub(super) fn new(from: &Reader<'_>, grid: [usize; 3], head_dim: usize) -> Self {
        let table = RopeTable::new(grid, head_dim);
        let shape = [table.tokens, table.pairs];
        Self {
            cos: from.put(table.cos, shape),
            sin: from.put(table.sin, shape),
        }
    }
}

/// The angles of `pairs` pairs at each position, in `f64`: in `f32` a far position's would be off by more than what is
/// compared.
fn angles(positions: usize, pairs: usize) -> Vec<f64> {
    (0..positions)
        .flat_map(|p| (0..pairs).map(move |i| p as f64 * THETA.powf(-(i as f64) / pairs as f64)))
        .collect()
}
