//! The original single files: what part of a model a file is, and its tensors by their diffusers names.

use super::{TextConfig, TransformerConfig, VaeConfig};
use crate::weights::{Expected, Misfit, Weights};
use std::collections::BTreeMap;

/// What the names in a file say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A transformer; of Wan 2.2 A14B, one expert.
    Transformer,
    /// The autoencoder.
    Vae,
    /// The text encoder.
    Text,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Transformer => "transformer",
            Self::Vae => "autoencoder",
            Self::Text => "text encoder",
        })
    }
}

/// Prefixes that programs put before a transformer's original names.
const PREFIXES: [&str; 3] = ["", "model.diffusion_model.", "diffusion_model."];

/// Tensors that some files carry and no model needs: the tokenizer's own file, packed into the text encoder's.
const PASSENGERS: [&str; 1] = ["spiece_model"];

/// Tensors that do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Names of no part that is known.
    #[error(
        "the names of these tensors (such as {}) are of no part of a Wan model: get the model's own files",
        example.as_deref().unwrap_or("none at all")
    )]
    Unknown {
        /// One of them.
        example: Option<String>,
    },
    /// Not exactly what the model needs.
    #[error("this is no whole {part} of this model: {misfit}. Get the files of one model, all of them")]
    Misfit {
        /// What it was taken for.
        part: Part,
        /// What is missing, left over or of another shape.
        misfit: Misfit,
    },
    /// A tensor that stands there under both of its names.
    #[error("\"{name}\" stands in the files twice, under two names: get the files of one model only")]
    Twice {
        /// Its diffusers name.
        name: String,
    },
    /// Sizes that no configuration of the family has.
    #[error(
        "the sizes of these tensors are those of no model of this family ({why}): get the diffusers layout, with its config.json"
    )]
    Sizes {
        /// What could not be.
        why: String,
    },
}

/// Which part of a model these weights are, by a few telling names, original or diffusers'.
pub fn part_of(weights: &Weights) -> Option<Part> {
    let has = |name: &str| weights.get(name).is_some();
    for prefix in PREFIXES {
        if ["blocks.0.self_attn.q.weight", "blocks.0.attn1.to_q.weight"]
            .iter()
            .any(|n| has(&format!("{prefix}{n}")))
        {
            return Some(Part::Transformer);
        }
    }
    if has("decoder.conv1.weight") || has("decoder.conv_in.weight") {
        return Some(Part::Vae);
    }
    if has("token_embedding.weight") || has("shared.weight") || has("encoder.embed_tokens.weight") {
        return Some(Part::Text);
    }
    None
}

/// The weights under their diffusers names, whichever of the two forms they came in, held against what the part needs.
///
/// # Errors
/// [`NameError`]: a tensor missing, left over, twice, or of another shape.
pub fn by_diffusers_names(weights: Weights, part: Part, expected: &[Expected]) -> Result<Weights, NameError> {
    let names = names(&weights, part, expected)?;
    let weights = weights.renamed(&names);
    let misfit = Misfit::between(&weights, expected);
    if misfit.is_none() {
        Ok(weights)
    } else {
        Err(NameError::Misfit { part, misfit })
    }
}

/// Each tensor's diffusers name by the name in the file.
fn names(
    weights: &Weights,
    part: Part,
    expected: &[Expected],
) -> Result<BTreeMap<String, String>, NameError> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for one in expected {
        known.insert(one.name.clone(), &one.name);
        known.insert(one.original.clone(), &one.name);
        if part == Part::Transformer {
            for prefix in &PREFIXES[1..] {
                known.insert(format!("{prefix}{}", one.original), &one.name);
            }
        }
    }
    let (mut names, mut taken) = (BTreeMap::new(), BTreeMap::new());
    for (name, _) in weights.entries() {
        if PASSENGERS.contains(&name) || (part == Part::Text && is_second_embedding(weights, name)) {
            continue;
        }
        let embedding = part == Part::Text && name == "encoder.embed_tokens.weight";
        // What is not known keeps its name, and is found left over.
        let new = if embedding {
            "shared.weight"
        } else {
            known.get(name).copied().unwrap_or(name)
        };
        if taken.insert(new.to_owned(), ()).is_some() {
            return Err(NameError::Twice { name: new.to_owned() });
        }
        names.insert(name.to_owned(), new.to_owned());
    }
    Ok(names)
}

