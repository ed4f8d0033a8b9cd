//! Where a model's tensors come from, and how they get to a device.

use std::borrow::Cow;

use burn::tensor::{Device, Tensor, TensorData};
use half::{bf16, f16};

use crate::{kernels, ops};

/// What went wrong in a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A tensor is not among the weights.
    #[error("the weights have no tensor {name}; they are incomplete or of another model: fetch them again")]
    Missing {
        /// Its full name.
        name: String,
    },
    /// A tensor has another shape than the model's configuration asks for.
    #[error(
        "the tensor {name} is {found:?} and this model wants {wanted:?}; the weights and the configuration beside them \
         belong to different models: fetch both from one place"
    )]
    Shape {
        /// Its full name.
        name: String,
        /// As the configuration says.
        wanted: Vec<usize>,
        /// As the file says.
        found: Vec<usize>,
    },
    /// A tensor could not be read.
    #[error("the tensor {name} cannot be read: {why}")]
    Unreadable {
        /// Its full name.
        name: String,
        /// The cause, with the mend.
        why: String,
    },
    /// An input does not fit the model.
    #[error("{0}")]
    Input(String),
    /// The caller asked to stop.
    #[error("stopped as asked")]
    Stopped,
}

/// The form in which weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// 32-bit floating point.
    F32,
    /// Half precision: 5 bits of exponent, 10 of fraction.
    F16,
    /// bfloat16: 8 bits of exponent, 7 of fraction.
    Bf16,
}

impl Stored {
    /// Bytes to a value.
    pub fn size_bytes(self) -> usize {
        match self {
            Stored::F32 => 4,
            Stored::F16 | Stored::Bf16 => 2,
        }
    }
}

/// A tensor's values as they are stored, row-major and little-endian.
#[derive(Debug, Clone)]
pub struct Weight<'a> {
    /// The form of each value.
    pub stored: Stored,
    /// The values; borrowed from a memory-mapped file as a rule.
    pub bytes: Cow<'a, [u8]>,
}

impl Weight<'_> {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.stored.size_bytes()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The values `from..to`, widened to `f32`; on all of rayon's threads.
    ///
    /// # Panics
    /// When the range is not within the values.
    pub fn widened(&self, from: usize, to: usize) -> Vec<f32> {
        let size = self.stored.size_bytes();
        let bytes = &self.bytes[from * size..to * size];
        let mut out = kernels::zeros(to - from);
        match self.stored {
            Stored::F32 => kernels::read_f32(bytes, &mut out),
            Stored::F16 => kernels::widen_f16(bytes, &mut out),
            Stored::Bf16 => kernels::widen_bf16(bytes, &mut out),
        }
        out
    }
}

impl Weight<'_> {
    /// The values from `from` on, widened to `f32`.
    fn read(&self, from: usize, out: &mut [f32]) {
        let size = self.stored.size_bytes();
        let bytes = &self.bytes[from * size..(from + out.len()) * size];
        match self.stored {
            Stored::F32 => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *o = f32::from_le_bytes(*b);
                }
            }
            Stored::F16 => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *o = f16::from_le_bytes(*b).to_f32();
                }
            }
            Stored::Bf16 => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *o = bf16::from_le_bytes(*b).to_f32();
                }
            }
        }
    }
}

/// The tensors of a model by name.
pub trait Weights: Sync {
    /// The tensor `name`, which must be of `shape`.
    ///
    /// # Errors
    /// [`ModelError::Missing`], [`ModelError::Shape`] or [`ModelError::Unreadable`].
    fn get(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError>;

    /// Changes of the weight `name` (a matrix when its axes after the first are folded into one) that [`Weights::get`] has not
    /// in it: a layer computes them beside it.
    ///
    /// # Errors
    /// [`ModelError::Unreadable`].
    fn beside(&self, _name: &str) -> Result<Vec<LowRank>, ModelError> {
        Ok(Vec::new())
    }
}

/// A change of a weight of few ranks: `up · down` (LoRA, arXiv 2106.09685, section 4.1).
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    /// Rows of `down`, columns of `up`.
    pub rank: usize,
    /// `rank × inputs`, row by row.
    pub down: Vec<f32>,
    /// `outputs × rank`, row by row; strength and scale are in it.
    pub up: Vec<f32>,
}

