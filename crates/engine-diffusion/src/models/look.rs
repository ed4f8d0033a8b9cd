//! What a folder holds, and what is missing or wrong.

use super::licence::{Licence, find};
use super::singles;
use super::tokenizer::check_tokenizer;
use crate::wan::{PipelineConfig, Takes, by_diffusers_names};
use crate::weights::{Dtype, Expected, Weights};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How a folder is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `model_index.json`, and a folder for each part.
    Diffusers,
    /// The original names, in one or several files.
    Single,
}

/// What a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one transformer, or the expert for high noise.
    Transformer,
    /// The expert for low noise.
    Transformer2,
    /// The autoencoder.
    Vae,
    /// The text encoder.
    Text,
    /// The tokenizer.
    Tokenizer,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Transformer => "transformer",
            Self::Transformer2 => "second transformer (for low noise)",
            Self::Vae => "autoencoder",
            Self::Text => "text encoder",
            Self::Tokenizer => "tokenizer",
        })
    }
}

/// One part of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPart {
    /// What it is for.
    pub role: Role,
    /// Its files.
    pub files: Vec<PathBuf>,
    /// Numbers in all its tensors.
    pub numbers: u64,
    /// The kinds of its numbers, and how many tensors have each.
    pub kinds: BTreeMap<Dtype, usize>,
}

/// What was found in a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The folder, as an absolute path.
    pub folder: PathBuf,
    /// How it is laid out.
    pub layout: Layout,
    /// What it is, for people: `Wan text to video, 1.4 B`.
    pub title: String,
    /// Whether it can hold frames at the beginning of a clip (Wan 2.2 TI2V 5B).
    pub holds_frames: bool,
    /// What it takes beside words, by the shape of its transformer; words alone where that was not found.
    pub takes: Takes,
    /// The parts that are whole.
    pub parts: Vec<FoundPart>,
    /// Configurations and the like, which belong to the model too.
    pub others: Vec<PathBuf>,
    /// The weights' licence, by what the folder says.
    pub licence: Option<Licence>,
    /// All that is missing or wrong, each a sentence with its mend.
    pub problems: Vec<String>,
}

/// A folder in which there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// Not there.
    #[error("{} is no folder ({source}): give the folder that holds the model", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No model.
    #[error(
        "{} holds no model: it has neither a model_index.json nor safetensors files. Give the folder that the model was \
         downloaded into", path.display()
    )]
    NoModel {
        /// The path.
        path: PathBuf,
    },
}

/// Looks at a folder: headers and configurations, no weights. What is wrong is in [`Found::problems`], all of it.
///
/// # Errors
/// [`LookError`] where there is no folder, or nothing of a model in it.
pub fn look(folder: &Path) -> Result<Found, LookError> {
    let no = |source| LookError::NoFolder {
        path: folder.to_owned(),
        source,
    };
    let at = folder.canonicalize().map_err(no)?;
    if !at.is_dir() {
        return Err(no(std::io::Error::other("it is a file")));
    }
    let mut found = Found {
        layout: Layout::Diffusers,
        title: String::new(),
        holds_frames: false,
        takes: Takes::Words,
        parts: Vec::new(),
        others: Vec::new(),
        licence: find(&at),
        problems: Vec::new(),
        folder: at.clone(),
    };
    if at.join("model_index.json").is_file() {
        diffusers(&at, &mut found);
    } else if !singles::look(&at, &mut found) {
        return Err(LookError::NoModel { path: at });
    }
    found.title = title(&found);
    Ok(found)
}

fn title(found: &Found) -> String {
    let experts = found
        .parts
        .iter()
        .filter(|p| matches!(p.role, Role::Transformer | Role::Transformer2));
    let numbers: Vec<u64> = experts.map(|p| p.numbers).collect();
    let size = |n: u64| match n as f64 / 1e9 {
        b if b >= 0.05 => format!("{b:.1} B"),
        b => format!("{:.2} M", b * 1e3),
    };
    let kind = match found.holds_frames {
        true => "text and first frame to video".to_owned(),
        false => found.takes.to_string(),
    };
    match numbers.as_slice() {
        [] => "Wan, without its transformer".into(),
        [one] => format!("Wan {kind}, {}", size(*one)),
        all => format!(
            "Wan {kind}, {} experts of {}",
            all.len(),
            size(all.iter().copied().max().unwrap_or(0))
        ),
    }
}

