//! What a step sees: which sample, how much noise, which noise. All of it follows from the seed and the step's number.

use super::settings::{Levels, Settings};
use crate::noise::Noise;

/// What one example of a step is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Which sample.
    pub sample: usize,
    /// The noise level, from 0 (none) to 1 (nothing else).
    pub level: f32,
    /// Whether the text is left out.
    pub blank: bool,
    /// The example's number in the run, from 0: names its noise.
    pub number: u64,
}

/// What example `place` of step `step` is made of, out of `count` samples. Each is seen once before any is seen again,
/// in another order each time.
pub fn draw(settings: &Settings, step: u64, place: usize, count: usize) -> Draw {
    let number = step * settings.examples as u64 + place as u64;
    let many = count.max(1) as u64;
    let order = order(settings.seed, number / many, count);
    let mut chance = Noise::new(&format!("training example {number}"), settings.seed);
    Draw {
        sample: order.get((number % many) as usize).copied().unwrap_or(0),
        level: level(settings, &mut chance),
        blank: chance.uniform() < settings.blank,
        number,
    }
}

/// What is judged rather than trained on: a sample at a level, with the noise of this number.
pub(super) fn draw_of(sample: usize, level: f32, number: u64) -> Draw {
    Draw {
        sample,
        level,
        blank: false,
        number,
    }
}

/// The order in which a round sees the samples (Fisher and Yates, in Durstenfeld's form, 1964).
fn order(seed: u64, round: u64, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut chance = Noise::new(&format!("training order {round}"), seed);
    for last in (1..count).rev() {
        let other = (chance.uniform() * (last + 1) as f64) as usize;
        order.swap(last, other.min(last));
    }
    order
}

fn level(settings: &Settings, chance: &mut Noise) -> f32 {
    let Settings { shift, range, .. } = settings;
    let shifted = |u: f64| shift * u / (1.0 + (shift - 1.0) * u);
    // Levels outside the range are drawn again; where the range is hardly ever met, evenly within it.
    for _ in 0..64 {
        let u = match settings.levels {
            Levels::Even => chance.uniform(),
            Levels::LogitNormal { mean, deviation } => {
                let z = mean + deviation * f64::from(chance.next_normal());
                1.0 / (1.0 + libm::exp(-z))
            }
        };
        let level = shifted(u);
        if (range[0]..=range[1]).contains(&level) {
            return level as f32;
        }
    }
    (range[0] + (range[1] - range[0]) * chance.uniform()) as f32
}

/// A sample noised by a draw, and the velocity that is to be said of it.
pub fn noised(latents: &[f32], draw: &Draw, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let mut noise = vec![0.0; latents.len()];
    Noise::new(&format!("training noise {}", draw.number), seed).fill(&mut noise);
    let s = draw.level;
    let noisy = latents.iter().zip(&noise).map(|(x, n)| (1.0 - s) * x + s * n);
    let noisy = noisy.collect();
    for (n, x) in noise.iter_mut().zip(latents) {
        *n -= x;
    }
    (noisy, noise)
}
