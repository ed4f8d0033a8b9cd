//! Frames of a cut as picture files, for grading and compositing elsewhere.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_picture::{color, exr, png};
use heirloom_vault::ObjectId;

use crate::credits::SourceLookup;
use crate::cut::Cut;
use crate::error::FinishError;
use crate::exr_layers::Attribution;
use crate::frame_map::FrameMap;
use crate::numbered;
use crate::render::{Program, Renderer, in_order};

/// Kinds of picture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameFormat {
    /// 16-bit PNG, sRGB: the codes of the masters before they are compressed.
    Png16,
    /// Half-float EXR, linear ACEScg, its primaries stated in the header.
    ExrHalf,
}

impl FrameFormat {
    /// The ending of its files' names, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png16 => "png",
            Self::ExrHalf => "exr",
        }
    }
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportedFrames {
    /// Files written now.
    pub written: u64,
    /// Files that were there from before, made of the same.
    pub kept: u64,
}

/// Where frame `n` of an export lies: `folder/000120.exr`.
pub fn frame_path(folder: &Path, format: FrameFormat, n: u64) -> PathBuf {
    folder.join(format!("{n:06}.{}", format.extension()))
}

/// Write the frames in `range` of `cut` into `folder`, one file each, named by their number in the cut.
///
/// An export that was stopped goes on where it stopped: a file is whole or not there, and the folder's
/// `frames.json` says what its frames are made of. When that has changed, they are all written anew. `progress`
/// hears how many frames are done, of how many.
///
/// With `sources`, which knows whose they are, an EXR says of every pixel where it comes from, in layers of its own:
/// `attribution.source` (a number that the attribute `heirloom/sources` explains, from 1), `attribution.x` and `.y` (pixels
/// of the original), `attribution.weight`; `attribution2` and so on where a pixel has several origins.
///
/// # Errors
/// As [`FinishError`] says; frames written until then stay.
pub fn export_frames(
    cut: &Cut,
    ffmpeg: Option<&Ffmpeg>,
    range: Range<u64>,
    format: FrameFormat,
    sources: Option<&SourceLookup<'_>>,
    folder: &Path,
    progress: &mut dyn FnMut(u64, u64),
    cancel: &AtomicBool,
) -> Result<ExportedFrames, FinishError> {
    let map = FrameMap::of(cut)?;
    let renderer = Renderer::new(Program::of(cut)?, ffmpeg, range.clone())?;
    let attribution = match (sources, format) {
        (Some(sources), FrameFormat::ExrHalf) => Some(Attribution::of(&map, cut, sources)?),
        _ => None,
    };
    let mut mark = serde_json::json!({ "heirloom_frames": 1, "made_of": ObjectId::of(&map.to_bytes()) });
    if let Some(attribution) = &attribution {
        mark["attribution"] = attribution.legend().into();
    }
    numbered::prepare(folder, &mark)?;
    let total = range.end - range.start;
    progress(0, total);
    let mut report = ExportedFrames { written: 0, kept: 0 };
    // Looked up once, as the answer must not change while frames are being written.
    let there: Vec<bool> = range
        .clone()
        .map(|n| frame_path(folder, format, n).is_file())
        .collect();
    in_order(
        &renderer,
        cancel,
        &|n| there[(n - range.start) as usize],
        &|n, image| {
            let path = frame_path(folder, format, n);
            match (format, &attribution) {
                (FrameFormat::ExrHalf, Some(attribution)) => {
                    exr::write_layers(&path, &attribution.layers(n, &image)?)?;
                }
                (FrameFormat::ExrHalf, None) => exr::write(&path, &image, exr::Depth::Half)?,
                (FrameFormat::Png16, _) => {
                    png::write16(&path, &color::to_video16(&image), image.width(), image.height())?;
                }
            }
            Ok(())
        },
        |n, written: Option<()>| {
            match written {
                Some(()) => report.written += 1,
                None => report.kept += 1,
            }
            progress(n + 1 - range.start, total);
            Ok(())
        },
    )?;
    Ok(report)
}
