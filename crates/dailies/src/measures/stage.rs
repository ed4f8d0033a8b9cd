//! The stage's word in a take's measures: the figures of [`heirloom_stage::adherence`] that a cull goes by.

use heirloom_stage::adherence::Adherence;
use serde::{Deserialize, Serialize};

/// How well a take follows the stage. What could not be read is none; `docs/adherence.md` says what fools each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Followed {
    /// Mean error of motion over that of a take that stands still: 0 exact, 1 no better than standing still.
    pub camera_error_ratio: Option<f64>,
    /// How much of the stage's motion it makes: 1 all, -1 the other way.
    pub camera_gain: Option<f64>,
    /// Frames by which it is late.
    pub lag_frames: Option<f64>,
    /// Where its outlines lie between chance (0) and the stage's (1).
    pub outlines_placed: Option<f64>,
    /// Degrees between its main light and the stage's.
    pub light_angle_deg: Option<f64>,
}

impl From<&Adherence> for Followed {
    fn from(judged: &Adherence) -> Self {
        let camera = judged.camera.value();
        Self {
            camera_error_ratio: camera.and_then(|c| c.ratio_to_still),
            camera_gain: camera.and_then(|c| c.gain),
            lag_frames: judged.timing.value().map(|t| t.lag_fine_frames),
            outlines_placed: judged.blocking.value().map(|b| b.take.placed),
            light_angle_deg: judged.light.value().map(|l| l.angle_deg),
        }
    }
}
