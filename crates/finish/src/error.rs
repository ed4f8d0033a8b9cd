//! What can go wrong on the way from a cut to its files.

use std::path::PathBuf;

use heirloom_engine::Failure;
use heirloom_picture::WriteError;
use heirloom_picture::ffmpeg::FfmpegError;

use crate::timeline::TimelineError;

/// Why masters or frames were not made. Nothing half-written is left; each says the mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FinishError {
    /// The caller asked to stop.
    #[error("stopped; nothing of the masters was kept, and making them again starts from the finished takes")]
    Cancelled,
    /// The cut can not be laid out.
    #[error(transparent)]
    Timeline(#[from] TimelineError),
    /// A take could not be read.
    #[error("frame {frame} of shot {scene}/{shot}: {failure}")]
    Take {
        /// Scene's name.
        scene: String,
        /// Shot's name.
        shot: String,
        /// Frame within the shot.
        frame: u32,
        /// What the take said.
        failure: Failure,
    },
    /// The stage could not be rendered.
    #[error(transparent)]
    Stage(#[from] heirloom_stage::passes::RenderError),
    /// The cut does not fit together.
    #[error("{0}")]
    Cut(Failure),
    /// A clip, an encoder, or the program ffmpeg.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A folder or file could not be made, renamed or removed.
    #[error("{path} could not be written ({source}); see that its folder exists, may be written to and has room", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Numbered pictures that this export did not write.
    #[error("{folder} holds numbered pictures that are not of a Heirloom export; name an empty folder", folder = folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// Frames that the film does not have.
    #[error("the film has {frames} frames, 0 to {}; {asked} is past its end: ask for one of those", frames.saturating_sub(1))]
    PastEnd {
        /// Frame that was asked for.
        asked: u64,
        /// How many there are.
        frames: u64,
    },
    /// A worker broke off with a fault of its own.
    #[error(
        "a frame could not be made because of a fault in the program; please report it with the words above"
    )]
    Fault,
}
