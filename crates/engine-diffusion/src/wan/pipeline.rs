//! A pipeline's folder: which parts it has, and how it steps.

use super::config::{read_json, within};
use super::{ConfigError, Takes, TextConfig, TransformerConfig, VaeConfig};
use crate::schedule::{Schedule, Solver};
use crate::weights::shortened;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The pipelines that are run, and what each takes beside words.
const CLASSES: [(&str, Takes); 3] = [
    ("WanPipeline", Takes::Words),
    ("WanImageToVideoPipeline", Takes::Frames),
    ("WanVACEPipeline", Takes::Control),
];

/// `model_index.json` and the configurations that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineConfig {
    /// The transformer; where there are two experts, the one for high noise.
    pub transformer: TransformerConfig,
    /// The expert for low noise.
    pub second: Option<TransformerConfig>,
    /// Where the experts meet, as a part of the training's steps: at times of this part and above, the first one runs.
    pub boundary: Option<f64>,
    /// Whether tokens may stand at times of their own, so that first frames can be held: Wan 2.2 TI2V 5B.
    pub expand_timesteps: bool,
    /// The autoencoder.
    pub vae: VaeConfig,
    /// The text encoder.
    pub text: TextConfig,
    /// How the model is stepped.
    pub scheduler: SchedulerConfig,
}

#[derive(Deserialize)]
struct Index {
    #[serde(rename = "_class_name", default)]
    class: String,
    #[serde(default)]
    boundary_ratio: Option<f64>,
    #[serde(default)]
    expand_timesteps: bool,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Index {
    /// Whether the index names this part: `["library", "Class"]`, and not `[null, null]`.
    fn has(&self, part: &str) -> bool {
        let class = self
            .rest
            .get(part)
            .and_then(Value::as_array)
            .and_then(|a| a.get(1));
        class.is_some_and(Value::is_string)
    }
}

impl PipelineConfig {
    /// Reads `model_index.json` and each part's configuration in a folder of the diffusers layout. Weights are not
    /// touched.
    ///
    /// # Errors
    /// [`ConfigError`] for the first file that is missing, of another form or another model's.
    pub fn read(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join("model_index.json");
        let index: Index = read_json(&path)?;
        let Some((_, takes)) = CLASSES.iter().find(|(class, _)| *class == index.class) else {
            let found = shortened(&index.class);
            let why = format!(
                "it is of the class \"{found}\", and WanPipeline, WanImageToVideoPipeline and WanVACEPipeline are run: get a T2V \
                 model, Wan 2.1 VACE or Wan 2.2 I2V A14B"
            );
            return Err(ConfigError::new(&path, why));
        };
        for part in ["transformer", "vae", "text_encoder", "tokenizer", "scheduler"] {
            if !index.has(part) {
                let why = format!(
                    "it names no {part}: the download is not whole; copy or download the model again"
                );
                return Err(ConfigError::new(&path, why));
            }
        }
        let boundary = index.boundary_ratio;
        if boundary.is_some_and(|b| !(b > 0.0 && b < 1.0)) {
            return Err(ConfigError::new(
                &path,
                format!("boundary_ratio is {boundary:?}, and it must lie between 0 and 1"),
            ));
        }
        if index.has("transformer_2") != boundary.is_some() {
            let why = "two experts need a boundary_ratio, and one transformer has none: copy or download the model again";
            return Err(ConfigError::new(&path, why));
        }
        let second = match boundary {
            Some(_) => Some(TransformerConfig::read(
                &folder.join("transformer_2/config.json"),
            )?),
            None => None,
        };
        let made = Self {
            transformer: TransformerConfig::read(&folder.join("transformer/config.json"))?,
            second,
            boundary,
            expand_timesteps: index.expand_timesteps,
            vae: VaeConfig::read(&folder.join("vae/config.json"))?,
            text: TextConfig::read(&folder.join("text_encoder/config.json"))?,
            scheduler: SchedulerConfig::read(&folder.join("scheduler/scheduler_config.json"))?,
        };
        for (name, expert) in made.experts() {
            if expert.takes() != *takes {
                let why = format!(
                    "it is a transformer for {}, and the pipeline is one for {takes}: these parts are of different models",
                    expert.takes()
                );
                return Err(ConfigError::new(&folder.join(name).join("config.json"), why));
            }
        }
        made.agrees(folder)
    }

    /// What the model takes beside words.
    pub fn takes(&self) -> Takes {
        self.transformer.takes()
    }

    /// The transformers by the folders that diffusers has them in.
    fn experts(&self) -> impl Iterator<Item = (&'static str, &TransformerConfig)> {
        let second = self.second.as_ref().map(|second| ("transformer_2", second));
        std::iter::once(("transformer", &self.transformer)).chain(second)
    }

    /// Whether the expert for low noise is to run at this time (0 to `training_steps`).
    pub fn is_second_at(&self, time: f64) -> bool {
        self.boundary
            .is_some_and(|b| time < b * self.scheduler.training_steps as f64)
    }

    /// Frames a second that the model was trained at.
    pub fn trained_rate(&self) -> u32 {
        if self.expand_timesteps { 24 } else { 16 }
    }

    /// Pixels on a side that a picture is made in multiples of: rows, then columns.
    pub fn grid_px(&self) -> [u64; 2] {
        let [_, rows, columns] = self.transformer.patch_size;
        [rows, columns].map(|patch| patch * self.vae.scale_sides())
    }

