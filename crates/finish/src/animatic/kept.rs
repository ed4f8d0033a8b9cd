//! Pictures that are kept on disk once they are made.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_engine::Failure;
use heirloom_film::Size;
use heirloom_picture::{Image, WriteError, color, photo, png};

use super::{Label, Pictures};
use crate::error::FinishError;
use crate::numbered;

/// Pictures kept in a folder as 16-bit PNGs, one a frame: made once, read afterwards. What is shown is what is kept,
/// so the first animatic and the second are the same.
pub struct Kept {
    made: Arc<dyn Pictures>,
    folder: PathBuf,
    size: Size,
}

impl Kept {
    /// Pictures of `made`, kept in `folder`; `made_of` is all that decides how they look. Frames that were made of
    /// something else are removed from the folder.
    ///
    /// # Errors
    /// The folder can not be written to, or holds pictures of somebody else.
    pub fn new(
        made: Arc<dyn Pictures>,
        folder: &Path,
        size: Size,
        made_of: &serde_json::Value,
    ) -> Result<Self, FinishError> {
        numbered::prepare(folder, made_of)?;
        Ok(Self {
            made,
            folder: folder.to_owned(),
            size,
        })
    }

    /// How many of the first `frames` frames are there.
    pub fn there(&self, frames: u32) -> u32 {
        (0..frames).filter(|n| self.path(*n).is_file()).count() as u32
    }

    fn path(&self, n: u32) -> PathBuf {
        self.folder.join(format!("{n:06}.png"))
    }
}

impl Pictures for Kept {
    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let path = self.path(n);
        // A file that can not be read is made again, as one that is not there.
        if let Ok(kept) = photo::read(&path)
            && (kept.info.width, kept.info.height) == (self.size.width, self.size.height)
        {
            return Ok(kept.image);
        }
        let image = crate::cut::fitted(self.made.frame(n)?, self.size);
        let codes = color::to_video16(&image);
        png::write16(&path, &codes, image.width(), image.height()).map_err(|error| {
            let code = match error {
                WriteError::DiskFull { .. } => "disk",
                _ => "output",
            };
            Failure::passing(code, error.to_string())
        })?;
        Ok(color::from_video16(&codes, image.width(), image.height()).unwrap_or(image))
    }

    fn label(&self, n: u32) -> Label {
        self.made.label(n)
    }
}
