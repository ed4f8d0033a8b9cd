//! Which moment of a clip is on screen when: one answer for whoever plans a shot and whoever makes it.
//!
//! Shots count frames at the film's rate, clips at their own. A frame of the film shows the clip's frame that is on
//! screen then, as plates do; a shot in slow motion falls between frames, and so does a take of an engine that works at a rate
//! of its own: [`Conformed`] shows it at the film's.

use std::sync::{Arc, Mutex, PoisonError};

use heirloom_film::{Rate, Size};
use heirloom_picture::AcesCg;
use heirloom_picture::Image;
use heirloom_picture::flow::FlowOptions;
use heirloom_picture::flow::between::{Meeting, Pair};
use heirloom_vault::ObjectId;

use crate::job::Failure;
use crate::take::{Origin, Share, TakeFrames};

/// Parts of a clip's frame in which moments are told apart.
pub const PARTS: u32 = 4096;

/// A moment of a clip: a frame, and how far on to the next one, in [`PARTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Frame, from 0.
    pub frame: u32,
    /// Parts of the way to the next, below [`PARTS`].
    pub part: u32,
}

impl Moment {
    /// The moment nearest to a place in time, in frames from the first; before the first frame it is the first.
    pub fn of(frames: f64) -> Moment {
        let parts = (frames.clamp(0.0, 1e6) * f64::from(PARTS) + 0.5) as u64;
        Moment {
            frame: (parts / u64::from(PARTS)) as u32,
            part: (parts % u64::from(PARTS)) as u32,
        }
    }

    /// How many frames of the clip, from its first, this moment needs.
    pub fn needs(self) -> u64 {
        u64::from(self.frame) + 1 + u64::from(self.part > 0)
    }
}

/// The frame of a clip at `clip` that is on screen in frame `frame` at `film`, both from 0.
///
/// ```
/// use heirloom_film::Rate;
///
/// let (film, clip) = (Rate::CINEMA, Rate::new(30, 1)?);
/// assert_eq!(heirloom_engine::conform::clip_frame(4, film, clip), 5);
/// # Ok::<(), heirloom_film::RateError>(())
/// ```
pub fn clip_frame(frame: u64, film: Rate, clip: Rate) -> u64 {
    let up = u128::from(frame) * u128::from(clip.num()) * u128::from(film.den());
    let down = u128::from(clip.den()) * u128::from(film.num());
    u64::try_from(up / down.max(1)).unwrap_or(u64::MAX)
}

/// Frames of a clip at `clip` that one frame at `film` lasts.
pub fn clip_frames_a_frame(film: Rate, clip: Rate) -> f64 {
    (f64::from(clip.num()) * f64::from(film.den())) / (f64::from(clip.den()) * f64::from(film.num()))
}

/// The moment of a clip at `clip` that frame `n` of a shot shows which begins at frame `start` (at the film's rate
/// `film`) and goes at `pace`, 1 being the clip's own.
pub fn moment(start: u32, n: u32, pace: f64, film: Rate, clip: Rate) -> Moment {
    Moment::of((f64::from(start) + f64::from(n) * pace) * clip_frames_a_frame(film, clip))
}

/// How many frames at `engine` a shot of `frames` frames at `film` needs.
///
/// ```
/// use heirloom_engine::conform::frames_at;
/// use heirloom_film::Rate;
///
/// // Two seconds: the last frame of the film lies two thirds of a frame past the engine's 31st.
/// assert_eq!(frames_at(48, Rate::CINEMA, Rate::new(16, 1)?), 33);
/// assert_eq!(frames_at(48, Rate::CINEMA, Rate::CINEMA), 48);
/// # Ok::<(), heirloom_film::RateError>(())
/// ```
pub fn frames_at(frames: u32, film: Rate, engine: Rate) -> u32 {
    let needs = moment(0, frames.saturating_sub(1), 1.0, film, engine).needs();
    u32::try_from(needs).unwrap_or(u32::MAX)
}

/// Two frames agree too little to be of one scene: below this part of their pixels.
const LEAST_AGREEMENT: f32 = 0.3;

/// A take at another rate than its own: where a frame falls between two of the take's, it is made of both along their motion
/// ([`Pair`]); across a cut the nearer one is shown.
pub struct Conformed {
    take: Arc<dyn TakeFrames>,
    own: Rate,
    to: Rate,
    /// The last pair that was looked at, by its first frame.
    pair: Mutex<Option<(u32, Arc<Pair<AcesCg>>)>>,
}

/// A frame of a conformed take.
enum Shown {
    /// A frame of the take itself.
    Own(u32),
    /// Between a frame and the next.
    Between(Arc<Pair<AcesCg>>, u32, f32),
}

impl Conformed {
    /// A take whose frames are at `own`, shown at `to`.
    pub fn new(take: Arc<dyn TakeFrames>, own: Rate, to: Rate) -> Self {
        Self {
            take,
            own,
            to,
            pair: Mutex::new(None),
        }
    }

    /// The picture at any moment of the take, whatever rate it is shown at.
    ///
    /// # Errors
    /// As [`TakeFrames::frame`]: the take can not be read, or ends before.
    pub fn at(&self, moment: Moment) -> Result<Image, Failure> {
        match self.shown_at(moment)? {
            Shown::Own(frame) => self.take.frame(frame),
            Shown::Between(pair, _, t) => Ok(pair.at(t)),
        }
    }

