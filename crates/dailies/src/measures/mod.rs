//! Takes in numbers: what a cull goes by, and what two takes are compared by.
//!
//! [`measure`] pulls a take's frames one at a time, small (about 480 pixels across) and in display codes, and looks at
//! each once. What comes out are [`Measures`]: plain numbers with units, `None` where a thing can not be told. They say
//! nothing about right or wrong: limits are a shot's own, drawn from its takes. Every module names its source and what
//! it is blind to; `docs/measures.md` has the table, and how well each tells its defect.
//!
//! ```
//! use heirloom_dailies::measures::{Context, MeasureOptions, OfPictures, measure};
//! use heirloom_film::Rate;
//! use heirloom_picture::preview::Preview;
//!
//! // Half a second of stripes that move to the right, and the same with one frame that is black.
//! let frame = |n: u32| {
//!     let stripe = |x: u32, y: u32| [(100 + (x + 2 * y - 3 * n) % 40 * 3) as u8; 3];
//!     let codes = (0..90).flat_map(|y| (0..160).map(move |x| stripe(x + 99, y))).collect();
//!     Preview::from_codes(codes, 160, 90)
//! };
//! let sound: Vec<Preview> = (0..12).filter_map(frame).collect();
//! let mut broken = sound.clone();
//! broken[6] = Preview::from_codes(vec![[0; 3]; 160 * 90], 160, 90).ok_or("its size")?;
//!
//! let look = |frames: Vec<Preview>| {
//!     let mut frames = OfPictures::new(frames.into_iter(), Rate::CINEMA);
//!     measure(&mut frames, &Context::default(), &MeasureOptions::default())
//! };
//! assert!(look(sound)?.broken.frames.is_empty());
//! assert_eq!(look(broken)?.broken.frames, [6]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - One pass, one decode, a few frames in memory; one thread, so that takes are measured side by side.
//! - The same frames give the same numbers: plain arithmetic and `libm`, one order. Clips decoded by another version of
//!   ffmpeg may differ by a code here and there.
//! - Who is seen is not known: likeness is of colours and shapes, and of faces it is only said that they are there.

mod broken;
mod coherence;
mod exposure;
mod faces;
mod flicker;
mod frames;
mod frozen;
mod layout;
mod likeness;
mod moves;
mod named;
mod numbers;
mod planes;
mod repetition;
mod seen;
mod sharp;
mod stage;
mod style;
mod track;
mod verbatim;

use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_engine::TakeFrames;
use heirloom_film::Rate;
use serde::{Deserialize, Serialize};

pub use broken::Broken;
pub use coherence::Coherence;
pub use exposure::Exposure;
pub use faces::{Face, Faces, FindFaces};
pub use flicker::Flicker;
pub use frames::{FrameError, Frames, OfClip, OfPictures, OfTake, Proxy, step_for};
pub use frozen::Frozen;
pub use layout::{Layout, Plan as LayoutPlan, Plans as LayoutPlans};
pub use likeness::{Likeness, OfSubject, Sought};
pub use moves::{Expected, Move, Moving};
pub use named::{Better, NAMED, Named};
pub use repetition::Repetition;
pub use sharp::Sharpness;
pub use stage::Followed;
pub use style::{Drift, DriftOf, Exemplars, Style};
pub use verbatim::{Verbatim, verbatim};

/// Raised when the same frames would give other numbers than before: numbers of two revisions are not compared.
pub const REVISION: u32 = 2;

/// How takes are measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasureOptions {
    /// Pixels on the longer side of the frames that are looked at.
    pub side_px: u32,
    /// Frames a second that are looked at, about: one in a whole number of the take's.
    pub frames_per_second: u32,
    /// Frames a second that are compared with a style.
    pub style_frames_per_second: u32,
    /// Frames a second in which faces are looked for.
    pub face_frames_per_second: u32,
}

impl Default for MeasureOptions {
    fn default() -> Self {
        Self {
            side_px: 480,
            frames_per_second: 20,
            style_frames_per_second: 2,
            face_frames_per_second: 4,
        }
    }
}

/// What a take is held against, as far as it is known.
#[derive(Clone, Copy, Default)]
pub struct Context<'a> {
    /// Pictures of the layout.
    pub layout: Option<&'a LayoutPlans>,
    /// The motion asked for.
    pub motion: Option<&'a Expected>,
    /// Pictures of the style.
    pub style: Option<&'a Exemplars>,
    /// A fitted style's own measure of one frame.
    pub drift: Option<DriftOf<'a>>,
    /// The subjects that it is to show.
    pub subjects: &'a [Sought],
    /// What finds faces, where they are forbidden.
    pub faces: Option<&'a dyn FindFaces>,
    /// The opened take, where its engine says where pixels came from.
    pub origins: Option<&'a dyn TakeFrames>,
    /// Set to stop.
    pub stop: Option<&'a AtomicBool>,
}

