//! A model, opened: its configuration, its weights by the names of the diffusers layout, its tokenizer.

use crate::lora::{Factors, LoraError, LoraStack};
use crate::models::{FoundPart, LookError, Role, look};
use crate::schedule::Solver;
use crate::tokens::{TokenError, Tokenizer};
use crate::wan::{
    ConfigError, NameError, Part, PipelineConfig, SchedulerConfig, SchedulerKind, Takes, TextConfig,
    TransformerConfig, VaeConfig, by_diffusers_names,
};
use crate::weights::{Dtype, Expected, Weights, WeightsError};
use heirloom_tensors::weights::{LowRank, ModelError, Stored, Weight};
use heirloom_tensors::{wan, weights};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A model that can not be opened; each says the mend.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its weights' files.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Its weights' tensors.
    #[error("{}: {source}", folder.display())]
    Names {
        /// The folder of the part.
        folder: PathBuf,
        /// What does not fit.
        source: Box<NameError>,
    },
    /// Its tokenizer.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// A folder of single files that can not be looked through.
    #[error(transparent)]
    Look(#[from] LookError),
    /// A folder of single files in which something is missing or wrong.
    #[error("{} is not whole: {}", folder.display(), problems.join("; "))]
    NotWhole {
        /// The folder.
        folder: PathBuf,
        /// All of it.
        problems: Vec<String>,
    },
}

/// Where the two experts of Wan 2.2 A14B meet, which no single file says: its authors' own configurations, for words and for
/// image to video.
const BOUNDARY: f64 = 0.875;
const BOUNDARY_FRAMES: f64 = 0.9;
/// Shift of noise levels where no configuration says it: the authors' advice for 480 rows, and that for image to video.
const SHIFT: f64 = 3.0;
/// The same for Wan 2.2 TI2V 5B, which is for 704 rows.
const SHIFT_5B: f64 = 5.0;
const SHIFT_FRAMES: f64 = 5.0;

/// A model in a folder, of either layout. Weights stay in their files, mapped into memory, and are read as they are used.
#[derive(Debug)]
pub struct Model {
    /// What it is.
    pub config: PipelineConfig,
    /// Where it lies.
    pub folder: PathBuf,
    pub(crate) text: Weights,
    pub(crate) transformer: Weights,
    pub(crate) second: Option<Weights>,
    pub(crate) vae: Weights,
    pub(crate) tokenizer: Tokenizer,
}

