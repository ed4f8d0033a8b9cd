//! The operations that models are made of, on burn's tensors.
//!
//! On burn's CPU backend `flex` each is a kernel of this crate, reached by burn's extension way; on any other device it
//! is put together from burn's own operations (`portable`). Both are held to each other by tests.
//!
//! Matrices are (rows, columns), a row for each token or pixel; clips are (frames, rows, columns, channels). Shapes that
//! do not fit are a fault of the calling code, and panic as burn's own do.

mod flex;
pub mod portable;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::kernels::{Activation, Conv, Norm};
pub(crate) use flex::is_flex;
use flex::{CpuOps, on_flex};

/// How rows are normalised, and what follows: `y·(base + scale) + shift`, then SiLU if wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormSpec {
    /// The normalisation.
    pub norm: Norm,
    /// Added to every scale: 0 for weights, 1 for a modulation.
    pub base: f32,
    /// Whether SiLU follows.
    pub silu: bool,
}

/// The form of a convolution, without the sizes that its tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvSpec {
    /// Size of the kernel in frames, rows, columns.
    pub kernel: [usize; 3],
    /// Steps between windows in frames and, alike, in rows and columns.
    pub stride: [usize; 2],
    /// Frames before the first of the input; kept ones where there are, black ones before those.
    pub front: usize,
    /// Zeros above, below, left and right of each frame.
    pub pad: [usize; 4],
    /// Whether the input is first doubled in height and width, each pixel becoming four.
    pub double: bool,
}

impl ConvSpec {
    /// As many frames, rows and columns out as in; each frame from itself and earlier ones.
    pub fn causal(kernel: [usize; 3]) -> Self {
        let Conv {
            stride,
            front,
            pad,
            double,
            ..
        } = Conv::causal(1, 1, 1, 1, 1, kernel);
        Self {
            kernel,
            stride,
            front,
            pad,
            double,
        }
    }

    /// With the sizes of a clip and its result's channels.
    fn over(&self, [frames, height, width, inputs]: [usize; 4], outputs: usize) -> Conv {
        let Self {
            kernel,
            stride,
            front,
            pad,
            double,
        } = *self;
        Conv {
            frames,
            height,
            width,
            inputs,
            outputs,
            kernel,
            stride,
            front,
            pad,
            double,
        }
    }
}

/// `x·weightᵀ + bias`: (rows, inputs) and (outputs, inputs) to (rows, outputs).
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    if !on_flex(&x) {
        return portable::linear(x, weight, bias);
    }
    Tensor::from_dispatch(Dispatch::cpu_linear(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into(),
    ))
}

/// `softmax(q·kᵀ·scale + bias)·v`, head by head; `q` is (queries, width), `k` and `v` (keys, width), `bias` (heads,
/// queries, keys). The heads stand side by side in the width.
pub fn attention(
    q: Tensor<2>,
    k: Tensor<2>,
    v: Tensor<2>,
    bias: Option<Tensor<3>>,
    heads: usize,
    scale: f32,
) -> Tensor<2> {
    if !on_flex(&q) {
        return portable::attention(q, k, v, bias, heads, scale);
    }
    let (q, k, v) = (q.into_dispatch(), k.into_dispatch(), v.into_dispatch());
    Tensor::from_dispatch(Dispatch::cpu_attention(q, k, v, bias.into(), heads, scale))
}

/// Normalises each row; `scale` and `shift` have one value a column.
pub fn norm(x: Tensor<2>, spec: NormSpec, scale: Option<Tensor<1>>, shift: Option<Tensor<1>>) -> Tensor<2> {
    if !on_flex(&x) {
        return portable::norm(x, spec, scale, shift);
    }
    Tensor::from_dispatch(Dispatch::cpu_norm(
        x.into_dispatch(),
        scale.into(),
        shift.into(),
        spec,
    ))
}

/// Applies an activation to each value.
pub fn activate(x: Tensor<2>, activation: Activation) -> Tensor<2> {
    if !on_flex(&x) {
        return portable::activate(x, activation);
    }
    Tensor::from_dispatch(Dispatch::cpu_activate(x.into_dispatch(), activation))
}

/// `activation(x)·y`, value by value.
pub fn activate_times(x: Tensor<2>, activation: Activation, y: Tensor<2>) -> Tensor<2> {
    if !on_flex(&x) {
        return portable::activate(x, activation) * y;
    }
    Tensor::from_dispatch(Dispatch::cpu_activate_times(
        x.into_dispatch(),
        y.into_dispatch(),
        activation,
    ))
}

/// `x + y·gate`; the gate has one value a column, and without it `x + y`.
pub fn add_gated(x: Tensor<2>, y: Tensor<2>, gate: Option<Tensor<1>>) -> Tensor<2> {
    if !on_flex(&x) {
        return portable::add_gated(x, y, gate);
    }
    Tensor::from_dispatch(Dispatch::cpu_add_gated(
        x.into_dispatch(),
        y.into_dispatch(),
        gate.into(),
    ))
}

/// Turns neighbouring pairs of each head by the angles of each row; `cos` and `sin` are (rows, half a head's width).
pub fn rotate(x: Tensor<2>, cos: Tensor<2>, sin: Tensor<2>, heads: usize) -> Tensor<2> {
    if !on_flex(&x) {
        return portable::rotate(x, cos, sin, heads);
    }
    let (cos, sin) = (cos.into_dispatch(), sin.into_dispatch());
    Tensor::from_dispatch(Dispatch::cpu_rotate(x.into_dispatch(), cos, sin, heads))
}

/// A convolution's weight of PyTorch's order (outputs, inputs, frames, rows, columns) in the order that [`conv`] reads:
/// (frames, rows, columns, inputs, outputs).
pub fn pack_conv_weight(weight: Tensor<5>) -> Tensor<5> {
    if !on_flex(&weight) {
        return weight.permute([2, 3, 4, 1, 0]);
    }
    Tensor::from_dispatch(Dispatch::cpu_pack_conv_weight(weight.into_dispatch()))
}

/// Convolves a clip; `past` are frames kept from before it, the latest last, at most [`ConvSpec::front`]; `weight` comes
/// from [`pack_conv_weight`].
pub fn conv(
    x: Tensor<4>,
    past: Option<Tensor<4>>,
    weight: Tensor<5>,
    bias: Tensor<1>,
    spec: ConvSpec,
) -> Tensor<4> {
    if !on_flex(&x) {
        return portable::conv(x, past, weight, bias, spec);
    }
    let (weight, bias) = (weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::cpu_conv(
        x.into_dispatch(),
        past.into(),
        weight,
        bias,
        spec,
    ))
}
