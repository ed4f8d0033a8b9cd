//! Frames of clips at the size of a shot, for the shots that look at them.

use crate::atlas;
use crate::pictures::Pictures;
use crate::take::SourceFacts;
use heirloom_engine::{Failure, Inputs};
use heirloom_film::Rate;
use heirloom_picture::Image;
use heirloom_picture::ffmpeg::{ClipInfo, Ffmpeg, FfmpegError};
use heirloom_vault::ObjectId;
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

/// A clip, and what its file says of it.
pub struct Clip {
    object: ObjectId,
    info: ClipInfo,
}

impl Clip {
    /// Looks into a clip.
    ///
    /// # Errors
    /// It is missing or no clip, or there is no ffmpeg; each says the mend.
    pub fn open(inputs: &dyn Inputs, object: ObjectId) -> Result<Clip, Failure> {
        let path = inputs.path(&object)?;
        let info = Ffmpeg::find()
            .and_then(|ffmpeg| ffmpeg.probe(&path))
            .map_err(|e| match e {
                FfmpegError::NotAClip { .. } => Failure::lasting(
                    "input",
                    format!(
                        "source {} is not a clip that can be read ({e}); name a clip, or a kind of shot that is made \
                         from photographs",
                        object.short()
                    ),
                ),
                FfmpegError::Missing { .. } | FfmpegError::TooOld { .. } | FfmpegError::Unusable { .. } => {
                    Failure::lasting("ffmpeg", e.to_string())
                }
                e => Failure::lasting("input", e.to_string()),
            })?;
        Ok(Clip { object, info })
    }

    /// Its own frames a second.
    pub fn rate(&self) -> Rate {
        self.info.rate
    }

    /// How many frames it has, at its own rate.
    pub fn frames(&self) -> u32 {
        u32::try_from(self.info.frames).unwrap_or(u32::MAX)
    }

    /// What a take records of a frame of it, scaled so that it just covers `width` x `height`, its middle used, on a
    /// grid `by` times coarser.
    pub fn facts(&self, frame: u32, width: u32, height: u32, by: u32) -> SourceFacts {
        let original = (self.info.width, self.info.height);
        SourceFacts {
            frame: Some(frame),
            ..atlas::covering(self.object, original, width, height, by)
        }
    }

    /// Says that it is too short where it has not `needed` frames.
    ///
    /// # Errors
    /// It has fewer; the failure says how many at which rate, and the mend.
    pub fn must_have(&self, needed: u64, film: Rate) -> Result<(), Failure> {
        if needed <= self.info.frames {
            return Ok(());
        }
        Err(Failure::lasting(
            "input",
            format!(
                "the clip {} has {} frames at {} a second, and the shot, at {film} a second, needs {needed} of them; \
                 start earlier or make the shot shorter",
                self.object.short(),
                self.info.frames,
                self.info.rate
            ),
        ))
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
