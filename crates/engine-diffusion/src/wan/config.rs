//! The parts' configurations, as the diffusers layout has them.

use crate::weights::{read_limited, shortened};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The class of transformers without a branch for control.
const PLAIN: &str = "WanTransformer3DModel";
/// The class of those with one.
pub(super) const VACE: &str = "WanVACETransformer3DModel";
/// Longest configuration that is read.
const MOST_BYTES: u64 = 4_000_000;

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with the mend.
    pub why: String,
}

impl ConfigError {
    pub(super) fn new(path: &Path, why: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            why: why.into(),
        }
    }
}

/// Reads a JSON file; a missing one, one too long and one of another form are each one error.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let bytes = match read_limited(path, MOST_BYTES) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            return Err(ConfigError::new(
                path,
                "it is too long for a configuration: copy or download it again",
            ));
        }
        Err(_) if !path.exists() => {
            return Err(ConfigError::new(
                path,
                "it is missing: copy or download it with the rest of the model",
            ));
        }
        Err(error) => return Err(ConfigError::new(path, error.to_string())),
    };
    serde_json::from_slice(&bytes).map_err(|e| {
        let why = shortened(&e.to_string());
        ConfigError::new(
            path,
            format!("it is not what this part's configuration has ({why}): copy or download it again"),
        )
    })
}

/// Sizes that are multiplied later are held within what any model has, so that no product overflows.
pub(super) fn within(path: &Path, name: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let why = format!(
        "{name} is {value}, and {least} to {most} is what it may be: this is no model that can be run"
    );
    Err(ConfigError::new(path, why))
}

/// Asks for one class by name: other models' folders are laid out alike.
pub(super) fn of_class(path: &Path, found: &str, wanted: &str) -> Result<(), ConfigError> {
    if found == wanted {
        return Ok(());
    }
    let why = format!(
        "it is of the class \"{}\", and {wanted} is what is read: this is another model",
        shortened(found)
    );
    Err(ConfigError::new(path, why))
}

/// `transformer/config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TransformerConfig {
    #[serde(rename = "_class_name", default)]
    pub(super) class: String,
    /// Latent frames, rows and columns that make one token.
    pub patch_size: [u64; 3],
    /// Heads of each attention.
    pub num_attention_heads: u64,
    /// Channels of a head, even.
    pub attention_head_dim: u64,
    /// Latent channels that come in.
    pub in_channels: u64,
    /// Latent channels that go out.
    pub out_channels: u64,
    /// Width of the text encoder's states.
    pub text_dim: u64,
    /// Channels of the sinusoidal time.
    pub freq_dim: u64,
    /// Width inside a feed-forward.
    pub ffn_dim: u64,
    /// Blocks.
    pub num_layers: u64,
    /// Whether the states are normalised, with scale and shift, before cross-attention.
    #[serde(default = "yes")]
    pub cross_attn_norm: bool,
    /// How queries and keys are normalised.
    #[serde(default)]
    pub qk_norm: Option<String>,
    /// Added to a variance before its root.
    #[serde(default = "epsilon")]
    pub eps: f64,
    /// Positions that the rotary tables have on each axis.
    #[serde(default = "positions")]
    pub rope_max_seq_len: u64,
    /// The blocks after which a block of VACE's branch is added; none in models without the branch.
    #[serde(default)]
    pub vace_layers: Vec<u64>,
    /// Channels of the control's latents in VACE; 0 in other models.
    #[serde(default)]
    pub vace_in_channels: u64,
    #[serde(default)]
    pub(super) image_dim: Option<u64>,
    #[serde(default)]
    pub(super) added_kv_proj_dim: Option<u64>,
}

fn yes() -> bool {
    true
}

fn epsilon() -> f64 {
    1e-6
}

fn positions() -> u64 {
    1024
}

