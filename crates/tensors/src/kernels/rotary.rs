//! Rotary position: pairs of a head's values turned by angles that follow from where a token is.
//!
//! Su and others, "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, section 3.4.2.

use rayon::prelude::*;

/// Cosines and sines, (tokens, head_dim / 2) each: one angle a pair.
#[derive(Clone, Copy, Debug)]
pub struct RotaryTable<'a> {
    /// Cosines of the angles.
    pub cos: &'a [f32],
    /// Sines of the angles.
    pub sin: &'a [f32],
}

/// Turns neighbouring pairs of each head of each token, in place. `x` is (tokens, heads·head_dim); all heads of a token
/// turn alike.
///
/// # Panics
/// When the table does not fit `x`, or a head's width is odd.
pub fn rotate(x: &mut [f32], heads: usize, head_dim: usize, table: RotaryTable<'_>) {
    let (width, half) = (heads * head_dim, head_dim / 2);
    assert!(width > 0 && head_dim.is_multiple_of(2) && x.len().is_multiple_of(width));
    let tokens = x.len() / width;
    assert!(table.cos.len() == tokens * half && table.sin.len() == tokens * half);
    let task = (16_384 / width).max(1);
    x.par_chunks_mut(task * width).enumerate().for_each(|(block, x)| {
        for (row, x) in x.chunks_mut(width).enumerate() {
            let at = (block * task + row) * half;
            let (cos, sin) = (&table.cos[at..at + half], &table.sin[at..at + half]);
            for head in x.chunks_mut(head_dim) {
                for ((pair, c), s) in head.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
                    let [a, b] = *pair;
                    *pair = [a * c - b * s, a * s + b * c];
                }
            }
        }
    });
}
