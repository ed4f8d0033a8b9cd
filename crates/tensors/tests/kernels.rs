//! Each kernel against a slow and plain form of the same sum, over odd shapes.

#![allow(clippy::expect_used)] // of a helper: in tests a panic is the report

mod support;

use heirloom_tensors::kernels::{
    Activation, Affine, Attention, Conv, Norm, RotaryTable, activate, activate_times, add_gated, attention,
    conv, linear, norm_rows, pack_conv_weight, rotate, widen_bf16, widen_f16,
};
use proptest::prelude::*;
use support::{assert_close, random};

fn plain_linear(x: &[f32], w: &[f32], b: Option<&[f32]>, m: usize, k: usize, n: usize) -> Vec<f32> {
    let mut out = Vec::new();
    for row in 0..m {
        for o in 0..n {
            let sum: f64 = (0..k)
                .map(|i| f64::from(x[row * k + i]) * f64::from(w[o * k + i]))
                .sum();
            out.push((sum + b.map_or(0.0, |b| f64::from(b[o]))) as f32);
        }
    }
    out
}

fn plain_attention(q: &[f32], k: &[f32], v: &[f32], bias: Option<&[f32]>, shape: Attention) -> Vec<f32> {
    let Attention {
        heads,
        head_dim,
        queries,
        keys,
        scale,
    } = shape;
    let width = heads * head_dim;
    let mut out = vec![0.0; queries * width];
    for h in 0..heads {
        for i in 0..queries {
            let scores: Vec<f64> = (0..keys)
                .map(|j| {
                    let dot: f64 = (0..head_dim)
                        .map(|c| {
                            f64::from(q[i * width + h * head_dim + c])
                                * f64::from(k[j * width + h * head_dim + c])
                        })
                        .sum();
                    let b = bias.map_or(0.0, |b| f64::from(b[(h * queries + i) * keys + j]));
                    dot * f64::from(scale) + b
                })
                .collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for c in 0..head_dim {
                let value: f64 = (0..keys)
                    .map(|j| powers[j] * f64::from(v[j * width + h * head_dim + c]))
                    .sum();
                out[i * width + h * head_dim + c] = (value / sum) as f32;
            }
        }
    }
    out
}

fn plain_conv(x: &[f32], past: &[f32], weight: &[f32], bias: &[f32], s: &Conv) -> Vec<f32> {
    let [ft, fh, fw] = s.output();
    let [kt, kh, kw] = s.kernel;
    let times = if s.double { 2 } else { 1 };
    let frame = s.height * s.width * s.inputs;
    let black = s.front - past.len() / frame;
    let at = |t: usize, y: usize, x_: usize, c: usize| -> f64 {
        // Counted with the padding.
        let (Some(y), Some(x_)) = (y.checked_sub(s.pad[0]), x_.checked_sub(s.pad[2])) else {
            return 0.0;
        };
        if y >= s.height * times || x_ >= s.width * times || t < black {
            return 0.0;
        }
        let i = (t - black) * frame + ((y / times) * s.width + x_ / times) * s.inputs + c;
        f64::from(if i < past.len() {
            past[i]
        } else {
            x[i - past.len()]
        })
    };
    let mut out = Vec::new();
    for t in 0..ft {
        for y in 0..fh {
            for x_ in 0..fw {
                for o in 0..s.outputs {
                    let mut sum = f64::from(bias[o]);
                    for c in 0..s.inputs {
                        for a in 0..kt {
                            for b in 0..kh {
                                for d in 0..kw {
                                    let w = weight[(((o * s.inputs + c) * kt + a) * kh + b) * kw + d];
                                    let p =
                                        at(t * s.stride[0] + a, y * s.stride[1] + b, x_ * s.stride[1] + d, c);
                                    sum += f64::from(w) * p;
                                }
                            }
                        }
                    }
                    out.push(sum as f32);
                }
            }
        }
    }
    out
}

