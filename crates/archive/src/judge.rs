//! Whether a photograph is any good: blur, exposure, noise, size.

use heirloom_picture::measure::View;
use serde::{Deserialize, Serialize};

/// How good a picture is technically.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Pixels of the original, in millions.
    pub megapixels: f32,
}

/// Judges a picture by its proxy; `width` and `height` are the original's.
pub fn judge(_proxy: &View<'_>, width: u32, height: u32) -> Judgement {
    Judgement {
        megapixels: width as f32 * height as f32 / 1e6,
    }
}
