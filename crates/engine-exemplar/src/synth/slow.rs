//! A clip slowed down: its own frames where time falls on one, and between two of them what lies between
//! ([`super::pair`]).

use super::pair::{LEAST_AGREEMENT, Pair, own};
use crate::making::{Asked, Laid, Making};
use crate::reel::Reel;
use heirloom_engine::Failure;
use heirloom_engine::conform::{Moment, PARTS};
use std::sync::Arc;

/// Frames of a clip and what lies between them. Source `k` is frame `k` of the reel.
pub struct Between {
    reel: Arc<dyn Reel>,
    w: usize,
    h: usize,
    seed: u64,
    pair: Option<(u32, Pair)>,
}

impl Between {
    /// Of a reel whose pictures have `w` x `h` pixels.
    pub fn new(reel: Arc<dyn Reel>, w: usize, h: usize, seed: u64) -> Between {
        Between {
            reel,
            w,
            h,
            seed,
            pair: None,
        }
    }

    /// The reel.
    pub fn reel(&self) -> &Arc<dyn Reel> {
        &self.reel
    }

    /// The frame at a moment. Across a cut, where two frames do not show one scene, the nearer one.
    ///
    /// # Errors
    /// The clip can not be read.
    pub fn at(&mut self, moment: Moment) -> Result<Laid, Failure> {
        let Moment { frame, part } = moment;
        let (w, h) = (self.w, self.h);
        if part == 0 {
            return Ok(Laid::plain(own(frame as u16, w, h)));
        }
        if self.pair.as_ref().is_none_or(|(n, _)| *n != frame) {
            let (a, b) = (self.reel.frame(frame)?, self.reel.frame(frame + 1)?);
            self.pair = Some((frame, Pair::new(&a, &b, self.seed)?));
        }
        let t = part as f32 / PARTS as f32;
        Ok(match &self.pair {
            Some((_, pair)) if pair.agreement() >= LEAST_AGREEMENT => {
                pair.at(t, frame as u16, frame as u16 + 1)
            }
            _ => Laid::plain(own((frame + u32::from(t >= 0.5)) as u16, w, h)),
        })
    }
}

/// A slow shot under way.
pub struct Slow {
    between: Between,
    moments: Vec<Moment>,
}

impl Slow {
    /// Frame `n` of the shot shows `moments[n]` of the reel.
    pub fn new(between: Between, moments: Vec<Moment>) -> Slow {
        Slow { between, moments }
    }

    fn frame(&mut self, n: u32) -> Result<Laid, Failure> {
        let moment = self
            .moments
            .get(n as usize)
            .copied()
            .ok_or_else(|| Failure::lasting("frame", format!("the shot has no frame {n}")))?;
        self.between.at(moment)
    }
}

impl Making for Slow {
    fn first(&mut self, _stop: &Asked) -> Result<Laid, Failure> {
        self.frame(0)
    }

    fn follow(&mut self, _first: &Laid) -> Result<(), Failure> {
        Ok(())
    }

    fn next(&mut self, n: u32, _stop: &Asked) -> Result<Laid, Failure> {
        self.frame(n)
    }

    // Every frame stands by itself.
    fn resume(&mut self, _key: u32, _base: &Laid) -> Result<(), Failure> {
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        1
    }
}
