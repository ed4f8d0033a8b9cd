//! What is trained, and its gradients.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::weights::{ModelError, Weight, Weights};

/// A trained tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Length of each axis, the slowest first.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// All trained tensors by name, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters(BTreeMap<String, Parameter>);

impl Parameters {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor, in place of one of the same name.
    ///
    /// # Panics
    /// When there are not as many values as the shape says.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<f32>) {
        assert_eq!(values.len(), shape.iter().product::<usize>());
        let shape = shape.to_vec();
        self.0.insert(name.into(), Parameter { shape, values });
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.get(name)
    }

    /// The tensor of this name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Parameter> {
        self.0.get_mut(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Parameter)> {
        self.0.iter().map(|(name, p)| (name.as_str(), p))
    }

    /// All of them, by name, to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Parameter)> {
        self.0.iter_mut().map(|(name, p)| (name.as_str(), p))
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many values all of them have.
    pub fn values_count(&self) -> usize {
        self.0.values().map(|p| p.values.len()).sum()
    }
}

/// Gradients of trained tensors, by the same names; sums, to which each example adds its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients(BTreeMap<String, Vec<f32>>);

impl Gradients {
    /// Nought for each tensor.
    pub fn zeros(of: &Parameters) -> Self {
        let zero = |(name, p): (&str, &Parameter)| (name.to_owned(), vec![0.0; p.values.len()]);
        Self(of.iter().map(zero).collect())
    }

    /// Sets all to nought.
    pub fn clear(&mut self) {
        for values in self.0.values_mut() {
            values.fill(0.0);
        }
    }

    /// The gradient of this tensor.
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The gradient of this tensor to be added to; none where it is not trained.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut [f32]> {
        self.0.get_mut(name).map(Vec::as_mut_slice)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[f32])> {
        self.0.iter().map(|(name, v)| (name.as_str(), v.as_slice()))
    }

    /// All of them, by name, to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut [f32])> {
        self.0
            .iter_mut()
            .map(|(name, v)| (name.as_str(), v.as_mut_slice()))
    }

    /// Adds gradients of the same tensors.
    pub fn add(&mut self, other: &Self) {
        for (name, more) in &other.0 {
            if let Some(values) = self.0.get_mut(name) {
                for (value, more) in values.iter_mut().zip(more) {
                    *value += more;
                }
            }
        }
    }
}

/// How LoRAs among the trained tensors are laid on: `W·x + scale · B·(A·x)` (Hu and others, "LoRA: Low-Rank Adaptation of
/// Large Language Models", 2021, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lora {
    /// Rows of `A`, columns of `B`.
    pub rank: usize,
    /// Alpha over rank.
    pub scale: f32,
}

/// No weights: under a model of which every tensor is trained.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Weights for Nothing {
    fn get(&self, name: &str, _shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        Err(ModelError::Missing {
            name: name.to_owned(),
        })
    }
}

/// Where a tensor comes from: what is trained, or else the weights beneath.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) base: &'a dyn Weights,
    pub(super) trained: &'a Parameters,
    pub(super) lora: Option<Lora>,
}

impl<'a> Source<'a> {
    /// Whether a tensor is trained.
    pub(super) fn trains(&self, name: &str) -> bool {
        self.trained.get(name).is_some()
    }

    /// A tensor's values.
    pub(super) fn values(&self, name: &str, shape: &[usize]) -> Result<Cow<'a, [f32]>, ModelError> {
        if let Some(parameter) = self.trained.get(name) {
            let fits = parameter.values.len() == shape.iter().product::<usize>();
            return match fits {
                true => Ok(Cow::Borrowed(&parameter.values)),
                false => Err(ModelError::Shape {
                    name: name.to_owned(),
                    wanted: shape.to_vec(),
                    found: parameter.shape.clone(),
                }),
            };
        }
        let weight = self.base.get(name, shape)?;
        if weight.len() != shape.iter().product::<usize>() {
            return Err(ModelError::Shape {
                name: name.to_owned(),
                wanted: shape.to_vec(),
                found: vec![weight.len()],
            });
        }
        Ok(Cow::Owned(weight.widened(0, weight.len())))
    }

    /// The halves of a layer's LoRA, where one is trained.
    pub(super) fn lora(
        &self,
        layer: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Option<LoraHalves<'a>>, ModelError> {
        let Some(Lora { rank, scale }) = self.lora else {
            return Ok(None);
        };
        let (down, up) = (format!("{layer}.lora_A.weight"), format!("{layer}.lora_B.weight"));
        if !self.trains(&down) && !self.trains(&up) {
            return Ok(None);
        }
        Ok(Some(LoraHalves {
            down: self.values(&down, &[rank, inputs])?,
            up: self.values(&up, &[outputs, rank])?,
            rank,
            scale,
        }))
    }
}

/// The two halves of a layer's LoRA.
pub(super) struct LoraHalves<'a> {
    pub(super) down: Cow<'a, [f32]>,
    pub(super) up: Cow<'a, [f32]>,
    pub(super) rank: usize,
    pub(super) scale: f32,
}
