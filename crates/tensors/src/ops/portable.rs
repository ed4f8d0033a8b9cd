//! The operations put together from burn's own, for any of its backends.

use burn::tensor::{Tensor, activation, module};

use super::{ConvSpec, NormSpec};
use crate::kernels::{Activation, Norm};

/// See [`super::linear`].
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let y = x.matmul(weight.transpose());
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

/// See [`super::attention`].
pub fn attention(
    q: Tensor<2>,
    k: Tensor<2>,
    v: Tensor<2>,
    bias: Option<Tensor<3>>,
    heads: usize,
    scale: f32,
) -> Tensor<2> {
    let [queries, width] = q.dims();
    let split = |x: Tensor<2>| {
        let rows = x.dims()[0];
        x.reshape([rows, heads, width / heads]).swap_dims(0, 1)
    };
    let scores = split(q).matmul(split(k).swap_dims(1, 2)) * scale;
    let scores = match bias {
        Some(bias) => scores + bias,
        None => scores,
    };
    activation::softmax(scores, 2)
        .matmul(split(v))
        .swap_dims(0, 1)
        .reshape([queries, width])
}

/// See [`super::norm`].
pub fn norm(x: Tensor<2>, spec: NormSpec, scale: Option<Tensor<1>>, shift: Option<Tensor<1>>) -> Tensor<2> {
    let x = match spec.norm {
        Norm::Layer { .. } => {
            let mean = x.clone().mean_dim(1);
            x - mean
        }
        Norm::Rms { .. } | Norm::Length => x,
    };
    let square = (x.clone() * x.clone()).mean_dim(1);
    let length = match spec.norm {
        Norm::Layer { eps } | Norm::Rms { eps } => (square + eps).sqrt(),
        Norm::Length => square.sqrt().clamp_min(1e-12 / (x.dims()[1] as f32).sqrt()),
    };
    let mut y = x / length;
    if let Some(scale) = scale {
        y = y * (scale + spec.base).unsqueeze();
    }
    if let Some(shift) = shift {
        y = y + shift.unsqueeze();
    }
    if spec.silu { activation::silu(y) } else { y }
}

/// See [`super::activate`].
pub fn activate(x: Tensor<2>, activation: Activation) -> Tensor<2> {
    match activation {
        Activation::Silu => activation::silu(x),
        Activation::GeluTanh => {
            // x·σ(2u), u = √(2/π)·(x + 0.044715·x³).
            let cube = x.clone() * x.clone() * x.clone();
            let u = (x.clone() + cube * 0.044_715) * 1.595_769;
            x * activation::sigmoid(u)
        }
    }
}

/// See [`super::add_gated`].
pub fn add_gated(x: Tensor<2>, y: Tensor<2>, gate: Option<Tensor<1>>) -> Tensor<2> {
    match gate {
        Some(gate) => x + y * gate.unsqueeze(),
        None => x + y,
    }
}

/// See [`super::rotate`].
pub fn rotate(x: Tensor<2>, cos: Tensor<2>, sin: Tensor<2>, heads: usize) -> Tensor<2> {
    let [rows, width] = x.dims();
    let half = width / heads / 2;
    let pairs = x.reshape([rows, heads, half, 2]);
    let part = |i: usize| {
        pairs
            .clone()
            .slice([0..rows, 0..heads, 0..half, i..i + 1])
            .reshape([rows, heads, half])
    };
    let (a, b) = (part(0), part(1));
    let (cos, sin) = (cos.reshape([rows, 1, half]), sin.reshape([rows, 1, half]));
    let first = a.clone() * cos.clone() - b.clone() * sin.clone();
    let second = a * sin + b * cos;
    Tensor::stack::<4>(vec![first, second], 3).reshape([rows, width])
}

/// See [`super::conv`].
pub fn conv(
    x: Tensor<4>,
    past: Option<Tensor<4>>,
    weight: Tensor<5>,
    bias: Tensor<1>,
    spec: ConvSpec,
) -> Tensor<4> {
    let [_, height, width, inputs] = x.dims();
    let device = x.device();
    let kept = past.as_ref().map_or(0, |p| p.dims()[0]);
    let mut frames = Vec::new();
    if spec.front > kept {
        frames.push(Tensor::zeros([spec.front - kept, height, width, inputs], &device));
    }
    frames.extend(past);
    frames.push(x);
    let mut x = Tensor::cat(frames, 0);
    if spec.double {
        let frames = x.dims()[0];
        x = x
            .reshape([frames, height, 1, width, 1, inputs])
            .repeat_dim(2, 2)
            .repeat_dim(4, 2)
            .reshape([frames, 2 * height, 2 * width, inputs]);
    }
    let [top, bottom, left, right] = spec.pad;
    let [frames, height, width, _] = x.dims();
    let zeros = |shape: [usize; 4]| Tensor::<4>::zeros(shape, &device);
    if top + bottom > 0 {
        let parts = vec![
            zeros([frames, top, width, inputs]),
            x,
            zeros([frames, bottom, width, inputs]),
        ];
        x = Tensor::cat(parts.into_iter().filter(|p| p.dims()[1] > 0).collect(), 1);
    }
    let height = height + top + bottom;
    if left + right > 0 {
        let parts = vec![
            zeros([frames, height, left, inputs]),
            x,
            zeros([frames, height, right, inputs]),
        ];
        x = Tensor::cat(parts.into_iter().filter(|p| p.dims()[2] > 0).collect(), 2);
    }
    let x = x.permute([3, 0, 1, 2]).unsqueeze::<5>();
    let [time, space] = spec.stride;
    let options = burn::tensor::ops::ConvOptions::new([time, space, space], [0, 0, 0], [1, 1, 1], 1);
    let y = module::conv3d(x, weight.permute([4, 3, 0, 1, 2]), Some(bias), options);
    let [_, outputs, frames, height, width] = y.dims();
    y.reshape([outputs, frames, height, width]).permute([1, 2, 3, 0])
}
