//! Drift along a clip.

use super::{Drift, Features, Reference};
use heirloom_film::Rate;
use heirloom_picture::preview::Preview;

/// A jump from one frame to the next that stands out.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// The frame after the jump, counted from zero.
    pub frame: usize,
    /// How much the whole drift rose (or fell, below zero).
    pub rise: f64,
}

/// How far a clip is from a style, and how that changes.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClipDrift {
    /// [`super::VERSION`] at the time.
    pub version: u32,
    /// Every frame's.
    pub frames: Vec<Drift>,
    /// The mean of the whole drift.
    pub mean: f64,
    /// The frame with the most drift, counted from zero; its drift is `frames[worst].total`.
    pub worst: usize,
    /// How much the whole drift rises a second: the median slope of all pairs of frames (Theil, 1950; Sen, 1968), which
    /// up to a quarter of the frames may be outliers of. Of long clips, of 400 frames spread evenly.
    pub trend_per_second: f64,
    /// Rises and falls between neighbours that are over six times the usual change, and over 0.25.
    pub steps: Vec<Step>,
}

/// Frames that a trend is taken from at most: the work grows with the square.
const TREND_FRAMES: usize = 400;

/// The drift of a clip's frames, in order, at a rate. `None` without frames.
pub fn drift_of_frames(
    reference: &Reference,
    frames: impl IntoIterator<Item = Preview>,
    rate: Rate,
) -> Option<ClipDrift> {
    let of = |frame: Preview| frame.view().map(|view| reference.drift(&Features::of(&view)));
    clip(frames.into_iter().filter_map(of).collect(), rate)
}

fn clip(frames: Vec<Drift>, rate: Rate) -> Option<ClipDrift> {
    let totals: Vec<f64> = frames.iter().map(|f| f.total).collect();
    let worst = (0..totals.len()).reduce(|a, b| if totals[b] > totals[a] { b } else { a })?;
    Some(ClipDrift {
        version: super::VERSION,
        mean: totals.iter().sum::<f64>() / totals.len() as f64,
        worst,
        trend_per_second: trend(&totals, rate),
        steps: steps(&totals),
        frames,
    })
}

fn trend(totals: &[f64], rate: Rate) -> f64 {
    let stride = totals.len().div_ceil(TREND_FRAMES).max(1);
    let mut slopes = Vec::new();
    for late in (0..totals.len()).step_by(stride) {
        for early in (0..late).step_by(stride) {
            slopes.push((totals[late] - totals[early]) / rate.seconds((late - early) as u64));
        }
    }
    median(&mut slopes)
}

fn steps(totals: &[f64]) -> Vec<Step> {
    let rises: Vec<f64> = totals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut sizes: Vec<f64> = rises.iter().map(|r| r.abs()).collect();
    let least = (6.0 * median(&mut sizes)).max(0.25);
    let standing_out = |(n, rise): (usize, &f64)| {
        (rise.abs() > least).then_some(Step {
            frame: n + 1,
            rise: *rise,
        })
    };
    rises.iter().enumerate().filter_map(standing_out).collect()
}

/// 0 of none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count => (values[(count - 1) / 2] + values[count / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(totals: &[f64]) -> ClipDrift {
        let frames = totals.iter().map(|total| Drift {
            total: *total,
            ..Drift::default()
        });
        clip(frames.collect(), Rate::new(24, 1).unwrap()).unwrap()
    }

    #[test]
    fn a_trend_outlasts_outliers() {
        // A rise of 0.02 a frame is 0.48 a second; every sixth frame is far off.
        let totals: Vec<f64> = (0..48)
            .map(|n| 1.0 + 0.02 * f64::from(n) + if n % 6 == 5 { 3.0 } else { 0.0 })
            .collect();
        let clip = of(&totals);
        assert!(
            (clip.trend_per_second - 0.48).abs() < 0.05,
            "{}",
            clip.trend_per_second
        );
        assert_eq!(clip.worst, 47);
    }

    #[test]
    fn a_jump_is_a_step_and_a_slow_rise_is_none() {
        let totals: Vec<f64> = (0..48)
            .map(|n| 1.0 + 0.05 * f64::from(n) + if n < 20 { 0.0 } else { 2.0 })
            .collect();
        let clip = of(&totals);
        assert_eq!(clip.steps.len(), 1);
        assert_eq!(clip.steps[0].frame, 20);
        assert!((clip.steps[0].rise - 2.05).abs() < 1e-9);
        assert_eq!(of(&[1.0]).trend_per_second, 0.0);
        assert!(clip_of_none());
    }

    fn clip_of_none() -> bool {
        clip(Vec::new(), Rate::new(24, 1).unwrap()).is_none()
    }
}
