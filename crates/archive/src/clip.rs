//! Clips, by ffmpeg.

use std::path::Path;

use heirloom_film::Size;
use heirloom_picture::ffmpeg::{ClipInfo, Ffmpeg, FfmpegError};
use heirloom_picture::metadata::Metadata;
use heirloom_picture::preview::{Preview, fitted};

use crate::catalogue::{Media, Picture};
use crate::seen::PROXY_SIDE;

/// What clips are asked about with, or why they cannot be.
pub(crate) struct Clips(Result<Ffmpeg, FfmpegError>);

impl Clips {
    /// Looks for ffmpeg. Called when the first clip is met: photographs come in without it.
    pub fn find() -> Self {
        Self(Ffmpeg::find())
    }

    fn ffmpeg(&self, file_name: &str) -> Result<&Ffmpeg, String> {
        self.0
            .as_ref()
            .map_err(|e| format!("{file_name} is a clip, and clips need ffmpeg: {e}"))
    }

    /// What a clip's file says of it, or why it cannot come in.
    pub fn look(&self, path: &Path, file_name: &str) -> Result<Picture, String> {
        let info: ClipInfo = self.ffmpeg(file_name)?.probe(path).map_err(|e| e.to_string())?;
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

    /// The frame in the middle of a clip, at most [`PROXY_SIDE`] pixels on its longer side; or why there is none.
    pub fn middle(&self, path: &Path, file_name: &str, clip: &Picture) -> Result<Preview, String> {
        let (width, height) = fitted(clip.width, clip.height, PROXY_SIDE);
        // Frames are read at a film's sizes, which are even and at least 16.
        let even = |v: u32| (v & !1).max(Size::MIN_SIDE);
        let size = Size::new(even(width), even(height)).map_err(|e| e.to_string())?;
        let at = clip.frames.unwrap_or(1).saturating_sub(1) / 2;
        let frame = self
            .ffmpeg(file_name)?
            .frames(path, at, 1, size)
            .map_err(|e| e.to_string())?
            .next()
            .ok_or_else(|| format!("{file_name} has no frame {at}"))?
            .map_err(|e| e.to_string())?;
        Ok(Preview::of_image(&frame, PROXY_SIDE))
    }
}

/// Bytes of memory that [`Clips::middle`] takes: the frame's codes, twice, and its floats, twice.
pub(crate) fn memory(clip: &Picture) -> u64 {
    u64::from(clip.width) * u64::from(clip.height) * (6 + 6 + 16 + 16)
}
