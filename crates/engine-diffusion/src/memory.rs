//! Memory that a draw needs, before it is begun.
//!
//! Weights are mapped files: what is read of them the system keeps as long as it has room, and they are not counted. Counted is
//! what must be there at once, on the CPU in 32 bits: one layer's weights and the tokens on their way through it, or one chunk
//! of frames on its way through the autoencoder's widest level. The factors are those that were measured
//! (`docs/diffusion.md`), rounded up.

use crate::generate::{Ask, GenerateError, latents_shape};
use crate::model::{Model, dit_config, text_config, vae_config};
use crate::wan::Takes;

/// Bytes of one number.
const NUMBER: u64 = 4;
/// Copies of tokens' widths that a block holds at its fullest, besides the feed-forward's.
const TOKEN_COPIES: u64 = 10;
/// Copies of the widest level's pictures that the decoder holds at its fullest, frames kept for the next chunk among them.
const PICTURE_COPIES: u64 = 11;
/// Copies of tokens more where those of held frames and the rest are told apart.
const RUN_COPIES: u64 = 2;
/// For the program itself.
const PROGRAM: u64 = 200 << 20;

/// Bytes at the fullest moment of each part of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Reading the words.
    pub words: u64,
    /// Encoding what the picture starts from; nought where that is noise alone.
    pub given: u64,
    /// Encoding the conditions; 0 where the model takes none.
    pub conditions: u64,
    /// A step of the transformer.
    pub steps: u64,
    /// Decoding.
    pub frames: u64,
}

impl Estimate {
    /// What a draw needs.
    ///
    /// # Errors
    /// [`GenerateError::Size`] where it can not be made at all.
    pub fn of(model: &Model, ask: &Ask) -> Result<Self, GenerateError> {
        let [c, t, h, w] = latents_shape(model, ask)?;
        let n = |v: usize| v as u64;
        let text = text_config(&model.config.text);
        let dit = dit_config(&model.config.transformer);
        let vae = vae_config(&model.config.vae);
        let inner = n(text.heads * text.head_dim);
        let layer = n(text.width) * (4 * inner + 3 * n(text.ffn_dim));
        let words = layer + n(ask.text_tokens) * (n(text.width) * 8 + n(text.ffn_dim) * 3);
        let width = n(dit.width());
        let block = 8 * width * width + 2 * width * n(dit.ffn_dim);
        let tokens = n(t) * n(h) * n(w) / n(dit.patch.iter().product::<usize>()).max(1);
        let samples = if ask.guidance > 1.0 { 2 } else { 1 };
        let takes = model.config.takes();
        // The branch for control has tokens of its own beside each sample's, and what it says on its way to be added.
        let beside = match takes {
            Takes::Control => 2 * samples + 1,
            Takes::Words | Takes::Frames => samples,
        };
        let copies = TOKEN_COPIES + ask.start.held.as_ref().map_or(0, |_| RUN_COPIES);
        let passing = tokens * (copies * width + 2 * n(dit.ffn_dim) + beside * width);
        let more =
            model.config.transformer.vace_in_channels + n(dit.in_channels.saturating_sub(dit.out_channels));
        let latents = (n(c) * 8 + more * 2) * n(t) * n(h) * n(w);
        let steps = block + passing + latents + samples * n(ask.text_tokens) * width;
        let tile = |side: usize| ask.tile_px.map_or(n(side), |tile| n(side.min(tile)));
        let pixels = tile(ask.width) * tile(ask.height) * n(vae.time_ratio().min(ask.frames));
        let whole = n(ask.width) * n(ask.height) * n(ask.frames) * 3;
        let patch = n(vae.patch * vae.patch).max(1);
        // Where there are ways around the levels, the last one takes what the one before it made, at full size.
        let before_last = vae.multiples.get(1).filter(|_| vae.residual).copied();
        let widest = n(vae.decoder_base * before_last.unwrap_or(1));
        let frames = pixels * widest / patch * PICTURE_COPIES + 3 * whole;
        let given = [ask.start.held.as_ref(), ask.start.basis.as_ref().map(|b| &b.clip)];
        // The frames that were given stay, and are there three times more while they are encoded.
        let kept: u64 = given.iter().flatten().map(|clip| 3 * n(clip.pixels.len())).sum();
        let encoder = pixels * n(vae.base) / patch * PICTURE_COPIES;
        // Of a clip there are the control, what is kept or made anew of it, and the same on its way; and the mask.
        let conditions = match takes {
            Takes::Words => 0,
            Takes::Frames => encoder + 3 * whole,
            Takes::Control => encoder + 4 * whole,
        };
        let some = |numbers: u64| {
            if numbers > 0 {
                PROGRAM + NUMBER * numbers
            } else {
                0
            }
        };
        Ok(Self {
            words: PROGRAM + NUMBER * (words + kept),
            given: if kept > 0 { some(encoder + 4 * kept) } else { 0 },
            conditions: some(conditions),
            steps: PROGRAM + NUMBER * (steps + kept),
            frames: PROGRAM + NUMBER * (frames + kept),
        })
    }

    /// The fullest moment of all.
    pub fn most(&self) -> u64 {
        let steps = self.words.max(self.steps).max(self.frames);
        steps.max(self.given).max(self.conditions)
    }
}

/// Memory that could be had now without anything being pushed out, in bytes; none where the system does not say.
pub fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Memory that this program has now, mapped files among it as far as they are there, in bytes; none where the system does not
/// say.
pub fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
