//! Blocks of pixels as channels, by a transform that keeps lengths and loses nothing.

use super::PixelsError;
use crate::generate::Clip;
use std::f64::consts::PI;

/// Opponent colours of equal length: lightness, red against blue, green against both. Rows are orthonormal.
const COLOURS: [[f64; 3]; 3] = [
    [
        0.577_350_269_189_625_8,
        0.577_350_269_189_625_8,
        0.577_350_269_189_625_8,
    ],
    [
        std::f64::consts::FRAC_1_SQRT_2,
        0.0,
        -std::f64::consts::FRAC_1_SQRT_2,
    ],
    [
        0.408_248_290_463_863,
        -0.816_496_580_927_726,
        0.408_248_290_463_863,
    ],
];
/// The least spread of a channel, as a part of the largest: what never changes in the clips measured is not blown up.
const LEAST_SPREAD: f64 = 1e-3;

/// Turns clips into latents and back: each block of `side` by `side` pixels of a frame becomes one place with
/// `3 · side · side` channels.
///
/// Colours (sRGB codes, moved to -1 to 1) are turned to lightness and two opponents, each block of each by the cosine transform
/// (Ahmed, Natarajan and Rao, "Discrete Cosine Transform", 1974, the form that is orthonormal), and each channel moved by its
/// mean and divided by its scale. So a latent's noise is a pixel's noise, but for the scales.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocks {
    side: usize,
    means: Vec<f64>,
    scales: Vec<f64>,
    /// Rows are waves: (frequency, place).
    waves: Vec<f64>,
}

impl Blocks {
    /// Without means, and all scales 1.
    ///
    /// # Errors
    /// [`PixelsError::Side`]
    pub fn plain(side: usize) -> Result<Self, PixelsError> {
        if !(1..=16).contains(&side) {
            return Err(PixelsError::Side(side));
        }
        let n = side as f64;
        let waves = (0..side * side).map(|i| {
            let (frequency, place) = ((i / side) as f64, (i % side) as f64);
            let length = if frequency == 0.0 { 1.0 } else { 2.0 };
            (length / n).sqrt() * libm::cos(PI / n * (place + 0.5) * frequency)
        });
        Ok(Self {
            side,
            means: vec![0.0; 3 * side * side],
            scales: vec![1.0; 3 * side * side],
            waves: waves.collect(),
        })
    }

