//! Motion between pixels, and pictures fetched along it.

use rayon::prelude::*;

use super::{Flow, FlowError};
use crate::image::{Image, Space};
use crate::resample;

/// The size of a motion from which on it means "unknown", as in .flo files.
const UNKNOWN: f32 = 1e9;

impl Flow {
    /// Whether a motion is one: numbers, and not the .flo files' mark for "unknown" (a size above 1e9).
    pub fn is_known(motion: [f32; 2]) -> bool {
        // NaN is not at most anything.
        motion[0].abs() <= UNKNOWN && motion[1].abs() <= UNKNOWN
    }

    /// The motion at (`x`, `y`), in pixels from the centre of the top left pixel, linearly between the four
    /// pixels around. Beyond the border the outermost motions stand on. `None` where one of the four that
    /// counts is unknown, the place is no number, or the field is empty.
    pub fn sample(&self, x: f32, y: f32) -> Option<[f32; 2]> {
        if self.motion.is_empty() || x.is_nan() || y.is_nan() {
            return None;
        }
        let (width, height) = (self.width as usize, self.height as usize);
        let x = x.clamp(0.0, (width - 1) as f32);
        let y = y.clamp(0.0, (height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
        let (fx, fy) = (x - left as f32, y - top as f32);
        let mut sum = [0.0f32; 2];
        for (row, column, weight) in [
            (top, left, (1.0 - fx) * (1.0 - fy)),
            (top, right, fx * (1.0 - fy)),
            (bottom, left, (1.0 - fx) * fy),
            (bottom, right, fx * fy),
        ] {
            if weight > 0.0 {
                let motion = self.motion[row * width + column];
                if !Self::is_known(motion) {
                    return None;
                }
                sum[0] += weight * motion[0];
                sum[1] += weight * motion[1];
            }
        }
        Some(sum)
    }
}

/// The second picture fetched back onto the first: each pixel is the colour of `to` where the pixel goes,
/// by the Catmull-Rom cubic ([`resample::bicubic`]). Beyond the border the outermost pixels stand on; where
/// the motion is unknown the result is transparent black.
///
/// # Errors
/// Where field and picture have not one size.
pub fn warp<S: Space>(to: &Image<S>, flow: &Flow) -> Result<Image<S>, FlowError> {
    if (to.width(), to.height()) != (flow.width, flow.height) {
        return Err(FlowError::Sizes {
            from: [flow.width, flow.height],
            to: [to.width(), to.height()],
        });
    }
    let mut result = Image::new(to.width(), to.height());
    let width = to.width().max(1) as usize;
    result
        .pixels_mut()
        .par_chunks_mut(width)
        .zip(flow.motion.par_chunks(width))
        .enumerate()
        .for_each(|(y, (out, motion))| {
            for (x, (out, motion)) in out.iter_mut().zip(motion).enumerate() {
                if Flow::is_known(*motion) {
                    let (x, y) = (x as f64 + f64::from(motion[0]), y as f64 + f64::from(motion[1]));
                    *out = resample::bicubic(to, x, y);
                }
            }
        });
    Ok(result)
}
