//! A LoRA's keys: which layer, and what of it.

use crate::weights::{Expected, shortened};
use std::collections::BTreeMap;

/// Which transformer of a model a LoRA is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expert {
    /// The model has one.
    Only,
    /// The expert for high noise (`transformer`).
    High,
    /// The expert for low noise (`transformer_2`).
    Low,
}

/// What a tensor of a LoRA is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Down,
    Up,
    Alpha,
    /// A change of the weight, not in halves.
    Whole,
    /// A change of the bias.
    Bias,
}

pub(super) struct Found {
    /// The layer's diffusers name; none where the model has no such layer.
    pub layer: Option<String>,
    pub half: Half,
    second: Option<bool>,
}

impl Found {
    /// Files that do not tell the experts apart are for whichever they are laid on.
    pub fn expert_is(&self, expert: Expert) -> bool {
        match self.second {
            None => true,
            Some(second) => second == (expert == Expert::Low),
        }
    }
}

const ENDINGS: [(&str, Half); 15] = [
    (".lora_A.weight", Half::Down),
    (".lora_A.default.weight", Half::Down),
    (".lora_down.weight", Half::Down),
    (".lora.down.weight", Half::Down),
    (".lora_B.weight", Half::Up),
    (".lora_B.default.weight", Half::Up),
    (".lora_up.weight", Half::Up),
    (".lora.up.weight", Half::Up),
    (".alpha", Half::Alpha),
    (".diff", Half::Whole),
    // Of the table of scales and shifts, named by its block.
    (".diff_m", Half::Whole),
    (".diff_b", Half::Bias),
    (".lora_B.bias", Half::Bias),
    (".lora_up.bias", Half::Bias),
    (".lora_B.default.bias", Half::Bias),
];

/// Words that other ways to change weights use in their keys.
const OTHER_WAYS: [(&str, &str); 7] = [
    ("dora_scale", "DoRA"),
    ("lora_magnitude_vector", "DoRA"),
    ("hada_w", "LoHa"),
    ("lokr_w", "LoKr"),
    ("lora_embedding", "LoRA of an embedding"),
    ("oft_", "OFT"),
    ("glora", "GLoRA"),
];

/// Prefixes, longest first, and whether they name an expert.
const PREFIXES: [(&str, Option<bool>); 8] = [
    ("transformer_2.", Some(true)),
    ("base_model.model.transformer.", None),
    ("base_model.model.", None),
    ("model.diffusion_model.", None),
    ("diffusion_model.", None),
    ("transformer.", Some(false)),
    ("lora_unet_", None),
    ("lora_transformer_", None),
];

/// Every way to call each layer of a model.
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    pub fn of(model: &[Expected]) -> Self {
        let mut names = BTreeMap::new();
        for one in model {
            // A table of scales and shifts is a tensor by itself, of no layer: it goes by its own name.
            let stem = |name: &str| name.strip_suffix(".weight").map(str::to_owned);
            let (name, original) = match (stem(&one.name), stem(&one.original)) {
                (Some(name), Some(original)) => (name, original),
                _ if one.name.ends_with(".bias") => continue,
                _ => (one.name.clone(), one.original.clone()),
            };
            for call in [&name, &original] {
                // With dots, and as kohya's programs have it, for which a dot would end the name.
                names.insert(call.clone(), name.clone());
                names.insert(call.replace('.', "_"), name.clone());
            }
        }
        // diffusers' `norm3` has no tensors, and the original `norm3` is diffusers' `norm2`; `norm2` itself stays.
        Self(names)
    }

    /// What this key is; an error where it belongs to another way of changing weights.
    pub fn read(&self, key: &str) -> Result<Found, String> {
        if let Some((_, way)) = OTHER_WAYS.iter().find(|(word, _)| key.contains(word)) {
            return Err(format!(
                "it is a {way}, and only plain LoRAs are: train or convert it as a LoRA"
            ));
        }
        let ending = ENDINGS.iter().find(|(ending, _)| key.ends_with(ending));
        let Some((ending, half)) = ending else {
            let shown = shortened(key);
            return Err(format!(
                "\"{shown}\" is no tensor of a LoRA: get a LoRA's own file, not a model's"
            ));
        };
        let stem = key.strip_suffix(ending).unwrap_or(key);
        let (stem, second) = PREFIXES
            .iter()
            .find_map(|(prefix, second)| Some((stem.strip_prefix(prefix)?, *second)))
            .unwrap_or((stem, None));
        let table = (*ending == ".diff_m").then(|| format!("{stem}.modulation"));
        let layer = self.0.get(table.as_deref().unwrap_or(stem)).cloned();
        Ok(Found {
            layer,
            half: *half,
            second,
        })
    }
}
