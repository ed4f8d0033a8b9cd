//! Gradients of what is done row by row and value by value.
//!
//! Sums over rows (the gradients of what has one value a column) are taken in blocks of a fixed number of rows, which
//! are then added in order: they come out the same on any number of threads.

use rayon::prelude::*;

use super::lanes::{LANES, exp, wide};
use super::norm::Norm;
use super::pointwise::Activation;

/// Values a task.
const TASK: usize = 16_384;
/// Rows that are summed before their sum is added to the others'.
const ROWS: usize = 64;

/// Turns `d`, the gradient of `activation(x)`, into that of `x`.
///
/// # Panics
/// When the lengths differ.
pub fn activate_backward(x: &[f32], activation: Activation, d: &mut [f32]) {
    assert_eq!(x.len(), d.len());
    d.par_chunks_mut(TASK)
        .zip(x.par_chunks(TASK))
        .for_each(|(d, x)| match activation {
            Activation::Silu => silu(x, d),
            Activation::GeluTanh => gelu(x, d),
        });
}

wide! {
    fn silu(x: &[f32], d: &mut [f32]) {
        for (d, x) in d.iter_mut().zip(x) {
            let s = 1.0 / (1.0 + exp(-*x));
            *d *= s * (1.0 - s).mul_add(*x, 1.0);
        }
    }
}

wide! {
    fn gelu(x: &[f32], d: &mut [f32]) {
        // x·σ(u), u = 2√(2/π)·(x + 0.044715·x³): σ + x·σ·(1 − σ)·u′.
        const TWICE: f32 = 1.595_769;
        for (d, x) in d.iter_mut().zip(x) {
            let square = *x * *x;
            let u = TWICE * (0.044_715 * square).mul_add(*x, *x);
            let s = 1.0 / (1.0 + exp(-u));
            let slope = TWICE * (3.0 * 0.044_715f32).mul_add(square, 1.0);
            *d *= (*x * s * (1.0 - s)).mul_add(slope, s);
        }
    }
}

/// Where the gradients of a norm go; what is none is not computed.
#[derive(Debug, Default)]
pub struct NormGradients<'a> {
    /// Of the input: added to.
    pub x: Option<&'a mut [f32]>,
    /// Of the factors, one a column: added to.
    pub scale: Option<&'a mut [f32]>,
    /// Of the addends, one a column: added to.
    pub shift: Option<&'a mut [f32]>,
}

/// Adds the gradients of `norm(x)·(base + scale) + shift` for the gradient `d` of the result; without `scale` the factor
/// is 1.
///
/// # Panics
/// When the slices do not fit `width`.
pub fn norm_backward(
    x: &[f32],
    d: &[f32],
    width: usize,
    norm: Norm,
    base: f32,
    scale: Option<&[f32]>,
    into: NormGradients<'_>,
) {
    assert!(width > 0 && x.len().is_multiple_of(width) && x.len() == d.len());
    assert!(scale.is_none_or(|s| s.len() == width));
    let factors: Vec<f32> = scale.map_or_else(|| vec![1.0; width], |s| s.iter().map(|s| base + s).collect());
    if let Some(dx) = into.x {
        assert_eq!(dx.len(), x.len());
        let task = (TASK / width).max(1) * width;
        dx.par_chunks_mut(task)
            .zip(x.par_chunks(task))
            .zip(d.par_chunks(task))
            .for_each(|((dx, x), d)| norm_rows_backward(x, d, &factors, norm, dx));
    }
    if let Some(shift) = into.shift {
        add_column_sums(d, shift);
    }
    if let Some(scale) = into.scale {
        assert_eq!(scale.len(), width);
        let sums: Vec<Vec<f32>> = x
            .par_chunks(ROWS * width)
            .zip(d.par_chunks(ROWS * width))
            .map(|(x, d)| {
                let mut sums = vec![0.0; width];
                sum_of_normed(x, d, norm, &mut sums);
                sums
            })
            .collect();
        add_all(&sums, scale);
    }
}

/// Mean and factor of a row: the normalised value is `(v − mean)·factor`.
#[inline(always)]
fn moments(x: &[f32], norm: Norm) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = match norm {
        Norm::Layer { .. } => sum_over(x, x, |v, _| v) / n,
        Norm::Rms { .. } | Norm::Length => 0.0,
    };
    let square = sum_over(x, x, |v, _| (v - mean) * (v - mean)) / n;
    let factor = match norm {
        Norm::Layer { eps } | Norm::Rms { eps } => 1.0 / (square + eps).sqrt(),
        Norm::Length => 1.0 / square.sqrt().max(1e-12 / n.sqrt()),
    };
    (mean, factor)
}

