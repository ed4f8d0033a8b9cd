//! Times what the family's other models have of their own, at true widths and with random weights: a block of VACE with its
//! branch, and the decoder of Wan 2.2 TI2V 5B's autoencoder.
//!
//! ```sh
//! RAYON_NUM_THREADS=2 cargo run --release -p heirloom-tensors --example bench_variants -- [REPEATS]
//! ```
//! `tools/diffusion/bench_variants.py` does the same with diffusers, and prints the same lines.
#![allow(clippy::print_stdout)] // it is a program that prints

#[path = "timing/kept.rs"]
mod kept;
mod timing;

use burn::tensor::{Device, Tensor, TensorData};
use heirloom_tensors::wan::{Control, Sample, VaceConfig, VaceDit, Vae, VaeConfig};
use heirloom_tensors::weights::ModelError;
use kept::Kept;

fn tensor<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let values: Vec<f32> = timing::random(shape.iter().product(), 1.0).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Wan 2.1 VACE 1.3B with one block and one of its branch, from latents to a velocity: 3 frames of 64 by 64 latents, 3 072
/// tokens.
fn vace(repeats: usize, device: &Device) -> Result<(), ModelError> {
    let dit = timing::wan_1_3b(1);
    let config = VaceConfig {
        dit,
        layers: vec![0],
        control_channels: 96,
    };
    let weights = Kept::default();
    let model = VaceDit::new(config, &weights, device)?;
    let sample = Sample {
        latents: tensor([16, 3, 64, 64], device),
        text: tensor([512, 4096], device),
    };
    let control = Control {
        latents: tensor([96, 3, 64, 64], device),
        scales: vec![1.0],
    };
    timing::report("VACE 3072", repeats, || {
        let found = model.forward(std::slice::from_ref(&sample), &control, 500.0, &mut |_| true)?;
        assert_eq!(found[0].dims(), [16, 3, 64, 64]);
        Ok(())
    })
}

/// The decoder of TI2V 5B's autoencoder: 5 frames of 224 by 128 pixels.
fn decoder(repeats: usize, device: &Device) -> Result<(), ModelError> {
    let config = VaeConfig {
        base: 160,
        decoder_base: 256,
        residual: true,
        patch: 2,
        multiples: vec![1, 2, 4, 4],
        blocks: 2,
        time_steps: vec![false, true, true],
        latent_channels: 48,
        mean: vec![0.0; 48],
        deviation: vec![1.0; 48],
    };
    let weights = Kept::default();
    let vae = Vae::new(config, &weights, device)?;
    let latents = tensor([48, 2, 8, 14], device);
    timing::report("5B VAE", repeats, || {
        let clip = vae.decode(latents.clone(), None, &mut |_, _| true)?;
        assert_eq!(clip.dims(), [3, 5, 128, 224]);
        Ok(())
    })
}

fn main() -> Result<(), ModelError> {
    let (repeats, device) = (timing::repeats(1, 3), Device::flex());
    vace(repeats, &device)?;
    decoder(repeats, &device)?;
    timing::report_peak();
    Ok(())
}
