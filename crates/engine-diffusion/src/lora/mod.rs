//! LoRAs: small changes of a model's weights, in every form that people have them.
//!
//! A LoRA (arXiv 2106.09685, section 4) changes a weight by `strength · alpha / rank · up · down`. What differs between
//! programs is where that stands: the names of layers (diffusers' or the original ones, with dots or with underscores),
//! of the two halves (`lora_A`, `lora_B` or `lora_down`, `lora_up`), and of alpha (a tensor beside them, the file's notes,
//! a file beside it, or nowhere, which means that alpha is the rank).
//!
//! ```no_run
//! use heirloom_engine_diffusion::lora::{Expert, Lora, LoraStack};
//! use heirloom_engine_diffusion::wan::TransformerConfig;
//! use std::path::Path;
//!
//! let model = TransformerConfig::t2v_1_3b().expected();
//! let film = Lora::open(Path::new("film.safetensors"), &model, Expert::Only)?;
//! let grain = Lora::open(Path::new("grain.safetensors"), &model, Expert::Only)?;
//! let stack = LoraStack::new(vec![(film, 1.0), (grain, 0.4)])?;
//! let change = stack.delta("blocks.0.attn1.to_q.weight")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alpha;
mod names;

use crate::weights::{BadNumber, Expected, NumberError, TensorView, Weights, WeightsError, shortened};
pub use alpha::AlphaError;
use alpha::Alphas;
pub use names::Expert;
use names::{Half, Names};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A LoRA that cannot be laid on a model.
#[derive(Debug, thiserror::Error)]
pub enum LoraError {
    /// The file itself.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Its notes about alpha.
    #[error(transparent)]
    Alpha(#[from] AlphaError),
    /// Made for another model.
    #[error("{} is a LoRA for another model ({why}): use it with the model that it was trained on", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// No LoRA at all, or a kind that is not laid on.
    #[error("{} cannot be laid on a model ({why})", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is instead, with the mend.
        why: String,
    },
    /// A half without the other.
    #[error(
        "{}: \"{layer}\" has only one half of its change, or halves of different rank: the file is damaged; copy or \
         download it again", path.display()
    )]
    Half {
        /// The file.
        path: PathBuf,
        /// The layer.
        layer: String,
    },
    /// A number that is none.
    #[error("{0}")]
    BadNumber(BadNumber),
    /// A kind of number that is not read.
    #[error("{}: \"{layer}\": {source}", path.display())]
    Number {
        /// The file.
        path: PathBuf,
        /// The layer.
        layer: String,
        /// The kind.
        source: NumberError,
    },
    /// A strength that is no number.
    #[error("a LoRA's strength is {0}: give a finite number, 1 for as it was trained")]
    Strength(f32),
}

/// One LoRA, opened and held against a model.
#[derive(Debug)]
pub struct Lora {
    path: PathBuf,
    weights: Weights,
    layers: BTreeMap<String, Layer>,
}

/// What a LoRA has for one layer: names of tensors in its file.
#[derive(Clone, Debug, Default)]
struct Layer {
    down: Option<String>,
    up: Option<String>,
    alpha: Option<String>,
    whole: Option<String>,
    bias: Option<String>,
    scale: f64,
    /// The model's tensor that the halves or the whole change.
    tensor: String,
}

/// The two halves of a change, for those who compute beside the weight instead of merging.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// Rows of `down`, columns of `up`.
    pub rank: usize,
    /// `rank × inputs`, row by row.
    pub down: Vec<f32>,
    /// `outputs × rank`, row by row.
    pub up: Vec<f32>,
    /// Strength times alpha over rank.
    pub scale: f32,
}

