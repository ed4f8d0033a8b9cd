//! Feature planes: what patches are compared by.
//!
//! A plane holds 8 interleaved channels of 7 bits a pixel (0..=127), weights folded in, with a border
//! of [`PAD`] replicated pixels on every side, so that a 5x5 patch about any pixel lies inside.

use super::spans::{BAND, Spans};
use rayon::prelude::*;

/// Channels a pixel: red, green, blue and up to five guides.
pub const CHANNELS: usize = 8;
/// Replicated border, in pixels.
pub const PAD: usize = 2;
/// One pixel's channels.
pub type Feature = [u8; CHANNELS];

/// Weight of each channel, in 1/256 (256 keeps the full 7 bits). The weight works on the value, so the
/// squared difference is scaled by its square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights(pub [u16; CHANNELS]);

impl Weights {
    /// Colour alone, guides silent.
    pub const COLOUR: Weights = Weights([256, 256, 256, 0, 0, 0, 0, 0]);

    /// The 7-bit feature of an 8-bit value in channel `c`.
    #[inline(always)]
    pub fn apply(&self, c: usize, value: u8) -> u8 {
        // value/2 in 7 bits, times weight/256, rounded.
        ((u32::from(value) * u32::from(self.0[c]) + 256) >> 9).min(127) as u8
    }
}

/// A padded plane of features.
#[derive(Clone, Debug)]
pub struct Plane {
    width: usize,
    height: usize,
    stride: usize,
    data: Vec<Feature>,
}

impl Plane {
    /// An empty (all zero) plane for `width` x `height` pixels.
    pub fn new(width: usize, height: usize) -> Plane {
        let stride = width + 2 * PAD;
        Plane {
            width,
            height,
            stride,
            data: vec![[0; CHANNELS]; stride * (height + 2 * PAD)],
        }
    }

    /// Width in pixels, without the border.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, without the border.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Pixels from one row to the next, border included.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All features, border included.
    pub fn data(&self) -> &[Feature] {
        &self.data
    }

    /// Index in [`Plane::data`] of pixel (x, y).
    #[inline(always)]
    pub fn index(&self, x: usize, y: usize) -> usize {
        (y + PAD) * self.stride + x + PAD
    }

    /// Reads one pixel.
    pub fn at(&self, x: usize, y: usize) -> Feature {
        self.data[self.index(x, y)]
    }

    /// Runs `work` on every row (without the border) in parallel, then renews the border.
    pub fn fill_rows(&mut self, work: impl Fn(usize, &mut [Feature]) + Sync) {
        self.fill(&Spans::whole(self.width, self.height), |y, _, row| work(y, row));
    }

    /// Runs `work(y, x, part)` on every run of the spans in parallel, then renews the border beside them.
    pub fn fill(&mut self, spans: &Spans, work: impl Fn(usize, usize, &mut [Feature]) + Sync) {
        let (w, stride, height) = (self.width, self.stride, self.height);
        self.data[PAD * stride..]
            .par_chunks_mut(stride * BAND)
            .take(height.div_ceil(BAND))
            .enumerate()
            .for_each(|(band, part)| {
                for (r, row) in part.chunks_mut(stride).enumerate() {
                    let y = band * BAND + r;
                    if y >= height {
                        break;
                    }
                    for run in spans.row(y) {
                        let range = run.range();
                        let begins = range.start == 0;
                        let ends = range.end == w;
                        work(y, range.start, &mut row[PAD + range.start..PAD + range.end]);
                        if begins {
                            let first = row[PAD];
                            row[..PAD].fill(first);
                        }
                        if ends {
                            let last = row[PAD + w - 1];
                            row[PAD + w..].fill(last);
                        }
                    }
                }
            });
        if height > 0 && !spans.row(0).is_empty() {
            for b in 0..PAD {
                self.data
                    .copy_within(PAD * stride..(PAD + 1) * stride, b * stride);
            }
        }
        if height > 0 && !spans.row(height - 1).is_empty() {
            for b in 0..PAD {
                self.data.copy_within(
                    (PAD + height - 1) * stride..(PAD + height) * stride,
                    (PAD + height + b) * stride,
                );
            }
        }
    }
}
