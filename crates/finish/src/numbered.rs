//! Folders of numbered frames that can be gone on with: a mark beside the frames says what they are made of.

use std::path::{Path, PathBuf};

use crate::error::FinishError;

/// Name of the file that says what the frames in a folder are made of.
const MARK: &str = "frames.json";

/// Make `folder` ready for frames that are made of what `made_of` says: those of the same stay, since each is whole or
/// not there; those of something else are removed. Frames are files whose names begin with six digits or more and a
/// dot, and end in `png` or `exr`.
///
/// # Errors
/// The folder can not be written to, or holds numbered pictures without a mark: they are somebody else's.
pub fn prepare(folder: &Path, made_of: &serde_json::Value) -> Result<(), FinishError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| FinishError::Io { path, source }
    };
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    let mark = format!("{made_of}\n");
    let mark_path = folder.join(MARK);
    let found = std::fs::read(&mark_path).ok();
    if found.as_deref() == Some(mark.as_bytes()) {
        return Ok(());
    }
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
    std::fs::write(&mark_path, &mark).map_err(io(&mark_path))
}

fn frames_in(folder: &Path) -> Result<Vec<PathBuf>, FinishError> {
    let io = |source| FinishError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut frames = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let number = name.split('.').next().unwrap_or_default();
        let numbered = number.len() >= 6 && number.bytes().all(|b| b.is_ascii_digit());
        if numbered && matches!(path.extension().and_then(|e| e.to_str()), Some("png" | "exr")) {
            frames.push(path);
        }
    }
    Ok(frames)
}
