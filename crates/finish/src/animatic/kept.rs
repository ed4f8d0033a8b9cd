//! Frames that were rendered beforehand and are kept on disk.

use std::path::{Path, PathBuf};

use heirloom_engine::Failure;
use heirloom_film::Size;
use heirloom_picture::{Image, WriteError, color, photo, png};

use super::{Label, Pictures};
use crate::cut::fitted;
use crate::error::FinishError;
use crate::numbered;

/// What the burn-in says of a frame of a shot.
pub type Labels = Box<dyn Fn(u32) -> Label + Send + Sync>;

/// Frames of one shot in a folder, as 16-bit PNGs, one each: rendered once, read for every animatic after. They lie
/// in a film's work folder and may be deleted; it costs time.
pub struct Kept {
    folder: PathBuf,
    size: Size,
    labels: Labels,
}

impl Kept {
    /// The frames in `folder`; `made_of` is all that decides how they look. Frames that were made of something else
    /// are removed.
    ///
    /// # Errors
    /// The folder can not be written to, or holds pictures of somebody else.
    pub fn open(
        folder: &Path,
        size: Size,
        made_of: &serde_json::Value,
        labels: Labels,
    ) -> Result<Self, FinishError> {
        numbered::prepare(folder, made_of)?;
        Ok(Self {
            folder: folder.to_owned(),
            size,
            labels,
        })
    }

    /// Where frame `n` lies, whether it is there or not.
    pub fn path(&self, n: u32) -> PathBuf {
        self.folder.join(format!("{n:06}.png"))
    }

    /// Keep frame `n`, whole or not at all.
    ///
    /// # Errors
    /// The disk is full, or the folder can not be written to.
    pub fn put(&self, n: u32, image: &Image) -> Result<(), WriteError> {
        png::write16(
            &self.path(n),
            &color::to_video16(image),
            image.width(),
            image.height(),
        )
    }
}

impl Pictures for Kept {
    fn frame(&self, n: u32) -> Result<Image, Failure> {
        photo::read(&self.path(n))
            .map(|kept| fitted(kept.image, self.size))
            .map_err(|error| {
                Failure::passing(
                    "input",
                    format!(
                        "{error}; remove {} and make the animatic again",
                        self.folder.display()
                    ),
                )
            })
    }

    fn label(&self, n: u32) -> Label {
        (self.labels)(n)
    }
}
