//! Clips, by ffmpeg.

use std::path::Path;

use heirloom_picture::ffmpeg::{Ffmpeg, FfmpegError};
use heirloom_picture::metadata::Metadata;

use crate::catalogue::{Media, Picture};

/// What clips are asked about with, or why they cannot be.
pub(crate) struct Clips(Result<Ffmpeg, FfmpegError>);

impl Clips {
    /// Looks for ffmpeg. Called when the first clip is met: photographs come in without it.
    pub fn find() -> Self {
        Self(Ffmpeg::find())
    }

    /// What a clip's file says of it, or why it cannot come in.
    pub fn look(&self, path: &Path, file_name: &str) -> Result<Picture, String> {
        let ffmpeg = self
            .0
            .as_ref()
            .map_err(|e| format!("{file_name} is a clip, and clips need ffmpeg: {e}"))?;
        let info = ffmpeg.probe(path).map_err(|e| e.to_string())?;
        Ok(Picture {
            media: Media::Clip,
            format: info.codec,
            width: info.width,
            height: info.height,
            orientation: None,
            bit_depth: None,
            taken: None,
            profile: None,
            rate: Some(info.rate),
            frames: Some(info.frames),
            metadata: Metadata::default(),
        })
    }
}