impl TransformerConfig {
    /// Reads and checks a transformer's `config.json`.
    ///
    /// # Errors
    /// [`ConfigError`]: missing, of another form, another model's, or a variant that is not run yet.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let config: Self = read_json(path)?;
        if config.class != VACE {
            of_class(path, &config.class, PLAIN)?;
        }
        config.checked(path)
    }

    /// The full sizes' configuration: Wan 2.1 T2V 1.3B, by the paper's table of sizes.
    pub fn t2v_1_3b() -> Self {
        Self::sized(12, 8960, 30)
    }

    /// Wan 2.1 T2V 14B, and each expert of Wan 2.2 T2V A14B.
    pub fn t2v_14b() -> Self {
        Self::sized(40, 13824, 40)
    }

    /// Wan 2.2 TI2V 5B.
    pub fn ti2v_5b() -> Self {
        Self {
            in_channels: 48,
            out_channels: 48,
            ..Self::sized(24, 14336, 30)
        }
    }

    pub(super) fn sized(num_attention_heads: u64, ffn_dim: u64, num_layers: u64) -> Self {
        Self {
            class: PLAIN.into(),
            patch_size: [1, 2, 2],
            num_attention_heads,
            attention_head_dim: 128,
            in_channels: 16,
            out_channels: 16,
            text_dim: 4096,
            freq_dim: 256,
            ffn_dim,
            num_layers,
            cross_attn_norm: true,
            qk_norm: Some("rms_norm_across_heads".into()),
            eps: epsilon(),
            rope_max_seq_len: positions(),
            vace_layers: Vec::new(),
            vace_in_channels: 0,
            image_dim: None,
            added_kv_proj_dim: None,
        }
    }

    /// Width of a token: heads times channels of a head.
    pub fn width(&self) -> u64 {
        self.num_attention_heads * self.attention_head_dim
    }

    /// Checks sizes that came without a file.
    pub(super) fn checked_sizes(self) -> Result<Self, ConfigError> {
        self.checked(Path::new("config.json"))
    }

    fn checked(self, path: &Path) -> Result<Self, ConfigError> {
        for (name, value, most) in [
            ("num_attention_heads", self.num_attention_heads, 512),
            ("attention_head_dim", self.attention_head_dim, 1024),
            ("in_channels", self.in_channels, 1024),
            ("out_channels", self.out_channels, 1024),
            ("text_dim", self.text_dim, 65536),
            ("freq_dim", self.freq_dim, 65536),
            ("ffn_dim", self.ffn_dim, 1 << 20),
            ("num_layers", self.num_layers, 1024),
            ("rope_max_seq_len", self.rope_max_seq_len, 65536),
            ("patch_size", self.patch_size[0], 16),
            ("patch_size", self.patch_size[1], 16),
            ("patch_size", self.patch_size[2], 16),
        ] {
            within(path, name, value, 1, most)?;
        }
        if self.image_dim.is_some() || self.added_kv_proj_dim.is_some() {
            let why = "these are weights of Wan 2.1 for image to video, which want CLIP's picture encoder, and that is not run: \
                       get Wan 2.2 I2V A14B, which wants none";
            return Err(ConfigError::new(path, why));
        }
        if let Some(why) = self.branch_fault() {
            return Err(ConfigError::new(path, why));
        }
        if self.qk_norm.as_deref() != Some("rms_norm_across_heads") {
            let why = format!(
                "qk_norm is {:?}, and only rms_norm_across_heads is run: this is another model",
                self.qk_norm
            );
            return Err(ConfigError::new(path, shortened(&why)));
        }
        if !self.attention_head_dim.is_multiple_of(2) || self.attention_head_dim < 6 {
            let why = format!(
                "attention_head_dim is {}, and rotary positions need an even one of 6 or more",
                self.attention_head_dim
            );
            return Err(ConfigError::new(path, why));
        }
        if !self.freq_dim.is_multiple_of(2) {
            return Err(ConfigError::new(
                path,
                format!("freq_dim is {}, and it must be even", self.freq_dim),
            ));
        }
        if !(self.eps > 0.0 && self.eps < 1.0) {
            return Err(ConfigError::new(
                path,
                format!("eps is {}, and it must lie between 0 and 1", self.eps),
            ));
        }
        Ok(self)
    }
}

