//! What judging a take gives, as data.

use serde::{Deserialize, Serialize};

/// A figure, or why there is none: a wrong number would be worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading<T> {
    /// It could be read.
    Read(T),
    /// It could not.
    Unsure {
        /// Why, as a sentence without its full stop.
        why: String,
    },
}

impl<T> Reading<T> {
    pub(super) fn unsure(why: impl Into<String>) -> Self {
        Self::Unsure { why: why.into() }
    }

    /// The figure, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Unsure { .. } => None,
        }
    }

    /// Why there is no figure.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Read(_) => None,
            Self::Unsure { why } => Some(why),
        }
    }
}

/// How well a take follows the stage. `Display` gives it as a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adherence {
    /// Frames of guides and take, and how many of them were compared.
    pub frames: FrameCounts,
    /// Whether things move as the stage's do.
    pub camera: Reading<Camera>,
    /// Whether they do so when the stage's do.
    pub timing: Reading<Timing>,
    /// Whether they stand where the stage's do.
    pub blocking: Reading<Blocking>,
    /// Whether light falls from where the stage's does.
    pub light: Reading<Light>,
    /// What the reader of the figures should know; each a sentence.
    pub notes: Vec<String>,
    /// One entry a frame that was compared, for plotting.
    pub series: Vec<FrameFigures>,
    /// How well each lag fits, for plotting.
    pub lags: Vec<LagFit>,
}

/// Lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameCounts {
    /// Frames with guides.
    pub guides: usize,
    /// Frames of the take.
    pub take: usize,
    /// Frames that both have, from the first on.
    pub judged: usize,
    /// Width and height at which they were compared, in pixels.
    pub working_px: [u32; 2],
}

/// The take's motion beside the exact one. Lengths are in the guides' pixels, a frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// Mean distance between the ends of the two motions, over judged pixels.
    pub mean_px: f64,
    /// Its median.
    pub median_px: f64,
    /// What 95 % stay below.
    pub p95_px: f64,
    /// Share of all pixels of all frames that could be judged: seen on the stage in both frames, and in the take
    /// textured enough and found again there and back.
    pub judged_percent: f64,
    /// What a take that stands still would have as its mean.
    pub still_px: f64,
    /// Mean error over that: 0 is exact, 1 is no better than standing still. `None` where the stage hardly moves.
    pub ratio_to_still: Option<f64>,
    /// How much of the exact motion the take makes (least squares): 1 all, 0.5 half, -1 the other way.
    pub gain: Option<f64>,
}

/// What a lag was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// The motion of each place.
    Field,
    /// How much moves.
    Energy,
}

/// When things happen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Frames by which the take is late; early is below zero.
    pub lag_frames: i64,
    /// The same to a part of a frame: the top of a parabola through the best three.
    pub lag_fine_frames: f64,
    /// Standard error of that in frames, from leaving out an eighth of the shot in turn.
    pub spread_frames: f64,
    /// How well motions fit at that lag: their correlation, 1 at best.
    pub fit: f64,
    /// The same without any lag.
    pub fit_at_zero: Option<f64>,
    /// What it was read from.
    pub by: Signal,
    /// The lag by how much moves, where the field decided and this is sure as well.
    pub energy_lag_frames: Option<f64>,
}

/// How well one lag fits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LagFit {
    /// Frames late.
    pub lag_frames: i64,
    /// Correlation of the motions of each place.
    pub field: Option<f64>,
    /// Correlation of how much moves.
    pub energy: Option<f64>,
}

/// Edges against outlines, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outlines {
    /// Of the edges in a band along outlines, the share on one.
    pub precision: f64,
    /// Of the outlines, the share with an edge on it.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f: f64,
    /// F for the same outlines pushed aside: what this picture gets by chance.
    pub chance_f: f64,
    /// F between chance (0) and perfect (1). The figure to go by.
    pub placed: f64,
}

/// Who and what stands where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blocking {
    /// The take's edges.
    pub take: Outlines,
    /// The same for the stage's own colour pass: what can be reached.
    pub stage: Option<Outlines>,
    /// The mean of [`ObjectOutline::shown`]: each object counts alike, however long its outline.
    pub objects_shown: f64,
    /// By object, in order of id.
    pub objects: Vec<ObjectOutline>,
}

/// One object's outline in the take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectOutline {
    /// Its id in the guides.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Share of its outline with an edge on it.
    pub recall: f64,
    /// That share between chance (0) and all (1).
    pub shown: f64,
    /// The same for the stage's own colour pass.
    pub stage_shown: Option<f64>,
    /// Frames in which no edge lies where its outline is on the stage, though the stage's own picture shows it (where there is one).
    pub missing: Vec<Span>,
}

/// Frames from `first` to `last`, both counted in, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first.
    pub first: usize,
    /// The last.
    pub last: usize,
}

/// Where light comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Light {
    /// Degrees between the main light's direction on the stage and in the take, both found the same way from the same
    /// normals.
    pub angle_deg: f64,
    /// How sure both are, 0 to 1.
    pub confidence: f64,
    /// Frames it was read from.
    pub frames: usize,
}

/// The figures of one frame; motion is that to the next. Lengths in the guides' pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FrameFigures {
    /// The frame, counted from 0.
    pub frame: usize,
    /// Share of its pixels whose motion could be judged.
    pub judged_percent: Option<f64>,
    /// Mean endpoint error.
    pub mean_px: Option<f64>,
    /// Median endpoint error.
    pub median_px: Option<f64>,
    /// What 95 % of the errors stay below.
    pub p95_px: Option<f64>,
    /// Mean length of the exact motion where judged.
    pub exact_px: Option<f64>,
    /// Mean length of the take's motion where judged.
    pub taken_px: Option<f64>,
    /// Precision of the take's edges.
    pub precision: Option<f64>,
    /// Recall of outlines.
    pub recall: Option<f64>,
    /// F of both.
    pub f: Option<f64>,
    /// F between chance and perfect.
    pub placed: Option<f64>,
    /// Degrees between stage's and take's light.
    pub light_angle_deg: Option<f64>,
}
