//! Parts of models by themselves: what benchmarks time.

use burn::tensor::{Device, Tensor};

use super::vae::VaeConfig;
use super::vae_parts::{Memory, Places, Residual};
use crate::weights::{ModelError, Reader, Weights};

/// The last level of the VAE's decoder, where pictures are widest: residual blocks that keep frames from chunk to chunk.
pub struct LoneLevel {
    residuals: Vec<Residual>,
    memory: Memory,
}

impl LoneLevel {
    /// The level over these weights, its memory that of a clip's beginning.
    ///
    /// # Errors
    /// What reading weights gives.
    pub fn new(config: &VaeConfig, weights: &dyn Weights, device: &Device) -> Result<Self, ModelError> {
        let last = config.multiples.len().saturating_sub(1);
        let from = Reader::new(weights, device);
        let from = from
            .under("decoder")
            .under("up_blocks")
            .under(last)
            .under("resnets");
        let places = &mut Places::default();
        let residuals = (0..=config.blocks)
            .map(|i| Residual::read(&from.under(i), places, config.base, config.base))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            residuals,
            memory: Memory::default(),
        })
    }

    /// The clip's next chunk, (frames, rows, columns, [`VaeConfig::base`]), through the level.
    pub fn forward(&mut self, chunk: Tensor<4>) -> Tensor<4> {
        self.residuals
            .iter()
            .fold(chunk, |x, residual| residual.forward(x, &mut self.memory))
    }
}
