//! How well a clip follows the guides of its way.

use std::sync::atomic::AtomicBool;

use anyhow::Context;
use heirloom_engine::GuideSet;
use heirloom_engine_diffusion::generate::Clip;
use heirloom_stage::adherence::{AdherenceOptions, judge};

use crate::sets::images;

/// What one clip scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// Edges on outlines, between chance (0) and perfect (1).
    pub placed: f64,
    /// Distance of its motion from the exact one, over that of a clip that stands still; none where its motion cannot be read.
    pub motion: Option<f64>,
    /// Part of the picture whose motion could be judged, in percent.
    pub judged_percent: f64,
    /// Mean distance of its codes from those of the stage's own picture, in codes of 255.
    pub off: f64,
}

/// Judges a clip by the adherence measure; `stage` is the stage's own picture in the clip's size.
pub fn follow(guides: &GuideSet, clip: &Clip, stage: &Clip) -> anyhow::Result<Followed> {
    let frames = images(clip).context("a clip without pixels")?;
    let options = AdherenceOptions {
        light_frames: 0,
        ..AdherenceOptions::default()
    };
    let report = judge(guides, &frames, &options, &mut |_, _| (), &AtomicBool::new(false))?;
    let blocking = report.blocking.value().context("no outlines to judge by")?;
    let camera = report.camera.value();
    let pairs = clip.pixels.iter().zip(&stage.pixels);
    let off: f64 = pairs
        .map(|(a, b)| {
            (0..3)
                .map(|c| f64::from((a[c].clamp(0.0, 1.0) - b[c]).abs()))
                .sum::<f64>()
        })
        .sum();
    Ok(Followed {
        placed: blocking.take.placed,
        motion: camera.and_then(|c| c.ratio_to_still),
        judged_percent: camera.map_or(0.0, |c| c.judged_percent),
        off: 255.0 * off / (3 * clip.pixels.len()).max(1) as f64,
    })
}

/// The mean, and the standard deviation of a sample.
pub fn spread(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_that_of_a_sample() {
        let (mean, deviation) = spread(&[1.0, 2.0, 3.0]);
        assert!((mean - 2.0).abs() < 1e-12 && (deviation - 1.0).abs() < 1e-12);
    }
}
