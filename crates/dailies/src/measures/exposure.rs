//! Exposure: how light a take is, and what is lost at both ends.
//!
//! Shares and percentiles of 8-bit codes, as a photographer reads a histogram; the level is the mean linear luminance
//! in stops from mid grey (0.18).
//!
//! *Blind to:* what is meant. A night is dark, a lamp clips: compare with the shot's other takes, or give a picture of
//! the layout ([`super::layout`]), whose level is then compared place by place. Clipping that a later stage pulled
//! below white is not seen as such.

use serde::{Deserialize, Serialize};

use super::numbers::{largest, mean, smallest};
use super::seen::Seen;

/// How light a take is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Mean linear luminance over mid grey (0.18), in stops, over all frames.
    pub level_stops: Option<f64>,
    /// The darkest frame's.
    pub darkest_frame_stops: Option<f64>,
    /// The lightest frame's.
    pub lightest_frame_stops: Option<f64>,
    /// Luma, 0 to 1, that one pixel in two hundred is below; mean over frames.
    pub darkest: Option<f64>,
    /// Luma, 0 to 1, that one pixel in two hundred is above; mean over frames.
    pub lightest: Option<f64>,
    /// Pixels with luma up to 2 of 255, in percent; mean over frames.
    pub black_percent: Option<f64>,
    /// Pixels with two or three channels at 253 of 255 or above, in percent; mean over frames.
    pub white_percent: Option<f64>,
    /// The same in the frame that has most.
    pub most_white_percent: Option<f64>,
}

#[derive(Default)]
pub(super) struct Exposed {
    light: Vec<f64>,
    darkest: Vec<f64>,
    lightest: Vec<f64>,
    black: Vec<f64>,
    white: Vec<f64>,
}

/// Luminance in stops from mid grey; never below -20.
pub(super) fn stops(luminance: f64) -> f64 {
    libm::log2(luminance.max(0.18 / 1_048_576.0) / 0.18)
}

impl Exposed {
    pub fn frame(&mut self, seen: &Seen<'_>) {
        let luminance = seen.small.luminance();
        let sum: f64 = luminance
            .chunks(seen.small.width.max(1))
            .map(|row| f64::from(row.iter().sum::<f32>()))
            .sum();
        self.light.push(sum / luminance.len().max(1) as f64);
        let j = &seen.judgement;
        self.darkest.push(f64::from(j.darkest));
        self.lightest.push(f64::from(j.lightest));
        self.black.push(100.0 * f64::from(j.black));
        self.white.push(100.0 * f64::from(j.white));
    }

    pub fn finish(self) -> Exposure {
        Exposure {
            level_stops: mean(&self.light).map(stops),
            darkest_frame_stops: smallest(&self.light).map(stops),
            lightest_frame_stops: largest(&self.light).map(stops),
            darkest: mean(&self.darkest),
            lightest: mean(&self.lightest),
            black_percent: mean(&self.black),
            white_percent: mean(&self.white),
            most_white_percent: largest(&self.white),
        }
    }
}
