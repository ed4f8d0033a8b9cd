//! A grade between two.

use heirloom_picture::{color, oklab};

use super::{Grade, gamut};
use crate::lut::{CubeError, Lut3};

impl Grade {
    /// The grade that lies `at` (0: this one, 1: the other) of the way: each colour goes to the place, in OKLab, between
    /// where the two send it. Where both raise lightness along the greys, so does it.
    ///
    /// # Errors
    /// None for tables made here: a size that no table has.
    pub fn between(&self, other: &Grade, at: f64) -> Result<Grade, CubeError> {
        let size = self.lut().size().max(other.lut().size());
        let lut = Lut3::from_fn(size, |code| {
            let [a, b] = [self, other].map(|grade| {
                let out = grade.lut().sample(code);
                oklab::from_linear(out.map(color::srgb_decode))
            });
            let mixed = std::array::from_fn(|k| a[k] + (b[k] - a[k]) * at);
            let linear = oklab::to_linear(gamut::held(mixed, 1.0));
            linear.map(|v| color::srgb_encode(v.clamp(0.0, 1.0)))
        })?;
        Ok(Grade::from_lut(lut))
    }
}
