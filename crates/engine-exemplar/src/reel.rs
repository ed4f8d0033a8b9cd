//! Frames of clips (and stills) at the size of a shot, for the shots that look at them.

use heirloom_engine::Failure;
use heirloom_picture::Image;
use std::sync::Arc;

/// Pictures in a row, each of the shot's size, linear ACEScg: the frames of a clip that a shot uses.
pub trait Reel: Send + Sync {
    /// How many there are.
    fn len(&self) -> u32;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Picture `n`, from 0. Cheapest in order; a few of the last are kept.
    ///
    /// # Errors
    /// The clip can not be read, or ends before.
    fn frame(&self, n: u32) -> Result<Arc<Image>, Failure>;
}

/// Pictures that are all there already.
impl Reel for Vec<Arc<Image>> {
    fn len(&self) -> u32 {
        self.as_slice().len() as u32
    }

    fn frame(&self, n: u32) -> Result<Arc<Image>, Failure> {
        self.get(n as usize).cloned().ok_or_else(|| {
            Failure::lasting(
                "frame",
                format!("there is no frame {n}: there are {}", self.as_slice().len()),
            )
        })
    }
}
