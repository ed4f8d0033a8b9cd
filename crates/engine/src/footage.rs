//! Clips and takes as footage: the picture at any moment of them, for whoever makes one picture out of another.
//!
//! A clip has a rate of its own, a take that of its engine, and who reads them a third. [`Footage`] shows either at any
//! [`Moment`]: where that falls on a frame, the frame itself; between two, what lies between them along their motion
//! ([`Conformed`]).

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_picture::ffmpeg::{ClipInfo, Ffmpeg, FfmpegError, Frames};
use heirloom_vault::ObjectId;

use crate::conform::{Conformed, Moment};
use crate::job::{Failure, Inputs};
use crate::take::{Origin, Share, TakeFrames};

/// Frames that are kept after they were read: two are looked at together, and a moment may lie a little further back.
const KEPT: usize = 4;
/// A clip that is so many frames behind is read on; one further behind is opened anew.
const NEAR: u32 = 48;

/// What ffmpeg said of a source, as a failure of a draw.
pub fn fault(error: FfmpegError) -> Failure {
    let code = match error {
        FfmpegError::Missing { .. } | FfmpegError::TooOld { .. } | FfmpegError::Unusable { .. } => "ffmpeg",
        _ => "input",
    };
    Failure::lasting(code, error.to_string())
}

/// A clip among a request's sources, and what its file says of it.
#[derive(Debug, Clone)]
pub struct SourceClip {
    object: ObjectId,
    info: ClipInfo,
}

impl SourceClip {
    /// Looks into a clip.
    ///
    /// # Errors
    /// It is missing or no clip, or there is no ffmpeg; each says the mend.
    pub fn open(inputs: &dyn Inputs, object: ObjectId) -> Result<Self, Failure> {
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
                e => fault(e),
            })?;
        Ok(Self { object, info })
    }

    /// Which source it is.
    pub fn object(&self) -> ObjectId {
        self.object
    }

    /// Its own width and height in pixels, upright.
    pub fn size(&self) -> (u32, u32) {
        (self.info.width, self.info.height)
    }

    /// Its own frames a second.
    pub fn rate(&self) -> Rate {
        self.info.rate
    }

    /// How many frames it has, at its own rate.
    pub fn frames(&self) -> u32 {
        u32::try_from(self.info.frames).unwrap_or(u32::MAX)
    }

    /// Says that it is too short where it has not `needed` frames for a shot at `rate`.
    ///
    /// # Errors
    /// It has fewer; the failure says how many at which rate, and the mend.
    pub fn must_have(&self, needed: u64, rate: Rate) -> Result<(), Failure> {
        if needed <= self.info.frames {
            return Ok(());
        }
        Err(Failure::lasting(
            "input",
            format!(
                "the clip {} has {} frames at {} a second, and the shot, at {rate} a second, needs {needed} of them; \
                 start earlier or make the shot shorter",
                self.object.short(),
                self.info.frames,
                self.info.rate
            ),
        ))
    }
}

/// A clip's frames, scaled to cover a size: read forwards, a few of the last kept.
struct ClipFrames {
    clip: SourceClip,
    path: PathBuf,
    ffmpeg: Ffmpeg,
    size: Size,
    reading: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    /// The clip being read, and the frame that comes next.
    open: Option<(Frames, u32)>,
    kept: VecDeque<(u32, Image)>,
}

impl ClipFrames {
    fn read(&self, n: u32) -> Result<Image, Failure> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, image)) = reading.kept.iter().find(|(frame, _)| *frame == n) {
            return Ok(image.clone());
        }
        let goes_on = |next: u32| next <= n && n - next < NEAR;
        let (mut frames, mut next) = match reading.open.take() {
            Some((frames, next)) if goes_on(next) => (frames, next),
            _ => {
                let count = u64::from(self.clip.frames().saturating_sub(n));
                let frames = self.ffmpeg.frames(&self.path, n.into(), count, self.size);
                (frames.map_err(fault)?, n)
            }
        };
        let ends = || {
            Failure::lasting(
                "input",
                format!(
                    "the clip {} has no frame {n}; run `heirloom vault verify`, and add the clip again if it is damaged",
                    self.clip.object.short()
                ),
            )
        };
        while next < n {
            frames.skip_one().ok_or_else(ends)?.map_err(fault)?;
            next += 1;
        }
        let image = frames.next().ok_or_else(ends)?.map_err(fault)?;
        reading.open = Some((frames, next + 1));
        reading.kept.push_back((n, image.clone()));
        if reading.kept.len() > KEPT {
            reading.kept.pop_front();
        }
        Ok(image)
    }
}

impl TakeFrames for ClipFrames {
    fn size(&self) -> Size {
        self.size
    }

    fn frames(&self) -> u32 {
        self.clip.frames()
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        self.read(n)
    }

    /// Nothing is told of single pixels: whoever reads footage makes them anew.
    fn origins(&self, _: u32, _: u32, _: u32) -> Result<Vec<Origin>, Failure> {
        Ok(Vec::new())
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        Ok(vec![Share {
            source: self.clip.object,
            share: 1.0,
        }])
    }
}

/// A clip or a take, to be looked at at any moment. Cheapest forwards.
pub struct Footage {
    shown: Conformed,
    rate: Rate,
    frames: u32,
}

impl Footage {
    /// A clip among a request's sources, its frames scaled to cover `size` and cropped evenly.
    ///
    /// # Errors
    /// As [`SourceClip::open`].
    pub fn of_clip(inputs: &dyn Inputs, object: ObjectId, size: Size) -> Result<Self, Failure> {
        let clip = SourceClip::open(inputs, object)?;
        let rate = clip.rate();
        let frames = ClipFrames {
            path: inputs.path(&object)?,
            ffmpeg: Ffmpeg::find().map_err(fault)?,
            clip,
            size,
            reading: Mutex::default(),
        };
        Ok(Self::of_take(Arc::new(frames), rate))
    }

    /// A take, opened, whose frames are at `rate`; they keep their size.
    pub fn of_take(take: Arc<dyn TakeFrames>, rate: Rate) -> Self {
        Self {
            frames: take.frames(),
            shown: Conformed::new(take, rate, rate),
            rate,
        }
    }

    /// Its own frames a second.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// How many frames it has, at its own rate.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// The picture at a moment, linear ACEScg. Past the last frame that is what is seen.
    ///
    /// # Errors
    /// It can not be read.
    pub fn at(&self, moment: Moment) -> Result<Image, Failure> {
        let last = self.frames.saturating_sub(1);
        let held = match moment.frame >= last {
            true => Moment { frame: last, part: 0 },
            false => moment,
        };
        self.shown.at(held)
    }
}
