//! Sharpness: how blurred the sharpest parts are, and where the take goes soft for a moment.
//!
//! Each frame is judged as a photograph is ([`heirloom_archive::judge`]): a step blurred by a Gaussian of radius s has
//! mean squares of gradient and Laplacian that stand as 2 s² : 1; noise is taken off (Immerkær 1996), the sharpest
//! twentieth of the tiles counts. No other picture is needed.
//!
//! *Blind to:* what is soft on purpose (fog, a defocused shot): compare with the shot's other takes. Detail above the
//! proxy's size. Grain as sharp as pixels passes for detail where it is much stronger than the picture. Invented detail
//! is as sharp as true.

use serde::{Deserialize, Serialize};

use super::numbers::{largest, median, median_around};
use super::seen::Seen;

/// How sharp a take is. Radii are standard deviations in pixels of the proxy; none where nothing stands out from noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sharpness {
    /// The blur's radius: the middle over all frames.
    pub blur_px: Option<f64>,
    /// That of the softest frame.
    pub softest_px: Option<f64>,
    /// By how much the softest moment exceeds what is around it (half a second each way).
    pub dip_px: Option<f64>,
}

#[derive(Default)]
pub(super) struct Sharp {
    blur: Vec<f64>,
}

impl Sharp {
    pub fn frame(&mut self, seen: &Seen<'_>) {
        if seen.judgement.blur > 0.0 {
            self.blur.push(f64::from(seen.judgement.blur));
        }
    }

    pub fn finish(self, frames_per_second: f64) -> Sharpness {
        let reach = (0.5 * frames_per_second).max(2.0) as usize;
        let dips: Vec<f64> = (0..self.blur.len())
            .filter_map(|at| Some(self.blur[at] - median_around(&self.blur, at, reach)?))
            .collect();
        Sharpness {
            blur_px: median(&self.blur),
            softest_px: largest(&self.blur),
            dip_px: largest(&dips),
        }
    }
}
