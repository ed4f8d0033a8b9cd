//! The grey plane that motion is looked for in.

use rayon::prelude::*;

use super::FlowError;
use crate::color::CHUNK;
use crate::image::{Image, Space};

/// The largest value of a [`Plane`], of either sign; what lies beyond is brought back to it.
const LARGEST: f32 = 4.0;

/// `width` x `height` grey values, rows from the top left, spaced as a display's codes are: about 0 for
/// black and 1 for display white, so that a step in a dark area counts like one in a light area.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    width: u32,
    height: u32,
    values: Vec<f32>,
}

impl Plane {
    /// A plane of encoded values. NaN becomes 0, and what lies outside -4 to 4 its nearest bound.
    ///
    /// # Errors
    /// Where the values are not `width` x `height` many.
    pub fn from_values(width: u32, height: u32, mut values: Vec<f32>) -> Result<Self, FlowError> {
        if (width as usize).checked_mul(height as usize) != Some(values.len()) {
            return Err(FlowError::Count {
                found: values.len(),
                width,
                height,
            });
        }
        for v in &mut values {
            *v = if v.is_nan() {
                0.0
            } else {
                v.clamp(-LARGEST, LARGEST)
            };
        }
        Ok(Self {
            width,
            height,
            values,
        })
    }

    /// The luminance of a picture, encoded: near a square root, straight next to black as the sRGB curve
    /// is, and bent over above display white so that a highlight of any strength stays below 2.
    /// Transparent pixels count as over black. Light below zero and NaN are 0.
    pub fn of_image<S: Space>(image: &Image<S>) -> Self {
        // The primaries of both spaces span XYZ; the row is only ever missing for a plane of colour.
        let weights = S::CHROMATICITIES.to_xyz().map_or([0.0, 1.0, 0.0], |m| m.0[1]);
        let weights = weights.map(|w| w as f32);
        let mut values = vec![0.0f32; image.pixels().len()];
        values
            .par_chunks_mut(CHUNK)
            .zip(image.pixels().par_chunks(CHUNK))
            .for_each(|(values, pixels)| {
                for (value, p) in values.iter_mut().zip(pixels) {
                    *value = encode(p[0] * weights[0] + p[1] * weights[1] + p[2] * weights[2]);
                }
            });
        Self {
            width: image.width(),
            height: image.height(),
            values,
        }
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All values, row by row from the top left.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// Where the curve turns from straight to a root: its slope at black is about 10, as sRGB's is 12.9.
const TOE: f32 = 0.0025;

fn encode(light: f32) -> f32 {
    // `max` takes the number where the other is NaN.
    let light = light.max(0.0);
    let root = |v: f32| (v + TOE).sqrt() - TOE.sqrt();
    let v = root(light) / root(1.0);
    if v > 1.0 { 2.0 - 1.0 / v } else { v }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_rises_and_keeps_its_ends() {
        assert_eq!(encode(0.0), 0.0);
        assert_eq!(encode(-3.0), 0.0);
        assert_eq!(encode(f32::NAN), 0.0);
        assert!((encode(1.0) - 1.0).abs() < 1e-6);
        assert_eq!(encode(f32::INFINITY), 2.0);
        let mut last = -1.0;
        for i in 0..4000 {
            let now = encode(i as f32 / 1000.0);
            assert!(now > last && now < 2.0);
            last = now;
        }
        // A dark step of a display counts: light 0.01 is about code 0.1.
        assert!(encode(0.01) > 0.06 && encode(0.01) < 0.13);
    }
}
