//! Grain: measured in what was taken off a frame, and made anew.

use rayon::prelude::*;

use crate::image::{AcesCg, Image};

/// Steps of light that grain is measured in.
pub const BINS: usize = 8;
/// Pixels each way over which grain is correlated.
const LAG: i32 = 3;
const SIDE: usize = 2 * LAG as usize + 1;
/// Side of the spectrum.
const SPECTRUM: usize = 16;
/// One in so many pixels each way is looked at.
const EVERY: usize = 2;

/// The step of light of an encoded value.
pub fn light_bin(encoded: f32) -> usize {
    ((encoded.clamp(0.0, 1.0) * BINS as f32) as usize).min(BINS - 1)
}

/// How strong grain is, by light, and the kernel that gives noise its look.
pub struct Grain {
    by_light: [f32; BINS],
    kernel: [[f32; SIDE]; SIDE],
}

impl Grain {
    /// Of what differs between a frame and the same without noise, both in encoded light.
    pub fn measured(code: &Image<AcesCg>, clean: &Image<AcesCg>) -> Self {
        let (width, height) = (code.width() as usize, code.height() as usize);
        let off: Vec<f32> = code
            .pixels()
            .par_iter()
            .zip(clean.pixels())
            .map(|(a, b)| (0..3).map(|k| a[k] - b[k]).sum::<f32>() / 3.0)
            .collect();
        let mut by_light = [(0.0f64, 0.0f64); BINS];
        let mut products = [[0.0f64; SIDE]; SIDE];
        let lag = LAG as usize;
        for y in (lag..height.saturating_sub(lag)).step_by(EVERY) {
            for x in (lag..width.saturating_sub(lag)).step_by(EVERY) {
                let i = y * width + x;
                let p = clean.pixels()[i];
                let bin = &mut by_light[light_bin((p[0] + p[1] + p[2]) / 3.0)];
                let own = f64::from(off[i]);
                bin.0 += own * own;
                bin.1 += 1.0;
                for (row, line) in products.iter_mut().enumerate() {
                    for (column, sum) in line.iter_mut().enumerate() {
                        *sum += own * f64::from(off[(y + row - lag) * width + x + column - lag]);
                    }
                }
            }
        }
        let (square, count) = by_light
            .iter()
            .fold((0.0, 0.0), |sum, bin| (sum.0 + bin.0, sum.1 + bin.1));
        let whole = libm::sqrt(square / f64::max(count, 1.0));
        Self {
            by_light: by_light.map(|(square, count)| {
                // A bin of few pixels goes with the whole.
                let square = square + 200.0 * whole * whole;
                libm::sqrt(square / (count + 200.0)) as f32
            }),
            kernel: kernel(&products),
        }
    }

    /// How strong it is on a pixel of encoded light: its standard deviation, in encoded light; between steps of light linearly.
    pub fn strength(&self, clean: &[f32; 4]) -> f32 {
        let light = (clean[0] + clean[1] + clean[2]) / 3.0;
        let place = (light.clamp(0.0, 1.0) * BINS as f32 - 0.5).clamp(0.0, BINS as f32 - 1.0);
        let at = place as usize;
        let next = (at + 1).min(BINS - 1);
        self.by_light[at] + (self.by_light[next] - self.by_light[at]) * (place - at as f32)
    }

    /// Grain of standard deviation 1 for a frame.
    pub fn field(&self, width: u32, height: u32, seed: u64, n: u32) -> Vec<f32> {
        let (width, height) = (width as usize, height as usize);
        let stride = width + SIDE - 1;
        let mut noise = vec![0.0f32; stride * (height + SIDE - 1)];
        let begin = mix(seed ^ mix(u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        noise
            .par_chunks_mut(stride.max(1))
            .enumerate()
            .for_each(|(y, row)| {
                for (x, v) in row.iter_mut().enumerate() {
                    *v = normal(mix(begin ^ ((y as u64) << 32 | x as u64)));
                }
            });
        let mut field = vec![0.0f32; width * height];
        field
            .par_chunks_mut(width.max(1))
            .enumerate()
            .for_each(|(y, row)| {
                for (x, v) in row.iter_mut().enumerate() {
                    let mut sum = 0.0;
                    for (j, line) in self.kernel.iter().enumerate() {
                        let from = (y + j) * stride + x;
                        for (weight, noise) in line.iter().zip(&noise[from..from + SIDE]) {
                            sum += weight * noise;
                        }
                    }
                    *v = sum;
                }
            });
        field
    }
}

/// The kernel of unit energy whose correlation with itself is near the one given: the root of its spectrum.
fn kernel(products: &[[f64; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE] {
    let lag = LAG as usize;
    let own = products[lag][lag];
    let mut kernel = [[0.0f32; SIDE]; SIDE];
    kernel[lag][lag] = 1.0;
    if own <= 0.0 {
        return kernel;
    }
    let angle = |k: usize, x: i32| std::f64::consts::TAU * k as f64 * f64::from(x) / SPECTRUM as f64;
    let lags = || (-LAG..=LAG).zip(0..SIDE);
    // Both are even, so that cosines are all of it; lags fade to their end (Bartlett's window).
    let fade = |x: i32| 1.0 - f64::from(x.abs()) / f64::from(LAG + 1);
    let mut root = [[0.0f64; SPECTRUM]; SPECTRUM];
    for (v, line) in root.iter_mut().enumerate() {
        for (u, out) in line.iter_mut().enumerate() {
            let mut sum = 0.0;
            for (y, row) in lags() {
                for (x, column) in lags() {
                    let mean = (products[row][column] + products[SIDE - 1 - row][SIDE - 1 - column]) / 2.0;
                    sum += mean / own * fade(x) * fade(y) * libm::cos(angle(u, x) + angle(v, y));
                }
            }
            *out = libm::sqrt(sum.max(0.0));
        }
    }
    let mut energy = 0.0;
    let mut exact = [[0.0f64; SIDE]; SIDE];
    for (y, row) in lags() {
        for (x, column) in lags() {
            let mut sum = 0.0;
            for (v, line) in root.iter().enumerate() {
                for (u, root) in line.iter().enumerate() {
                    sum += root * libm::cos(angle(u, x) + angle(v, y));
                }
            }
            exact[row][column] = sum;
            energy += sum * sum;
        }
    }
    let by = 1.0 / libm::sqrt(energy.max(1e-12));
    exact.map(|line| line.map(|v| (v * by) as f32))
}

/// Mixes 64 bits well (SplitMix64's finaliser).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Near a normal distribution of deviation 1: eight bytes, summed (variance of one is 65535 / 12).
fn normal(bits: u64) -> f32 {
    let sum: u32 = bits.to_le_bytes().iter().map(|b| u32::from(*b)).sum();
    (sum as f32 - 1020.0) / 209.0
}