fn run_conv(seed: u64, s: &Conv, kept: usize) -> (Vec<f32>, Vec<f32>) {
    let frame = s.height * s.width * s.inputs;
    let x = random(seed, s.frames * frame);
    let past = random(seed + 1, kept * frame);
    let weight = random(
        seed + 2,
        s.outputs * s.inputs * s.kernel.iter().product::<usize>(),
    );
    let bias = random(seed + 3, s.outputs);
    let mut got = vec![f32::NAN; s.output().iter().product::<usize>() * s.outputs];
    let packed = pack_conv_weight(&weight, s.inputs, s.outputs, s.kernel);
    conv(&x, &past, &packed, Some(&bias), s, &mut got);
    (got, plain_conv(&x, &past, &weight, &bias, s))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_linear_layer_is_its_sum(m in 1usize..70, k in 1usize..90, n in 1usize..70, with_bias: bool, seed in 0u64..1000) {
        let (x, w, b) = (random(seed, m * k), random(seed + 1, n * k), random(seed + 2, n));
        let b = with_bias.then_some(b.as_slice());
        let mut out = vec![f32::NAN; m * n];
        linear(&x, &w, b, k, n, &mut out);
        assert_close(&out, &plain_linear(&x, &w, b, m, k, n), 1e-5);
    }

    #[test]
    fn attention_is_its_sum(
        heads in 1usize..4, head_dim in 1usize..40, queries in 1usize..180, keys in 1usize..90,
        sharp in prop_oneof![Just(0.3f32), Just(1.0), Just(30.0)], with_bias: bool, seed in 0u64..1000,
    ) {
        let shape = Attention { heads, head_dim, queries, keys, scale: sharp };
        let width = heads * head_dim;
        let (q, k, v) = (random(seed, queries * width), random(seed + 1, keys * width), random(seed + 2, keys * width));
        let bias = random(seed + 3, heads * queries * keys);
        let bias = with_bias.then_some(bias.as_slice());
        let mut out = vec![f32::NAN; queries * width];
        attention(&q, &k, &v, bias, shape, &mut out);
        assert_close(&out, &plain_attention(&q, &k, &v, bias, shape), 3e-5);
    }

    #[test]
    fn a_causal_convolution_is_its_sum(
        frames in 1usize..4, height in 1usize..11, width in 1usize..40, inputs in 1usize..7, outputs in 1usize..7,
        kernel in prop_oneof![Just([3, 3, 3]), Just([3, 1, 1]), Just([1, 3, 3]), Just([1, 1, 1])],
        kept in 0usize..3, double: bool, seed in 0u64..1000,
    ) {
        let mut shape = Conv::causal(frames, height, width, inputs, outputs, kernel);
        shape.double = double;
        let (got, want) = run_conv(seed, &shape, kept.min(shape.front));
        assert_close(&got, &want, 1e-5);
    }

    #[test]
    fn a_convolution_in_steps_is_its_sum(
        frames in 2usize..6, height in 1usize..14, width in 1usize..40, inputs in 1usize..6, seed in 0u64..1000,
    ) {
        let space = Conv {
            stride: [1, 2], front: 0, pad: [0, 1, 0, 1],
            ..Conv::causal(frames, height, width, inputs, inputs + 1, [1, 3, 3])
        };
        if height >= 2 && width >= 2 {
            let (got, want) = run_conv(seed, &space, 0);
            assert_close(&got, &want, 1e-5);
        }
        let time = Conv { stride: [2, 1], front: 1, ..Conv::causal(frames, height, width, inputs, 3, [3, 1, 1]) };
        let (got, want) = run_conv(seed, &time, 1);
        assert_close(&got, &want, 1e-5);
    }

    #[test]
    fn rows_are_normalised(rows in 1usize..30, width in 2usize..90, kind in 0..3, parts in 0..4, silu: bool, seed in 0u64..1000) {
        let x: Vec<f32> = random(seed, rows * width).iter().map(|v| 3.0 * v + 0.7).collect();
        let (a, b) = (random(seed + 1, width), random(seed + 2, width));
        let norm = match kind { 0 => Norm::Layer { eps: 1e-6 }, 1 => Norm::Rms { eps: 1e-6 }, _ => Norm::Length };
        let affine = Affine {
            scale: (parts & 1 == 1).then_some(a.as_slice()), base: 1.0, shift: (parts & 2 == 2).then_some(b.as_slice()), silu,
        };
        let mut out = vec![f32::NAN; x.len()];
        norm_rows(&x, width, norm, affine, &mut out);
        let mut want = Vec::new();
        for row in x.chunks(width) {
            let n = width as f64;
            let mean = if kind == 0 { row.iter().map(|v| f64::from(*v)).sum::<f64>() / n } else { 0.0 };
            let square = row.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
            let eps = if kind == 2 { 0.0 } else { 1e-6 };
            for (i, v) in row.iter().enumerate() {
                let mut y = (f64::from(*v) - mean) / (square + eps).sqrt();
                if affine.scale.is_some() { y *= 1.0 + f64::from(a[i]); }
                if affine.shift.is_some() { y += f64::from(b[i]); }
                if silu { y /= 1.0 + (-y).exp(); }
                want.push(y as f32);
            }
        }
        assert_close(&out, &want, 1e-5);
    }

    #[test]
    fn activations_and_gates_are_their_formulas(rows in 1usize..20, width in 1usize..80, seed in 0u64..1000) {
        let x: Vec<f32> = random(seed, rows * width).iter().map(|v| 9.0 * v).collect();
        let (y, gate) = (random(seed + 1, x.len()), random(seed + 2, width));
        // x·σ(2u) is 0.5·x·(1 + tanh u); written so, f64 keeps the digits of values far below nought: a lone −9 has failed.
        let gelu = |v: f32| { let v = f64::from(v); let u = (2.0 / std::f64::consts::PI).sqrt() * (v + 0.044715 * v * v * v); v / (1.0 + (-2.0 * u).exp()) };
        let silu = |v: f32| { let v = f64::from(v); v / (1.0 + (-v).exp()) };
        let mut got = x.clone();
        activate(&mut got, Activation::GeluTanh);
        assert_close(&got, &x.iter().map(|v| gelu(*v) as f32).collect::<Vec<_>>(), 1e-6);
        let mut got = x.clone();
        activate(&mut got, Activation::Silu);
        assert_close(&got, &x.iter().map(|v| silu(*v) as f32).collect::<Vec<_>>(), 1e-6);
        let mut got = x.clone();
        activate_times(&mut got, Activation::GeluTanh, &y);
        assert_close(&got, &x.iter().zip(&y).map(|(v, y)| (gelu(*v) * f64::from(*y)) as f32).collect::<Vec<_>>(), 1e-6);
        let mut got = x.clone();
        add_gated(&mut got, &y, Some(&gate));
        let want: Vec<f32> = (0..x.len()).map(|i| x[i] + y[i] * gate[i % width]).collect();
        assert_close(&got, &want, 1e-6);
        let mut got = x.clone();
        add_gated(&mut got, &y, None);
        assert_close(&got, &x.iter().zip(&y).map(|(x, y)| x + y).collect::<Vec<_>>(), 1e-6);
    }

    #[test]
    fn rotation_keeps_lengths_and_depends_on_the_difference_alone(heads in 1usize..4, half in 1usize..20, seed in 0u64..1000) {
        // Two tokens with the same content: their product after turning depends on how far apart they stand.
        let (dim, tokens) = (2 * half, 6usize);
        let angle = |t: usize, i: usize| t as f64 * 10_000f64.powf(-(i as f64) / half as f64);
        let table = |f: fn(f64) -> f64| -> Vec<f32> {
            (0..tokens).flat_map(|t| (0..half).map(move |i| f(angle(t, i)) as f32)).collect()
        };
        let (cos, sin) = (table(f64::cos), table(f64::sin));
        let one = random(seed, heads * dim);
        let mut x: Vec<f32> = (0..tokens).flat_map(|_| one.clone()).collect();
        rotate(&mut x, heads, dim, RotaryTable { cos: &cos, sin: &sin });
        let dot = |a: usize, b: usize| -> f32 {
            let row = |t: usize| &x[t * heads * dim..][..dim];
            row(a).iter().zip(row(b)).map(|(a, b)| a * b).sum()
        };
        let length: f32 = one[..dim].iter().map(|v| v * v).sum();
        for t in 0..tokens - 1 {
            prop_assert!((dot(t, t) - length).abs() < 1e-4 * length.max(1.0));
            prop_assert!((dot(t, t + 1) - dot(0, 1)).abs() < 1e-4 * length.max(1.0));
        }
        assert_eq!(&x[..heads * dim], &one[..], "the token at the origin does not turn");
    }
}