/// Reads tensors under a prefix onto a device.
#[derive(Clone)]
pub struct Reader<'a> {
    weights: &'a dyn Weights,
    device: Device,
    prefix: String,
}

impl<'a> Reader<'a> {
    /// Reads from `weights` onto `device`.
    pub fn new(weights: &'a dyn Weights, device: &Device) -> Self {
        Self {
            weights,
            device: device.clone(),
            prefix: String::new(),
        }
    }

    /// The same, for the tensors whose names begin with `part` and a dot.
    #[must_use]
    pub fn under(&self, part: impl std::fmt::Display) -> Self {
        Self {
            prefix: self.name(&format!("{part}.")),
            ..self.clone()
        }
    }

    /// The device that tensors are read onto.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The full name of `name`.
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A tensor as it is stored.
    ///
    /// # Errors
    /// Those of [`Weights::get`].
    pub fn stored(&self, name: &str, shape: &[usize]) -> Result<Weight<'a>, ModelError> {
        let name = self.name(name);
        let weight = self.weights.get(&name, shape)?;
        if weight.len() != shape.iter().product::<usize>() {
            return Err(ModelError::Shape {
                name,
                wanted: shape.to_vec(),
                found: vec![weight.len()],
            });
        }
        Ok(weight)
    }

    /// Changes of a weight that is a matrix of `outputs` by `inputs`, to be computed beside it.
    ///
    /// # Errors
    /// [`ModelError::Shape`] where one does not fit, and those of [`Weights::beside`].
    pub fn beside(
        &self,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Vec<(Tensor<2>, Tensor<2>)>, ModelError> {
        let name = self.name(name);
        let changes = self.weights.beside(&name)?.into_iter();
        changes
            .map(|LowRank { rank, down, up }| {
                if down.len() != rank * inputs || up.len() != outputs * rank {
                    return Err(ModelError::Shape {
                        name: name.clone(),
                        wanted: vec![outputs, inputs],
                        found: vec![up.len() / rank.max(1), down.len() / rank.max(1)],
                    });
                }
                Ok((self.put(down, [rank, inputs]), self.put(up, [outputs, rank])))
            })
            .collect()
    }

    /// A tensor's values as `f32`.
    ///
    /// # Errors
    /// Those of [`Weights::get`].
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let weight = self.stored(name, shape)?;
        Ok(weight.widened(0, weight.len()))
    }

    /// A tensor on the device, of the shape it is stored in.
    ///
    /// # Errors
    /// Those of [`Weights::get`].
    pub fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, ModelError> {
        self.reshaped(name, &shape, shape)
    }

    /// A tensor that is stored as `shape`, on the device as `wanted`, which has as many values.
    ///
    /// # Errors
    /// Those of [`Weights::get`].
    pub fn reshaped<const D: usize>(
        &self,
        name: &str,
        shape: &[usize],
        wanted: [usize; D],
    ) -> Result<Tensor<D>, ModelError> {
        Ok(self.put(self.values(name, shape)?, wanted))
    }

    /// The weight of a convolution as [`ops::conv`] wants it, stored as `shape`: outputs, inputs, and the kernel's frames (where it
    /// has any), rows and columns.
    ///
    /// # Errors
    /// Those of [`Weights::get`].
    pub fn conv_weight(
        &self,
        name: &str,
        shape: &[usize],
        [outputs, inputs, frames, rows, columns]: [usize; 5],
    ) -> Result<Tensor<5>, ModelError> {
        let whole = [outputs, inputs, frames, rows, columns];
        if !ops::is_flex(&self.device) {
            return Ok(ops::pack_conv_weight(self.reshaped(name, shape, whole)?));
        }
        // Widened as it is packed: of the largest there are hundreds of megabytes.
        let weight = self.stored(name, shape)?;
        let kernel = [frames, rows, columns];
        let packed = kernels::pack_conv_weight_from(inputs, outputs, kernel, |at, out| weight.read(at, out));
        Ok(self.put(packed, [frames, rows, columns, inputs, outputs]))
    }

    /// Values on the device.
    pub fn put<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}
