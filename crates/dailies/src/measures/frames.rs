//! Where the frames that are measured come from: one at a time, small, in display codes.

use std::path::Path;

use heirloom_engine::{Failure, TakeFrames};
use heirloom_film::Rate;
use heirloom_picture::ffmpeg::{Ffmpeg, FfmpegError, SmallFrames};
use heirloom_picture::preview::Preview;

use super::MeasureOptions;

/// One frame as it is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// The frame, small, in 8-bit sRGB codes.
    pub picture: Preview,
    /// Pixels of the frame at its own size that held no number (NaN or infinite).
    pub no_numbers: u64,
}

/// A frame could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The take's own words.
    #[error(transparent)]
    Take(#[from] Failure),
    /// ffmpeg's.
    #[error(transparent)]
    Clip(#[from] FfmpegError),
    /// A frame that has no pixels.
    #[error("frame {frame} has no pixels; decode or draw the take again")]
    Empty {
        /// The frame, counted from 0 in the take.
        frame: u32,
    },
}

/// A take's frames, pulled one at a time in order.
pub trait Frames {
    /// Frames a second of the take itself.
    fn rate(&self) -> Rate;

    /// One in so many of the take's frames comes.
    fn step(&self) -> u32;

    /// The next frame; `None` after the last.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn next_frame(&mut self) -> Result<Option<Proxy>, FrameError>;
}

/// One in so many frames, so that about `wanted` a second are left. Whole steps only: dropping one frame in six would
/// look like a stutter.
pub fn step_for(rate: Rate, wanted: u32) -> u32 {
    let (num, den) = (u64::from(rate.num()), u64::from(rate.den().max(1)));
    let wanted = u64::from(wanted.max(1));
    // The nearest whole step; of two alike, the smaller.
    let step = (2 * num + den * wanted - 1) / (2 * den * wanted);
    u32::try_from(step.max(1)).unwrap_or(u32::MAX)
}

/// The frames of an opened take.
pub struct OfTake<'a> {
    take: &'a dyn TakeFrames,
    rate: Rate,
    step: u32,
    side: u32,
    at: u32,
}

impl<'a> OfTake<'a> {
    /// All frames of a take at `rate`, at the size and pace of the options.
    pub fn new(take: &'a dyn TakeFrames, rate: Rate, options: &MeasureOptions) -> Self {
        Self {
            take,
            rate,
            step: step_for(rate, options.frames_per_second),
            side: options.side_px,
            at: 0,
        }
    }
}

impl Frames for OfTake<'_> {
    fn rate(&self) -> Rate {
        self.rate
    }

    fn step(&self) -> u32 {
        self.step
    }

    fn next_frame(&mut self) -> Result<Option<Proxy>, FrameError> {
        if self.at >= self.take.frames() {
            return Ok(None);
        }
        let image = self.take.frame(self.at)?;
        if image.pixels().is_empty() {
            return Err(FrameError::Empty { frame: self.at });
        }
        self.at = self.at.saturating_add(self.step);
        let bad = image.pixels().iter().filter(|p| p.iter().any(|v| !v.is_finite()));
        Ok(Some(Proxy {
            no_numbers: bad.count() as u64,
            picture: Preview::of_image(&image, self.side),
        }))
    }
}

/// The frames of a clip's file.
pub struct OfClip {
    frames: SmallFrames,
}

impl OfClip {
    /// All frames of the clip, at the size and pace of the options; decoded once, by ffmpeg.
    ///
    /// # Errors
    /// As [`Ffmpeg::small_frames`].
    pub fn open(ffmpeg: &Ffmpeg, path: &Path, options: &MeasureOptions) -> Result<Self, FfmpegError> {
        let step = step_for(ffmpeg.probe(path)?.rate, options.frames_per_second);
        Ok(Self {
            frames: ffmpeg.small_frames(path, options.side_px, step)?,
        })
    }
}

impl Frames for OfClip {
    fn rate(&self) -> Rate {
        self.frames.clip_rate()
    }

    fn step(&self) -> u32 {
        self.frames.step()
    }

    fn next_frame(&mut self) -> Result<Option<Proxy>, FrameError> {
        let next = self.frames.next().transpose()?;
        Ok(next.map(|picture| Proxy {
            picture,
            no_numbers: 0,
        }))
    }
}

/// Frames that lie in memory, already small.
pub struct OfPictures<I> {
    pictures: I,
    rate: Rate,
}

impl<I: Iterator<Item = Preview>> OfPictures<I> {
    /// All of them, at `rate`.
    pub fn new(pictures: I, rate: Rate) -> Self {
        Self { pictures, rate }
    }
}

impl<I: Iterator<Item = Preview>> Frames for OfPictures<I> {
    fn rate(&self) -> Rate {
        self.rate
    }

    fn step(&self) -> u32 {
        1
    }

    fn next_frame(&mut self) -> Result<Option<Proxy>, FrameError> {
        Ok(self.pictures.next().map(|picture| Proxy {
            picture,
            no_numbers: 0,
        }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_whole_and_near_the_pace() {
        let step = |rate: &str| step_for(Rate::parse(rate).unwrap(), 20);
        for (rate, one_in) in [
            ("12", 1),
            ("24", 1),
            ("24000/1001", 1),
            ("30", 1),
            ("48", 2),
            ("60", 3),
            ("120", 6),
        ] {
            assert_eq!(step(rate), one_in, "{rate}");
        }
    }
}
