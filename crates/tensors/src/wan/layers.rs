//! Layers that several models share.

use burn::tensor::Tensor;

use crate::ops;
use crate::weights::{ModelError, Reader};

/// A linear layer.
#[derive(Debug)]
pub(super) struct Linear {
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

impl Linear {
    /// Reads `weight` and `bias`.
    pub(super) fn read(from: &Reader<'_>, inputs: usize, outputs: usize) -> Result<Self, ModelError> {
        let weight = from.tensor("weight", [outputs, inputs])?;
        Ok(Self {
            weight,
            bias: Some(from.tensor("bias", [outputs])?),
        })
    }

    /// Reads `weight` alone.
    pub(super) fn read_without_bias(
        from: &Reader<'_>,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            weight: from.tensor("weight", [outputs, inputs])?,
            bias: None,
        })
    }

    /// Reads a convolution over windows that do not overlap, or of one pixel: `shape` is its weight's, the outputs first.
    pub(super) fn read_window(from: &Reader<'_>, shape: &[usize]) -> Result<Self, ModelError> {
        let outputs = shape[0];
        let inputs = shape[1..].iter().product();
        let weight = from.reshaped("weight", shape, [outputs, inputs])?;
        Ok(Self {
            weight,
            bias: Some(from.tensor("bias", [outputs])?),
        })
    }

    /// Rows of inputs to rows of outputs.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        ops::linear(x, self.weight.clone(), self.bias.clone())
    }
}
