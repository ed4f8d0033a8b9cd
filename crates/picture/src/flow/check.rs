//! Whether motion there and motion back agree.

use rayon::prelude::*;

use super::{Flow, FlowError, check_sizes};

/// Motion both ways between two pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedFlow {
    /// From the first to the second.
    pub forward: Flow,
    /// From the second to the first.
    pub backward: Flow,
    /// For each pixel of the first, row by row: whether it stays within the picture, and the motion back
    /// from where it goes leads to it again ([`consistent`]). What is hidden in the second picture, and
    /// what was guessed, mostly fails.
    pub valid: Vec<bool>,
}

/// How far from itself each pixel comes back, in pixels: there by `forward`, back by `backward` as it is
/// between the pixels where it lands. Infinite where it leaves the picture or a motion is unknown.
///
/// # Errors
/// Where the two fields have not one size.
pub fn disagreement_px(forward: &Flow, backward: &Flow) -> Result<Vec<f32>, FlowError> {
    round_trips(forward, backward, |there, back| {
        let (x, y) = (there[0] + back[0], there[1] + back[1]);
        (x * x + y * y).sqrt()
    })
}

/// For each pixel, whether it comes back to within `sqrt(0.5 + 0.01 (|there|^2 + |back|^2))` pixels of
/// itself: the bound of Sundaram, Brox, Keutzer, "Dense Point Trajectories by GPU-Accelerated Large
/// Displacement Optical Flow", ECCV 2010, section 3. Motion out of the picture fails.
///
/// # Errors
/// Where the two fields have not one size.
pub fn consistent(forward: &Flow, backward: &Flow) -> Result<Vec<bool>, FlowError> {
    let square = |m: [f32; 2]| m[0] * m[0] + m[1] * m[1];
    let over = round_trips(forward, backward, |there, back| {
        let off = square([there[0] + back[0], there[1] + back[1]]);
        off - (0.5 + 0.01 * (square(there) + square(back)))
    })?;
    Ok(over.into_iter().map(|over| over < 0.0).collect())
}

/// For each pixel what `judge` makes of the motions there and back; infinite where there is no way back.
fn round_trips(
    forward: &Flow,
    backward: &Flow,
    judge: impl Fn([f32; 2], [f32; 2]) -> f32 + Sync,
) -> Result<Vec<f32>, FlowError> {
    let size = |flow: &Flow| [flow.width(), flow.height()];
    check_sizes(size(forward), size(backward))?;
    let (width, height) = (forward.width() as usize, forward.height());
    let (right, bottom) = ((width - 1) as f32, (height - 1) as f32);
    let mut result = vec![f32::INFINITY; forward.motion().len()];
    result
        .par_chunks_mut(width)
        .zip(forward.motion().par_chunks(width))
        .enumerate()
        .for_each(|(y, (out, motion))| {
            for (x, (out, there)) in out.iter_mut().zip(motion).enumerate() {
                let (to_x, to_y) = (x as f32 + there[0], y as f32 + there[1]);
                // Half a pixel beyond the outermost centres is the picture's edge.
                let inside = to_x >= -0.5 && to_y >= -0.5 && to_x <= right + 0.5 && to_y <= bottom + 0.5;
                if inside && let Some(back) = backward.sample(to_x, to_y) {
                    *out = judge(*there, back);
                }
            }
        });
    Ok(result)
}