impl Lora {
    /// Opens a LoRA: a safetensors file, or the folder that PEFT leaves (`adapter_model.safetensors` beside
    /// `adapter_config.json`). `model` is what the transformer needs ([`crate::wan::TransformerConfig::expected`]);
    /// `expert` says which of two transformers it is for, where the file tells them apart.
    ///
    /// # Errors
    /// [`LoraError`]: unreadable, for another model, half there, not finite, or of a kind that is not laid on.
    pub fn open(path: &Path, model: &[Expected], expert: Expert) -> Result<Self, LoraError> {
        let file = if path.is_dir() {
            path.join("adapter_model.safetensors")
        } else {
            path.to_owned()
        };
        let weights = Weights::open(&file)?;
        let alphas = Alphas::read(&file, weights.metadata(), expert)?;
        let names = Names::of(model);
        let mut layers: BTreeMap<String, Layer> = BTreeMap::new();
        let (mut strangers, mut total) = (Vec::new(), 0_usize);
        for (key, _) in weights.entries() {
            let found = match names.read(key) {
                Ok(found) => found,
                Err(why) => return Err(LoraError::Kind { path: file, why }),
            };
            if !found.expert_is(expert) {
                continue;
            }
            total += 1;
            let Some(layer) = found.layer else {
                strangers.push(key.to_owned());
                continue;
            };
            let slot = layers.entry(layer).or_default();
            let place = match found.half {
                Half::Down => &mut slot.down,
                Half::Up => &mut slot.up,
                Half::Alpha => &mut slot.alpha,
                Half::Whole => &mut slot.whole,
                Half::Bias => &mut slot.bias,
            };
            if place.replace(key.to_owned()).is_some() {
                let why = format!(
                    "\"{}\" stands there under two names: get the file again",
                    shortened(key)
                );
                return Err(LoraError::Kind { path: file, why });
            }
        }
        if total == 0 {
            let why = "it has nothing for this transformer".to_owned();
            return Err(LoraError::OtherModel { path: file, why });
        }
        if let Some(first) = strangers.first() {
            let why = format!(
                "{} of its {total} tensors are for no layer of this one, such as \"{}\"",
                strangers.len(),
                shortened(first)
            );
            return Err(LoraError::OtherModel { path: file, why });
        }
        let mut lora = Self {
            path: file,
            weights,
            layers,
        };
        lora.check(model, &alphas)?;
        Ok(lora)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The layers that it changes, by their diffusers names.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &str> {
        self.layers.keys().map(String::as_str)
    }

    /// Shapes, alphas and numbers, once, so that nothing can go wrong while a model runs.
    fn check(&mut self, model: &[Expected], alphas: &Alphas) -> Result<(), LoraError> {
        if let Some(bad) = self.weights.first_bad_number() {
            return Err(LoraError::BadNumber(bad));
        }
        let shapes: BTreeMap<&str, &[u64]> = model
            .iter()
            .map(|e| (e.name.as_str(), e.shape.as_slice()))
            .collect();
        let names: Vec<String> = self.layers.keys().cloned().collect();
        for name in names {
            let layer = self.layers.get(&name).cloned().unwrap_or_default();
            let weight = format!("{name}.weight");
            let tensor = if shapes.contains_key(name.as_str()) {
                &name
            } else {
                &weight
            };
            let shape = shapes.get(tensor.as_str()).copied().unwrap_or_default();
            let scale = self.checked_layer(&name, &layer, shape, alphas)?;
            if let Some(kept) = self.layers.get_mut(&name) {
                kept.scale = scale;
                kept.tensor = tensor.clone();
            }
        }
        Ok(())
    }

    /// Alpha over rank of a layer whose tensors fit the weight's shape.
    fn checked_layer(
        &self,
        name: &str,
        layer: &Layer,
        shape: &[u64],
        alphas: &Alphas,
    ) -> Result<f64, LoraError> {
        let half = || LoraError::Half {
            path: self.path.clone(),
            layer: name.to_owned(),
        };
        let other = |found: String| LoraError::OtherModel {
            path: self.path.clone(),
            why: format!("\"{name}\" has {found}, and this model's weight is {shape:?}"),
        };
        let outputs = shape.first().copied().unwrap_or(0);
        let inputs: u64 = shape.iter().skip(1).product();
        for whole in layer.whole.iter().filter_map(|n| self.weights.get(n)) {
            if whole.shape != shape {
                return Err(other(format!("a change of the shape {:?}", whole.shape)));
            }
        }
        for bias in layer.bias.iter().filter_map(|n| self.weights.get(n)) {
            if bias.shape != [outputs] {
                return Err(other(format!(
                    "a change of the bias of the shape {:?}",
                    bias.shape
                )));
            }
        }
        let (down, up) = match (&layer.down, &layer.up) {
            (None, None) if layer.whole.is_some() || layer.bias.is_some() => return Ok(1.0),
            (Some(down), Some(up)) => (
                self.weights.get(down).ok_or_else(half)?,
                self.weights.get(up).ok_or_else(half)?,
            ),
            _ => return Err(half()),
        };
        let (rank, ins) = folded(&down).ok_or_else(half)?;
        let (outs, columns) = folded(&up).ok_or_else(half)?;
        if rank == 0 || columns != rank {
            return Err(half());
        }
        if (outs, ins) != (outputs, inputs) {
            return Err(other(format!("{outs} outputs and {ins} inputs")));
        }
        let own = layer
            .alpha
            .as_ref()
            .map(|alpha| self.numbers(name, alpha))
            .transpose()?;
        Ok(match own.as_deref() {
            Some(&[alpha]) => f64::from(alpha) / rank as f64,
            Some(_) => return Err(half()),
            None => alphas.scale(name, rank)?,
        })
    }

    fn numbers(&self, layer: &str, tensor: &str) -> Result<Vec<f32>, LoraError> {
        let half = || LoraError::Half {
            path: self.path.clone(),
            layer: layer.to_owned(),
        };
        let view = self.weights.get(tensor).ok_or_else(half)?;
        view.to_f32().map_err(|source| LoraError::Number {
            path: self.path.clone(),
            layer: layer.to_owned(),
            source,
        })
    }
}

/// Rows and columns of a half; a convolution's further axes count as columns.
fn folded(view: &TensorView<'_>) -> Option<(u64, u64)> {
    let (rows, rest) = view.shape.split_first()?;
    if rest.is_empty() {
        return None;
    }
    Some((*rows, rest.iter().product()))
}

/// LoRAs laid on one model together, each with its strength.
#[derive(Debug, Default)]
pub struct LoraStack {
    loras: Vec<(Lora, f32)>,
}

impl LoraStack {
    /// These LoRAs, at these strengths: 1 is as trained, below nought is away from it.
    ///
    /// # Errors
    /// [`LoraError::Strength`]
    pub fn new(loras: Vec<(Lora, f32)>) -> Result<Self, LoraError> {
        match loras.iter().find(|(_, strength)| !strength.is_finite()) {
            Some((_, strength)) => Err(LoraError::Strength(*strength)),
            None => Ok(Self { loras }),
        }
    }

