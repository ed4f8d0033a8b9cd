//! Takes that are frames: PNGs in the vault.

use heirloom_engine::{Failure, Inputs, Origin, Share, TakeFrames, TakeManifest};
use heirloom_film::Size;
use heirloom_picture::{Image, photo};
use std::sync::Arc;

/// The role of a frame's file.
pub const FRAME: &str = "frame";

/// A take of this engine, opened.
pub struct FramesTake {
    manifest: TakeManifest,
    inputs: Arc<dyn Inputs>,
    /// Whether its first frame stands for all.
    held: bool,
}

impl FramesTake {
    /// Opens a take.
    ///
    /// # Errors
    /// It lacks frames, or a newer program made it.
    pub fn new(manifest: TakeManifest, inputs: Arc<dyn Inputs>) -> Result<Self, Failure> {
        if manifest.revision > crate::engine::REVISION {
            return Err(Failure::lasting(
                "revision",
                format!(
                    "the take was made by revision {} of the engine `{}`, and this program knows {}; use a newer one",
                    manifest.revision,
                    manifest.engine,
                    crate::engine::REVISION
                ),
            ));
        }
        let held = manifest.facts.get("held").and_then(serde_json::Value::as_bool) == Some(true);
        let take = Self {
            held,
            manifest,
            inputs,
        };
        for n in 0..take.manifest.frames {
            take.object(n)?;
        }
        Ok(take)
    }

    fn object(&self, n: u32) -> Result<heirloom_vault::ObjectId, Failure> {
        let of = if self.held { 0 } else { n };
        self.manifest
            .file(FRAME, Some(of))
            .filter(|_| n < self.manifest.frames)
            .ok_or_else(|| Failure::lasting("take", format!("the take has no frame {n}; draw it again")))
    }
}

impl TakeFrames for FramesTake {
    fn size(&self) -> Size {
        self.manifest.size
    }

    fn frames(&self) -> u32 {
        self.manifest.frames
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let object = self.object(n)?;
        let bytes = self.inputs.read(&object)?;
        let lasting = |words: String| Failure::lasting("take", format!("frame {n}: {words}"));
        let image = photo::decode(&bytes, &format!("{}.png", object.short()))
            .map_err(|e| lasting(e.to_string()))?
            .image;
        let size = self.manifest.size;
        if (image.width(), image.height()) != (size.width, size.height) {
            return Err(lasting(
                "it has another size than the take; draw the take again".into(),
            ));
        }
        Ok(image)
    }

    /// Empty: a model can not say which of what it was trained on a pixel came from.
    fn origins(&self, n: u32, _x: u32, _y: u32) -> Result<Vec<Origin>, Failure> {
        self.object(n)?;
        Ok(Vec::new())
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        Ok(Vec::new())
    }
}