/// What a transformer takes beside words: its first layer and its last tell.
fn takes(weights: &Weights) -> Takes {
    let shape = |name: &str| weights.get(name).map_or(&[][..], |view| view.shape);
    let patch = shape("patch_embedding.weight");
    let outputs = shape("proj_out.weight").first().copied().unwrap_or(0);
    let of = |channels: u64| patch.iter().skip(2).product::<u64>().saturating_mul(channels);
    match patch.get(1) {
        _ if weights.get("vace_patch_embedding.weight").is_some() => Takes::Control,
        Some(channels) if of(*channels) != outputs => Takes::Frames,
        _ => Takes::Words,
    }
}

fn diffusers(folder: &Path, found: &mut Found) {
    for name in [
        "model_index.json",
        "transformer/config.json",
        "transformer_2/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "scheduler/scheduler_config.json",
        "tokenizer/tokenizer_config.json",
    ] {
        if folder.join(name).is_file() {
            found.others.push(folder.join(name));
        }
    }
    let config = match PipelineConfig::read(folder) {
        Ok(config) => config,
        Err(error) => {
            found.problems.push(error.to_string());
            return;
        }
    };
    found.holds_frames = config.expand_timesteps;
    let model = "diffusion_pytorch_model";
    let mut wanted = vec![
        (
            Role::Transformer,
            "transformer",
            model,
            config.transformer.expected(),
        ),
        (Role::Vae, "vae", model, config.vae.expected()),
        (Role::Text, "text_encoder", "model", config.text.expected()),
    ];
    if let Some(second) = &config.second {
        wanted.insert(1, (Role::Transformer2, "transformer_2", model, second.expected()));
    }
    for (role, place, stem, expected) in wanted {
        match Weights::open_part(&folder.join(place), stem) {
            Ok(weights) => {
                let index = folder.join(place).join(format!("{stem}.safetensors.index.json"));
                found.others.extend(index.is_file().then_some(index));
                found.take(role, weights, &expected);
            }
            Err(error) => found.problems.push(format!("{role}: {error}")),
        }
    }
    found.take_tokenizer(&folder.join("tokenizer/tokenizer.json"), &config.text);
}

impl Found {
    /// Notes a part that is whole, or what is wrong with it.
    pub(super) fn take(&mut self, role: Role, weights: Weights, expected: &[Expected]) {
        let part = match role {
            Role::Transformer | Role::Transformer2 => crate::wan::Part::Transformer,
            Role::Vae => crate::wan::Part::Vae,
            Role::Text | Role::Tokenizer => crate::wan::Part::Text,
        };
        let files: Vec<PathBuf> = weights.files().map(Path::to_owned).collect();
        match by_diffusers_names(weights, part, expected) {
            Ok(weights) => {
                if role == Role::Transformer {
                    self.takes = takes(&weights);
                }
                let mut kinds = BTreeMap::new();
                let mut numbers = 0;
                for (_, entry) in weights.entries() {
                    *kinds.entry(entry.dtype).or_default() += 1;
                    numbers += (entry.end - entry.begin) / entry.dtype.bytes();
                }
                self.parts.push(FoundPart {
                    role,
                    files,
                    numbers,
                    kinds,
                });
            }
            Err(error) => {
                let place = files.first().map(|f| f.display().to_string()).unwrap_or_default();
                self.problems.push(format!("{role}: {place}: {error}"));
            }
        }
    }

    pub(super) fn take_tokenizer(&mut self, path: &Path, text: &crate::wan::TextConfig) {
        match check_tokenizer(path, text) {
            Ok(()) => {
                let files = vec![path.to_owned()];
                self.parts.push(FoundPart {
                    role: Role::Tokenizer,
                    files,
                    numbers: 0,
                    kinds: BTreeMap::new(),
                });
            }
            Err(error) => self.problems.push(format!("{}: {error}", Role::Tokenizer)),
        }
    }

    /// Whether this part was found whole.
    pub fn has(&self, role: Role) -> bool {
        self.parts.iter().any(|p| p.role == role)
    }

    /// Every file that belongs to the model, in the order of their names.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = self
            .parts
            .iter()
            .flat_map(|p| p.files.clone())
            .chain(self.others.clone())
            .collect();
        all.sort();
        all.dedup();
        all
    }
}
