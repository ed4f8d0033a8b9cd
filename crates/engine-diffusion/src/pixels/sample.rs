//! From noise to latents with weights as they are while training.

use super::PixelsError;
use crate::noise::Noise;
use crate::schedule::{Schedule, Stepper};
use heirloom_tensors::train::{Dit, Example, Parameters};
use heirloom_tensors::weights::ModelError;

/// What is sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask<'a> {
    /// Frames, rows and columns of the latents.
    pub size: [usize; 3],
    /// States of the text: (length, text width).
    pub text: &'a [f32],
    /// Control latents, for a transformer with control blocks.
    pub control: Option<&'a [f32]>,
    /// Of the noise it begins with: the same seed, the same noise.
    pub seed: u64,
}

/// Steps noise to latents, (channels, frames, rows, columns). Before each step `go_on` is asked whether to go on.
///
/// # Errors
/// [`PixelsError`]; [`ModelError::Stopped`] where `go_on` says so.
pub fn sample(
    dit: &Dit<'_>,
    trained: &Parameters,
    ask: &Ask<'_>,
    schedule: &Schedule,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Vec<f32>, PixelsError> {
    let count = dit.config.in_channels * ask.size.iter().product::<usize>();
    let mut latents = vec![0.0; count];
    Noise::new("latents", ask.seed).fill(&mut latents);
    let mut stepper = Stepper::new(schedule);
    let mut anew = Noise::new("steps", ask.seed);
    let steps = schedule.steps();
    for step in 0..steps {
        if !go_on() {
            return Err(ModelError::Stopped.into());
        }
        let Some(time) = stepper.time() else { break };
        let example = Example {
            latents: &latents,
            size: ask.size,
            text: ask.text,
            control: ask.control,
            timestep: time as f32,
            target: &[],
        };
        let velocity = dit.velocity(trained, &example)?;
        if !velocity.iter().all(|v| v.is_finite()) {
            return Err(PixelsError::NotFinite {
                step: step + 1,
                steps,
            });
        }
        stepper.step(&velocity, &mut latents, |noise| anew.fill(noise))?;
    }
    Ok(latents)
}
