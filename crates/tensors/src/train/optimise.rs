//! One step of the optimiser, on plain values.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::parameters::{Gradients, Parameters};

/// Values a task.
const TASK: usize = 16_384;

/// Adam with decoupled decay of weights (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019,
/// algorithm 2), in the order of operations that PyTorch has.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    /// How much of the mean gradient, and of the mean square, is kept from step to step.
    pub betas: [f64; 2],
    /// Added to the root of the mean square.
    pub eps: f64,
    /// What part of a weight is taken off, times the rate.
    pub weight_decay: f64,
    /// Steps done.
    steps: u64,
    /// Means and mean squares of each tensor's gradients.
    moments: BTreeMap<String, [Vec<f32>; 2]>,
}

impl AdamW {
    /// Before the first step.
    pub fn new(of: &Parameters, betas: [f64; 2], eps: f64, weight_decay: f64) -> Self {
        let moments = of.iter().map(|(name, p)| {
            let zeros = vec![0.0; p.values.len()];
            (name.to_owned(), [zeros.clone(), zeros])
        });
        Self {
            betas,
            eps,
            weight_decay,
            steps: 0,
            moments: moments.collect(),
        }
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Mean gradients and their mean squares by tensor: what is kept to go on later.
    pub fn moments(&self) -> impl ExactSizeIterator<Item = (&str, &[Vec<f32>; 2])> {
        self.moments.iter().map(|(name, m)| (name.as_str(), m))
    }

    /// Takes up what [`Self::moments`] and [`Self::steps`] were. Tensors that it does not name stay as they are; whether
    /// all were there is what it answers.
    pub fn resume(&mut self, steps: u64, mut moments: BTreeMap<String, [Vec<f32>; 2]>) -> bool {
        self.steps = steps;
        self.moments.iter_mut().all(|(name, own)| {
            let kept = moments.remove(name);
            kept.is_some_and(|kept| {
                let fits = kept[0].len() == own[0].len() && kept[1].len() == own[1].len();
                if fits {
                    *own = kept;
                }
                fits
            })
        })
    }

    /// One step at this rate.
    pub fn step(&mut self, parameters: &mut Parameters, gradients: &Gradients, rate: f64) {
        self.steps += 1;
        let [b1, b2] = self.betas;
        let power = self.steps as f64;
        let (first, second) = (1.0 - b1.powf(power), 1.0 - b2.powf(power));
        let keep = (1.0 - rate * self.weight_decay) as f32;
        let (pace, root) = ((rate / first) as f32, second.sqrt() as f32);
        let (eps, b1, b2) = (self.eps as f32, b1 as f32, b2 as f32);
        let (new1, new2) = ((1.0 - self.betas[0]) as f32, (1.0 - self.betas[1]) as f32);
        for (name, parameter) in parameters.iter_mut() {
            let (Some(g), Some([mean, square])) = (gradients.get(name), self.moments.get_mut(name)) else {
                continue;
            };
            parameter
                .values
                .par_chunks_mut(TASK)
                .zip(g.par_chunks(TASK))
                .zip(mean.par_chunks_mut(TASK))
                .zip(square.par_chunks_mut(TASK))
                .for_each(|(((values, g), mean), square)| {
                    let all = values.iter_mut().zip(g).zip(mean).zip(square);
                    for (((value, g), mean), square) in all {
                        *value *= keep;
                        *mean = b1 * *mean + new1 * g;
                        *square = b2 * *square + new2 * g * g;
                        *value -= pace * *mean / (square.sqrt() / root + eps);
                    }
                });
        }
    }
}

/// The root of the sum of all gradients' squares, summed in double precision and in one order.
pub fn global_norm(gradients: &Gradients) -> f64 {
    let sum: f64 = gradients
        .iter()
        .map(|(_, g)| {
            let parts: Vec<f64> = g
                .par_chunks(TASK)
                .map(|g| g.iter().map(|v| f64::from(*v) * f64::from(*v)).sum())
                .collect();
            parts.iter().sum::<f64>()
        })
        .sum();
    sum.sqrt()
}

/// Shortens all gradients together where their norm is above `most`; the norm before is what it answers (Pascanu and
/// others, "On the difficulty of training recurrent neural networks", 2013, algorithm 1).
pub fn clip(gradients: &mut Gradients, most: f64) -> f64 {
    let norm = global_norm(gradients);
    // PyTorch's guard against a norm of nought.
    let factor = (most / (norm + 1e-6)) as f32;
    if factor < 1.0 {
        for (_, g) in gradients.iter_mut() {
            g.par_chunks_mut(TASK)
                .for_each(|g| g.iter_mut().for_each(|v| *v *= factor));
        }
    }
    norm
}

/// A running mean of trained tensors, which is steadier than the last step's.
#[derive(Debug, Clone, PartialEq)]
pub struct Average {
    /// How much of the mean is kept from step to step, at most.
    pub decay: f64,
    /// The means.
    pub values: Parameters,
}

impl Average {
    /// Begins at the tensors as they are.
    pub fn new(of: &Parameters, decay: f64) -> Self {
        Self {
            decay,
            values: of.clone(),
        }
    }

    /// Takes in the tensors after step number `step`, counted from 1. Early on less is kept, `(1 + step) / (10 + step)`,
    /// so that the beginning is soon forgotten.
    pub fn update(&mut self, of: &Parameters, step: u64) {
        let kept = self.decay.min((1.0 + step as f64) / (10.0 + step as f64)) as f32;
        for (name, mean) in self.values.iter_mut() {
            let Some(now) = of.get(name) else { continue };
            mean.values
                .par_chunks_mut(TASK)
                .zip(now.values.par_chunks(TASK))
                .for_each(|(mean, now)| {
                    for (mean, now) in mean.iter_mut().zip(now) {
                        *mean += (1.0 - kept) * (now - *mean);
                    }
                });
        }
    }
}

/// Threads that work is shared out to: results are the same to the bit on as many.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Does `run` for each number below `count` on all threads; results in the order of the numbers.
pub fn side_by_side<T: Send>(count: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    (0..count).into_par_iter().map(&run).collect()
}
