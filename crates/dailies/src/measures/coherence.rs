//! Temporal coherence: how well each frame is the one before it, moved.
//!
//! The warping error of Lai, Huang, Wang, Shechtman, Yumer and Yang, "Learning Blind Video Temporal Consistency" (ECCV
//! 2018): the mean square difference along the motion, where a search back finds the place again. Here on patches of
//! the small planes (about 160 pixels across, each pixel a mean of nine), in luma codes.
//!
//! *Blind to:* a take that stands still is perfectly coherent; texture that sticks to the screen is, too. Swarms,
//! water, fire change between frames and are honest: compare with the shot's other takes. Flicker counts here as well.
//! Boiling finer than three proxy pixels is averaged away.

use serde::{Deserialize, Serialize};

use super::numbers::{mean, quantile};
use super::seen::Seen;

/// How well frames follow from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coherence {
    /// Root of the mean square difference along the motion, in luma codes, where places are found again; mean over
    /// pairs of frames.
    pub warp_error_codes: Option<f64>,
    /// That of the pair that only one in twenty exceeds.
    pub worst_warp_error_codes: Option<f64>,
    /// Error over the contrast of what moves (standard deviation of luma in a patch); independent of contrast.
    pub warp_error_ratio: Option<f64>,
    /// Patches with something in them that are not found again, in percent; mean over pairs.
    pub lost_percent: Option<f64>,
}

#[derive(Default)]
pub(super) struct Coherent {
    errors: Vec<f64>,
    ratios: Vec<f64>,
    lost: Vec<f64>,
}

/// Texture (smaller eigenvalue, codes² a pixel²) from which on a patch has something in it.
const SOMETHING: f32 = 1.0;

impl Coherent {
    pub fn frame(&mut self, seen: &Seen<'_>) {
        let Some(way) = seen.way else { return };
        let (mut sum, mut texture, mut count, mut textured, mut lost) = (0.0, 0.0, 0u32, 0u32, 0u32);
        for v in &way.field.vectors {
            if v.texture > SOMETHING {
                textured += 1;
                lost += u32::from(!v.sound);
            }
            if v.sound {
                sum += f64::from(v.off * v.off + v.rest);
                texture += f64::from(v.texture);
                count += 1;
            }
        }
        if count > 0 {
            let n = f64::from(count);
            self.errors.push(libm::sqrt(sum / n));
            self.ratios.push(libm::sqrt(sum / (texture + n)));
        }
        if textured > 0 {
            self.lost.push(100.0 * f64::from(lost) / f64::from(textured));
        }
    }

    pub fn finish(self) -> Coherence {
        Coherence {
            warp_error_codes: mean(&self.errors),
            worst_warp_error_codes: quantile(&self.errors, 0.95),
            warp_error_ratio: mean(&self.ratios),
            lost_percent: mean(&self.lost),
        }
    }
}