impl Model {
    /// Opens a model. Every tensor that it needs is there in its shape, and none is left over, or it is not opened.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let single = !folder.join("model_index.json").is_file() && !folder.join("transformer").is_dir();
        if single {
            Self::of_single_files(folder)
        } else {
            Self::of_diffusers(folder)
        }
    }

    /// The original single files: sizes are told by their shapes, and what no shape tells is as its authors have it.
    fn of_single_files(folder: &Path) -> Result<Self, OpenError> {
        let found = look(folder)?;
        if !found.problems.is_empty() {
            return Err(OpenError::NotWhole {
                folder: folder.to_owned(),
                problems: found.problems,
            });
        }
        let part = |role: Role| found.parts.iter().find(|part| part.role == role);
        let lacking = |role: Role| OpenError::NotWhole {
            folder: folder.to_owned(),
            problems: vec![format!("{role}: it is missing; copy or download it")],
        };
        let named = |source: NameError| OpenError::Names {
            folder: folder.to_owned(),
            source: Box::new(source),
        };
        let files = |role: Role| -> Result<Weights, OpenError> {
            Ok(opened(part(role).ok_or_else(|| lacking(role))?)?)
        };
        let (first, vae, text) = (files(Role::Transformer)?, files(Role::Vae)?, files(Role::Text)?);
        let second = part(Role::Transformer2).map(opened).transpose()?;
        let vae_config = VaeConfig::of_names(&vae);
        // Only the 5B has this autoencoder.
        let is_5b = vae_config.is_residual;
        let transformer = TransformerConfig::of_shapes(&first).map_err(named)?;
        let (boundary, shift) = match transformer.takes() {
            Takes::Frames => (BOUNDARY_FRAMES, SHIFT_FRAMES),
            Takes::Words | Takes::Control => (BOUNDARY, SHIFT),
        };
        let config = PipelineConfig {
            transformer,
            second: second
                .as_ref()
                .map(TransformerConfig::of_shapes)
                .transpose()
                .map_err(named)?,
            boundary: second.as_ref().map(|_| boundary),
            expand_timesteps: is_5b,
            vae: vae_config,
            text: TextConfig::of_shapes(&text).map_err(named)?,
            scheduler: SchedulerConfig {
                kind: SchedulerKind::UniPc(Solver::default()),
                shift: if is_5b { SHIFT_5B } else { shift },
                training_steps: 1000,
            },
        }
        .agrees(folder)?;
        let tokenizer = part(Role::Tokenizer)
            .and_then(|part| part.files.first()?.parent())
            .ok_or_else(|| lacking(Role::Tokenizer))?;
        let fit =
            |weights, part, expected: &[Expected]| by_diffusers_names(weights, part, expected).map_err(named);
        Ok(Self {
            tokenizer: Tokenizer::open(tokenizer, config.text.vocab_size)?,
            text: fit(text, Part::Text, &config.text.expected())?,
            transformer: fit(first, Part::Transformer, &config.transformer.expected())?,
            second: match (second, &config.second) {
                (Some(weights), Some(second)) => Some(fit(weights, Part::Transformer, &second.expected())?),
                _ => None,
            },
            vae: fit(vae, Part::Vae, &config.vae.expected())?,
            folder: folder.to_owned(),
            config,
        })
    }

    fn of_diffusers(folder: &Path) -> Result<Self, OpenError> {
        let config = PipelineConfig::read(folder)?;
        let part = |name: &str, stem: &str, part: Part, expected: &[Expected]| {
            let folder = folder.join(name);
            let weights = Weights::open_part(&folder, stem)?;
            by_diffusers_names(weights, part, expected).map_err(|source| OpenError::Names {
                folder,
                source: Box::new(source),
            })
        };
        let pictures = "diffusion_pytorch_model";
        let second = match &config.second {
            Some(second) => Some(part(
                "transformer_2",
                pictures,
                Part::Transformer,
                &second.expected(),
            )?),
            None => None,
        };
        Ok(Self {
            text: part("text_encoder", "model", Part::Text, &config.text.expected())?,
            transformer: part(
                "transformer",
                pictures,
                Part::Transformer,
                &config.transformer.expected(),
            )?,
            second,
            vae: part("vae", pictures, Part::Vae, &config.vae.expected())?,
            tokenizer: Tokenizer::open(&folder.join("tokenizer"), config.text.vocab_size)?,
            folder: folder.to_owned(),
            config,
        })
    }
}

/// The weights of a part's files: one, or the shards of an index beside them.
fn opened(part: &FoundPart) -> Result<Weights, WeightsError> {
    if let [one] = part.files.as_slice() {
        return Weights::open(one);
    }
    let folder = part
        .files
        .first()
        .and_then(|file| file.parent())
        .unwrap_or(Path::new("."));
    let listed = std::fs::read_dir(folder).map_err(|source| WeightsError::Io {
        path: folder.to_owned(),
        source,
    })?;
    let index = listed
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with(".safetensors.index.json"));
    match index {
        Some(index) => Weights::open_index(&index),
        None => Err(WeightsError::NoWeights {
            folder: folder.to_owned(),
            wanted: "one file, or several with an index".into(),
        }),
    }
}

/// Weights with LoRAs laid on as they are read.
pub struct Laid<'a> {
    base: &'a Weights,
    loras: Option<&'a LoraStack>,
    how: Lay,
}

/// How LoRAs of two halves are laid on. Whole changes, and those of biases, are always summed into the weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lay {
    /// Each layer computes the halves beside its weight. Where weights are read anew at every step this is far less work:
    /// with rank r, `r · (inputs + outputs)` products a token in place of `r · inputs · outputs` a step.
    #[default]
    Beside,
    /// Summed into the weight when it is read.
    Merged,
}

impl<'a> Laid<'a> {
    /// These weights, with these LoRAs where there are any.
    pub fn new(base: &'a Weights, loras: Option<&'a LoraStack>) -> Self {
        Self {
            base,
            loras,
            how: Lay::default(),
        }
    }

    /// The same, laid on in this way.
    #[must_use]
    pub fn laid(self, how: Lay) -> Self {
        Self { how, ..self }
    }
}

