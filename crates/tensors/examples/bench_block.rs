//! Times one transformer block and one convolution of the VAE at their true widths, with random weights, and prints
//! lines of tab-separated fields: `time`, what, and the median, the least and the processors' milliseconds.
//!
//! ```sh
//! RAYON_NUM_THREADS=2 cargo run --release -p heirloom-tensors --example bench_block -- [REPEATS]
//! ```
//! `tools/diffusion/bench_torch.py` does the same in PyTorch.
#![allow(clippy::print_stdout)] // it is a program that prints

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use heirloom_tensors::ops::{self, ConvSpec};
use heirloom_tensors::wan::{DitConfig, LoneBlock};
use heirloom_tensors::weights::{ModelError, Stored, Weight, Weights};

/// Weights that are random wherever one looks.
struct Random;

impl Weights for Random {
    fn get(&self, _name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let n = shape.iter().product();
        let fan_in = shape[1..].iter().product::<usize>().max(1) as f32;
        let values = random(n, 1.0 / fan_in.sqrt());
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        Ok(Weight {
            stored: Stored::F32,
            bytes: bytes.into(),
        })
    }
}

/// `n` values spread evenly between −`most` and `most`.
fn random(n: usize, most: f32) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ n as u64;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * most
        })
        .collect()
}

fn tensor<const D: usize>(shape: [usize; D], most: f32, device: &Device) -> Tensor<D> {
    Tensor::from_data(
        TensorData::new(random(shape.iter().product(), most), shape),
        device,
    )
}

/// Milliseconds that this process has spent on processors, where the system tells: on a busy machine it says more than
/// the clock.
fn cpu_ms() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let of = |task: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    tasks.filter_map(of).sum::<f64>() / 1e6
}

/// Times `run` by the clock and by the processors, after one run that is not counted, and prints the medians.
fn report(what: &str, repeats: usize, mut run: impl FnMut()) {
    run();
    let (mut clock, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..repeats {
        let (start, before) = (Instant::now(), cpu_ms());
        run();
        clock.push(start.elapsed().as_secs_f64() * 1e3);
        cpu.push(cpu_ms() - before);
    }
    clock.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    let (median, least, cpu) = (clock[repeats / 2], clock[0], cpu[repeats / 2]);
    println!("time\t{what}\t{median:.2}\t{least:.2}\t{cpu:.2}");
}

/// The most memory that this process has held, in MiB, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kib| kib / 1024)
}

fn main() -> Result<(), ModelError> {
    let repeats = std::env::args()
        .nth(1)
        .and_then(|v| v.parse().ok())
        .unwrap_or(7)
        .max(1);
    let device = Device::flex();
    let config = DitConfig {
        patch: [1, 2, 2],
        heads: 12,
        head_dim: 128,
        in_channels: 16,
        out_channels: 16,
        text_dim: 4096,
        freq_dim: 256,
        ffn_dim: 8960,
        layers: 1,
        cross_attn_norm: true,
        eps: 1e-6,
    };
    // A frame or a few of 16 by 16 or 32 by 32 tokens.
    for (tokens, grid) in [(256, [1, 16, 16]), (1024, [1, 32, 32]), (3072, [3, 32, 32])] {
        let block = LoneBlock::new(&config, &Random, &device, grid, tensor([512, 1536], 1.0, &device))?;
        let x = tensor([tokens, 1536], 1.0, &device);
        report(&format!("block {tokens}"), repeats, || {
            let y = block.forward(x.clone());
            assert_eq!(y.dims(), [tokens, 1536]);
        });
    }
    // One chunk of a 480 by 832 clip at a quarter of its rows and columns.
    let weight = ops::pack_conv_weight(tensor([96, 96, 3, 3, 3], 0.02, &device));
    let bias = tensor([96], 0.1, &device);
    let (x, past) = (
        tensor([4, 120, 208, 96], 1.0, &device),
        tensor([2, 120, 208, 96], 1.0, &device),
    );
    report("conv3d 96", repeats, || {
        let spec = ConvSpec::causal([3, 3, 3]);
        let y = ops::conv(x.clone(), Some(past.clone()), weight.clone(), bias.clone(), spec);
        assert_eq!(y.dims(), [4, 120, 208, 96]);
    });
    if let Some(mib) = peak_mib() {
        println!("time\tpeak\t{mib}");
    }
    Ok(())
}