#[test]
fn attention_over_several_tiles_of_keys_is_its_sum() {
    // 1 100 keys are three tiles, the last one short; scores of up to ±160 make the softmax sharp.
    let shape = Attention {
        heads: 2,
        head_dim: 16,
        queries: 150,
        keys: 1100,
        scale: 10.0,
    };
    let width = 32;
    let (q, v) = (random(1, 150 * width), random(3, 1100 * width));
    let mut k = random(2, 1100 * width);
    // The best keys come last, so that the sums of earlier tiles must be let go.
    for (i, row) in k.chunks_mut(width).enumerate() {
        for v in row {
            *v *= 1.0 + i as f32 / 1100.0;
        }
    }
    let mut out = vec![f32::NAN; 150 * width];
    attention(&q, &k, &v, None, shape, &mut out);
    assert_close(&out, &plain_attention(&q, &k, &v, None, shape), 1e-4);
}

#[test]
fn scores_beyond_the_range_of_an_exponential_stay_finite() {
    let shape = Attention {
        heads: 1,
        head_dim: 8,
        queries: 3,
        keys: 700,
        scale: 1e6,
    };
    let (q, k, v) = (random(1, 24), random(2, 5600), random(3, 5600));
    let mut out = vec![f32::NAN; 24];
    attention(&q, &k, &v, None, shape, &mut out);
    assert_close(&out, &plain_attention(&q, &k, &v, None, shape), 1e-5);
}

