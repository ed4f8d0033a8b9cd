//! A model of the list as what a LoRA is trained on.

use super::{LoraShape, Settings, Subject, TrainError, draw_of, noised};
use crate::generate::{Ask, At, Clip, GenerateError, Hear, Loras, generate};
use crate::lora::{Expert, Lora, LoraError, LoraStack};
use crate::model::{Laid, Model, dit_config};
use crate::train::Sample;
use crate::train::settings::Trained;
use crate::train::trainer::padded;
use crate::wan::{Takes, TransformerConfig};
use burn::tensor::Device;
use heirloom_tensors::train::{Dit, Example, Lora as Beside, Parameters};
use heirloom_tensors::weights::ModelError;
use std::borrow::Cow;
use std::path::Path;

/// Noise levels that held-out samples are judged at, before the shift.
const JUDGED: [f64; 4] = [0.125, 0.375, 0.625, 0.875];

/// A model that no LoRA is trained on, with the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroundError {
    /// Image to video.
    #[error(
        "{0} makes clips from a first frame, and nothing is trained on such a model yet: train on its text to video \
         sibling (Wan 2.2 T2V A14B), whose LoRAs fit it too"
    )]
    Frames(String),
    /// Two experts, and none was named.
    #[error(
        "{0} has two experts, and each is trained by itself: say `--expert high` (composition) or `--expert low` (texture \
         and look)"
    )]
    WhichExpert(String),
    /// An expert of a model that has one transformer.
    #[error("{0} has one transformer and no experts: leave `--expert` out")]
    NoExperts(String),
}

/// A picture that could not be made with a LoRA.
#[derive(Debug, thiserror::Error)]
pub enum StillError {
    /// The LoRA.
    #[error(transparent)]
    Lora(#[from] LoraError),
    /// The picture.
    #[error(transparent)]
    Generate(#[from] GenerateError),
}

/// Follows nothing and asks whether to go on.
struct Quiet<'a>(&'a mut dyn FnMut() -> bool);

impl Hear for Quiet<'_> {
    fn go_on(&mut self) -> bool {
        (self.0)()
    }

    fn at(&mut self, _at: At) {}

    fn preview(&mut self, _step: usize, _picture: Clip) {}

    fn looks(&self) -> bool {
        false
    }
}

/// A model, the transformer of it that is trained, and which noise levels are that one's.
pub struct Ground<'a> {
    model: &'a Model,
    expert: Expert,
    weights: Laid<'a>,
    base: String,
}

impl<'a> Ground<'a> {
    /// `name` and `id` are the list's. `expert` is named for models that have two, and for no other.
    ///
    /// # Errors
    /// [`GroundError`]
    pub fn new(model: &'a Model, name: &str, id: &str, expert: Expert) -> Result<Self, GroundError> {
        if model.config.takes() == Takes::Frames {
            return Err(GroundError::Frames(name.to_owned()));
        }
        let weights = match (&model.second, expert) {
            (None, Expert::Only) | (Some(_), Expert::High) => &model.transformer,
            (Some(second), Expert::Low) => second,
            (Some(_), Expert::Only) => return Err(GroundError::WhichExpert(name.to_owned())),
            (None, _) => return Err(GroundError::NoExperts(name.to_owned())),
        };
        Ok(Self {
            model,
            expert,
            weights: Laid::new(weights, None),
            base: match expert {
                Expert::Only => id.to_owned(),
                Expert::High => format!("{id} high"),
                Expert::Low => format!("{id} low"),
            },
        })
    }

    /// The transformer that is trained.
    pub fn config(&self) -> &'a TransformerConfig {
        match (&self.model.config.second, self.expert) {
            (Some(second), Expert::Low) => second,
            _ => &self.model.config.transformer,
        }
    }

    /// Which transformer it is.
    pub fn expert(&self) -> Expert {
        self.expert
    }

    /// The noise levels that it is run at.
    pub fn range(&self) -> [f64; 2] {
        match (self.model.config.boundary, self.expert) {
            (Some(boundary), Expert::High) => [boundary, 1.0],
            (Some(boundary), Expert::Low) => [0.0, boundary],
            _ => [0.0, 1.0],
        }
    }

    /// What a run is given; `blank` are the states of an empty text.
    pub fn subject(&self, blank: Option<Vec<f32>>) -> Subject<'_> {
        Subject {
            config: dit_config(self.config()),
            control: None,
            weights: &self.weights,
            base: self.base.clone(),
            blank,
        }
    }

    /// Each sample's loss, mean over a few noise levels of the model's range and shift, with the same noise each time it
    /// is asked: what is learned shows in it, and chance does not. For samples that are not trained on.
    ///
    /// # Errors
    /// [`TrainError`]; [`ModelError::Stopped`] where `go_on` says so.
    pub fn losses(
        &self,
        (shape, trained): (&LoraShape, &Parameters),
        samples: &[Sample],
        settings: &Settings,
        text_tokens: usize,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>, TrainError> {
        let config = dit_config(self.config());
        let width = config.text_dim;
        let dit = Dit {
            config,
            control: None,
            base: &self.weights,
            lora: Some(Beside {
                rank: shape.rank,
                scale: shape.alpha / shape.rank as f32,
            }),
            checkpointing: false,
        };
        let [least, most] = settings.range;
        let mut losses = Vec::with_capacity(samples.len());
        for (n, sample) in samples.iter().enumerate() {
            let text = padded(Cow::Borrowed(&sample.text), Some(text_tokens), width);
            let mut sum = 0.0;
            for (k, u) in JUDGED.iter().enumerate() {
                if !go_on() {
                    return Err(ModelError::Stopped.into());
                }
                let shifted = settings.shift * u / (1.0 + (settings.shift - 1.0) * u);
                let level = least + (most - least) * shifted;
                let number = (n * JUDGED.len() + k) as u64;
                // Counted from the other end, so that no step of a run has this noise.
                let draw = draw_of(n, level as f32, u64::MAX - number);
                let (latents, target) = noised(&sample.latents, &draw, settings.seed);
                let example = Example {
                    latents: &latents,
                    size: sample.size,
                    text: &text,
                    control: None,
                    timestep: draw.level * 1000.0,
                    target: &target,
                };
                sum += dit.loss(trained, &example)?.loss;
            }
            losses.push(sum / JUDGED.len() as f64);
        }
        Ok(losses)
    }

    /// Makes a picture with a LoRA of this transformer laid on, from its file.
    ///
    /// # Errors
    /// [`StillError`]; as stopped where `go_on` says so.
    pub fn picture(
        &self,
        lora: &Path,
        ask: &Ask,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Clip, StillError> {
        let lora = Lora::open(lora, &self.config().expected(), self.expert)?;
        let stack = LoraStack::new(vec![(lora, 1.0)])?;
        // One that changes nothing yet is not laid on.
        let stack = Some(&stack).filter(|stack| !stack.changed().is_empty());
        let loras = match self.expert {
            Expert::Only | Expert::High => Loras {
                first: stack,
                second: None,
            },
            Expert::Low => Loras {
                first: None,
                second: stack,
            },
        };
        let mut hear = Quiet(go_on);
        Ok(generate(self.model, ask, loras, &Device::flex(), &mut hear)?)
    }

    /// The shape of a LoRA that settings train.
    pub fn shape(settings: &Settings) -> Option<&LoraShape> {
        match &settings.trained {
            Trained::Lora(shape) => Some(shape),
            Trained::Whole => None,
        }
    }
}