/// `text_encoder/config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TextConfig {
    #[serde(default)]
    model_type: String,
    /// Rows of the embedding; some more than the tokenizer has pieces.
    pub vocab_size: u64,
    /// Width of the states.
    pub d_model: u64,
    /// Channels of a head.
    pub d_kv: u64,
    /// Width inside a feed-forward.
    pub d_ff: u64,
    /// Layers.
    pub num_layers: u64,
    /// Heads; heads times `d_kv` need not be `d_model`.
    pub num_heads: u64,
    /// Rows of each layer's position bias.
    #[serde(default = "buckets")]
    pub relative_attention_num_buckets: u64,
    /// Distance, in tokens, from which all fall into the last bucket.
    #[serde(default = "distance")]
    pub relative_attention_max_distance: u64,
    /// Added to a mean square before its root.
    #[serde(default = "epsilon")]
    pub layer_norm_epsilon: f64,
    #[serde(default = "gated")]
    feed_forward_proj: String,
    /// The padding's id.
    #[serde(default)]
    pub pad_token_id: u64,
    /// The id at a text's end.
    #[serde(default = "one")]
    pub eos_token_id: u64,
}

fn buckets() -> u64 {
    32
}

fn distance() -> u64 {
    128
}

fn gated() -> String {
    "gated-gelu".into()
}

fn one() -> u64 {
    1
}

impl TextConfig {
    /// Reads and checks a text encoder's `config.json`.
    ///
    /// # Errors
    /// [`ConfigError`]: missing, of another form, or another model's.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let config: Self = read_json(path)?;
        if config.model_type != "umt5" {
            let found = shortened(&config.model_type);
            let why = format!(
                "it is of the kind \"{found}\", and umt5 is what this family uses: this is another encoder"
            );
            return Err(ConfigError::new(path, why));
        }
        config.checked(path)
    }

    /// umT5-XXL, which all of the family use.
    pub fn umt5_xxl() -> Self {
        Self {
            model_type: "umt5".into(),
            vocab_size: 256_384,
            d_model: 4096,
            d_kv: 64,
            d_ff: 10240,
            num_layers: 24,
            num_heads: 64,
            relative_attention_num_buckets: buckets(),
            relative_attention_max_distance: distance(),
            layer_norm_epsilon: epsilon(),
            feed_forward_proj: gated(),
            pad_token_id: 0,
            eos_token_id: 1,
        }
    }

    /// Checks sizes that came without a file.
    pub(super) fn checked_sizes(self) -> Result<Self, ConfigError> {
        self.checked(Path::new("config.json"))
    }

    fn checked(self, path: &Path) -> Result<Self, ConfigError> {
        for (name, value, most) in [
            ("vocab_size", self.vocab_size, 1 << 24),
            ("d_model", self.d_model, 65536),
            ("d_kv", self.d_kv, 4096),
            ("d_ff", self.d_ff, 1 << 20),
            ("num_layers", self.num_layers, 1024),
            ("num_heads", self.num_heads, 1024),
        ] {
            within(path, name, value, 1, most)?;
        }
        within(
            path,
            "relative_attention_num_buckets",
            self.relative_attention_num_buckets,
            4,
            4096,
        )?;
        let exact = self.relative_attention_num_buckets / 4;
        within(
            path,
            "relative_attention_max_distance",
            self.relative_attention_max_distance,
            exact + 1,
            1 << 20,
        )?;
        if self.feed_forward_proj != "gated-gelu" {
            let found = shortened(&self.feed_forward_proj);
            let why = format!(
                "feed_forward_proj is \"{found}\", and only gated-gelu is run: this is another encoder"
            );
            return Err(ConfigError::new(path, why));
        }
        if !(self.layer_norm_epsilon > 0.0 && self.layer_norm_epsilon < 1.0) {
            let why = format!(
                "layer_norm_epsilon is {}, and it must lie between 0 and 1",
                self.layer_norm_epsilon
            );
            return Err(ConfigError::new(path, why));
        }
        Ok(self)
    }
}