#[test]
fn a_wide_convolution_in_several_tiles_is_its_sum() {
    let shape = Conv::causal(2, 9, 150, 24, 5, [3, 3, 3]);
    let (got, want) = run_conv(9, &shape, 2);
    assert_close(&got, &want, 1e-5);
}

#[test]
fn a_clip_in_chunks_with_kept_frames_is_the_clip_in_one() {
    let (height, width, inputs, outputs) = (5, 7, 3, 4);
    let whole = Conv::causal(7, height, width, inputs, outputs, [3, 3, 3]);
    let frame = height * width * inputs;
    let x = random(5, 7 * frame);
    let weight = pack_conv_weight(&random(6, outputs * inputs * 27), inputs, outputs, [3, 3, 3]);
    let mut want = vec![0.0; 7 * height * width * outputs];
    conv(&x, &[], &weight, None, &whole, &mut want);
    let mut got = Vec::new();
    for (from, to) in [(0usize, 1usize), (1, 2), (2, 5), (5, 7)] {
        let shape = Conv {
            frames: to - from,
            ..whole
        };
        let kept = from.saturating_sub(2);
        let mut out = vec![0.0; (to - from) * height * width * outputs];
        conv(
            &x[from * frame..to * frame],
            &x[kept * frame..from * frame],
            &weight,
            None,
            &shape,
            &mut out,
        );
        got.extend(out);
    }
    assert_close(&got, &want, 1e-6);
}

#[test]
fn a_row_of_zeros_has_no_length_to_divide_by_and_stays_zero() {
    let mut out = vec![f32::NAN; 8];
    norm_rows(&[0.0; 8], 4, Norm::Length, Affine::default(), &mut out);
    assert_eq!(out, [0.0; 8]);
}

#[test]
fn sixteen_bit_weights_widen_exactly() {
    // 1.0, −2.5, the smallest normal of f16 (2⁻¹⁴) and infinity, in both forms.
    let mut out = [0.0; 4];
    widen_bf16(&[0x80, 0x3f, 0x20, 0xc0, 0x80, 0x38, 0x80, 0x7f], &mut out);
    assert_eq!(out, [1.0, -2.5, 2.0f32.powi(-14), f32::INFINITY]);
    widen_f16(&[0x00, 0x3c, 0x00, 0xc1, 0x00, 0x04, 0x00, 0x7c], &mut out);
    assert_eq!(out, [1.0, -2.5, 2.0f32.powi(-14), f32::INFINITY]);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let (rows, inputs, outputs) = (70, 600, 200);
    let shape = Attention {
        heads: 3,
        head_dim: 20,
        queries: 110,
        keys: 600,
        scale: 0.3,
    };
    let (x, weight, bias) = (
        random(1, rows * inputs),
        random(2, inputs * outputs),
        random(3, outputs),
    );
    let (q, k, v) = (random(4, 110 * 60), random(5, 600 * 60), random(6, 600 * 60));
    let by = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| {
            let mut layer = vec![f32::NAN; rows * outputs];
            linear(&x, &weight, Some(&bias), inputs, outputs, &mut layer);
            let mut seen = vec![f32::NAN; q.len()];
            attention(&q, &k, &v, None, shape, &mut seen);
            layer
                .into_iter()
                .chain(seen)
                .map(f32::to_bits)
                .collect::<Vec<_>>()
        })
    };
    let one = by(1);
    for threads in [2, 3, 8] {
        assert!(by(threads) == one, "{threads} threads");
    }
}
