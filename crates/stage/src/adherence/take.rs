//! Where a take's frames come from, and what can go wrong.

use heirloom_engine::GuideSet;
use heirloom_engine::guides::WrongLength;
use heirloom_picture::flow::FlowError;
use heirloom_picture::{Image, WriteError};

/// What a source of frames may say when one cannot be had.
pub type PictureError = Box<dyn std::error::Error + Send + Sync>;

/// A take's frames, one picture each, at the times for which the guides were sampled.
///
/// [`judge`](super::judge) asks for each frame once, in order, so a clip can be decoded as it goes.
pub trait TakePictures {
    /// How many frames the take has.
    fn frame_count(&self) -> usize;

    /// One frame, of any size; it is scaled to the guides'.
    ///
    /// # Errors
    /// Whatever keeps the frame from being read.
    fn picture(&self, frame: usize) -> Result<Image, PictureError>;
}

impl TakePictures for [Image] {
    fn frame_count(&self) -> usize {
        self.len()
    }

    fn picture(&self, frame: usize) -> Result<Image, PictureError> {
        let picture = self.get(frame).cloned();
        picture.ok_or_else(|| format!("there are {} frames, counted from 0", self.len()).into())
    }
}

impl TakePictures for Vec<Image> {
    fn frame_count(&self) -> usize {
        self.len()
    }

    fn picture(&self, frame: usize) -> Result<Image, PictureError> {
        self.as_slice().picture(frame)
    }
}

/// Frames that a function makes or fetches.
pub struct FromFn<F> {
    frame_count: usize,
    fetch: F,
}

impl<F: Fn(usize) -> Result<Image, PictureError>> FromFn<F> {
    /// `frame_count` frames, each of them `fetch` of its number.
    pub fn new(frame_count: usize, fetch: F) -> Self {
        Self { frame_count, fetch }
    }
}

impl<F: Fn(usize) -> Result<Image, PictureError>> TakePictures for FromFn<F> {
    fn frame_count(&self) -> usize {
        self.frame_count
    }

    fn picture(&self, frame: usize) -> Result<Image, PictureError> {
        (self.fetch)(frame)
    }
}

/// The stage's own colour pass as a take: what scores best, and so what the figures can reach at all.
pub struct StagePictures<'a>(pub &'a GuideSet);

impl TakePictures for StagePictures<'_> {
    fn frame_count(&self) -> usize {
        self.0.frames.len()
    }

    fn picture(&self, frame: usize) -> Result<Image, PictureError> {
        let color = self.0.frames.get(frame).and_then(|f| f.color.as_ref());
        let picture = color.map(|(image, _)| image.clone());
        picture.ok_or_else(|| "the guides have no colour pass there".into())
    }
}

/// Why a take could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum AdherenceError {
    /// The passes do not fit the stated size.
    #[error(transparent)]
    Guides(#[from] WrongLength),
    /// No frames, or no pixels, in guides or take.
    #[error("there is nothing to judge: {what}; give guides and a take of at least one frame each")]
    Nothing {
        /// What is empty.
        what: String,
    },
    /// A frame of the take could not be had.
    #[error("frame {frame} of the take could not be read: {source}; see that the take is whole")]
    Picture {
        /// The frame, counted from 0.
        frame: usize,
        /// What its source said.
        source: PictureError,
    },
    /// A frame has no pixels.
    #[error("frame {frame} of the take has no pixels; render or decode the take again")]
    Empty {
        /// The frame, counted from 0.
        frame: usize,
    },
    /// A frame that is not there was asked for.
    #[error("there is no frame {frame}: guides and take share {shared}; ask for a smaller number")]
    NoSuchFrame {
        /// The frame, counted from 0.
        frame: usize,
        /// Frames that both have.
        shared: usize,
    },
    /// The motion of the take could not be found.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// A picture of the result could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The caller asked for an end.
    #[error("judging was stopped; start it again when you like, nothing was written")]
    Stopped,
}
