//! How well a take follows the stage, in numbers: camera, timing, blocking, light.
//!
//! [`judge`] compares a take's frames with the exact passes of the shot. It looks at nothing but what a picture shows
//! whatever its style: how places move ([`Camera`]), when ([`Timing`]), where objects end ([`Blocking`]) and where
//! light comes from ([`Light`]). What cannot be read is said to be [unsure](Reading::Unsure), with the reason. Single
//! frames can be looked at with [`heat`] and [`write_contact`]. What the figures mean, and what fools them, is in
//! `docs/adherence.md`.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//!
//! use heirloom_engine::guides::{Certainty, GuideFrame, Pass};
//! use heirloom_engine::GuideSet;
//! use heirloom_film::{Rate, Size};
//! use heirloom_picture::Image;
//! use heirloom_stage::adherence::{AdherenceOptions, StagePictures, judge};
//!
//! // One frame of a light square on a dark floor. A shot has more; motion then is read as well.
//! let size = Size { width: 96, height: 64 };
//! let inside = |i: u32| (30..60).contains(&(i % 96)) && (20..44).contains(&(i / 96));
//! let light = |i: u32| if inside(i) { [0.6, 0.6, 0.6, 1.0] } else { [0.1, 0.1, 0.1, 1.0] };
//! let color = Image::from_pixels(96, 64, (0..96 * 64).map(light).collect()).ok_or("its size")?;
//! let ids = (0..96 * 64).map(|i| if inside(i) { 2 } else { 1 }).collect();
//! let guides = GuideSet {
//!     size,
//!     rate: Rate::new(24, 1)?,
//!     names: [(1, "floor".into()), (2, "crate".into())].into(),
//!     light: None,
//!     frames: vec![GuideFrame {
//!         color: Some((color, Certainty::Exact)),
//!         object_id: Some(Pass { values: ids, certainty: Certainty::Exact }),
//!         ..GuideFrame::default()
//!     }],
//! };
//!
//! let options = AdherenceOptions::default();
//! let own = judge(&guides, &StagePictures(&guides), &options, &mut |_, _| (), &AtomicBool::new(false))?;
//! assert!(own.blocking.value().is_some_and(|b| b.take.placed > 0.9));
//! assert_eq!(own.camera.why(), Some("motion needs two frames"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - Take and guides of different lengths are compared over the frames both have, and the report says so.
//! - The figures do not depend on the number of threads or the processor, nor on the take's contrast or size beyond
//!   what scaling loses.

mod blocking;
mod edges;
mod gather;
mod lamp;
mod motion;
mod outline;
mod picture;
mod report;
mod table;
mod take;
mod timing;
mod working;

use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_engine::GuideSet;
use heirloom_picture::Image;
use heirloom_picture::flow::FlowOptions;

pub use picture::{contact, heat, write_contact};
pub use report::{
    Adherence, Blocking, Camera, FrameCounts, FrameFigures, LagFit, Light, ObjectOutline, Outlines, Reading,
    Signal, Span, Timing,
};
pub use take::{AdherenceError, FromFn, PictureError, StagePictures, TakePictures};

use gather::Gathered;
use working::Working;

/// How a take is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdherenceOptions {
    /// Longest side at which pictures are compared, in pixels; larger guides are thinned to it.
    pub longest_side_px: u32,
    /// The largest lag that is looked for, in frames each way; never more than a third of the shot.
    pub largest_lag_frames: u32,
    /// How far an edge may lie from an outline, as a part of the diagonal.
    pub edge_tolerance: f32,
    /// Frames from which light is read, spread evenly over the shot.
    pub light_frames: usize,
    /// Standard deviation of the blur before motion is looked for, in working pixels: it holds grain down.
    pub soften_px: f32,
    /// How the take's own motion is found.
    pub flow: FlowOptions,
}

impl Default for AdherenceOptions {
    fn default() -> Self {
        Self {
            longest_side_px: 480,
            largest_lag_frames: 12,
            edge_tolerance: 0.0075,
            light_frames: 4,
            soften_px: 0.7,
            flow: FlowOptions {
                warps: 1,
                smoothness: 3.0,
                ..FlowOptions::default()
            },
        }
    }
}

/// Frames that are held in memory and compared at a time.
const BLOCK: usize = 8;

/// Compares a take with the guides of its shot. Frame n of the take is held to frame n of the guides: a take with
/// another rate wants guides sampled at its own times.
///
/// `progress` gets frames done and frames in all; `stop` is looked at every few frames.
///
/// # Errors
/// Where guides or take are empty or do not hold together, a frame cannot be read, or `stop` was set.
pub fn judge(
    guides: &GuideSet,
    take: &dyn TakePictures,
    options: &AdherenceOptions,
    progress: &mut dyn FnMut(u64, u64),
    stop: &AtomicBool,
) -> Result<Adherence, AdherenceError> {
    let shared = shared_frames(guides, take)?;
    let working = Working::new(guides.size, options.longest_side_px);
    let mut gathered = Gathered::new(guides, working, options, shared);
    progress(0, shared as u64);
    for first in (0..shared).step_by(BLOCK) {
        if stop.load(Ordering::Relaxed) {
            return Err(AdherenceError::Stopped);
        }
        let end = (first + BLOCK).min(shared);
        let mut pictures = Vec::with_capacity(BLOCK);
        for frame in first..end {
            let picture = fetched(take, frame)?;
            if frame == 0 {
                gathered.note_shape(&picture);
            }
            pictures.push(working.picture(&picture));
        }
        gathered.look(pictures)?;
        progress(end as u64, shared as u64);
    }
    Ok(gathered.report(take.frame_count()))
}

/// Frames that guides and take both have.
fn shared_frames(guides: &GuideSet, take: &dyn TakePictures) -> Result<usize, AdherenceError> {
    guides.validate()?;
    let nothing = |what: &str| AdherenceError::Nothing { what: what.into() };
    if guides.size.pixels() == 0 {
        return Err(nothing("the guides have no pixels"));
    }
    if guides.frames.is_empty() {
        return Err(nothing("the guides have no frames"));
    }
    match take.frame_count() {
        0 => Err(nothing("the take has no frames")),
        count => Ok(count.min(guides.frames.len())),
    }
}

fn fetched(take: &dyn TakePictures, frame: usize) -> Result<Image, AdherenceError> {
    let picture = take
        .picture(frame)
        .map_err(|source| AdherenceError::Picture { frame, source })?;
    if picture.pixels().is_empty() {
        return Err(AdherenceError::Empty { frame });
    }
    Ok(picture)
}
