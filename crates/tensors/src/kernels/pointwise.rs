//! What is done value by value: activations, gates, and 16-bit weights made wide.

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};
use rayon::prelude::*;

use super::lanes::{exp, wide};

/// Values a task: enough to be worth handing out, few enough to stay in a core's cache.
const TASK: usize = 16_384;

/// So many zeros. Where there are many, all threads write them: most of what that costs is the system's, which gives memory page by page
/// to whoever touches it first.
pub fn zeros(len: usize) -> Vec<f32> {
    if len < 16 * TASK {
        return vec![0.0; len];
    }
    rayon::iter::repeat_n(0.0, len).with_min_len(TASK).collect()
}

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x·σ(x)`.
    Silu,
    /// GELU in its tanh form (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, section 2).
    GeluTanh,
}

/// Applies an activation in place.
pub fn activate(x: &mut [f32], activation: Activation) {
    x.par_chunks_mut(TASK).for_each(|x| match activation {
        Activation::Silu => silu_row(x),
        Activation::GeluTanh => gelu_row(x),
    });
}

/// `x = activation(x)·y`, in place: the gated form.
///
/// # Panics
/// When the lengths differ.
pub fn activate_times(x: &mut [f32], activation: Activation, y: &[f32]) {
    assert_eq!(x.len(), y.len());
    x.par_chunks_mut(TASK).zip(y.par_chunks(TASK)).for_each(|(x, y)| {
        match activation {
            Activation::Silu => silu_row(x),
            Activation::GeluTanh => gelu_row(x),
        }
        for (x, y) in x.iter_mut().zip(y) {
            *x *= y;
        }
    });
}

/// `x += y·gate`, in place; the gate has one value a column, and without it `x += y`.
///
/// # Panics
/// When the lengths do not fit.
pub fn add_gated(x: &mut [f32], y: &[f32], gate: Option<&[f32]>) {
    assert_eq!(x.len(), y.len());
    match gate {
        None => x.par_chunks_mut(TASK).zip(y.par_chunks(TASK)).for_each(|(x, y)| {
            for (x, y) in x.iter_mut().zip(y) {
                *x += y;
            }
        }),
        Some(gate) => {
            let width = gate.len();
            assert!(width > 0 && x.len().is_multiple_of(width));
            let task = (TASK / width).max(1) * width;
            x.par_chunks_mut(task).zip(y.par_chunks(task)).for_each(|(x, y)| {
                add_gated_rows(x, y, gate);
            });
        }
    }
}

wide! {
    fn add_gated_rows(x: &mut [f32], y: &[f32], gate: &[f32]) {
        for (x, y) in x.chunks_mut(gate.len()).zip(y.chunks(gate.len())) {
            for ((x, y), g) in x.iter_mut().zip(y).zip(gate) {
                *x = y.mul_add(*g, *x);
            }
        }
    }
}

wide! {
    fn silu_row(x: &mut [f32]) {
        for v in x {
            *v /= 1.0 + exp(-*v);
        }
    }
}

wide! {
    fn gelu_row(x: &mut [f32]) {
        // 0.5·x·(1 + tanh u) = x·σ(2u), with u = √(2/π)·(x + 0.044715·x³).
        const TWICE: f32 = 1.595_769;
        for v in x {
            let u = TWICE * 0.044_715f32.mul_add(*v * *v * *v, *v);
            *v /= 1.0 + exp(-u);
        }
    }
}

/// Widens bfloat16 values, two bytes each, little-endian, to `f32`.
///
/// # Panics
/// When `bytes` are not twice as many as `out`.
pub fn widen_bf16(bytes: &[u8], out: &mut [f32]) {
    assert_eq!(bytes.len(), 2 * out.len());
    out.par_chunks_mut(TASK)
        .zip(bytes.par_chunks(2 * TASK))
        .for_each(|(out, bytes)| {
            for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *o = bf16::from_le_bytes(*b).to_f32();
            }
        });
}

/// Widens half-precision values, two bytes each, little-endian, to `f32`.
///
/// # Panics
/// When `bytes` are not twice as many as `out`.
pub fn widen_f16(bytes: &[u8], out: &mut [f32]) {
    assert_eq!(bytes.len(), 2 * out.len());
    out.par_chunks_mut(TASK)
        .zip(bytes.par_chunks(2 * TASK))
        .for_each(|(out, bytes)| {
            match bytemuck::try_cast_slice::<u8, u16>(bytes) {
                // The crate's own conversion, by the processor's instruction for it where there is one.
                Ok(bits) if cfg!(target_endian = "little") => {
                    bits.reinterpret_cast::<f16>().convert_to_f32_slice(out);
                }
                _ => {
                    for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                        *o = f16::from_le_bytes(*b).to_f32();
                    }
                }
            }
        });
}

/// Reads 32-bit floating point values, little-endian.
///
/// # Panics
/// When `bytes` are not four times as many as `out`.
pub fn read_f32(bytes: &[u8], out: &mut [f32]) {
    assert_eq!(bytes.len(), 4 * out.len());
    out.par_chunks_mut(TASK)
        .zip(bytes.par_chunks(4 * TASK))
        .for_each(|(out, bytes)| {
            for (o, b) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *o = f32::from_le_bytes(*b);
            }
        });
}
