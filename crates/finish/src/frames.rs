//! Frames of a cut as picture files, for grading and compositing elsewhere.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_picture::{color, exr, png};
use heirloom_vault::ObjectId;

use crate::cut::Cut;
use crate::error::FinishError;
use crate::frame_map::FrameMap;
use crate::render::{Renderer, in_order};

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

/// Name of the file that says what the frames in a folder are made of.
const MARK: &str = "frames.json";

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
/// # Errors
/// As [`FinishError`] says; frames written until then stay.
pub fn export_frames(
    cut: &Cut,
    ffmpeg: Option<&Ffmpeg>,
    range: Range<u64>,
    format: FrameFormat,
    folder: &Path,
    progress: &mut dyn FnMut(u64, u64),
    cancel: &AtomicBool,
) -> Result<ExportedFrames, FinishError> {
    let map = FrameMap::of(cut)?;
    let renderer = Renderer::new(cut, ffmpeg, range.clone())?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| FinishError::Io { path, source }
    };
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    let mark = serde_json::json!({ "heirloom_frames": 1, "made_of": ObjectId::of(&map.to_bytes()) });
    let mark = format!("{mark}\n");
    let mark_path = folder.join(MARK);
    let found = std::fs::read(&mark_path).ok();
    if found.as_deref() != Some(mark.as_bytes()) {
        let old = frames_in(folder)?;
        if found.is_none() && !old.is_empty() {
            return Err(FinishError::Occupied {
                folder: folder.to_owned(),
            });
        }
        // Old frames first and the mark after: a stop in between must not leave them under this mark.
        for path in old {
            std::fs::remove_file(&path).map_err(io(&path))?;
        }
        std::fs::write(&mark_path, &mark).map_err(io(&mark_path))?;
    }
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
            match format {
                FrameFormat::ExrHalf => exr::write(&path, &image, exr::Depth::Half)?,
                FrameFormat::Png16 => {
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

/// The files in `folder` that are named as [`frame_path`] names them.
fn frames_in(folder: &Path) -> Result<Vec<PathBuf>, FinishError> {
    let io = |source| FinishError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut frames = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let numbered = stem.len() >= 6 && stem.bytes().all(|b| b.is_ascii_digit());
        if numbered && matches!(path.extension().and_then(|e| e.to_str()), Some("png" | "exr")) {
            frames.push(path);
        }
    }
    Ok(frames)
}
