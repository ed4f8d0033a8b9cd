//! The frames between two stills of one scene: the first and the last are the two photographs to the pixel.

use super::pair::{LEAST_AGREEMENT, Pair};
use crate::making::{Asked, Laid, Making};
use heirloom_engine::Failure;
use heirloom_picture::Image;

/// The way from one still to another.
pub struct Stills {
    frames: u32,
    pair: Pair,
}

impl Stills {
    /// Both stills have the size of the frame.
    ///
    /// # Errors
    /// They do not show one scene ([`Pair::agreement`] is below [`LEAST_AGREEMENT`]), or have two sizes.
    pub fn new(from: &Image, to: &Image, frames: u32, seed: u64) -> Result<Stills, Failure> {
        let pair = Pair::far(from, to, seed)?;
        if pair.agreement() < LEAST_AGREEMENT {
            return Err(Failure::lasting(
                "input",
                format!(
                    "the two photographs do not show one scene: only {:.0} % of the one is found again in the other, \
                     and {:.0} % are needed; use `kind = \"becoming\"` to turn one picture into another",
                    pair.agreement() * 100.0,
                    LEAST_AGREEMENT * 100.0
                ),
            ));
        }
        Ok(Stills { frames, pair })
    }

    /// The motion between the two.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    fn frame(&self, n: u32) -> Laid {
        let last = self.frames.saturating_sub(1).max(1);
        self.pair.at(n.min(last) as f32 / last as f32, 0, 1)
    }
}

impl Making for Stills {
    fn first(&mut self, _stop: &Asked) -> Result<Laid, Failure> {
        Ok(self.frame(0))
    }

    fn follow(&mut self, _first: &Laid) -> Result<(), Failure> {
        Ok(())
    }

    fn next(&mut self, n: u32, _stop: &Asked) -> Result<Laid, Failure> {
        Ok(self.frame(n))
    }

    // Every frame stands by itself.
    fn resume(&mut self, _key: u32, _base: &Laid) -> Result<(), Failure> {
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        1
    }
}
