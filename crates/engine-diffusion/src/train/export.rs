//! What was trained, as files that other programs read.

use super::settings::LoraShape;
use crate::lora::Expert;
use crate::wan::TransformerConfig;
use crate::weights::{Dtype, Weights, WeightsError, Written, write_whole};
use heirloom_tensors::train::Parameters;
pub use heirloom_tensors::weights::Stored;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How a LoRA's tensors are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// diffusers' and PEFT's names (`transformer.….lora_A.weight`); alpha in the file's notes.
    Diffusers,
    /// The original names as ComfyUI has them (`diffusion_model.….lora_down.weight`); alpha as a tensor for each layer.
    Comfy,
}

/// On what terms sources may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceTerms {
    /// The source, by its name or hash.
    pub source: String,
    /// Its licence, or the terms of its owner's consent.
    pub terms: String,
}

/// What a LoRA's file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What it is called.
    pub title: String,
    /// The model that it was trained on.
    pub base_model: String,
    /// Words that call for it in a prompt.
    pub trigger: Option<String>,
    /// Names the samples that it was trained on: [`super::Trainer::samples_hash`].
    pub dataset: String,
    /// Steps that it was trained for.
    pub steps: u64,
    /// Terms of the sources, to be kept by whoever uses it.
    pub sources: Vec<SourceTerms>,
}

/// What could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file.
    #[error("{} could not be written ({source}): check its folder, and that there is room", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A layer of another model.
    #[error("this model has no layer \"{0}\": export with the model's own configuration")]
    OtherModel(String),
}

/// Writes a LoRA. `expert` is the transformer it was trained for; `stored` the kind of its numbers: in F32 nothing is lost,
/// F16 and BF16 are half as long.
///
/// # Errors
/// [`ExportError`]; where the file cannot be written, what stood there stands.
pub fn export_lora(
    path: &Path,
    trained: &Parameters,
    shape: &LoraShape,
    model: &TransformerConfig,
    expert: Expert,
    form: Form,
    about: &About,
    stored: Stored,
) -> Result<(), ExportError> {
    let originals: BTreeMap<String, String> = model
        .expected()
        .into_iter()
        .filter_map(|one| {
            let stem = |name: &str| name.strip_suffix(".weight").map(str::to_owned);
            Some((stem(&one.name)?, stem(&one.original)?))
        })
        .collect();
    let alpha = [shape.alpha];
    let part = if expert == Expert::Low {
        "transformer_2"
    } else {
        "transformer"
    };
    let (mut tensors, mut layers) = (Vec::new(), BTreeSet::new());
    for (name, parameter) in trained.iter() {
        let halves = [
            (".lora_A.weight", ".lora_down.weight"),
            (".lora_B.weight", ".lora_up.weight"),
        ];
        let found = halves
            .iter()
            .find_map(|(ours, theirs)| Some((name.strip_suffix(ours)?, *theirs)));
        let Some((layer, theirs)) = found else { continue };
        let original = originals
            .get(layer)
            .ok_or_else(|| ExportError::OtherModel(layer.to_owned()))?;
        let first = layers.insert(layer.to_owned());
        if form == Form::Comfy && first {
            tensors.push(Written {
                name: format!("diffusion_model.{original}.alpha"),
                shape: Vec::new(),
                values: &alpha,
            });
        }
        tensors.push(Written {
            name: match form {
                Form::Diffusers => format!("{part}.{name}"),
                Form::Comfy => format!("diffusion_model.{original}{theirs}"),
            },
            shape: parameter.shape.clone(),
            values: &parameter.values,
        });
    }
    let notes = notes(&layers, shape, part, form, about);
    written(path, &notes, &tensors, stored)
}

/// Reads a LoRA back that [`export_lora`] wrote in the form of diffusers: to be written in another form.
///
/// # Errors
/// [`WeightsError`]: it cannot be read.
pub fn read_lora(path: &Path) -> Result<Parameters, WeightsError> {
    let file = Weights::open(path)?;
    let mut trained = Parameters::new();
    for (full, _) in file.entries() {
        let Some(view) = file.get(full) else { continue };
        let name = ["transformer.", "transformer_2."]
            .into_iter()
            .find_map(|part| full.strip_prefix(part))
            .unwrap_or(full);
        let shape: Vec<usize> = view
            .shape
            .iter()
            .map(|side| usize::try_from(*side).unwrap_or(usize::MAX))
            .collect();
        // Lengths were held against shapes when the file was opened; a kind that is not read is none that was written here.
        if let Ok(values) = view.to_f32() {
            trained.insert(name, &shape, values);
        }
    }
    Ok(trained)
}

/// The notes of a LoRA's file: for the programs that read it, then all of it for us.
fn notes(
    layers: &BTreeSet<String>,
    shape: &LoraShape,
    part: &str,
    form: Form,
    about: &About,
) -> BTreeMap<String, String> {
    let mut notes = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    if form == Form::Diffusers {
        let config = [
            ("r", json!(shape.rank)),
            ("lora_alpha", json!(shape.alpha)),
            ("target_modules", json!(layers)),
            ("peft_type", json!("LORA")),
            ("lora_bias", json!(false)),
            ("use_dora", json!(false)),
            ("use_rslora", json!(false)),
        ];
        let config: Map<String, Value> = config
            .into_iter()
            .map(|(key, value)| (format!("{part}.{key}"), value))
            .collect();
        notes.insert("lora_adapter_metadata".into(), Value::Object(config).to_string());
    }
    let terms: BTreeSet<&str> = about.sources.iter().map(|s| s.terms.as_str()).collect();
    let more = [
        ("modelspec.title", about.title.clone()),
        (
            "modelspec.trigger_phrase",
            about.trigger.clone().unwrap_or_default(),
        ),
        (
            "modelspec.license",
            terms.into_iter().collect::<Vec<_>>().join("; "),
        ),
        ("ss_network_dim", shape.rank.to_string()),
        ("ss_network_alpha", shape.alpha.to_string()),
        ("ss_sd_model_name", about.base_model.clone()),
    ];
    notes.extend(
        more.into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(key, text)| (key.to_owned(), text)),
    );
    notes.insert("heirloom_about".into(), json!(about).to_string());
    notes
}

/// Writes every trained tensor by its name: of a model trained whole, the file that `diffusion_pytorch_model.safetensors`
/// is in the diffusers layout.
///
/// # Errors
/// [`ExportError::Write`]; what stood there stands.
pub fn export_model(path: &Path, trained: &Parameters, stored: Stored) -> Result<(), ExportError> {
    let tensors: Vec<Written<'_>> = trained
        .iter()
        .map(|(name, parameter)| Written {
            name: name.to_owned(),
            shape: parameter.shape.clone(),
            values: &parameter.values,
        })
        .collect();
    let notes = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    written(path, &notes, &tensors, stored)
}

fn written(
    path: &Path,
    notes: &BTreeMap<String, String>,
    tensors: &[Written<'_>],
    stored: Stored,
) -> Result<(), ExportError> {
    let kind = match stored {
        Stored::F32 => Dtype::F32,
        Stored::F16 => Dtype::F16,
        Stored::Bf16 => Dtype::Bf16,
    };
    write_whole(path, notes, tensors, kind).map_err(|source| ExportError::Write {
        path: path.to_owned(),
        source,
    })
}