/// Whether this is the embedding's second copy. Its beginning and its end are compared: the full one has 2 GB, and
/// looking at a folder reads no weights.
fn is_second_embedding(weights: &Weights, name: &str) -> bool {
    const SOME: usize = 1 << 16;
    if name != "encoder.embed_tokens.weight" {
        return false;
    }
    let (Some(one), Some(two)) = (weights.get("shared.weight"), weights.get(name)) else {
        return false;
    };
    let ends = |bytes: &[u8]| {
        let some = SOME.min(bytes.len());
        [bytes[..some].to_vec(), bytes[bytes.len() - some..].to_vec()]
    };
    one.shape == two.shape && one.dtype == two.dtype && ends(one.bytes) == ends(two.bytes)
}

fn shape<'a>(weights: &'a Weights, names: &[&str]) -> Option<&'a [u64]> {
    names
        .iter()
        .find_map(|name| weights.get(name))
        .map(|view| view.shape)
}

/// How many blocks `PREFIX{n}.` counts, from nought without a gap.
fn count(weights: &Weights, of: impl Fn(u64) -> Vec<String>) -> u64 {
    (0..1024)
        .take_while(|n| of(*n).iter().any(|name| weights.get(name).is_some()))
        .count() as u64
}

impl TransformerConfig {
    /// The configuration that a single file's shapes tell. Heads have 128 channels in every model of the family, which
    /// no shape tells.
    ///
    /// # Errors
    /// [`NameError`] where the tensors are those of no transformer of the family.
    pub fn of_shapes(weights: &Weights) -> Result<Self, NameError> {
        let prefix = PREFIXES
            .iter()
            .find(|p| weights.get(&format!("{p}patch_embedding.weight")).is_some());
        let sizes = |why: &str| NameError::Sizes { why: why.into() };
        let prefix = prefix.ok_or_else(|| NameError::Unknown {
            example: weights.entries().next().map(|(n, _)| n.into()),
        })?;
        let at = |names: [&str; 2]| -> Result<Vec<u64>, NameError> {
            let full = names.map(|n| format!("{prefix}{n}"));
            let found = shape(weights, &[&full[0], &full[1]]).map(<[u64]>::to_vec);
            found.ok_or_else(|| sizes(&format!("{} is missing", full[0])))
        };
        let patch = at(["patch_embedding.weight"; 2])?;
        let &[width, channels, frames, rows, columns] = patch.as_slice() else {
            return Err(sizes("patch_embedding.weight has not five axes"));
        };
        let ffn = at(["blocks.0.ffn.0.weight", "blocks.0.ffn.net.0.proj.weight"])?;
        let text = at([
            "text_embedding.0.weight",
            "condition_embedder.text_embedder.linear_1.weight",
        ])?;
        let time = at([
            "time_embedding.0.weight",
            "condition_embedder.time_embedder.linear_1.weight",
        ])?;
        if width == 0 || !width.is_multiple_of(128) {
            return Err(sizes(&format!(
                "the width is {width}, no multiple of a head's 128"
            )));
        }
        let layers = count(weights, |n| {
            vec![
                format!("{prefix}blocks.{n}.self_attn.q.weight"),
                format!("{prefix}blocks.{n}.attn1.to_q.weight"),
            ]
        });
        let head = at(["head.head.weight", "proj_out.weight"])?;
        let mut config = Self::sized(width / 128, ffn.first().copied().unwrap_or(0), layers);
        config.patch_size = [frames, rows, columns];
        let outputs = head.first().copied().unwrap_or(0);
        let patch = frames.saturating_mul(rows).saturating_mul(columns);
        (config.in_channels, config.out_channels) = (channels, outputs.checked_div(patch).unwrap_or(0));
        if let Ok(control) = at(["vace_patch_embedding.weight"; 2]) {
            let blocks = count(weights, |n| {
                vec![
                    format!("{prefix}vace_blocks.{n}.self_attn.q.weight"),
                    format!("{prefix}vace_blocks.{n}.attn1.to_q.weight"),
                ]
            });
            if blocks == 0 || !layers.is_multiple_of(blocks) {
                return Err(sizes(&format!(
                    "{blocks} blocks of VACE's branch are not spread evenly over {layers}"
                )));
            }
            config = config.with_branch(blocks, control.get(1).copied().unwrap_or(0));
        }
        let picture = [
            "img_emb.proj.0.weight",
            "condition_embedder.image_embedder.norm1.weight",
        ];
        if at(picture).is_ok() {
            return Err(sizes(
                "they are Wan 2.1's for image to video, which want CLIP's picture encoder, and that is not run: get Wan 2.2 I2V A14B",
            ));
        }
        config.text_dim = text.get(1).copied().unwrap_or(0);
        config.freq_dim = time.get(1).copied().unwrap_or(0);
        config.checked_sizes().map_err(|e| sizes(&e.why))
    }
}