impl weights::Weights for Laid<'_> {
    fn get(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let view = self.base.get(name).ok_or_else(|| ModelError::Missing {
            name: name.to_owned(),
        })?;
        let found: Vec<usize> = view
            .shape
            .iter()
            .map(|side| usize::try_from(*side).unwrap_or(usize::MAX))
            .collect();
        if found != shape {
            return Err(ModelError::Shape {
                name: name.to_owned(),
                wanted: shape.to_vec(),
                found,
            });
        }
        let unreadable = |why: String| ModelError::Unreadable {
            name: name.to_owned(),
            why,
        };
        let stored = match view.dtype {
            Dtype::F32 => Stored::F32,
            Dtype::F16 => Stored::F16,
            Dtype::Bf16 => Stored::Bf16,
            other => {
                return Err(unreadable(format!(
                    "its numbers are {}; get the model in BF16",
                    other.name()
                )));
            }
        };
        let delta = match self.loras {
            Some(loras) => match self.how {
                Lay::Merged => loras.delta(name),
                Lay::Beside => loras.whole_delta(name),
            }
            .map_err(|e: LoraError| unreadable(e.to_string()))?,
            None => None,
        };
        let Some(delta) = delta else {
            return Ok(Weight {
                stored,
                bytes: Cow::Borrowed(view.bytes),
            });
        };
        let mut values = view.to_f32().map_err(|e| unreadable(e.to_string()))?;
        for (value, more) in values.iter_mut().zip(&delta) {
            *value += more;
        }
        Ok(Weight {
            stored: Stored::F32,
            bytes: Cow::Owned(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        })
    }

    fn beside(&self, name: &str) -> Result<Vec<LowRank>, ModelError> {
        let Some(loras) = self.loras.filter(|_| self.how == Lay::Beside) else {
            return Ok(Vec::new());
        };
        let layer = name.strip_suffix(".weight").unwrap_or(name);
        let factors = loras.factors(layer).map_err(|e| ModelError::Unreadable {
            name: name.to_owned(),
            why: e.to_string(),
        })?;
        let scaled = |factors: Factors| LowRank {
            rank: factors.rank,
            down: factors.down,
            up: factors.up.iter().map(|v| v * factors.scale).collect(),
        };
        Ok(factors.into_iter().map(scaled).collect())
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The transformer's shape as it is computed with.
pub fn dit_config(c: &TransformerConfig) -> wan::DitConfig {
    wan::DitConfig {
        patch: c.patch_size.map(size),
        heads: size(c.num_attention_heads),
        head_dim: size(c.attention_head_dim),
        in_channels: size(c.in_channels),
        out_channels: size(c.out_channels),
        text_dim: size(c.text_dim),
        freq_dim: size(c.freq_dim),
        ffn_dim: size(c.ffn_dim),
        layers: size(c.num_layers),
        cross_attn_norm: c.cross_attn_norm,
        eps: c.eps as f32,
    }
}

/// The shape of a transformer with VACE's branch as it is computed with.
pub fn vace_config(c: &TransformerConfig) -> wan::VaceConfig {
    wan::VaceConfig {
        dit: dit_config(c),
        layers: c.vace_layers.iter().copied().map(size).collect(),
        control_channels: size(c.vace_in_channels),
    }
}

/// The text encoder's shape as it is computed with.
pub(crate) fn text_config(c: &TextConfig) -> wan::TextConfig {
    wan::TextConfig {
        vocabulary: size(c.vocab_size),
        width: size(c.d_model),
        heads: size(c.num_heads),
        head_dim: size(c.d_kv),
        ffn_dim: size(c.d_ff),
        layers: size(c.num_layers),
        buckets: size(c.relative_attention_num_buckets),
        max_distance: size(c.relative_attention_max_distance),
        eps: c.layer_norm_epsilon as f32,
    }
}

/// The autoencoder's shape as it is computed with.
pub fn vae_config(c: &VaeConfig) -> wan::VaeConfig {
    wan::VaeConfig {
        base: size(c.base_dim),
        decoder_base: size(c.decoder_base()),
        residual: c.is_residual,
        patch: size(c.patch()),
        multiples: c.dim_mult.iter().copied().map(size).collect(),
        blocks: size(c.num_res_blocks),
        time_steps: c.temporal_downsample.clone(),
        latent_channels: size(c.z_dim),
        mean: c.latents_mean.iter().map(|v| *v as f32).collect(),
        deviation: c.latents_std.iter().map(|v| *v as f32).collect(),
    }
}
