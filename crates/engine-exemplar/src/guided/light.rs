//! The stage's light on the photographs' matter: what the finish multiplies each pixel by.

use super::cast::Cast;
use super::seen::Seen;
use heirloom_picture::color::srgb_decode;
use rayon::prelude::*;

/// The most that light is taken away or given.
const LEAST: f32 = 0.12;
const MOST: f32 = 2.6;

/// Linear light of display codes, as floats.
pub fn linear() -> Vec<f32> {
    (0..256u32)
        .map(|v| srgb_decode(f64::from(v) / 255.0) as f32)
        .collect()
}

/// What to multiply the light of each pixel by, so that a thing is as light here against its mean as the clay is:
/// `wished` is the luminance (display codes) that its matter was chosen for, `mean` each thing's mean of that (linear),
/// `strength` how much of the way is gone.
pub fn ratios(
    seen: &Seen,
    cast: &Cast,
    things: &[u16],
    wished: &[u8],
    mean: &[f32],
    strength: f32,
) -> Vec<f32> {
    let linear = linear();
    let small = 0.004;
    (0..seen.object.len())
        .into_par_iter()
        .map(|i| {
            let t = usize::from(things[i]);
            let (Some(thing), Some(mean)) = (cast.things.get(t), mean.get(t)) else {
                return 1.0;
            };
            let clay = (seen.light[i] + small) / (thing.light + small);
            let matter = (linear[usize::from(wished[i])] + small) / (mean + small);
            libm::powf((clay / matter).clamp(LEAST, MOST), strength)
        })
        .collect()
}