impl VaeConfig {
    /// The configuration that a single file's names tell: Wan 2.2's 5B has levels within its levels, Wan 2.1 none.
    pub fn of_names(weights: &Weights) -> Self {
        let telling = [
            "encoder.downsamples.0.downsamples.0.residual.0.gamma",
            "encoder.down_blocks.0.resnets.0.norm1.gamma",
        ];
        match telling.iter().any(|name| weights.get(name).is_some()) {
            true => Self::wan_2_2_5b(),
            false => Self::default(),
        }
    }
}

impl TextConfig {
    /// The configuration that a single file's shapes tell: umT5's, with heads of 64 channels.
    ///
    /// # Errors
    /// [`NameError`] where the tensors are those of no such encoder.
    pub fn of_shapes(weights: &Weights) -> Result<Self, NameError> {
        let sizes = |why: &str| NameError::Sizes { why: why.into() };
        let embedding = shape(
            weights,
            &[
                "token_embedding.weight",
                "shared.weight",
                "encoder.embed_tokens.weight",
            ],
        );
        let bias = shape(
            weights,
            &[
                "blocks.0.pos_embedding.embedding.weight",
                "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            ],
        );
        let wide = shape(
            weights,
            &[
                "blocks.0.ffn.fc1.weight",
                "encoder.block.0.layer.1.DenseReluDense.wi_1.weight",
            ],
        );
        let query = shape(
            weights,
            &[
                "blocks.0.attn.q.weight",
                "encoder.block.0.layer.0.SelfAttention.q.weight",
            ],
        );
        let (Some(&[vocab_size, d_model]), Some(&[buckets, num_heads]), Some(&[d_ff, _]), Some(&[inner, _])) =
            (embedding, bias, wide, query)
        else {
            return Err(sizes(
                "the embedding, the first layer's position bias, queries or feed-forward are missing",
            ));
        };
        if num_heads == 0 || !inner.is_multiple_of(num_heads) {
            return Err(sizes("the queries' width is no multiple of the heads"));
        }
        let num_layers = count(weights, |n| {
            vec![
                format!("blocks.{n}.attn.q.weight"),
                format!("encoder.block.{n}.layer.0.SelfAttention.q.weight"),
            ]
        });
        let mut config = Self::umt5_xxl();
        (config.vocab_size, config.d_model, config.d_kv) = (vocab_size, d_model, inner / num_heads);
        (config.d_ff, config.num_layers, config.num_heads) = (d_ff, num_layers, num_heads);
        config.relative_attention_num_buckets = buckets;
        config.checked_sizes().map_err(|e| sizes(&e.why))
    }
}

/// What a single file is, with its configuration and every tensor it must have.
///
/// # Errors
/// [`NameError`] where it is no part of a model of the family.
pub fn single_expected(weights: &Weights) -> Result<(Part, Vec<Expected>), NameError> {
    let part = part_of(weights).ok_or_else(|| NameError::Unknown {
        example: weights.entries().next().map(|(n, _)| n.to_owned()),
    })?;
    let expected = match part {
        Part::Transformer => TransformerConfig::of_shapes(weights)?.expected(),
        Part::Vae => VaeConfig::of_names(weights).expected(),
        Part::Text => TextConfig::of_shapes(weights)?.expected(),
    };
    Ok((part, expected))
}
