//! The backward of attention, in tiles, with the softmax computed again.
//!
//! Dao and others, "FlashAttention" (2022), section 3.1 and appendix B.4: with the logarithm of each query's sum of
//! exponentials kept, a tile of weights `P` is one product and one exponential away, so that the matrix of weights is
//! kept nowhere. With `D` the sum of `out·d_out` of a query's row, `dV = Pᵀ·dO`, `dS = P∘(dO·Vᵀ − D)`, `dQ = dS·K·scale`,
//! `dK = dSᵀ·Q·scale`.
//!
//! A head is one task, and walks its tiles in one order: the sums come out the same on any number of threads.

use rayon::prelude::*;

use super::attention::Attention;
use super::lanes::{exp, wide};
use super::matmul::{Matrix, Threads, product};

/// Keys to a tile.
const KEY_TILE: usize = 512;
/// Queries to a tile: with [`KEY_TILE`], two tiles of 256 KiB.
const QUERY_TILE: usize = 128;

/// Gradients of an attention's inputs, each shaped as its input.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionGradients {
    /// Of the queries.
    pub q: Vec<f32>,
    /// Of the keys that count.
    pub k: Vec<f32>,
    /// Of the values that count.
    pub v: Vec<f32>,
}

/// Gradients of [`super::attention_keeping_sums`], whose result was `out` and whose `sums` it kept, for the gradient
/// `d_out` of its result.
///
/// # Panics
/// When a slice does not fit the shape.
pub fn attention_backward(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    out: &[f32],
    sums: &[f32],
    d_out: &[f32],
    shape: Attention,
) -> AttentionGradients {
    let Attention {
        heads,
        head_dim,
        queries,
        keys,
        ..
    } = shape;
    let width = heads * head_dim;
    assert!(q.len() == queries * width && out.len() == q.len() && d_out.len() == q.len());
    assert!(k.len() >= keys * width && v.len() >= keys * width);
    assert_eq!(sums.len(), queries * heads);
    let mut gradients = AttentionGradients {
        q: vec![0.0; queries * width],
        k: vec![0.0; keys * width],
        v: vec![0.0; keys * width],
    };
    if width == 0 || queries == 0 || keys == 0 {
        return gradients;
    }
    // Head after head, so that each task has its own; a few heads at a time, so that this takes little memory.
    let together = heads.min(2 * rayon::current_num_threads());
    let (of_q, of_k) = (queries * head_dim, keys * head_dim);
    let (mut dq, mut dk, mut dv) = (
        vec![0.0; together * of_q],
        vec![0.0; together * of_k],
        vec![0.0; together * of_k],
    );
    for first in (0..heads).step_by(together) {
        let count = together.min(heads - first);
        dq[..count * of_q]
            .par_chunks_mut(of_q)
            .zip(dk.par_chunks_mut(of_k))
            .zip(dv.par_chunks_mut(of_k))
            .enumerate()
            .for_each_init(
                || Scratch::new(queries.min(QUERY_TILE), keys.min(KEY_TILE)),
                |scratch, (i, ((dq, dk), dv))| {
                    let inputs = Head {
                        q,
                        k,
                        v,
                        out,
                        sums,
                        d_out,
                        shape,
                        head: first + i,
                    };
                    inputs.backward(scratch, dq, dk, dv);
                },
            );
        place(&dq, &mut gradients.q, first, count, head_dim, width);
        place(&dk, &mut gradients.k, first, count, head_dim, width);
        place(&dv, &mut gradients.v, first, count, head_dim, width);
    }
    gradients
}

/// Writes `count` heads, one after the other in `from`, to their columns of `to`.
fn place(from: &[f32], to: &mut [f32], first: usize, count: usize, head_dim: usize, width: usize) {
    let rows = to.len() / width;
    to.par_chunks_mut(width).enumerate().for_each(|(row, to)| {
        for head in 0..count {
            let at = (head * rows + row) * head_dim;
            let column = (first + head) * head_dim;
            to[column..column + head_dim].copy_from_slice(&from[at..at + head_dim]);
        }
    });
}

