//! Where alpha stands when it is no tensor: in the file's notes, or in PEFT's file beside it.

use super::names::Expert;
use crate::weights::{read_limited, shortened};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MOST_BYTES: u64 = 4_000_000;

/// Notes about alpha that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: what it says about its LoRA cannot be used ({why}): get the file as its trainer left it", path.display())]
pub struct AlphaError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    r: Option<f64>,
    #[serde(default)]
    lora_alpha: Option<f64>,
    #[serde(default)]
    alpha_pattern: Option<BTreeMap<String, f64>>,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
}

/// What is known of alpha for layers without a tensor of it.
#[derive(Debug)]
pub(super) struct Alphas {
    path: PathBuf,
    config: Option<Config>,
}

impl Alphas {
    /// Reads the notes of diffusers (`lora_adapter_metadata`) or PEFT's `adapter_config.json` beside the file.
    pub fn read(file: &Path, notes: &BTreeMap<String, String>, expert: Expert) -> Result<Self, AlphaError> {
        if let Some(text) = notes.get("lora_adapter_metadata") {
            let prefix = if expert == Expert::Low {
                "transformer_2."
            } else {
                "transformer."
            };
            return Self::of(file, text.as_bytes(), prefix);
        }
        let beside = file.with_file_name("adapter_config.json");
        let is_peft = file.file_name().is_some_and(|n| n == "adapter_model.safetensors");
        if !is_peft || !beside.is_file() {
            return Ok(Self {
                path: file.to_owned(),
                config: None,
            });
        }
        let wrong = |why: String| AlphaError {
            path: beside.clone(),
            why,
        };
        let text = read_limited(&beside, MOST_BYTES)
            .map_err(|e| wrong(e.to_string()))?
            .ok_or_else(|| wrong("it is too long".into()))?;
        Self::of(&beside, &text, "")
    }

    fn of(path: &Path, text: &[u8], prefix: &str) -> Result<Self, AlphaError> {
        let wrong = |why: String| AlphaError {
            path: path.to_owned(),
            why,
        };
        let said: Map<String, Value> =
            serde_json::from_slice(text).map_err(|e| wrong(shortened(&e.to_string())))?;
        let own: Map<String, Value> = said
            .into_iter()
            .filter_map(|(k, v)| Some((k.strip_prefix(prefix)?.to_owned(), v)))
            .collect();
        if own.is_empty() {
            return Ok(Self {
                path: path.to_owned(),
                config: None,
            });
        }
        let config: Config =
            serde_json::from_value(Value::Object(own)).map_err(|e| wrong(shortened(&e.to_string())))?;
        if config.use_dora {
            return Err(wrong("it is a DoRA, and only plain LoRAs are laid on".into()));
        }
        let patterns = config.alpha_pattern.iter().flatten();
        if let Some((pattern, _)) = patterns
            .clone()
            .find(|(p, _)| p.contains(['*', '+', '?', '[', '(', '\\', '^', '$', '|']))
        {
            return Err(wrong(format!(
                "its alpha_pattern \"{}\" is not a plain name",
                shortened(pattern)
            )));
        }
        let numbers = patterns.map(|(_, a)| *a).chain(config.lora_alpha).chain(config.r);
        if numbers.into_iter().any(|n| !n.is_finite()) {
            return Err(wrong("alpha is no finite number".into()));
        }
        Ok(Self {
            path: path.to_owned(),
            config: Some(config),
        })
    }

    /// Alpha over rank for this layer; over the rank's root where the LoRA is rank-stabilised (arXiv 2312.03732).
    pub fn scale(&self, layer: &str, rank: u64) -> Result<f64, AlphaError> {
        let Some(config) = &self.config else {
            return Ok(1.0);
        };
        let own = config.alpha_pattern.iter().flatten();
        let own = own.clone().find(|(name, _)| {
            layer == name.as_str()
                || layer
                    .strip_suffix(name.as_str())
                    .is_some_and(|rest| rest.ends_with('.'))
        });
        // PEFT's own default is 8; its files always say.
        let alpha = own.map(|(_, alpha)| *alpha).or(config.lora_alpha);
        let Some(alpha) = alpha else {
            let why = "it names no lora_alpha".to_owned();
            return Err(AlphaError {
                path: self.path.clone(),
                why,
            });
        };
        let rank = rank as f64;
        Ok(if config.use_rslora {
            alpha / rank.sqrt()
        } else {
            alpha / rank
        })
    }
}