    /// With means and scales of these clips, so that latents have a mean of nought and, over all channels, a mean square of 1.
    /// `evenness` 0 is one scale for all channels: fine detail stays as faint as it is. 1 is each by its own deviation: all
    /// channels weigh alike. Between them are powers between.
    ///
    /// # Errors
    /// [`PixelsError`]
    pub fn measured<'c>(
        side: usize,
        evenness: f64,
        clips: impl IntoIterator<Item = &'c Clip>,
    ) -> Result<Self, PixelsError> {
        let mut blocks = Self::plain(side)?;
        let channels = blocks.channels();
        let (mut sums, mut squares, mut count) = (vec![0.0; channels], vec![0.0; channels], 0usize);
        for clip in clips {
            let (latents, size) = blocks.latents(clip)?;
            let places: usize = size.iter().product();
            for (channel, values) in latents.chunks_exact(places).enumerate() {
                sums[channel] += values.iter().map(|v| f64::from(*v)).sum::<f64>();
                squares[channel] += values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>();
            }
            count += places;
        }
        if count == 0 {
            return Err(PixelsError::NoClips);
        }
        let mean = |sum: &f64| sum / count as f64;
        blocks.means = sums.iter().map(mean).collect();
        let spreads: Vec<f64> = squares
            .iter()
            .zip(&blocks.means)
            .map(|(square, m)| (mean(square) - m * m).max(0.0).sqrt())
            .collect();
        let largest = spreads.iter().copied().fold(0.0, f64::max);
        if largest > 0.0 {
            let raw: Vec<f64> = spreads
                .iter()
                .map(|s| libm::pow(s.max(LEAST_SPREAD * largest), evenness))
                .collect();
            let power: f64 = spreads.iter().zip(&raw).map(|(s, r)| (s / r) * (s / r)).sum();
            let all = (power / channels as f64).sqrt();
            blocks.scales = raw.iter().map(|r| r * all).collect();
        }
        Ok(blocks)
    }

    /// Pixels along a block's side.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Channels of a latent: colours slowest, then frequencies down, then across.
    pub fn channels(&self) -> usize {
        3 * self.side * self.side
    }

    /// A clip's latents, (channels, frames, rows, columns), and their frames, rows and columns.
    ///
    /// # Errors
    /// [`PixelsError::Clip`]
    pub fn latents(&self, clip: &Clip) -> Result<(Vec<f32>, [usize; 3]), PixelsError> {
        let size = self.size(clip)?;
        let [frames, rows, columns] = size;
        let places = frames * rows * columns;
        let (side, width) = (self.side, clip.width);
        let mut latents = vec![0.0; self.channels() * places];
        let mut block = vec![0.0; side * side];
        for place in 0..places {
            let (frame, row, column) = (place / (rows * columns), place / columns % rows, place % columns);
            let first = (frame * clip.height + row * side) * width + column * side;
            for (colour, weights) in COLOURS.iter().enumerate() {
                for (i, value) in block.iter_mut().enumerate() {
                    let pixel = clip.pixels[first + i / side * width + i % side];
                    *value = (0..3)
                        .map(|c| weights[c] * (2.0 * f64::from(pixel[c]) - 1.0))
                        .sum();
                }
                let waves = self.turned(&block, false);
                for (i, value) in waves.iter().enumerate() {
                    let channel = colour * side * side + i;
                    latents[channel * places + place] =
                        ((value - self.means[channel]) / self.scales[channel]) as f32;
                }
            }
        }
        Ok((latents, size))
    }

    /// The clip of latents; codes outside 0 to 1 stay as they come.
    ///
    /// # Errors
    /// [`PixelsError::Latents`]
    pub fn clip(&self, latents: &[f32], size: [usize; 3]) -> Result<Clip, PixelsError> {
        let [frames, rows, columns] = size;
        let places = frames * rows * columns;
        if places == 0 || latents.len() != places * self.channels() {
            return Err(PixelsError::Latents {
                found: latents.len(),
                channels: self.channels(),
                size,
            });
        }
        let side = self.side;
        let (width, height) = (columns * side, rows * side);
        let mut opponents = vec![[0.0; 3]; frames * width * height];
        let mut block = vec![0.0; side * side];
        for place in 0..places {
            let (frame, row, column) = (place / (rows * columns), place / columns % rows, place % columns);
            let first = (frame * height + row * side) * width + column * side;
            // The channels of one colour after those of the other.
            for start in (0..3 * block.len()).step_by(block.len()) {
                let colour = start / block.len();
                for (i, value) in block.iter_mut().enumerate() {
                    let channel = start + i;
                    *value = f64::from(latents[channel * places + place]) * self.scales[channel]
                        + self.means[channel];
                }
                for (i, value) in self.turned(&block, true).iter().enumerate() {
                    opponents[first + i / side * width + i % side][colour] = *value;
                }
            }
        }
        let code = |o: &[f64; 3], c: usize| {
            let value: f64 = (0..3).map(|k| COLOURS[k][c] * o[k]).sum();
            (0.5 * value + 0.5) as f32
        };
        Ok(Clip {
            width,
            height,
            pixels: opponents.iter().map(|o| [0, 1, 2].map(|c| code(o, c))).collect(),
        })
    }

    fn size(&self, clip: &Clip) -> Result<[usize; 3], PixelsError> {
        let (pixels, frame) = (clip.pixels.len(), clip.width * clip.height);
        let whole = |v: usize| v > 0 && v.is_multiple_of(self.side);
        if pixels == 0 || !whole(clip.width) || !whole(clip.height) || !pixels.is_multiple_of(frame) {
            return Err(PixelsError::Clip {
                pixels,
                width: clip.width,
                height: clip.height,
                side: self.side,
            });
        }
        Ok([pixels / frame, clip.height / self.side, clip.width / self.side])
    }

    /// A block from places to waves, or back.
    fn turned(&self, block: &[f64], back: bool) -> Vec<f64> {
        let side = self.side;
        let wave = |to: usize, from: usize| match back {
            false => self.waves[to * side + from],
            true => self.waves[from * side + to],
        };
        let mut across = vec![0.0; side * side];
        for row in 0..side {
            for to in 0..side {
                across[row * side + to] = (0..side).map(|x| wave(to, x) * block[row * side + x]).sum();
            }
        }
        let mut both = vec![0.0; side * side];
        for to in 0..side {
            for column in 0..side {
                both[to * side + column] = (0..side).map(|y| wave(to, y) * across[y * side + column]).sum();
            }
        }
        both
    }
}
