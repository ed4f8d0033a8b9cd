//! OpenEXR as photographs: the first flat layer with R, G and B, as it is.

use std::path::Path;

use super::{Format, Limits, Photo, PhotoError, PhotoInfo, tame};
use crate::exr::{self, About, ExrError};

/// A pixel while it is read: four floats.
const BYTES_PER_PIXEL: u64 = 16;

pub(super) fn inspect(bytes: &[u8], name: &str, limits: &Limits) -> Result<PhotoInfo, PhotoError> {
    let about = exr::about(Path::new(name), bytes).map_err(|e| failure(e, name))?;
    limits.check(name, about.width, about.height, BYTES_PER_PIXEL)?;
    Ok(info(about))
}

pub(super) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Photo, PhotoError> {
    let about = exr::about(Path::new(name), bytes).map_err(|e| failure(e, name))?;
    limits.check(name, about.width, about.height, BYTES_PER_PIXEL)?;
    limits.check(name, about.layer.0, about.layer.1, BYTES_PER_PIXEL)?;
    let mut image = exr::from_bytes(Path::new(name), bytes).map_err(|e| failure(e, name))?;
    let mut info = info(about);
    if (image.width(), image.height()) != (info.width, info.height) {
        return Err(PhotoError::damaged(name, "its layers do not agree on its size"));
    }
    info.warnings.extend(tame(&mut image));
    Ok(Photo { image, info })
}

fn info(about: About) -> PhotoInfo {
    PhotoInfo {
        format: Format::Exr,
        width: about.width,
        height: about.height,
        orientation: 1,
        taken: None,
        profile: about.primaries,
        bit_depth: about.bit_depth,
        warnings: Vec::new(),
    }
}

fn failure(error: ExrError, name: &str) -> PhotoError {
    match error {
        ExrError::TooLarge { width, height, .. } => PhotoError::TooLarge {
            name: name.into(),
            width: u32::try_from(width).unwrap_or(u32::MAX),
            height: u32::try_from(height).unwrap_or(u32::MAX),
            limit: "what is read".into(),
        },
        ExrError::Unreadable { why, .. } => PhotoError::damaged(name, why),
        ExrError::Read { source, .. } => PhotoError::damaged(name, source),
    }
}
