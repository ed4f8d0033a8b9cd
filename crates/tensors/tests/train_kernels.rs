//! Each kernel's backward against finite differences of the same function in double precision.

mod support;

use heirloom_tensors::kernels::{
    Activation, Attention, Norm, NormGradients, activate_backward, add_column_sums, attention,
    attention_backward, attention_keeping_sums, gate_backward, multiply_columns, norm_backward,
};
use proptest::prelude::*;
use support::{assert_close, random};

/// The gradient of `Σ weights·f(x)` at `x`, by central differences.
fn differences(x: &[f32], weights: &[f32], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f32> {
    let mut at: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
    let sum = |at: &[f64]| -> f64 {
        let y = f(at);
        assert_eq!(y.len(), weights.len());
        y.iter().zip(weights).map(|(y, w)| y * f64::from(*w)).sum()
    };
    let step = 1e-5;
    (0..x.len())
        .map(|i| {
            let kept = at[i];
            at[i] = kept + step;
            let above = sum(&at);
            at[i] = kept - step;
            let below = sum(&at);
            at[i] = kept;
            ((above - below) / (2.0 * step)) as f32
        })
        .collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|v| f64::from(*v)).collect()
}

fn plain_activation(x: &[f64], activation: Activation) -> Vec<f64> {
    let one = |v: &f64| match activation {
        Activation::Silu => v / (1.0 + (-v).exp()),
        Activation::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (v + 0.044_715 * v * v * v);
            0.5 * v * (1.0 + u.tanh())
        }
    };
    x.iter().map(one).collect()
}

fn plain_norm(x: &[f64], norm: Norm, base: f64, scale: Option<&[f64]>, shift: &[f64]) -> Vec<f64> {
    let width = shift.len();
    let rows = x.chunks(width).map(|row| {
        let n = width as f64;
        let mean = match norm {
            Norm::Layer { .. } => row.iter().sum::<f64>() / n,
            Norm::Rms { .. } | Norm::Length => 0.0,
        };
        let square = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        let eps = match norm {
            Norm::Layer { eps } | Norm::Rms { eps } => f64::from(eps),
            Norm::Length => 0.0,
        };
        let length = (square + eps).sqrt();
        let one = |(i, v): (usize, &f64)| (v - mean) / length * scale.map_or(1.0, |s| base + s[i]) + shift[i];
        row.iter().enumerate().map(one).collect::<Vec<_>>()
    });
    rows.flatten().collect()
}

