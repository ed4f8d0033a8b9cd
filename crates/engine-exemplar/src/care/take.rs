//! Takes that were cared for: what is stored of them, and how a frame comes out of it again.
//!
//! Of a take whose flicker was taken off only the gains of each frame's regions are kept, a thousand bytes or so: a frame is that
//! of the take it is of, multiplied.

use std::sync::Arc;

use heirloom_engine::{Failure, Inputs, Origin, Share, TakeFrames, TakeManifest};
use heirloom_film::Size;
use heirloom_picture::Image;
use heirloom_picture::care::Gains;
use heirloom_vault::ObjectId;
use serde::{Deserialize, Serialize};

/// The role of a frame's gains among a take's files.
pub const LIGHT: &str = "light";

/// What the manifest of such a take says besides its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The manifest of the take that was cared for.
    pub of: ObjectId,
}

impl Facts {
    /// Those of a take.
    ///
    /// # Errors
    /// They are not those of a take that was cared for.
    pub fn of(manifest: &TakeManifest) -> Result<Self, Failure> {
        serde_json::from_value(manifest.facts.clone()).map_err(|e| {
            Failure::lasting(
                "take",
                format!("this take's manifest cannot be read ({e}); care for the take again"),
            )
        })
    }
}

/// A take that was cared for, opened.
pub struct CareTake {
    manifest: TakeManifest,
    of: Box<dyn TakeFrames>,
    inputs: Arc<dyn Inputs>,
}

impl CareTake {
    /// Of its manifest and the take that was cared for.
    pub fn new(manifest: TakeManifest, of: Box<dyn TakeFrames>, inputs: Arc<dyn Inputs>) -> Self {
        Self { manifest, of, inputs }
    }

    fn damaged(n: u32, what: &str) -> Failure {
        Failure::lasting(
            "take",
            format!("the take has no {what} for frame {n} that can be read; care for the take it is of again"),
        )
    }

    fn check(&self, n: u32) -> Result<(), Failure> {
        if n < self.manifest.frames {
            return Ok(());
        }
        Err(Failure::lasting(
            "frame",
            format!("there is no frame {n}: the take has {} (from 0)", self.manifest.frames),
        ))
    }
}

impl TakeFrames for CareTake {
    fn size(&self) -> Size {
        self.manifest.size
    }

    fn frames(&self) -> u32 {
        self.manifest.frames
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        self.check(n)?;
        let object = self.manifest.file(LIGHT, Some(n)).ok_or_else(|| Self::damaged(n, "light"))?;
        let gains = Gains::decode(&self.inputs.read(&object)?).ok_or_else(|| Self::damaged(n, "light"))?;
        Ok(gains.apply(&self.of.frame(n)?))
    }

    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        self.check(n)?;
        let mut origins = self.of.origins(n, x, y)?;
        origins.iter_mut().for_each(|origin| origin.finished = true);
        Ok(origins)
    }

    fn each_origin(&self, n: u32, each: &mut dyn FnMut(u32, u32, &[Origin])) -> Result<(), Failure> {
        self.check(n)?;
        let mut own = Vec::new();
        self.of.each_origin(n, &mut |x, y, origins| {
            own.clear();
            own.extend(origins.iter().map(|origin| Origin {
                finished: true,
                ..origin.clone()
            }));
            each(x, y, &own);
        })
    }

    fn sources(&self) -> Result<Vec<ObjectId>, Failure> {
        self.of.sources()
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        self.of.shares()
    }
}
