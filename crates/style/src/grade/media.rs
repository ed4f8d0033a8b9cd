//! Clips and stills graded, from file to file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use heirloom_film::{Size, SizeError};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, FfmpegError, Master};
use heirloom_picture::photo::{self, PhotoError};
use heirloom_picture::{WriteError, color, exr, png};

use super::{Grade, SkinSafe};

/// A file that could not be graded. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum GradeError {
    /// The picture that was to be graded.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// The clip, or the master.
    #[error(transparent)]
    Clip(#[from] FfmpegError),
    /// The graded picture.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A clip of a size that no master has.
    #[error("{} cannot be graded: {source}", path.display())]
    Size {
        /// The clip.
        path: PathBuf,
        /// What is wrong with its size, and the mend.
        source: SizeError,
    },
    /// A still of a kind that is not written.
    #[error("{} cannot be written: graded stills are .png (16 bits) or .exr; name it so", path.display())]
    Ending {
        /// The file that was meant.
        path: PathBuf,
    },
    /// Stopped on the way, as was asked.
    #[error("stopped after {done} of {frames} frames; nothing was kept")]
    Stopped {
        /// Frames graded.
        done: u64,
        /// Frames in all.
        frames: u64,
    },
}

/// How a clip or a still is graded.
#[derive(Clone, Copy, Debug)]
pub struct ClipGrade<'a> {
    /// The grade.
    pub grade: &'a Grade,
    /// 0 to 1, as in [`Grade::apply`].
    pub strength: f64,
    /// Where it is held back.
    pub skin: Option<&'a SkinSafe>,
}

/// Grades a clip at its own size, rate and length, its sound kept. Gives the number of frames.
///
/// Frames are read and handed on with 16 bits; [`Master::ProResHq`] keeps 10 of them, the others are for looking.
/// `progress` hears how many frames are done, of how many, and may stop the work.
///
/// # Errors
/// Where the clip cannot be read, the master not be written, or the work was stopped; nothing is left then.
pub fn grade_clip(
    ffmpeg: &Ffmpeg,
    input: &Path,
    output: &Path,
    master: Master,
    how: &ClipGrade<'_>,
    mut progress: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<u64, GradeError> {
    let clip = ffmpeg.probe(input)?;
    let size = Size::new(clip.width, clip.height).map_err(|source| GradeError::Size {
        path: input.into(),
        source,
    })?;
    let sound = clip.has_audio.then_some(input);
    let frames = ffmpeg.frames(input, 0, clip.frames, size)?;
    let mut encoder = Encoder::start(ffmpeg, master, output, size, clip.rate, sound)?;
    for frame in frames {
        let mut frame = frame?;
        how.grade.apply(&mut frame, how.strength, how.skin);
        encoder.push(&color::to_video16(&frame))?;
        let done = encoder.frames();
        if progress(done, clip.frames).is_break() {
            return Err(GradeError::Stopped {
                done,
                frames: clip.frames,
            });
        }
    }
    let done = encoder.frames();
    encoder.finish()?;
    Ok(done)
}

/// Grades a photograph: to `.exr` (half float, the full range kept) or `.png` (16 bits, display light).
///
/// # Errors
/// Where the photograph cannot be read or the picture not be written, or its name ends otherwise.
pub fn grade_still(input: &Path, output: &Path, how: &ClipGrade<'_>) -> Result<(), GradeError> {
    let ending = output
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if ending != "png" && ending != "exr" {
        return Err(GradeError::Ending { path: output.into() });
    }
    let mut image = photo::read(input)?.image;
    how.grade.apply(&mut image, how.strength, how.skin);
    if ending == "exr" {
        exr::write(output, &image, exr::Depth::Half)?;
    } else {
        png::write16(output, &color::to_video16(&image), image.width(), image.height())?;
    }
    Ok(())
}
