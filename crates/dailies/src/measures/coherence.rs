//! Temporal coherence: how well each frame is the one before it, moved.
//!
//! The warping error of Lai, Huang, Wang, Shechtman, Yumer and Yang, "Learning Blind Video Temporal Consistency" (ECCV
//! 2018): the mean square difference along the motion, where a search back finds the place again. Here on patches of
//! the small planes (about 160 pixels across, each pixel a mean of nine), in luma codes.
//!
//! *Boiling* is how a place's motion shivers from frame to frame: the motion of a patch less half of what it was before and
//! half of what it is after. What moves steadily or turns slowly leaves next to nothing of that; texture that is painted
//! anew in every frame has it in full, even where it is found again and so costs the warping error little. Places count
//! by their texture, as a flat one can not say where it went.
//!
//! *Blind to:* a take that stands still is perfectly coherent; texture that sticks to the screen is, too. Swarms,
//! water, fire change between frames and are honest: compare with the shot's other takes. Flicker counts here as well.
//! Boiling finer than three proxy pixels is averaged away.

use serde::{Deserialize, Serialize};

use super::numbers::{mean, quantile};
use super::seen::Seen;
use super::track::{Field, Vector};

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
    /// How the motion of places shivers, in percent of the width a frame; root of the mean square over patches and
    /// frames. None for fewer than four frames.
    #[serde(default)]
    pub boil_percent: Option<f64>,
}

#[derive(Default)]
pub(super) struct Coherent {
    errors: Vec<f64>,
    ratios: Vec<f64>,
    lost: Vec<f64>,
    /// The last two ways, the older first: where each patch goes, in widths, and its texture; none where it was lost.
    ways: [Vec<Option<Held>>; 2],
    boiled: f64,
    weight: f64,
}

/// A patch's motion in widths of the picture, and its texture.
#[derive(Clone, Copy)]
struct Held {
    motion: [f64; 2],
    texture: f64,
}

/// Texture (smaller eigenvalue, codes² a pixel²) from which on a patch has something in it.
const SOMETHING: f32 = 1.0;
/// Texture at which a patch counts half of what a sharp one does: there grain moves it by a tenth of a pixel or so.
const HALF: f64 = 16.0;
/// Of the square of `before - 2 now + after` for motions that have nothing to do with each other, over their variance.
const THIRD: f64 = 6.0;

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
        self.shiver(&way.field);
    }

    /// Holds the motion of each patch against what it was before.
    fn shiver(&mut self, field: &Field) {
        let width = field.width.max(1) as f64;
        let held = |v: &Vector| {
            (v.sound && v.texture > SOMETHING).then(|| Held {
                motion: v.motion.map(|m| f64::from(m) / width),
                texture: f64::from(v.texture),
            })
        };
        let now: Vec<Option<Held>> = field.vectors.iter().map(held).collect();
        let [older, old] = &self.ways;
        for ((older, old), now) in older.iter().zip(old).zip(&now) {
            let (Some(older), Some(old), Some(now)) = (older, old, now) else {
                continue;
            };
            let texture = older.texture.min(old.texture).min(now.texture);
            let weight = texture / (texture + HALF);
            for k in 0..2 {
                let bend = older.motion[k] - 2.0 * old.motion[k] + now.motion[k];
                self.boiled += weight * bend * bend / THIRD;
            }
            self.weight += weight;
        }
        self.ways.swap(0, 1);
        self.ways[1] = now;
    }

    pub fn finish(self) -> Coherence {
        Coherence {
            warp_error_codes: mean(&self.errors),
            worst_warp_error_codes: quantile(&self.errors, 0.95),
            warp_error_ratio: mean(&self.ratios),
            lost_percent: mean(&self.lost),
            boil_percent: (self.weight > 0.0).then(|| 100.0 * libm::sqrt(self.boiled / self.weight)),
        }
    }
}
