//! Attention in tiles, with the softmax kept running.
//!
//! The scores of a block of queries against a block of keys fit the processor's cache; each next block of keys rescales
//! what is summed so far, so that the whole matrix of scores never exists (Milakov and Gimelshein, "Online normalizer
//! calculation for softmax", 2018; Dao and others, "FlashAttention", 2022, section 3.1). Memory is two tiles a thread.

use rayon::prelude::*;

use super::lanes::{LANES, exp, wide};
use super::matmul::{Matrix, Threads, product};

/// Keys to a tile: a tile of scores is then at most 256 KiB.
const KEY_TILE: usize = 512;
/// Queries to a tile, at most.
const QUERY_TILE: usize = 128;
/// Queries to a tile, at least; below this the products become slow.
const QUERY_TILE_LEAST: usize = 32;

/// The shape of an attention, and its scale.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    /// Number of heads; a row is `heads · head_dim` wide, head after head.
    pub heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the queries and of the result.
    pub queries: usize,
    /// Rows of the keys and values that count; further rows are not looked at.
    pub keys: usize,
    /// What scores are multiplied by before the bias and the softmax; `1/√head_dim` as a rule.
    pub scale: f32,
}

/// `softmax(q·kᵀ·scale + bias)·v`, head by head.
///
/// `q` and `out` are (queries, heads·head_dim), `k` and `v` are (keys or more, heads·head_dim), `bias` is (heads,
/// queries, keys).
///
/// # Panics
/// When a slice does not fit the shape, or there is no key.
pub fn attention(q: &[f32], k: &[f32], v: &[f32], bias: Option<&[f32]>, shape: Attention, out: &mut [f32]) {
    tiled(q, k, v, bias, shape, out, None);
}

/// The same without a bias, and what its backward ([`super::attention_backward`]) needs of the softmax: into `sums`,
/// (queries, heads), goes the logarithm of each query's sum of exponentials.
///
/// # Panics
/// As [`attention`], and when `sums` does not fit.
pub fn attention_keeping_sums(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    shape: Attention,
    out: &mut [f32],
    sums: &mut [f32],
) {
    assert_eq!(sums.len(), shape.queries * shape.heads);
    tiled(q, k, v, None, shape, out, Some(sums));
}

fn tiled(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    bias: Option<&[f32]>,
    shape: Attention,
    out: &mut [f32],
    sums: Option<&mut [f32]>,
) {
    let Attention {
        heads,
        head_dim,
        queries,
        keys,
        ..
    } = shape;
    let width = heads * head_dim;
    assert!(keys > 0, "attention needs a key");
    assert_eq!(q.len(), queries * width);
    assert_eq!(out.len(), queries * width);
    assert!(k.len() >= keys * width && v.len() >= keys * width);
    assert!(bias.is_none_or(|b| b.len() == heads * queries * keys));
    if width == 0 || queries == 0 {
        return;
    }
    let tasks_wanted = 3 * rayon::current_num_threads();
    let tile = queries
        .div_ceil(tasks_wanted)
        .clamp(QUERY_TILE_LEAST, QUERY_TILE)
        .next_multiple_of(LANES);
    let scratch = || Scratch::new(tile, head_dim, keys.min(KEY_TILE));
    let blocks = out.par_chunks_mut(tile * width).enumerate();
    match sums {
        None => blocks.for_each_init(scratch, |scratch, (block, out)| {
            for head in 0..heads {
                one_head(q, k, v, bias, shape, block * tile, head, scratch, out);
            }
        }),
        Some(sums) => blocks.zip(sums.par_chunks_mut(tile * heads)).for_each_init(
            scratch,
            |scratch, ((block, out), sums)| {
                for head in 0..heads {
                    one_head(q, k, v, bias, shape, block * tile, head, scratch, out);
                    for (row, sums) in sums.chunks_mut(heads).enumerate() {
                        sums[head] = scratch.greatest[row] + scratch.total[row].ln();
                    }
                }
            },
        ),
    }
}

/// What one thread needs for a tile. A column for each query, so that the softmax runs down wide registers and the
/// products find their operands in the order they read them.
struct Scratch {
    /// Columns: the queries of a tile, up to a whole number of registers.
    columns: usize,
    /// The queries, scaled: (head_dim, columns).
    queries: Vec<f32>,
    /// (keys of a tile, columns).
    scores: Vec<f32>,
    /// What the values have summed up to: (head_dim, columns).
    sums: Vec<f32>,
    /// The greatest score of each query so far.
    greatest: Vec<f32>,
    /// The sum of its exponentials, relative to the greatest.
    total: Vec<f32>,
    /// By how much older sums shrink, for the greatest has grown.
    shrink: Vec<f32>,
}

