//! Normalisation of rows, with what models do right after it in the same pass.

use rayon::prelude::*;

use super::lanes::{LANES, exp, wide};

/// How a row is normalised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// To mean 0 and variance 1 (Ba and others, "Layer Normalization", 2016).
    Layer {
        /// Added to the variance.
        eps: f32,
    },
    /// To a mean square of 1, the mean left as it is (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019).
    Rms {
        /// Added to the mean square.
        eps: f32,
    },
    /// To a mean square of 1, by the length of the row, held above 1e-12.
    Length,
}

/// What a normalised row is multiplied by and what is added: `y·(base + scale) + shift`, column by column.
#[derive(Clone, Copy, Debug, Default)]
pub struct Affine<'a> {
    /// One factor a column, or none.
    pub scale: Option<&'a [f32]>,
    /// Added to every factor: 0 for weights, 1 for a modulation.
    pub base: f32,
    /// One addend a column, or none.
    pub shift: Option<&'a [f32]>,
    /// Whether SiLU follows.
    pub silu: bool,
}

/// Normalises the rows of `x`, each `width` long, into `out`.
///
/// # Panics
/// When the slices do not fit `width`.
pub fn norm_rows(x: &[f32], width: usize, norm: Norm, affine: Affine<'_>, out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    assert!(width > 0 && x.len().is_multiple_of(width));
    assert!(affine.scale.is_none_or(|s| s.len() == width));
    assert!(affine.shift.is_none_or(|s| s.len() == width));
    // Some thousand values a task: less than that costs more to hand out than to do.
    let rows = (16_384 / width).max(1);
    out.par_chunks_mut(rows * width)
        .zip(x.par_chunks(rows * width))
        .for_each(|(out, x)| {
            some_rows(x, width, norm, affine, out);
        });
}

wide! {
    fn some_rows(x: &[f32], width: usize, norm: Norm, affine: Affine<'_>, out: &mut [f32]) {
        for (out, x) in out.chunks_mut(width).zip(x.chunks(width)) {
            one_row(x, norm, affine, out);
        }
    }
}

#[inline(always)]
fn one_row(x: &[f32], norm: Norm, affine: Affine<'_>, out: &mut [f32]) {
    let n = x.len() as f32;
    let mean = match norm {
        Norm::Layer { .. } => sum_of(x, |v| v) / n,
        Norm::Rms { .. } | Norm::Length => 0.0,
    };
    let square = sum_of(x, |v| (v - mean) * (v - mean)) / n;
    let factor = match norm {
        Norm::Layer { eps } | Norm::Rms { eps } => 1.0 / (square + eps).sqrt(),
        // The length is √(n·square), held above 1e-12; the row is then multiplied by √n.
        Norm::Length => 1.0 / square.sqrt().max(1e-12 / n.sqrt()),
    };
    let base = affine.base;
    match (affine.scale, affine.shift) {
        (Some(scale), Some(shift)) => {
            for (((o, v), a), b) in out.iter_mut().zip(x).zip(scale).zip(shift) {
                *o = ((v - mean) * factor).mul_add(base + a, *b);
            }
        }
        (Some(scale), None) => {
            for ((o, v), a) in out.iter_mut().zip(x).zip(scale) {
                *o = (v - mean) * factor * (base + a);
            }
        }
        (None, shift) => {
            for (o, v) in out.iter_mut().zip(x) {
                *o = (v - mean) * factor;
            }
            for (o, b) in out.iter_mut().zip(shift.unwrap_or_default()) {
                *o += b;
            }
        }
    }
    if affine.silu {
        for o in out.iter_mut() {
            *o /= 1.0 + exp(-*o);
        }
    }
}

/// The sum of `f` over a row, in lanes so that it is wide, and exact to a few units of the last place.
#[inline(always)]
fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += f(*v);
        }
    }
    let mut sum = 0.0;
    for v in chunks.remainder() {
        sum += f(*v);
    }
    for lane in lanes {
        sum += lane;
    }
    sum
}
