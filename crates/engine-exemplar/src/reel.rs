//! Frames of clips at the size of a shot, for the shots that look at them.

use crate::atlas;
use crate::pictures::Pictures;
use crate::take::SourceFacts;
use heirloom_engine::{Failure, Inputs, SourceClip};
use heirloom_picture::Image;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of pictures that a reel keeps. They are asked for in order, once or twice.
const ROOM: u64 = 160 << 20;

/// Pictures in a row, each of the size of the shot's grid, linear ACEScg: the frames of a clip that a shot uses.
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
        self.get(n as usize).cloned().ok_or_else(|| none_such(n))
    }
}

fn none_such(n: u32) -> Failure {
    Failure::lasting("frame", format!("there is no frame {n} of the clip here"))
}

/// What a take records of a frame of a clip, scaled so that it just covers `width` x `height`, its middle used, on a grid `by`
/// times coarser.
pub fn facts(clip: &SourceClip, frame: u32, width: u32, height: u32, by: u32) -> SourceFacts {
    SourceFacts {
        frame: Some(frame),
        ..atlas::covering(clip.object(), clip.size(), width, height, by)
    }
}

/// A reel of sources, read when they are asked for.
pub struct SourceReel {
    pictures: Pictures,
    /// The source that each picture of the reel is.
    order: Vec<usize>,
    /// How many times smaller they are than the film's frames.
    by: u32,
}

impl SourceReel {
    /// The sources in this order, `by` times smaller; what occurs twice is read once.
    pub fn new(inputs: Arc<dyn Inputs>, sources: Vec<SourceFacts>, order: Vec<usize>, by: u32) -> SourceReel {
        SourceReel {
            pictures: Pictures::new(inputs, sources).with_room(ROOM),
            order,
            by,
        }
    }
}

impl Reel for SourceReel {
    fn len(&self) -> u32 {
        self.order.len() as u32
    }

    fn frame(&self, n: u32) -> Result<Arc<Image>, Failure> {
        let source = self.order.get(n as usize).ok_or_else(|| none_such(n))?;
        self.pictures.used(*source, self.by)
    }
}

/// Every different frame once, in order, and for each of `frames` which of those it is.
pub fn distinct(frames: &[u32]) -> (Vec<u32>, Vec<usize>) {
    let mut once: Vec<u32> = frames.to_vec();
    once.sort_unstable();
    once.dedup();
    let number: BTreeMap<u32, usize> = once.iter().enumerate().map(|(k, n)| (*n, k)).collect();
    let order = frames.iter().filter_map(|n| number.get(n).copied()).collect();
    (once, order)
}
