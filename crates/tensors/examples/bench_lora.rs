//! Times a step of training a LoRA of rank 16 on every linear layer of a few transformer blocks at their true widths, and
//! prints lines of tab-separated fields: `time`, what, and the median, the least and the processors' milliseconds.
//!
//! ```sh
//! RAYON_NUM_THREADS=2 cargo run --release -p heirloom-tensors --example bench_lora -- plain|checkpointing [REPEATS]
//! ```
//! `tools/diffusion/bench_lora_torch.py` does the same with PyTorch, diffusers and PEFT.
#![allow(clippy::print_stdout)] // it is a program that prints

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use half::bf16;
use heirloom_tensors::train::{AdamW, Dit, Example, Gradients, Lora, Parameters, clip};
use heirloom_tensors::wan::DitConfig;
use heirloom_tensors::weights::{ModelError, Stored, Weight, Weights};

const RANK: usize = 16;
const BLOCKS: usize = 4;
/// One frame of 64 by 64 latents: 1 024 tokens.
const SIZE: [usize; 3] = [1, 64, 64];
const TEXT: usize = 512;

/// Random weights in bfloat16, as models are stored.
struct Random(HashMap<String, Vec<u8>>);

impl Weights for Random {
    fn get(&self, name: &str, _shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let bytes = self.0.get(name).ok_or_else(|| ModelError::Missing {
            name: name.to_owned(),
        })?;
        Ok(Weight {
            stored: Stored::Bf16,
            bytes: Cow::Borrowed(bytes),
        })
    }
}

/// `n` values spread evenly between −`most` and `most`.
fn random(n: usize, most: f32) -> impl Iterator<Item = f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ n as u64;
    (0..n).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * most
    })
}

/// Milliseconds that this process has spent on processors, where the system tells.
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

/// The most memory that this process has held, in MiB, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

/// A transformer over `base` with room for LoRAs.
fn dit<'a>(base: &'a Random, config: &DitConfig, checkpointing: bool) -> Dit<'a> {
    Dit {
        config: config.clone(),
        control: None,
        base,
        lora: Some(Lora {
            rank: RANK,
            scale: 1.0,
        }),
        checkpointing,
    }
}

fn main() -> Result<(), ModelError> {
    let checkpointing = std::env::args()
        .nth(1)
        .is_some_and(|mode| mode == "checkpointing");
    let repeats = std::env::args()
        .nth(2)
        .and_then(|v| v.parse().ok())
        .unwrap_or(3)
        .max(1);
    let mut base = Random(HashMap::new());
    let config = DitConfig {
        patch: [1, 2, 2],
        heads: 12,
        head_dim: 128,
        in_channels: 16,
        out_channels: 16,
        text_dim: 4096,
        freq_dim: 256,
        ffn_dim: 8960,
        layers: BLOCKS,
        cross_attn_norm: true,
        eps: 1e-6,
    };
    let tensors = dit(&base, &config, checkpointing).tensors();
    for (name, shape) in tensors {
        let most = 1.0 / (shape[1..].iter().product::<usize>().max(1) as f32).sqrt();
        let values = random(shape.iter().product(), most);
        let bytes = values.flat_map(|v| bf16::from_f32(v).to_le_bytes()).collect();
        base.0.insert(name, bytes);
    }
    let dit = dit(&base, &config, checkpointing);
    let mut trained = Parameters::new();
    for (layer, inputs, outputs) in dit.linear_layers() {
        let down = random(RANK * inputs, 1.0 / (inputs as f32).sqrt()).collect();
        trained.insert(format!("{layer}.lora_A.weight"), &[RANK, inputs], down);
        let up = random(RANK * outputs, 0.01).collect();
        trained.insert(format!("{layer}.lora_B.weight"), &[outputs, RANK], up);
    }
    let latents: Vec<f32> = random(16 * SIZE.iter().product::<usize>(), 1.0).collect();
    let target: Vec<f32> = latents.iter().map(|v| -v).collect();
    let text: Vec<f32> = random(TEXT * 4096, 1.0).collect();
    let example = Example {
        latents: &latents,
        size: SIZE,
        text: &text,
        control: None,
        timestep: 500.0,
        target: &target,
    };
    let mut adam = AdamW::new(&trained, [0.9, 0.999], 1e-8, 0.01);
    let mut gradients = Gradients::zeros(&trained);
    let (mut clock, mut cpu) = (Vec::new(), Vec::new());
    for turn in 0..=repeats {
        let (start, before) = (Instant::now(), cpu_ms());
        gradients.clear();
        dit.gradients(&trained, &example, 1.0, &mut gradients, &mut || true)?;
        clip(&mut gradients, 1.0);
        adam.step(&mut trained, &gradients, 1e-4);
        // The first is not counted.
        if turn > 0 {
            clock.push(start.elapsed().as_secs_f64() * 1e3);
            cpu.push(cpu_ms() - before);
        }
    }
    clock.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    let (median, least, cpu) = (clock[repeats / 2], clock[0], cpu[repeats / 2]);
    println!("time\tstep\t{median:.1}\t{least:.1}\t{cpu:.1}");
    if let Some(mib) = peak_mib() {
        println!("time\tpeak\t{mib}");
    }
    Ok(())
}