    /// Every tensor (by its diffusers name) that is changed.
    pub fn changed(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (lora, _) in &self.loras {
            for (name, layer) in &lora.layers {
                if layer.whole.is_some() || layer.up.is_some() {
                    names.push(layer.tensor.clone());
                }
                if layer.bias.is_some() {
                    names.push(format!("{name}.bias"));
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// What all of them together add to the tensor of this diffusers name, row by row as the tensor lies; none where none
    /// changes it.
    ///
    /// # Errors
    /// [`LoraError`] where a file's numbers are of a kind that is not read.
    pub fn delta(&self, tensor: &str) -> Result<Option<Vec<f32>>, LoraError> {
        let mut sum = self.whole_delta(tensor)?;
        if !tensor.ends_with(".bias") {
            for factors in self.factors(tensor.strip_suffix(".weight").unwrap_or(tensor))? {
                add(&mut sum, &factors.product(), factors.scale);
            }
        }
        Ok(sum)
    }

    /// The same without what comes in halves ([`LoraStack::factors`]): whole changes of weights, and those of biases.
    ///
    /// # Errors
    /// As [`LoraStack::delta`].
    pub fn whole_delta(&self, tensor: &str) -> Result<Option<Vec<f32>>, LoraError> {
        let (name, bias) = match tensor.strip_suffix(".bias") {
            Some(name) => (name, true),
            None => (tensor.strip_suffix(".weight").unwrap_or(tensor), false),
        };
        let mut sum: Option<Vec<f32>> = None;
        for (lora, strength) in &self.loras {
            let layer = lora.layers.get(name);
            let change = layer.and_then(|layer| {
                if bias {
                    layer.bias.as_ref()
                } else {
                    layer.whole.as_ref()
                }
            });
            if let Some(change) = change {
                add(&mut sum, &lora.numbers(name, change)?, *strength);
            }
        }
        Ok(sum)
    }

    /// The halves that change the layer of this diffusers name (without `.weight`), in the order of the stack.
    ///
    /// # Errors
    /// [`LoraError`] where a file's numbers are of a kind that is not read.
    pub fn factors(&self, layer: &str) -> Result<Vec<Factors>, LoraError> {
        let mut all = Vec::new();
        for (lora, strength) in &self.loras {
            let Some(found) = lora.layers.get(layer) else {
                continue;
            };
            let (Some(down), Some(up)) = (&found.down, &found.up) else {
                continue;
            };
            let rank = lora
                .weights
                .get(down)
                .and_then(|v| folded(&v))
                .map_or(0, |(rank, _)| rank as usize);
            all.push(Factors {
                rank,
                down: lora.numbers(layer, down)?,
                up: lora.numbers(layer, up)?,
                scale: (f64::from(*strength) * found.scale) as f32,
            });
        }
        Ok(all)
    }
}

impl Factors {
    /// `up · down`, outputs × inputs, without the scale.
    pub fn product(&self) -> Vec<f32> {
        let rank = self.rank.max(1);
        let inputs = self.down.len() / rank;
        let mut out = vec![0.0; self.up.len() / rank * inputs];
        if inputs == 0 {
            return out;
        }
        for (row, weights) in out.chunks_exact_mut(inputs).zip(self.up.chunks_exact(rank)) {
            for (weight, down) in weights.iter().zip(self.down.chunks_exact(inputs)) {
                for (slot, value) in row.iter_mut().zip(down) {
                    *slot += weight * value;
                }
            }
        }
        out
    }
}

fn add(sum: &mut Option<Vec<f32>>, more: &[f32], weight: f32) {
    let sum = sum.get_or_insert_with(|| vec![0.0; more.len()]);
    for (slot, value) in sum.iter_mut().zip(more) {
        *slot += weight * value;
    }
}
