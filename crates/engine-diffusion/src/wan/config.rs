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

/// `vae/config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct VaeConfig {
    #[serde(rename = "_class_name", default)]
    class: String,
    /// Channels of the widest picture's layers.
    #[serde(default = "base")]
    pub base_dim: u64,
    /// Latent channels.
    #[serde(default = "latent")]
    pub z_dim: u64,
    /// Each level's channels, as a multiple of `base_dim`.
    #[serde(default = "levels")]
    pub dim_mult: Vec<u64>,
    /// Residual blocks of a level; a level of the decoder has one more.
    #[serde(default = "two")]
    pub num_res_blocks: u64,
    /// Whether each step down halves the frames too. (The name is the layout's.)
    #[serde(default = "halves", rename = "temperal_downsample")]
    pub temporal_downsample: Vec<bool>,
    /// Mean of each latent channel, taken off before the transformer and put back after it.
    #[serde(default = "means")]
    pub latents_mean: Vec<f64>,
    /// Standard deviation of each latent channel.
    #[serde(default = "deviations")]
    pub latents_std: Vec<f64>,
    #[serde(default)]
    attn_scales: Vec<f64>,
    #[serde(default)]
    is_residual: bool,
    #[serde(default)]
    patch_size: Option<u64>,
    #[serde(default)]
    decoder_base_dim: Option<u64>,
    #[serde(default = "three")]
    in_channels: u64,
    #[serde(default = "three")]
    out_channels: u64,
}

fn base() -> u64 {
    96
}

fn latent() -> u64 {
    16
}

fn levels() -> Vec<u64> {
    vec![1, 2, 4, 4]
}

fn two() -> u64 {
    2
}

fn three() -> u64 {
    3
}

fn halves() -> Vec<bool> {
    vec![false, true, true]
}

// Wan 2.1's own latents, as its published code has them; a configuration without them means these.
fn means() -> Vec<f64> {
    vec![
        -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517,
        -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
    ]
}

fn deviations() -> Vec<f64> {
    vec![
        2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
        1.6382, 1.1253, 2.8251, 1.9160,
    ]
}

impl Default for VaeConfig {
    /// Wan 2.1's autoencoder, which Wan 2.2 A14B uses too.
    fn default() -> Self {
        Self {
            class: "AutoencoderKLWan".into(),
            base_dim: base(),
            z_dim: latent(),
            dim_mult: levels(),
            num_res_blocks: two(),
            temporal_downsample: halves(),
            latents_mean: means(),
            latents_std: deviations(),
            attn_scales: Vec::new(),
            is_residual: false,
            patch_size: None,
            decoder_base_dim: None,
            in_channels: 3,
            out_channels: 3,
        }
    }
}

impl VaeConfig {
    /// Reads and checks an autoencoder's `config.json`.
    ///
    /// # Errors
    /// [`ConfigError`]: missing, of another form, another model's, or a variant that is not run yet.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let config: Self = read_json(path)?;
        of_class(path, &config.class, "AutoencoderKLWan")?;
        config.checked(path)
    }

    /// Pixels on a side that become one latent.
    pub fn scale_sides(&self) -> u64 {
        1 << (self.dim_mult.len().saturating_sub(1)).min(62)
    }

    /// Frames that become one latent, after the first, which stands alone.
    pub fn scale_frames(&self) -> u64 {
        1 << self.temporal_downsample.iter().filter(|t| **t).count().min(62)
    }

    fn checked(self, path: &Path) -> Result<Self, ConfigError> {
        within(path, "base_dim", self.base_dim, 1, 4096)?;
        within(path, "z_dim", self.z_dim, 1, 1024)?;
        within(path, "num_res_blocks", self.num_res_blocks, 1, 64)?;
        within(path, "the length of dim_mult", self.dim_mult.len() as u64, 1, 8)?;
        for &multiple in &self.dim_mult {
            within(path, "dim_mult", multiple, 1, 64)?;
        }
        let other =
            self.is_residual || self.patch_size.is_some() || self.in_channels != 3 || self.out_channels != 3;
        if other || !self.attn_scales.is_empty() || self.decoder_base_dim.is_some_and(|d| d != self.base_dim)
        {
            let why = "this is the autoencoder of Wan 2.2 5B or of another model, which is not run yet: get that of Wan 2.1, \
                       which A14B uses too";
            return Err(ConfigError::new(path, why));
        }
        if self.temporal_downsample.len() + 1 != self.dim_mult.len() {
            let why = format!(
                "temperal_downsample has {} entries, and dim_mult needs {}",
                self.temporal_downsample.len(),
                self.dim_mult.len() - 1
            );
            return Err(ConfigError::new(path, why));
        }
        for (name, list) in [
            ("latents_mean", &self.latents_mean),
            ("latents_std", &self.latents_std),
        ] {
            if list.len() as u64 != self.z_dim || !list.iter().all(|v| v.is_finite()) {
                return Err(ConfigError::new(
                    path,
                    format!("{name} must have {} finite numbers", self.z_dim),
                ));
            }
        }
        if self.latents_std.iter().any(|v| *v <= 0.0) {
            return Err(ConfigError::new(path, "latents_std must be above nought"));
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
