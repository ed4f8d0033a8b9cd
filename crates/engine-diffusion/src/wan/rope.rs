//! Where a token stands, as rotations.
//!
//! RoFormer (arXiv 2104.09864, section 3.2.2) on three axes: a head's channels are split into a part for time and one for
//! each side; within a part of `n` channels, pair `i` of a token at position `p` is turned by `p · 10000^(-2i/n)`.

use super::TransformerConfig;

/// Cosines and sines for every token of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeTable {
    /// Tokens: frames, rows and columns, the columns running fastest.
    pub tokens: usize,
    /// Pairs of channels of a head. Pair `i` is channels `2i` and `2i + 1`.
    pub pairs: usize,
    /// `tokens × pairs` cosines.
    pub cos: Vec<f32>,
    /// `tokens × pairs` sines.
    pub sin: Vec<f32>,
}

/// More places on an axis than the model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this makes {asked} tokens on one axis, and the model knows {most}: ask for a smaller or shorter clip"
)]
pub struct TooLong {
    /// Tokens on the longest axis.
    pub asked: u64,
    /// What the model knows.
    pub most: u64,
}

impl TransformerConfig {
    /// Channels of a head that time, rows and columns have.
    pub fn rope_channels(&self) -> [u64; 3] {
        let side = 2 * (self.attention_head_dim / 6);
        [self.attention_head_dim - 2 * side, side, side]
    }

    /// The table for so many tokens in time, down and across (latents divided by the patch).
    ///
    /// # Errors
    /// [`TooLong`] where an axis is longer than the model's tables.
    pub fn rope_table(&self, frames: u64, rows: u64, columns: u64) -> Result<RopeTable, TooLong> {
        let asked = frames.max(rows).max(columns);
        if asked > self.rope_max_seq_len {
            return Err(TooLong {
                asked,
                most: self.rope_max_seq_len,
            });
        }
        let [time, side, _] = self.rope_channels();
        let axes = [turns(frames, time), turns(rows, side), turns(columns, side)];
        let pairs = (self.attention_head_dim / 2) as usize;
        let tokens = (frames * rows * columns) as usize;
        let (mut cos, mut sin) = (
            Vec::with_capacity(tokens * pairs),
            Vec::with_capacity(tokens * pairs),
        );
        for frame in &axes[0] {
            for row in &axes[1] {
                for column in &axes[2] {
                    for angle in frame.iter().chain(row).chain(column) {
                        cos.push(angle.cos() as f32);
                        sin.push(angle.sin() as f32);
                    }
                }
            }
        }
        Ok(RopeTable {
            tokens,
            pairs,
            cos,
            sin,
        })
    }
}

/// Each position's angles, in f64: in f32 a far position's angle would be off by more than what is compared.
fn turns(positions: u64, channels: u64) -> Vec<Vec<f64>> {
    (0..positions)
        .map(|p| {
            (0..channels / 2)
                .map(|i| p as f64 * 10_000_f64.powf(-2.0 * i as f64 / channels as f64))
                .collect()
        })
        .collect()
}
