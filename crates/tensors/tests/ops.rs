//! The operations on the CPU backend against the same put together from burn's own.

#![allow(clippy::unwrap_used, clippy::panic)] // of helpers: in tests a panic is the report

mod support;

use burn::tensor::{Device, Tensor, TensorData};
use heirloom_tensors::kernels::{Activation, Norm};
use heirloom_tensors::ops::{self, ConvSpec, NormSpec, portable};
use proptest::prelude::*;
use support::{assert_close, random};

fn tensor<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
    let values = random(seed, shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

#[track_caller]
fn same<const D: usize>(got: Tensor<D>, want: Tensor<D>) {
    assert_eq!(got.dims(), want.dims());
    let values = |t: Tensor<D>| t.into_data().try_to_vec::<f32>().unwrap();
    assert_close(&values(got), &values(want), 2e-5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn matrices(rows in 1usize..40, heads in 1usize..4, half in 1usize..12, keys in 1usize..30, with: bool, seed in 0u64..1000) {
        let width = heads * half * 2;
        let x = || tensor(seed, [rows, width]);
        let y = || tensor(seed + 1, [rows, width]);
        let row = |i: u64| tensor(seed + i, [width]);
        let option = |i: u64| with.then(|| row(i));
        let weight = || tensor(seed + 3, [keys, width]);
        let bias = || with.then(|| tensor(seed + 4, [keys]));
        same(ops::linear(x(), weight(), bias()), portable::linear(x(), weight(), bias()));
        let (k, v) = (|| tensor(seed + 5, [keys, width]), || tensor(seed + 6, [keys, width]));
        let bias = || with.then(|| tensor(seed + 7, [heads, rows, keys]));
        same(ops::attention(x(), k(), v(), bias(), heads, 0.7), portable::attention(x(), k(), v(), bias(), heads, 0.7));
        for norm in [Norm::Layer { eps: 1e-6 }, Norm::Rms { eps: 1e-6 }, Norm::Length] {
            let spec = NormSpec { norm, base: 1.0, silu: with };
            same(ops::norm(x(), spec, option(8), option(9)), portable::norm(x(), spec, option(8), option(9)));
        }
        for activation in [Activation::Silu, Activation::GeluTanh] {
            same(ops::activate(x(), activation), portable::activate(x(), activation));
            same(ops::activate_times(x(), activation, y()), portable::activate(x(), activation) * y());
        }
        same(ops::add_gated(x(), y(), option(10)), portable::add_gated(x(), y(), option(10)));
        let (cos, sin) = (|| tensor(seed + 11, [rows, half]), || tensor(seed + 12, [rows, half]));
        same(ops::rotate(x(), cos(), sin(), heads), portable::rotate(x(), cos(), sin(), heads));
    }

    #[test]
    fn convolutions(frames in 2usize..4, height in 2usize..7, width in 2usize..9, inputs in 1usize..5, kept in 0usize..3, form in 0..4, seed in 0u64..1000) {
        let spec = match form {
            0 => ConvSpec::causal([3, 3, 3]),
            1 => ConvSpec { double: true, ..ConvSpec::causal([1, 3, 3]) },
            2 => ConvSpec { stride: [1, 2], pad: [0, 1, 0, 1], ..ConvSpec::causal([1, 3, 3]) },
            _ => ConvSpec { stride: [2, 1], front: 1, ..ConvSpec::causal([3, 1, 1]) },
        };
        let [kt, kh, kw] = spec.kernel;
        let x = || tensor(seed, [frames, height, width, inputs]);
        let kept = kept.min(spec.front);
        let past = || (kept > 0).then(|| tensor(seed + 1, [kept, height, width, inputs]));
        let weight = || ops::pack_conv_weight(tensor(seed + 2, [inputs + 1, inputs, kt, kh, kw]));
        let bias = || tensor(seed + 3, [inputs + 1]);
        same(ops::conv(x(), past(), weight(), bias(), spec), portable::conv(x(), past(), weight(), bias(), spec));
    }
}

#[test]
fn views_and_shared_tensors_are_read_and_kept_as_they_are() {
    // A transposed view and a slice: their values do not lie in a row. What is changed in place must be a copy where
    // somebody else still looks.
    let whole = tensor(1, [6, 8]);
    let view = whole.clone().transpose();
    let before = whole.clone().into_data();
    same(
        ops::activate(view.clone(), Activation::Silu),
        portable::activate(view, Activation::Silu),
    );
    let part = whole.clone().slice([1..4, 2..6]);
    same(ops::add_gated(part.clone(), part.clone(), None), part * 2.0);
    assert_eq!(whole.into_data(), before);
}
