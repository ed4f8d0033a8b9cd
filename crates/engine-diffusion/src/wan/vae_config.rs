//! The autoencoders' configurations, as the diffusers layout has them.

use super::ConfigError;
use super::config::{of_class, read_json, within};
use serde::Deserialize;
use std::path::Path;

/// `vae/config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct VaeConfig {
    #[serde(rename = "_class_name", default)]
    class: String,
    /// Channels of the widest picture's layers; the decoder's may be others.
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
    /// Whether there is a way around each level: Wan 2.2's 5B.
    #[serde(default)]
    pub is_residual: bool,
    /// Pixels on a side that become channels before the first layer.
    #[serde(default)]
    patch_size: Option<u64>,
    #[serde(default)]
    decoder_base_dim: Option<u64>,
    /// Channels of pictures as the first layer takes them: three for each pixel of a patch.
    #[serde(default = "three")]
    pub(super) in_channels: u64,
    #[serde(default = "three")]
    pub(super) out_channels: u64,
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

/// Means, then standard deviations, of the 48 channels of Wan 2.2's 5B.
fn of_5b() -> (Vec<f64>, Vec<f64>) {
    let means = vec![
        -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891,
        0.1570, -0.0098, 0.0375, -0.1825, -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158,
        0.2502, -0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.1230, -0.0313, -0.1649,
        0.0117, 0.0723, -0.2839, -0.2083, -0.0520, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548,
        -0.1681, -0.0667,
    ];
    let deviations = vec![
        0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901,
        0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659,
        0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944,
        0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744,
    ];
    (means, deviations)
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

    /// The autoencoder of Wan 2.2's 5B.
    pub fn wan_2_2_5b() -> Self {
        let (latents_mean, latents_std) = of_5b();
        Self {
            base_dim: 160,
            z_dim: 48,
            latents_mean,
            latents_std,
            is_residual: true,
            patch_size: Some(2),
            decoder_base_dim: Some(256),
            in_channels: 12,
            out_channels: 12,
            ..Self::default()
        }
    }

    /// Channels of the decoder's widest layers.
    pub fn decoder_base(&self) -> u64 {
        self.decoder_base_dim.unwrap_or(self.base_dim)
    }

    /// Pixels on a side that become channels before the first layer.
    pub fn patch(&self) -> u64 {
        self.patch_size.unwrap_or(1)
    }

    /// Pixels on a side that become one latent.
    pub fn scale_sides(&self) -> u64 {
        self.patch() << (self.dim_mult.len().saturating_sub(1)).min(32)
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
        within(path, "decoder_base_dim", self.decoder_base(), 1, 4096)?;
        within(path, "patch_size", self.patch(), 1, 16)?;
        let folded = 3 * self.patch() * self.patch();
        if self.in_channels != folded || self.out_channels != folded {
            let why = format!(
                "pictures of {} and {} channels come of no patch_size of {}, which makes {folded}: this is the autoencoder \
                 of another model",
                self.in_channels,
                self.out_channels,
                self.patch()
            );
            return Err(ConfigError::new(path, why));
        }
        if !self.attn_scales.is_empty() {
            let why = "it has attention between its levels, as none of this family has: this is the autoencoder of another \
                       model";
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