impl Scratch {
    fn new(columns: usize, head_dim: usize, keys: usize) -> Self {
        let zeros = |n: usize| vec![0.0; n];
        Self {
            columns,
            queries: zeros(head_dim * columns),
            scores: zeros(keys * columns),
            sums: zeros(head_dim * columns),
            greatest: zeros(columns),
            total: zeros(columns),
            shrink: zeros(columns),
        }
    }
}

/// One head of the queries that begin at `first`; `out` are their rows.
fn one_head(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    bias: Option<&[f32]>,
    shape: Attention,
    first: usize,
    head: usize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let Attention {
        heads,
        head_dim,
        queries,
        keys,
        scale,
    } = shape;
    let width = heads * head_dim;
    let column = head * head_dim;
    let columns = scratch.columns;
    let rows = out.len() / width;
    for (i, line) in scratch.queries.chunks_mut(columns).enumerate() {
        // Columns past the last query keep what an earlier tile left; nothing reads what becomes of them.
        for (row, value) in line.iter_mut().take(rows).enumerate() {
            *value = q[(first + row) * width + column + i] * scale;
        }
    }
    scratch.greatest.fill(f32::NEG_INFINITY);
    scratch.total.fill(0.0);
    let asked = Matrix::new(&scratch.queries, head_dim, columns, columns, 1);
    for start in (0..keys).step_by(KEY_TILE) {
        let n = KEY_TILE.min(keys - start);
        let at = start * width + column;
        let key_tile = Matrix::new(&k[at..], n, head_dim, width, 1);
        let value_tile = Matrix::new(&v[at..], n, head_dim, width, 1);
        let scores = &mut scratch.scores[..n * columns];
        product(key_tile, asked, scores, columns, false, Threads::One);
        if let Some(bias) = bias {
            for (key, scores) in scores.chunks_mut(columns).enumerate() {
                for (row, score) in scores.iter_mut().take(rows).enumerate() {
                    *score += bias[(head * queries + first + row) * keys + start + key];
                }
            }
        }
        exponentials(
            scores,
            &mut scratch.greatest,
            &mut scratch.total,
            &mut scratch.shrink,
        );
        if start > 0 {
            multiply(&mut scratch.sums, &scratch.shrink);
        }
        let scores = Matrix::new(scores, n, columns, columns, 1);
        product(
            value_tile.transposed(),
            scores,
            &mut scratch.sums,
            columns,
            start > 0,
            Threads::One,
        );
    }
    for (row, out) in out.chunks_mut(width).enumerate() {
        let inverse = 1.0 / scratch.total[row];
        for (i, out) in out[column..column + head_dim].iter_mut().enumerate() {
            *out = scratch.sums[i * columns + row] * inverse;
        }
    }
}

wide! {
    /// Turns scores, a column a query, into exponentials relative to the greatest of each column so far, and carries the
    /// greatest and the totals on; `shrink` is what older sums are to be multiplied by.
    fn exponentials(scores: &mut [f32], greatest: &mut [f32], total: &mut [f32], shrink: &mut [f32]) {
        let columns = greatest.len();
        shrink.copy_from_slice(greatest);
        for scores in scores.chunks_exact(columns) {
            for (g, s) in greatest.iter_mut().zip(scores) {
                *g = if *s > *g { *s } else { *g };
            }
        }
        for ((shrink, total), now) in shrink.iter_mut().zip(total.iter_mut()).zip(greatest.iter()) {
            *shrink = exp(*shrink - now);
            *total *= *shrink;
        }
        for scores in scores.chunks_exact_mut(columns) {
            for ((s, total), now) in scores.iter_mut().zip(total.iter_mut()).zip(greatest.iter()) {
                *s = exp(*s - now);
                *total += *s;
            }
        }
    }
}

wide! {
    /// Multiplies each row of `sums` by `by`.
    fn multiply(sums: &mut [f32], by: &[f32]) {
        for row in sums.chunks_exact_mut(by.len()) {
            for (v, by) in row.iter_mut().zip(by) {
                *v *= by;
            }
        }
    }
}