    /// Parts of different models can each be right and not fit each other.
    pub(crate) fn agrees(self, folder: &Path) -> Result<Self, ConfigError> {
        for (name, expert) in self.experts() {
            let path = folder.join(name).join("config.json");
            if expert.text_dim != self.text.d_model {
                let why = format!(
                    "it takes text states {} wide, and the text encoder's are {}: these parts are of different models",
                    expert.text_dim, self.text.d_model
                );
                return Err(ConfigError::new(&path, why));
            }
            if expert.out_channels != self.vae.z_dim {
                let why = format!(
                    "it makes {} latent channels, and the autoencoder takes {}: these parts are of different models",
                    expert.out_channels, self.vae.z_dim
                );
                return Err(ConfigError::new(&path, why));
            }
            // Both halves of the control's clip, and a channel of the mask for each pixel of a latent.
            let control = 2 * self.vae.z_dim + self.vae.scale_sides().pow(2);
            let mask = expert.in_channels.saturating_sub(2 * self.vae.z_dim);
            let fits = match expert.takes() {
                Takes::Words => true,
                Takes::Frames => mask == self.vae.scale_frames(),
                Takes::Control => expert.vace_in_channels == control,
            };
            if expert.takes() != self.takes() || !fits {
                let why = format!(
                    "what it takes beside words does not fit the autoencoder or the other transformer ({} and {}, {} channels of \
                     control): these parts are of different models",
                    expert.takes(),
                    self.takes(),
                    expert.vace_in_channels
                );
                return Err(ConfigError::new(&path, why));
            }
        }
        Ok(self)
    }
}

/// Which scheduler the folder asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulerKind {
    /// `UniPCMultistepScheduler` on flow sigmas.
    UniPc(Solver),
    /// `FlowMatchEulerDiscreteScheduler`.
    Euler,
}

/// `scheduler/scheduler_config.json`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SchedulerConfig {
    /// The scheduler.
    pub kind: SchedulerKind,
    /// How far the noise levels are moved up: 3 for 480p, 5 for 720p by Wan's own advice.
    pub shift: f64,
    /// Steps of the training, at which time ends: 1000.
    pub training_steps: u64,
}

#[derive(Deserialize)]
struct RawScheduler {
    #[serde(rename = "_class_name", default)]
    class: String,
    #[serde(default)]
    prediction_type: Option<String>,
    #[serde(default)]
    use_flow_sigmas: bool,
    #[serde(default)]
    flow_shift: Option<f64>,
    #[serde(default)]
    shift: Option<f64>,
    #[serde(default)]
    solver_type: Option<String>,
    #[serde(default)]
    solver_order: Option<u64>,
    #[serde(default)]
    lower_order_final: Option<bool>,
    #[serde(default)]
    num_train_timesteps: Option<u64>,
    #[serde(default)]
    use_dynamic_shifting: bool,
    #[serde(default)]
    use_karras_sigmas: bool,
    #[serde(default)]
    use_exponential_sigmas: bool,
    #[serde(default)]
    use_beta_sigmas: bool,
    #[serde(default)]
    shift_terminal: Option<f64>,
}

impl SchedulerConfig {
    /// Reads and checks a `scheduler_config.json`.
    ///
    /// # Errors
    /// [`ConfigError`]: missing, of another form, or a scheduler that is not run.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let raw: RawScheduler = read_json(path)?;
        let no = |why: String| {
            Err(ConfigError::new(
                path,
                format!("{why}: put the model's own scheduler_config.json there"),
            ))
        };
        let other = [
            ("use_dynamic_shifting", raw.use_dynamic_shifting),
            ("use_karras_sigmas", raw.use_karras_sigmas),
            ("use_exponential_sigmas", raw.use_exponential_sigmas),
            ("use_beta_sigmas", raw.use_beta_sigmas),
            ("shift_terminal", raw.shift_terminal.is_some_and(|s| s != 0.0)),
        ];
        if let Some((name, _)) = other.iter().find(|(_, set)| *set) {
            return no(format!("{name} is set, which is not run"));
        }
        let training_steps = raw.num_train_timesteps.unwrap_or(1000);
        within(path, "num_train_timesteps", training_steps, 2, 1_000_000)?;
        let (kind, shift) = match raw.class.as_str() {
            "UniPCMultistepScheduler" => {
                if !raw.use_flow_sigmas || raw.prediction_type.as_deref() != Some("flow_prediction") {
                    return no("it does not step along a flow (use_flow_sigmas, flow_prediction)".into());
                }
                let solver = Solver::named(
                    raw.solver_type.as_deref().unwrap_or("bh2"),
                    raw.solver_order.unwrap_or(2),
                    raw.lower_order_final.unwrap_or(true),
                );
                match solver {
                    Some(solver) => (SchedulerKind::UniPc(solver), raw.flow_shift.unwrap_or(1.0)),
                    None => return no("its solver is not bh1 or bh2 of order 1 or 2".into()),
                }
            }
            "FlowMatchEulerDiscreteScheduler" => (SchedulerKind::Euler, raw.shift.unwrap_or(1.0)),
            class => return no(format!("the scheduler \"{}\" is not run", shortened(class))),
        };
        if !(shift > 0.0 && shift <= 1000.0) {
            return no(format!(
                "the shift is {shift}, and it must lie between 0 and 1000"
            ));
        }
        Ok(Self {
            kind,
            shift,
            training_steps,
        })
    }

    /// The schedule of `steps` steps that this configuration asks for.
    ///
    /// # Errors
    /// [`crate::schedule::ScheduleError`] where there are no steps, or more than the training had.
    pub fn schedule(&self, steps: usize) -> Result<Schedule, crate::schedule::ScheduleError> {
        match self.kind {
            SchedulerKind::UniPc(solver) => Schedule::unipc(solver, self.shift, steps, self.training_steps),
            SchedulerKind::Euler => Schedule::euler(self.shift, steps, self.training_steps),
        }
    }
}