/// A take in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// [`REVISION`] when they were taken.
    pub revision: u32,
    /// Frames that were looked at.
    pub frames: u32,
    /// One in so many of the take's frames was.
    pub step: u32,
    /// The take's own frames a second.
    pub rate: Rate,
    /// Width and height at which they were looked at.
    pub size_px: [u32; 2],
    /// How sharp it is.
    pub sharpness: Sharpness,
    /// How light it is.
    pub exposure: Exposure,
    /// How its light flickers.
    pub flicker: Flicker,
    /// How well frames follow from each other.
    pub coherence: Coherence,
    /// What the camera does.
    pub motion: Moving,
    /// Where it stands still and should not.
    pub frozen: Frozen,
    /// What is broken.
    pub broken: Broken,
    /// Whether it loops.
    pub repetition: Repetition,
    /// How it is laid out, where there are pictures of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// How far it lies from pictures of its style, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// How far it lies from its fitted style, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// How like their pictures its subjects are, where any are looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likeness: Option<Likeness>,
    /// Whether faces are seen, where they are looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faces: Option<Faces>,
    /// How much is copied in one piece, where its engine can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbatim: Option<Verbatim>,
    /// How well it follows the stage, where that was judged ([`heirloom_stage::adherence`], a pass of its own).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Followed>,
}

/// A take could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// A frame could not be had.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Where pixels came from could not be read.
    #[error(transparent)]
    Origins(#[from] heirloom_engine::Failure),
    /// What finds faces failed.
    #[error("faces can not be looked for in it: {0}; name another network in face_detector of the charter")]
    Faces(String),
    /// No frame at all.
    #[error("the take has no frames; draw it again")]
    Nothing,
    /// On demand.
    #[error("measuring was stopped; measure the take again when you like, nothing was written")]
    Stopped,
}

/// Measures a take.
///
/// # Errors
/// A frame can not be had, there is none, or it was stopped.
pub fn measure(
    frames: &mut dyn Frames,
    context: &Context<'_>,
    options: &MeasureOptions,
) -> Result<Measures, MeasureError> {
    let (rate, step) = (frames.rate(), frames.step().max(1));
    let per_second = f64::from(rate.num()) / f64::from(rate.den().max(1)) / f64::from(step);
    let one_in = |wanted: u32| (per_second / f64::from(wanted.max(1))).max(1.0) as usize;
    let every = one_in(options.style_frames_per_second);
    // A picture of the layout speaks for half a second around it, at the take's own pace.
    let near = (0.5 * per_second * f64::from(step)) as u32;
    let mut eye = seen::Eye::default();
    let mut sharp = sharp::Sharp::default();
    let mut exposed = exposure::Exposed::default();
    let mut flickering = flicker::Flickering::default();
    let mut coherent = coherence::Coherent::default();
    let mut moves = moves::Moves::new(context.motion, step);
    let mut freezing = frozen::Freezing::default();
    let mut breaking = broken::Breaking::default();
    let mut repeating = repetition::Repeating::default();
    let mut laid_out = context.layout.map(|plans| layout::LaidOut::new(plans, near));
    let mut styled = context
        .style
        .map(|exemplars| style::Styled::new(exemplars, every));
    let mut drifting = context
        .drift
        .map(|drift_of| style::Drifting::new(drift_of, every));
    let mut likening =
        (!context.subjects.is_empty()).then(|| likeness::Likening::new(context.subjects, per_second));
    let mut facing = context
        .faces
        .map(|finder| faces::Facing::new(finder, one_in(options.face_frames_per_second), per_second));
    let (mut count, mut size_px) = (0u32, [0, 0]);
    while let Some(proxy) = frames.next_frame()? {
        if context.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(MeasureError::Stopped);
        }
        let n = count.saturating_mul(step);
        let view = proxy.picture.view().ok_or(FrameError::Empty { frame: n })?;
        size_px = [view.width(), view.height()];
        eye.look(n, view, proxy.no_numbers, &mut |seen| {
            sharp.frame(seen);
            exposed.frame(seen);
            flickering.frame(seen);
            coherent.frame(seen);
            moves.frame(seen);
            freezing.frame(seen);
            breaking.frame(seen);
            repeating.frame(seen);
            if let Some(laid_out) = &mut laid_out {
                laid_out.frame(seen);
            }
            if let Some(styled) = &mut styled {
                styled.frame(seen);
            }
            if let Some(drifting) = &mut drifting {
                drifting.frame(seen);
            }
            if let Some(likening) = &mut likening {
                likening.frame(seen);
            }
            if let Some(facing) = &mut facing {
                facing.frame(seen);
            }
        });
        count += 1;
    }
    if count == 0 {
        return Err(MeasureError::Nothing);
    }
    Ok(Measures {
        revision: REVISION,
        frames: count,
        step,
        rate,
        size_px,
        sharpness: sharp.finish(per_second),
        exposure: exposed.finish(),
        flicker: flickering.finish(),
        coherence: coherent.finish(),
        motion: moves.finish(per_second),
        frozen: freezing.finish(per_second),
        broken: breaking.finish(),
        repetition: repeating.finish(per_second),
        layout: laid_out.map(layout::LaidOut::finish),
        style: styled.map(style::Styled::finish),
        drift: drifting.map(style::Drifting::finish),
        likeness: likening.map(likeness::Likening::finish),
        faces: facing.map(faces::Facing::finish).transpose()?,
        verbatim: context.origins.map(verbatim).transpose()?.flatten(),
        stage: None,
    })
}
