//! Flicker: changes of light from frame to frame that are no smooth change.
//!
//! Light is compared along the motion, so that a camera that finds a lamp does not flicker: of every patch that was
//! followed the ratio of its mean linear light after and before; the middle half by light of all patches is the gain of
//! the frame. What a steady change leaves of it, its difference from one pair to the next, is flicker: the classic
//! second difference of log luminance (as in Delon, "Movie and video scale-time equalization", IEEE TIP 2006, whose
//! per-frame gains this follows; the motion is ours). Independent errors of s in each frame make second differences of
//! √6 s, so the number is the standard deviation of the frames' own errors.
//!
//! *Blind to:* flicker slower than about a quarter of the frame rate shows ever less (see `beat_percent` for down to 3
//! a second). Lamps that truly flicker, fire, flashes: it can not know that they are meant. Patches that are nearly
//! black (luma below 6) or clipped say nothing.

use serde::{Deserialize, Serialize};

use super::numbers::{largest, middle_half, quantile, rms};
use super::seen::Seen;

/// Flicker, as percent of linear light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flicker {
    /// Standard deviation of the error of each frame's light.
    pub frame_percent: Option<f64>,
    /// The largest second difference of all, halved: a frame that is lighter by so much than both beside it.
    pub worst_percent: Option<f64>,
    /// Standard deviation of what is left of the light when its mean over nine frames is taken off.
    pub beat_percent: Option<f64>,
    /// How much single places flicker beyond the whole: the middle over patches of how their own gain differs from the
    /// frame's.
    pub local_percent: Option<f64>,
}

#[derive(Default)]
pub(super) struct Flickering {
    /// Logarithm of the gain of each pair.
    gains: Vec<f64>,
    local: Vec<f64>,
}

/// Frames each way that the mean is taken over.
const AROUND: usize = 4;

impl Flickering {
    pub fn frame(&mut self, seen: &Seen<'_>) {
        let Some(way) = seen.way else { return };
        let told: Vec<(f64, f64)> = way
            .field
            .vectors
            .iter()
            .filter(|v| v.sound)
            .filter_map(|v| {
                let [before, after] = v.light.map(f64::from);
                // Linear light of luma 6 and of luma 245.
                let lit = 0.002..0.91;
                (lit.contains(&before) && lit.contains(&after)).then(|| (libm::log(after / before), before))
            })
            .collect();
        // Where nearly nothing could be followed (a cut, a broken frame) nothing is known of the light.
        if told.len() < 4 || 20 * told.len() < way.field.vectors.len() {
            return;
        }
        let Some(gain) = middle_half(&mut told.clone()) else {
            return;
        };
        self.gains.push(gain);
        let off: Vec<f64> = told.iter().map(|(g, _)| (g - gain).abs()).collect();
        self.local.extend(quantile(&off, 0.5));
    }

    pub fn finish(self) -> Flicker {
        let second: Vec<f64> = self.gains.windows(2).map(|g| g[1] - g[0]).collect();
        let mut level = vec![0.0];
        for gain in &self.gains {
            level.push(level.last().copied().unwrap_or(0.0) + gain);
        }
        let beats: Vec<f64> = (AROUND..level.len().saturating_sub(AROUND))
            .map(|at| {
                let around = &level[at - AROUND..=at + AROUND];
                level[at] - around.iter().sum::<f64>() / around.len() as f64
            })
            .collect();
        let sizes: Vec<f64> = second.iter().map(|v| v.abs()).collect();
        Flicker {
            frame_percent: rms(&second).map(|v| 100.0 * v / libm::sqrt(6.0)),
            worst_percent: largest(&sizes).map(|v| 100.0 * v / 2.0),
            beat_percent: rms(&beats).map(|v| 100.0 * v),
            local_percent: quantile(&self.local, 0.5).map(|v| 100.0 * v),
        }
    }
}