/// What one thread needs.
struct Scratch {
    /// Weights: (keys of a tile, queries of a tile).
    weights: Vec<f32>,
    /// Gradients of weights, then of scores: the same shape.
    scores: Vec<f32>,
    /// The kept sum of each query, and its `D`.
    sums: Vec<f32>,
    dots: Vec<f32>,
}

impl Scratch {
    fn new(queries: usize, keys: usize) -> Self {
        Self {
            weights: vec![0.0; queries * keys],
            scores: vec![0.0; queries * keys],
            sums: vec![0.0; queries],
            dots: vec![0.0; queries],
        }
    }
}

/// One head of an attention.
struct Head<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    out: &'a [f32],
    sums: &'a [f32],
    d_out: &'a [f32],
    shape: Attention,
    head: usize,
}

impl Head<'_> {
    /// `dq` is (queries, head_dim), `dk` and `dv` are (keys, head_dim).
    fn backward(&self, scratch: &mut Scratch, dq: &mut [f32], dk: &mut [f32], dv: &mut [f32]) {
        let Attention {
            heads,
            head_dim,
            queries,
            keys,
            scale,
        } = self.shape;
        let width = heads * head_dim;
        let column = self.head * head_dim;
        for q0 in (0..queries).step_by(QUERY_TILE) {
            let m = QUERY_TILE.min(queries - q0);
            let at = q0 * width + column;
            let asked = Matrix::new(&self.q[at..], m, head_dim, width, 1);
            let given = Matrix::new(&self.d_out[at..], m, head_dim, width, 1);
            let (sums, dots) = (&mut scratch.sums[..m], &mut scratch.dots[..m]);
            for (row, (sum, dot)) in sums.iter_mut().zip(dots.iter_mut()).enumerate() {
                *sum = self.sums[(q0 + row) * heads + self.head];
                let from = at + row * width;
                let pair = self.out[from..from + head_dim]
                    .iter()
                    .zip(&self.d_out[from..from + head_dim]);
                *dot = pair.map(|(a, b)| a * b).sum();
            }
            for k0 in (0..keys).step_by(KEY_TILE) {
                let n = KEY_TILE.min(keys - k0);
                let at = k0 * width + column;
                let key_tile = Matrix::new(&self.k[at..], n, head_dim, width, 1);
                let value_tile = Matrix::new(&self.v[at..], n, head_dim, width, 1);
                let weights = &mut scratch.weights[..n * m];
                let scores = &mut scratch.scores[..n * m];
                product(key_tile, asked.transposed(), weights, m, false, Threads::One);
                product(value_tile, given.transposed(), scores, m, false, Threads::One);
                weigh(weights, scores, sums, dots, scale);
                let weights = Matrix::new(weights, n, m, m, 1);
                let scores = Matrix::new(scores, n, m, m, 1);
                let (from, to) = (k0 * head_dim, (k0 + n) * head_dim);
                let more = q0 > 0;
                product(weights, given, &mut dv[from..to], head_dim, more, Threads::One);
                product(scores, asked, &mut dk[from..to], head_dim, more, Threads::One);
                let dq = &mut dq[q0 * head_dim..(q0 + m) * head_dim];
                product(scores.transposed(), key_tile, dq, head_dim, k0 > 0, Threads::One);
            }
        }
    }
}

wide! {
    /// Turns scores, a column a query, into weights of the softmax, and gradients of weights into those of scores before
    /// the scale.
    fn weigh(weights: &mut [f32], scores: &mut [f32], sums: &[f32], dots: &[f32], scale: f32) {
        let columns = sums.len();
        for (weights, scores) in weights.chunks_exact_mut(columns).zip(scores.chunks_exact_mut(columns)) {
            for (((w, s), sum), dot) in weights.iter_mut().zip(scores.iter_mut()).zip(sums).zip(dots) {
                *w = exp(w.mul_add(scale, -*sum));
                *s = *w * (*s - *dot) * scale;
            }
        }
    }
}