/// The sum of `f` over two rows, in lanes.
#[inline(always)]
fn sum_over(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (mut wide_a, mut wide_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (a, b) in (&mut wide_a).zip(&mut wide_b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += f(*a, *b);
        }
    }
    let mut sum = 0.0;
    for (a, b) in wide_a.remainder().iter().zip(wide_b.remainder()) {
        sum += f(*a, *b);
    }
    for lane in lanes {
        sum += lane;
    }
    sum
}

wide! {
    fn norm_rows_backward(x: &[f32], d: &[f32], factors: &[f32], norm: Norm, dx: &mut [f32]) {
        let width = factors.len();
        let n = width as f32;
        let mut g = vec![0.0f32; width];
        for ((dx, x), d) in dx.chunks_mut(width).zip(x.chunks(width)).zip(d.chunks(width)) {
            let (mean, factor) = moments(x, norm);
            for ((g, d), f) in g.iter_mut().zip(d).zip(factors) {
                *g = d * f;
            }
            let along = sum_over(&g, x, |g, v| g * (v - mean)) / n * factor * factor;
            let mean_g = match norm {
                Norm::Layer { .. } => sum_over(&g, x, |g, _| g) / n,
                Norm::Rms { .. } | Norm::Length => 0.0,
            };
            for ((dx, g), v) in dx.iter_mut().zip(&g).zip(x) {
                *dx += factor * ((g - mean_g) - (v - mean) * along);
            }
        }
    }
}

wide! {
    /// Adds each column's sum of `normed(x)·d`.
    fn sum_of_normed(x: &[f32], d: &[f32], norm: Norm, sums: &mut [f32]) {
        let width = sums.len();
        for (x, d) in x.chunks(width).zip(d.chunks(width)) {
            let (mean, factor) = moments(x, norm);
            for ((sum, v), d) in sums.iter_mut().zip(x).zip(d) {
                *sum += (v - mean) * factor * d;
            }
        }
    }
}

/// Adds rows of sums, in their order.
fn add_all(sums: &[Vec<f32>], into: &mut [f32]) {
    for sums in sums {
        for (into, sum) in into.iter_mut().zip(sums) {
            *into += sum;
        }
    }
}

/// Adds the sum of each column of `d` to `into`, which has one value a column: the gradient of a bias.
///
/// # Panics
/// When `d` is no whole number of rows.
pub fn add_column_sums(d: &[f32], into: &mut [f32]) {
    let width = into.len();
    assert!(width > 0 && d.len().is_multiple_of(width));
    let sums: Vec<Vec<f32>> = d
        .par_chunks(ROWS * width)
        .map(|d| {
            let mut sums = vec![0.0; width];
            for d in d.chunks(width) {
                for (sum, d) in sums.iter_mut().zip(d) {
                    *sum += d;
                }
            }
            sums
        })
        .collect();
    add_all(&sums, into);
}

/// Adds the gradient of the gate of `x + y·gate`, one value a column: each column's sum of `d·y`.
///
/// # Panics
/// When the slices do not fit.
pub fn gate_backward(y: &[f32], d: &[f32], gate: &mut [f32]) {
    let width = gate.len();
    assert!(width > 0 && d.len().is_multiple_of(width) && d.len() == y.len());
    let sums: Vec<Vec<f32>> = y
        .par_chunks(ROWS * width)
        .zip(d.par_chunks(ROWS * width))
        .map(|(y, d)| {
            let mut sums = vec![0.0; width];
            for (y, d) in y.chunks(width).zip(d.chunks(width)) {
                for ((sum, y), d) in sums.iter_mut().zip(y).zip(d) {
                    *sum += y * d;
                }
            }
            sums
        })
        .collect();
    add_all(&sums, gate);
}

/// `d` with each column multiplied by its factor: the gradient of `y` in `x + y·gate`.
///
/// # Panics
/// When `d` is no whole number of rows.
pub fn multiply_columns(d: &[f32], factors: &[f32]) -> Vec<f32> {
    let width = factors.len();
    assert!(width > 0 && d.len().is_multiple_of(width));
    let mut out = vec![0.0; d.len()];
    let task = (TASK / width).max(1) * width;
    out.par_chunks_mut(task)
        .zip(d.par_chunks(task))
        .for_each(|(out, d)| {
            for (out, d) in out.chunks_mut(width).zip(d.chunks(width)) {
                for ((out, d), f) in out.iter_mut().zip(d).zip(factors) {
                    *out = d * f;
                }
            }
        });
    out
}
