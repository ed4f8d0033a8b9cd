//! Layers that several models share.

use burn::tensor::Tensor;

use crate::ops;
use crate::weights::{ModelError, Reader};

/// A linear layer.
#[derive(Debug)]
pub(super) struct Linear {
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    /// Changes of the weight, computed beside it: down and up.
    beside: Vec<(Tensor<2>, Tensor<2>)>,
}

impl Linear {
    /// Reads `weight` and `bias`.
    pub(super) fn read(from: &Reader<'_>, inputs: usize, outputs: usize) -> Result<Self, ModelError> {
        let weight = from.tensor("weight", [outputs, inputs])?;
        Ok(Self {
            weight,
            bias: Some(from.tensor("bias", [outputs])?),
            beside: from.beside("weight", outputs, inputs)?,
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
            beside: from.beside("weight", outputs, inputs)?,
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
            beside: from.beside("weight", outputs, inputs)?,
        })
    }

    /// Rows of inputs to rows of outputs.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut out = ops::linear(x.clone(), self.weight.clone(), self.bias.clone());
        for (down, up) in &self.beside {
            let narrow = ops::linear(x.clone(), down.clone(), None);
            out = ops::add_gated(out, ops::linear(narrow, up.clone(), None), None);
        }
        out
    }
}