fn plain_attention(q: &[f64], k: &[f64], v: &[f64], s: Attention) -> Vec<f64> {
    let width = s.heads * s.head_dim;
    let mut out = vec![0.0; s.queries * width];
    for head in 0..s.heads {
        let column = head * s.head_dim;
        for i in 0..s.queries {
            let score = |j: usize| -> f64 {
                let pair = (0..s.head_dim).map(|c| q[i * width + column + c] * k[j * width + column + c]);
                pair.sum::<f64>() * f64::from(s.scale)
            };
            let scores: Vec<f64> = (0..s.keys).map(score).collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
            let total: f64 = powers.iter().sum();
            for c in 0..s.head_dim {
                let sum: f64 = powers
                    .iter()
                    .enumerate()
                    .map(|(j, p)| p * v[j * width + column + c])
                    .sum();
                out[i * width + column + c] = sum / total;
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_activation_goes_back(gelu: bool, n in 1usize..80, seed in 0u64..1000) {
        let activation = if gelu { Activation::GeluTanh } else { Activation::Silu };
        let x: Vec<f32> = random(seed, n).iter().map(|v| 4.0 * v).collect();
        let weights = random(seed + 1, n);
        let mut d = weights.clone();
        activate_backward(&x, activation, &mut d);
        assert_close(&d, &differences(&x, &weights, |x| plain_activation(x, activation)), 1e-5);
    }

    #[test]
    fn a_norm_goes_back(
        rows in 1usize..6, width in 2usize..50, layer: bool, modulated: bool, with_scale: bool, seed in 0u64..1000,
    ) {
        let norm = if layer { Norm::Layer { eps: 1e-3 } } else { Norm::Rms { eps: 1e-3 } };
        let base = if modulated { 1.0 } else { 0.0 };
        let (x, weights) = (random(seed, rows * width), random(seed + 1, rows * width));
        let (scale, shift) = (random(seed + 2, width), random(seed + 3, width));
        let given = with_scale.then_some(scale.as_slice());
        // What is there already is added to.
        let (mut dx, mut ds, mut dt) = (vec![1.0; x.len()], vec![2.0; width], vec![3.0; width]);
        let into = NormGradients { x: Some(&mut dx), scale: Some(&mut ds), shift: Some(&mut dt) };
        norm_backward(&x, &weights, width, norm, base, given, into);
        let (wide_x, wide_scale, wide_shift) = (wide(&x), wide(&scale), wide(&shift));
        let f64_base = f64::from(base);
        let of = |x: &[f64], scale: &[f64], shift: &[f64]| {
            plain_norm(x, norm, f64_base, with_scale.then_some(scale), shift)
        };
        let plus = |d: Vec<f32>, before: f32| -> Vec<f32> { d.iter().map(|v| v + before).collect() };
        assert_close(&dx, &plus(differences(&x, &weights, |x| of(x, &wide_scale, &wide_shift)), 1.0), 1e-4);
        assert_close(&dt, &plus(differences(&shift, &weights, |s| of(&wide_x, &wide_scale, s)), 3.0), 1e-4);
        if with_scale {
            assert_close(&ds, &plus(differences(&scale, &weights, |s| of(&wide_x, s, &wide_shift)), 2.0), 1e-4);
        }
    }

    #[test]
    fn attention_goes_back(
        heads in 1usize..4, head_dim in 1usize..9, queries in 1usize..12, keys in 1usize..12,
        sharp in prop_oneof![Just(0.3f32), Just(1.0), Just(8.0)], seed in 0u64..1000,
    ) {
        let width = heads * head_dim;
        let shape = Attention { heads, head_dim, queries, keys, scale: sharp };
        let (q, k, v) = (random(seed, queries * width), random(seed + 1, keys * width), random(seed + 2, keys * width));
        let weights = random(seed + 3, queries * width);
        let (mut out, mut sums) = (vec![f32::NAN; queries * width], vec![f32::NAN; queries * heads]);
        attention_keeping_sums(&q, &k, &v, shape, &mut out, &mut sums);
        let got = attention_backward(&q, &k, &v, &out, &sums, &weights, shape);
        let (wq, wk, wv) = (wide(&q), wide(&k), wide(&v));
        // A gradient of scores is a difference of two sums over a head's width, times the scale: with one key it is
        // nought, and what is left are the roundings of sums that are much larger.
        let rounding = 1e-6 * sharp * head_dim as f32;
        let close = |got: &[f32], want: Vec<f32>| {
            let most = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            for (g, w) in got.iter().zip(&want) {
                assert!((g - w).abs() <= 1e-4 * most + rounding, "{g} for {w}, the largest {most}");
            }
        };
        close(&got.q, differences(&q, &weights, |q| plain_attention(q, &wk, &wv, shape)));
        close(&got.k, differences(&k, &weights, |k| plain_attention(&wq, k, &wv, shape)));
        close(&got.v, differences(&v, &weights, |v| plain_attention(&wq, &wk, v, shape)));
    }

    #[test]
    fn columns_are_summed_and_multiplied(rows in 1usize..200, width in 1usize..30, seed in 0u64..1000) {
        let (d, y, gate) = (random(seed, rows * width), random(seed + 1, rows * width), random(seed + 2, width));
        let column = |c: usize, f: &dyn Fn(usize) -> f64| (0..rows).map(|r| f(r * width + c)).sum::<f64>() as f32;
        let (mut sums, mut gates) = (vec![1.0; width], vec![1.0; width]);
        add_column_sums(&d, &mut sums);
        gate_backward(&y, &d, &mut gates);
        // Terms may cancel, so that what is allowed goes by their number and not by their sum.
        let allowed = 1e-6 * (1 + rows) as f32;
        for c in 0..width {
            let wanted = 1.0 + column(c, &|i| f64::from(d[i]));
            prop_assert!((sums[c] - wanted).abs() <= allowed, "{} for {wanted}", sums[c]);
            let wanted = 1.0 + column(c, &|i| f64::from(d[i]) * f64::from(y[i]));
            prop_assert!((gates[c] - wanted).abs() <= allowed, "{} for {wanted}", gates[c]);
        }
        let wanted: Vec<f32> = d.iter().enumerate().map(|(i, d)| d * gate[i % width]).collect();
        prop_assert_eq!(multiply_columns(&d, &gate), wanted);
    }
}

/// Larger than a tile both ways, and with more heads than are done together on few threads: against the formulas written
/// out over whole matrices, in double precision.
#[test]
fn attention_goes_back_over_many_tiles() {
    let shape = Attention {
        heads: 7,
        head_dim: 12,
        queries: 300,
        keys: 1100,
        scale: 12f32.sqrt().recip(),
    };
    let (heads, dim, width) = (shape.heads, shape.head_dim, 84);
    let q: Vec<f32> = random(1, shape.queries * width).iter().map(|v| 3.0 * v).collect();
    let (k, v, d) = (
        random(2, shape.keys * width),
        random(3, shape.keys * width),
        random(4, shape.queries * width),
    );
    let (mut out, mut plain) = (vec![0.0; q.len()], vec![0.0; q.len()]);
    let mut sums = vec![0.0; shape.queries * heads];
    attention_keeping_sums(&q, &k, &v, shape, &mut out, &mut sums);
    attention(&q, &k, &v, None, shape, &mut plain);
    assert_eq!(out, plain);
    let got = attention_backward(&q, &k, &v, &out, &sums, &d, shape);
    let [mut dq, mut dk, mut dv] = [vec![0.0f64; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]];
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    for head in 0..heads {
        for i in 0..shape.queries {
            let at = i * width + head * dim;
            let row = |of: &'_ [f32], j: usize| -> Vec<f32> { of[j * width + head * dim..][..dim].to_vec() };
            let (qi, di) = (row(&q, i), row(&d, i));
            let scale = f64::from(shape.scale);
            let scores: Vec<f64> = (0..shape.keys).map(|j| dot(&qi, &row(&k, j)) * scale).collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|s| (s - most).exp()).sum();
            let weights: Vec<f64> = scores.iter().map(|s| (s - most).exp() / total).collect();
            let given: Vec<f64> = (0..shape.keys).map(|j| dot(&di, &row(&v, j))).collect();
            let mean: f64 = weights.iter().zip(&given).map(|(w, g)| w * g).sum();
            for j in 0..shape.keys {
                let ds = weights[j] * (given[j] - mean) * scale;
                let to = j * width + head * dim;
                for c in 0..dim {
                    dq[at + c] += ds * f64::from(k[to + c]);
                    dk[to + c] += ds * f64::from(q[at + c]);
                    dv[to + c] += weights[j] * f64::from(d[at + c]);
                }
            }
        }
    }
    for (got, want) in [(&got.q, dq), (&got.k, dk), (&got.v, dv)] {
        assert_close(got, &want.iter().map(|v| *v as f32).collect::<Vec<_>>(), 2e-5);
    }
    assert_eq!(got, attention_backward(&q, &k, &v, &out, &sums, &d, shape));
}