    /// What frame `n` shows.
    fn shown(&self, n: u32) -> Result<Shown, Failure> {
        if n >= self.frames() {
            return Err(Failure::lasting(
                "take",
                format!(
                    "the take lasts {} frames at {}, and has no frame {n}",
                    self.frames(),
                    self.to
                ),
            ));
        }
        self.shown_at(moment(0, n, 1.0, self.to, self.own))
    }

    fn shown_at(&self, Moment { frame, part }: Moment) -> Result<Shown, Failure> {
        if part == 0 {
            return Ok(Shown::Own(frame));
        }
        let t = part as f32 / PARTS as f32;
        let pair = self.pair(frame)?;
        Ok(match pair.agreement() < LEAST_AGREEMENT {
            true => Shown::Own(frame + u32::from(t >= 0.5)),
            false => Shown::Between(pair, frame, t),
        })
    }

    fn pair(&self, frame: u32) -> Result<Arc<Pair<AcesCg>>, Failure> {
        let held = |pair: &Option<(u32, Arc<Pair<AcesCg>>)>| {
            let (_, pair) = pair.as_ref().filter(|(at, _)| *at == frame)?;
            Some(pair.clone())
        };
        if let Some(pair) = held(&self.pair.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(pair);
        }
        // Looked for without the lock: other threads may want other frames meanwhile.
        let (first, second) = (self.take.frame(frame)?, self.take.frame(frame + 1)?);
        let pair = Pair::new(first, second, &FlowOptions::default())
            .map_err(|e| Failure::lasting("conform", format!("frames {frame} and {}: {e}", frame + 1)))?;
        let pair = Arc::new(pair);
        *self.pair.lock().unwrap_or_else(PoisonError::into_inner) = Some((frame, pair.clone()));
        Ok(pair)
    }

    /// What the meeting of two frames' pixels came from.
    fn met(&self, frame: u32, meeting: Meeting) -> Result<Vec<Origin>, Failure> {
        let size = self.take.size();
        let near = |v: f32, most: u32| (v.round().max(0.0) as u32).min(most.saturating_sub(1));
        let mut all = Vec::new();
        for (n, at, share) in [
            (frame, meeting.first, 1.0 - meeting.share),
            (frame + 1, meeting.second, meeting.share),
        ] {
            if share <= 0.0 {
                continue;
            }
            let (x, y) = (near(at[0], size.width), near(at[1], size.height));
            all.extend(self.take.origins(n, x, y)?.into_iter().map(|origin| Origin {
                weight: origin.weight * f64::from(share),
                finished: true,
                ..origin
            }));
        }
        Ok(all)
    }
}

impl TakeFrames for Conformed {
    fn size(&self) -> Size {
        self.take.size()
    }

    fn frames(&self) -> u32 {
        match self.take.frames() {
            0 => 0,
            own => u32::try_from(clip_frame(u64::from(own - 1), self.own, self.to) + 1).unwrap_or(u32::MAX),
        }
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        match self.shown(n)? {
            Shown::Own(frame) => self.take.frame(frame),
            Shown::Between(pair, _, t) => Ok(pair.at(t)),
        }
    }

    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        match self.shown(n)? {
            Shown::Own(frame) => self.take.origins(frame, x, y),
            Shown::Between(pair, frame, t) => {
                let size = self.take.size();
                let meeting = (x < size.width && y < size.height)
                    .then(|| pair.meetings(t)[y as usize * size.width as usize + x as usize]);
                let outside =
                    || Failure::lasting("take", format!("the pixel {x}, {y} lies outside the frame"));
                self.met(frame, meeting.ok_or_else(outside)?)
            }
        }
    }

    fn each_origin(&self, n: u32, each: &mut dyn FnMut(u32, u32, &[Origin])) -> Result<(), Failure> {
        match self.shown(n)? {
            Shown::Own(frame) => self.take.each_origin(frame, each),
            Shown::Between(pair, frame, t) => {
                let width = self.take.size().width.max(1);
                for (at, meeting) in (0..).zip(pair.meetings(t)) {
                    each(at % width, at / width, &self.met(frame, meeting)?);
                }
                Ok(())
            }
        }
    }

    fn sources(&self) -> Result<Vec<ObjectId>, Failure> {
        self.take.sources()
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        self.take.shares()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_motion_meets_the_frames_themselves_where_time_falls_on_them() {
        let film = Rate::CINEMA;
        let at = |n, pace, clip| moment(2, n, pace, film, clip);
        assert_eq!(at(8, 0.25, film), Moment { frame: 4, part: 0 });
        assert_eq!(at(10, 0.1, film), Moment { frame: 3, part: 0 });
        assert_eq!(
            at(2, 0.25, film),
            Moment {
                frame: 2,
                part: PARTS / 2
            }
        );
        // Shot at sixty and shown at 24: at 0.4 every frame of the clip is shown.
        let sixty = Rate::new(60, 1).unwrap();
        assert!((0..100).all(|n| at(n, 0.4, sixty)
            == Moment {
                frame: 5 + n,
                part: 0
            }));
        assert_eq!(at(0, 0.4, sixty).needs(), 6);
        assert_eq!(at(2, 0.25, film).needs(), 4);
    }
}
