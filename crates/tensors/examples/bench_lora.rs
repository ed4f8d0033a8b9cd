//! Times a step of training a LoRA of rank 16 on every linear layer of a few transformer blocks at their true widths, and
//! prints lines of tab-separated fields: `time`, what, and the median, the least and the processors' milliseconds.
//!
//! ```sh
//! RAYON_NUM_THREADS=2 cargo run --release -p heirloom-tensors --example bench_lora -- plain|checkpointing [REPEATS]
//! ```
//! `tools/diffusion/bench_lora_torch.py` does the same with PyTorch, diffusers and PEFT.
#![allow(clippy::print_stdout)] // it is a program that prints

#[path = "timing/kept.rs"]
mod kept;
mod timing;

use heirloom_tensors::train::{AdamW, Dit, Example, Gradients, Lora, Parameters, clip};
use heirloom_tensors::wan::DitConfig;
use heirloom_tensors::weights::ModelError;
use kept::Kept;

const RANK: usize = 16;
const BLOCKS: usize = 4;
/// One frame of 64 by 64 latents: 1 024 tokens.
const SIZE: [usize; 3] = [1, 64, 64];
const TEXT: usize = 512;

/// A transformer over `base` with room for LoRAs.
fn dit<'a>(base: &'a Kept, config: &DitConfig, checkpointing: bool) -> Dit<'a> {
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
    let repeats = timing::repeats(2, 3);
    let base = Kept::default();
    let config = timing::wan_1_3b(BLOCKS);
    let dit = dit(&base, &config, checkpointing);
    let mut trained = Parameters::new();
    for (layer, inputs, outputs) in dit.linear_layers() {
        let down = timing::random(RANK * inputs, 1.0 / (inputs as f32).sqrt()).collect();
        trained.insert(format!("{layer}.lora_A.weight"), &[RANK, inputs], down);
        let up = timing::random(RANK * outputs, 0.01).collect();
        trained.insert(format!("{layer}.lora_B.weight"), &[outputs, RANK], up);
    }
    let latents: Vec<f32> = timing::random(16 * SIZE.iter().product::<usize>(), 1.0).collect();
    let target: Vec<f32> = latents.iter().map(|v| -v).collect();
    let text: Vec<f32> = timing::random(TEXT * 4096, 1.0).collect();
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
    timing::report("step", repeats, || {
        gradients.clear();
        dit.gradients(&trained, &example, 1.0, &mut gradients, &mut || true)?;
        clip(&mut gradients, 1.0);
        adam.step(&mut trained, &gradients, 1e-4);
        Ok::<_, ModelError>(())
    })?;
    timing::report_peak();
    Ok(())
}
