//! Times parts of models at their true widths, with random weights, and prints lines of tab-separated fields: `time`,
//! what, and the median, the least and the processors' milliseconds.
//!
//! ```sh
//! RAYON_NUM_THREADS=2 cargo run --release -p heirloom-tensors --example bench_block -- [REPEATS] [PART OF A NAME]
//! ```
//! `tools/diffusion/bench_torch.py` does the same in PyTorch.
#![allow(clippy::print_stdout)] // it is a program that prints

mod timing;

use burn::tensor::{Device, Tensor, TensorData};
use heirloom_tensors::ops::{self, ConvSpec};
use heirloom_tensors::wan::{LoneBlock, LoneLevel, VaeConfig};
use heirloom_tensors::weights::{ModelError, Weight, Weights};

/// Weights that are random wherever one looks, made when they are read.
struct Random;

impl Weights for Random {
    fn get(&self, _name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        Ok(timing::weight(shape))
    }
}

fn tensor<const D: usize>(shape: [usize; D], most: f32, device: &Device) -> Tensor<D> {
    let values: Vec<f32> = timing::random(shape.iter().product(), most).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A sum to be timed: each call does it once.
type Sum = Box<dyn FnMut()>;

/// What makes a sum ready on a device.
type Ready = fn(&Device) -> Result<Sum, ModelError>;

/// What is timed, by the names that `tools/diffusion/bench_torch.py` and `cargo xtask bench diffusion` know it by. One
/// is made ready, timed and let go after the other.
const SUMS: &[(&str, Ready)] = &[
    // A frame or a few of 16 by 16 or 32 by 32 tokens.
    ("block 256", |device| block([1, 16, 16], device)),
    ("block 1024", |device| block([1, 32, 32], device)),
    ("block 3072", |device| block([3, 32, 32], device)),
    ("conv3d 96", convolution),
    ("VAE level 96", level),
];

/// One block of Wan 2.1 1.3B over tokens on a grid.
fn block(grid: [usize; 3], device: &Device) -> Result<Sum, ModelError> {
    let config = timing::wan_1_3b(1);
    let tokens = grid.iter().product();
    let block = LoneBlock::new(&config, &Random, device, grid, tensor([512, 1536], 1.0, device))?;
    let x = tensor([tokens, 1536], 1.0, device);
    Ok(Box::new(move || {
        let y = block.forward(x.clone());
        assert_eq!(y.dims(), [tokens, 1536]);
    }))
}

/// One chunk of a 480 by 832 clip at a quarter of its rows and columns.
const CHUNK: [usize; 4] = [4, 120, 208, 96];

/// One convolution of the VAE, with two frames kept.
fn convolution(device: &Device) -> Result<Sum, ModelError> {
    let [frames, height, width, channels] = CHUNK;
    let weight = ops::pack_conv_weight(tensor([channels, channels, 3, 3, 3], 0.02, device));
    let bias = tensor([channels], 0.1, device);
    let x = tensor(CHUNK, 1.0, device);
    let past = tensor([2, height, width, channels], 1.0, device);
    Ok(Box::new(move || {
        let spec = ConvSpec::causal([3, 3, 3]);
        let y = ops::conv(x.clone(), Some(past.clone()), weight.clone(), bias.clone(), spec);
        assert_eq!(y.dims(), [frames, height, width, channels]);
    }))
}

/// The widest level of the VAE's decoder; every run is the next chunk of a clip.
fn level(device: &Device) -> Result<Sum, ModelError> {
    let config = VaeConfig {
        base: CHUNK[3],
        decoder_base: CHUNK[3],
        residual: false,
        patch: 1,
        multiples: vec![1, 2, 4, 4],
        blocks: 2,
        time_steps: vec![false, true, true],
        latent_channels: 16,
        mean: vec![0.0; 16],
        deviation: vec![1.0; 16],
    };
    let mut level = LoneLevel::new(&config, &Random, device)?;
    let x = tensor(CHUNK, 1.0, device);
    Ok(Box::new(move || {
        let y = level.forward(x.clone());
        assert_eq!(y.dims(), CHUNK);
    }))
}

fn main() -> Result<(), ModelError> {
    let repeats = timing::repeats(1, 7);
    let wanted = std::env::args().nth(2).unwrap_or_default();
    let device = Device::flex();
    for (what, ready) in SUMS.iter().filter(|(what, _)| what.contains(&wanted)) {
        let mut sum = ready(&device)?;
        timing::report(what, repeats, || {
            sum();
            Ok::<_, ModelError>(())
        })?;
    }
    timing::report_peak();
    Ok(())
}
