//! What models take beside words, and the branch for control of VACE: its tensors and its sizes.

use super::TransformerConfig;
use super::dit::List;

/// Frames of a latent, each of which has a channel of its own in the mask beside the noise of a model for image to video.
const MASK_CHANNELS: u64 = 4;

/// What a model takes beside words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Takes {
    /// Nothing: text to video.
    #[default]
    Words,
    /// The first frame, or the first and the last: image to video, with the picture in channels beside the noise.
    Frames,
    /// Control clips, masks, frames and reference images: VACE.
    Control,
}

impl std::fmt::Display for Takes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Words => "text to video",
            Self::Frames => "image to video",
            Self::Control => "control to video (VACE)",
        })
    }
}

impl TransformerConfig {
    /// Wan 2.1 VACE 1.3B: a block of the branch after every second one.
    pub fn vace_1_3b() -> Self {
        Self::t2v_1_3b().with_branch(15, 96)
    }

    /// Wan 2.1 VACE 14B: a block of the branch after every fifth one.
    pub fn vace_14b() -> Self {
        Self::t2v_14b().with_branch(8, 96)
    }

    /// Each expert of Wan 2.2 I2V A14B: beside 16 channels of noise 4 of the mask and 16 of the picture.
    pub fn i2v_14b() -> Self {
        Self {
            in_channels: 36,
            ..Self::t2v_14b()
        }
    }

    /// With `count` blocks of the branch, as far from each other as all of the authors' models have them.
    pub(super) fn with_branch(self, count: u64, channels: u64) -> Self {
        let apart = self.num_layers.checked_div(count).unwrap_or(0);
        Self {
            class: super::config::VACE.into(),
            vace_layers: (0..count).map(|n| n * apart).collect(),
            vace_in_channels: channels,
            ..self
        }
    }

    /// What it takes beside words, by its shape alone.
    pub fn takes(&self) -> Takes {
        if !self.vace_layers.is_empty() {
            Takes::Control
        } else if self.in_channels != self.out_channels {
            Takes::Frames
        } else {
            Takes::Words
        }
    }

    /// What is wrong with the channels or the branch, if anything is.
    pub(super) fn branch_fault(&self) -> Option<String> {
        let is_vace = self.class == super::config::VACE;
        let layers = &self.vace_layers;
        if is_vace == layers.is_empty() {
            return Some(format!(
                "vace_layers has {} entries in a {}: this configuration is damaged; copy or download it again",
                layers.len(),
                self.class
            ));
        }
        if is_vace {
            let goes_up = layers.first() == Some(&0) && layers.windows(2).all(|two| two[0] < two[1]);
            if !goes_up || layers.last().is_some_and(|last| *last >= self.num_layers) {
                return Some(format!(
                    "vace_layers must go up from 0 and stay below num_layers, {}: copy or download it again",
                    self.num_layers
                ));
            }
            if !(1..=4096).contains(&self.vace_in_channels) {
                return Some(format!(
                    "vace_in_channels is {}, and 1 to 4096 is what it may be: this is no model that can be run",
                    self.vace_in_channels
                ));
            }
        }
        let beside = 2 * self.out_channels + MASK_CHANNELS;
        if self.in_channels == self.out_channels || (!is_vace && self.in_channels == beside) {
            return None;
        }
        Some(format!(
            "{} channels come in and {} go out, and only {} (text to video) or {beside} (image to video) are run for these: \
             get Wan 2.1 T2V, Wan 2.1 VACE, Wan 2.2 T2V A14B or Wan 2.2 I2V A14B",
            self.in_channels, self.out_channels, self.out_channels
        ))
    }

    /// The branch's own tensors.
    pub(super) fn branch(&self, list: &mut List) {
        if self.vace_layers.is_empty() {
            return;
        }
        let width = self.width();
        let [frames, rows, columns] = self.patch_size;
        list.both(
            "vace_patch_embedding",
            "vace_patch_embedding",
            &[width, self.vace_in_channels, frames, rows, columns],
        );
        for place in 0..self.vace_layers.len() {
            let at = format!("vace_blocks.{place}");
            self.block(list, &at);
            for (name, original, is_there) in [
                ("proj_in", "before_proj", place == 0),
                ("proj_out", "after_proj", true),
            ] {
                if is_there {
                    list.both(
                        &format!("{at}.{name}"),
                        &format!("{at}.{original}"),
                        &[width, width],
                    );
                }
            }
        }
    }
}
